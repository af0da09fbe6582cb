// The live connection: one WebSocket, reconnecting by itself, resuming the open case where it was cut. What the user
// sends stays in an outbox until the server has acknowledged it, with the same client_turn_id each time.
import { clientId, loadSession, myId, refresh } from "./api";
import { addPending, pendingOf, removePending, type Pending } from "./outbox";
import { backoff, splitObjects } from "./view";

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;
export type LiveState = "online" | "connecting" | "offline";
export interface Listener {
  onObject(o: Json): void;
  onState(state: LiveState, retryAt: number): void;
  onRefused(pending: Pending, why: Error): void;
  onOutbox(): void;
  /** The seq to go on from; nothing asks for a snapshot. */
  afterSeq(caseId: string): number | undefined;
}
/** A refusal of the server (code is its), or "cut"/"offline" of our own. */
export class LiveError extends Error {
  constructor(message: string, readonly code: string, readonly retryAfter = 0, readonly details: Record<string, string> = {}) { super(message); }
}

const waitMax = 20_000;

export class Live {
  private socket: WebSocket | null = null;
  private nextId = 1;
  private waiting = new Map<number, { resolve: (o: Json) => void; reject: (e: Error) => void; timer: number }>();
  private attempts = 0;
  private timer = 0;
  private ready = false;
  private stopped = true;
  private lastHeard = 0;
  private heartbeat = 15;
  private openCase: string | null = null;
  private opened: string | null = null;
  private readonly watch: number;
  private readonly onOnline = () => this.connectNow();
  private readonly onOffline = () => { if (this.ready) this.socket?.close(); };

  constructor(private readonly listener: Listener) {
    window.addEventListener("online", this.onOnline);
    window.addEventListener("offline", this.onOffline);
    // Nothing heard for three heartbeats: the connection is dead even if nobody said so.
    this.watch = window.setInterval(() => { if (this.ready && Date.now() - this.lastHeard > 3_000 * this.heartbeat) this.socket?.close(); }, 5_000);
  }

  start(): void { this.stopped = false; this.connect(); }
  stop(): void {
    this.stopped = true;
    window.clearTimeout(this.timer);
    window.clearInterval(this.watch);
    window.removeEventListener("online", this.onOnline);
    window.removeEventListener("offline", this.onOffline);
    this.socket?.close();
    this.cut();
    this.socket = null;
  }
  connectNow(): void {
    if (this.ready || this.stopped) return;
    window.clearTimeout(this.timer);
    this.attempts = 0;
    this.connect();
  }
  get online(): boolean { return this.ready; }

  private connect(): void {
    const session = loadSession();
    if (!session || this.stopped) return;
    this.listener.onState("connecting", 0);
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/live`, "faultmaven.live.v1");
    this.socket = socket;
    // A network that swallows packets says nothing at all: give up on it and try again.
    const patience = window.setTimeout(() => { if (!this.ready && this.socket === socket) socket.close(); }, 10_000);
    socket.onopen = () => socket.send(JSON.stringify({ id: 0, type: "hello", token: session.access_token, client_id: clientId() }));
    socket.onmessage = (m) => {
      if (this.socket !== socket) return;
      this.lastHeard = Date.now();
      for (const o of splitObjects(String(m.data))) this.receive(o);
    };
    socket.onclose = async (e) => {
      window.clearTimeout(patience);
      if (this.socket !== socket) return;
      this.cut();
      if (this.stopped) return;
      if (e.code === 4401) {
        // The token ended. A refused renewal signs out; a server that cannot be asked is tried again.
        try { if (!(await refresh(session))) return; } catch { /* below */ }
      }
      const wait = backoff(this.attempts++, Math.random);
      this.listener.onState("offline", Date.now() + wait);
      this.timer = window.setTimeout(() => this.connect(), wait);
    };
  }
  private cut(): void {
    this.ready = false;
    this.opened = null;
    for (const w of this.waiting.values()) { window.clearTimeout(w.timer); w.reject(new LiveError("The connection was cut.", "cut")); }
    this.waiting.clear();
  }

  private receive(o: Json): void {
    if (o.type === "welcome") {
      this.ready = true;
      this.attempts = 0;
      this.heartbeat = Number(o.heartbeat_seconds) || 15;
      this.listener.onState("online", 0);
      this.listener.onObject(o);
      void this.command({ type: "cases.watch" }).catch(() => undefined);
      if (this.openCase) void this.reopen(this.openCase).catch(() => undefined);
      return;
    }
    if ((o.type === "ok" || o.type === "error") && typeof o.reply_to === "number") {
      const w = this.waiting.get(o.reply_to);
      if (!w) return;
      this.waiting.delete(o.reply_to);
      window.clearTimeout(w.timer);
      if (o.type === "ok") w.resolve(o);
      else w.reject(new LiveError(o.message, o.code, o.retry_after ?? 0, o.details ?? {}));
      return;
    }
    this.listener.onObject(o);
  }

  command(o: Json): Promise<Json> {
    const socket = this.socket;
    if (!this.ready || !socket) return Promise.reject(new LiveError("Not connected.", "offline"));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => { this.waiting.delete(id); reject(new LiveError("The server did not answer in time.", "timed_out")); }, waitMax);
      this.waiting.set(id, { resolve, reject, timer });
      socket.send(JSON.stringify({ id, ...o }));
    });
  }

  async open(caseId: string | null): Promise<void> {
    const old = this.openCase;
    this.openCase = caseId;
    if (old && old !== caseId && this.ready) void this.command({ type: "case.close", case_id: old }).catch(() => undefined);
    if (caseId && this.ready) await this.reopen(caseId);
  }
  async reopen(caseId: string): Promise<void> {
    const after = this.listener.afterSeq(caseId);
    this.opened = null;
    await this.command({ type: "case.open", case_id: caseId, ...(after === undefined ? {} : { after_seq: after }) });
    if (this.openCase !== caseId) return;
    this.opened = caseId;
    void this.flush();
  }

  submit(caseId: string, content: string): Pending {
    const pending = addPending(myId(), caseId, content);
    void this.flush();
    return pending;
  }

  /** Sends what was not acknowledged yet, in order. A refusal removes it and is told; a cut sends it again later. */
  private flushing = false;
  async flush(): Promise<void> {
    if (this.flushing) return;
    this.flushing = true;
    try {
      for (let tries = 0; tries < 1_000 && this.ready && this.opened; ++tries) {
        const next = pendingOf(myId(), this.opened)[0];
        if (!next) return;
        try {
          await this.command({ type: "turn.submit", case_id: next.case_id, client_turn_id: next.client_turn_id, content: next.content });
        } catch (e) {
          const { code, retryAfter } = e as LiveError;
          if (code === "cut" || code === "offline" || code === "unauthenticated") return; // after the reconnect
          if (["unavailable", "overloaded", "rate_limited", "timed_out"].includes(code) || retryAfter > 0) {
            await new Promise((r) => window.setTimeout(r, Math.min(10_000, Math.max(250, retryAfter * 1000))));
            continue;
          }
          removePending(next.client_turn_id);
          this.listener.onRefused(next, e as Error);
          continue;
        }
        removePending(next.client_turn_id);
        this.listener.onOutbox();
      }
    } finally {
      this.flushing = false;
    }
  }
}
