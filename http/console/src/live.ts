// The live connection: one WebSocket, reconnecting by itself, resuming every open case where it was cut. What the
// user sends stays in an outbox until the server has acknowledged it, with the same client_turn_id each time.
import { clientId, loadSession, refresh } from "./api";
import { backoff, splitObjects } from "./view";

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;
export interface Pending { client_turn_id: string; case_id: string; content: string }
interface Listener {
  onObject(o: Json): void;
  onState(state: "online" | "connecting" | "offline", retryAt?: number): void;
  afterSeq(caseId: string): number | undefined;
}

const outboxKey = "faultmaven.outbox";
export const loadOutbox = (): Pending[] => JSON.parse(localStorage.getItem(outboxKey) ?? "[]");
const saveOutbox = (list: Pending[]) => localStorage.setItem(outboxKey, JSON.stringify(list));

export class Live {
  private socket: WebSocket | null = null;
  private nextId = 1;
  private waiting = new Map<number, { resolve: (o: Json) => void; reject: (e: Error) => void }>();
  private attempts = 0;
  private timer: number | undefined;
  private ready = false;
  private stopped = false;
  private lastHeard = Date.now();
  private openCase: string | null = null;

  constructor(private readonly listener: Listener) {
    window.addEventListener("online", () => this.connectNow());
    window.setInterval(() => { if (this.ready && Date.now() - this.lastHeard > 45_000) this.socket?.close(); }, 5_000);
  }

  start(): void { this.stopped = false; this.connect(); }
  stop(): void { this.stopped = true; window.clearTimeout(this.timer); this.socket?.close(); this.socket = null; }
  connectNow(): void { if (!this.ready && !this.stopped) { window.clearTimeout(this.timer); this.connect(); } }

  private connect(): void {
    const session = loadSession();
    if (!session || this.stopped) return;
    this.listener.onState("connecting");
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/live`, "faultmaven.live.v1");
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ id: 0, type: "hello", token: session.access_token, client_id: clientId() }));
    socket.onmessage = (m) => {
      this.lastHeard = Date.now();
      for (const o of splitObjects(String(m.data))) this.receive(o);
    };
    socket.onclose = async (e) => {
      if (this.socket !== socket) return;
      this.ready = false;
      for (const w of this.waiting.values()) w.reject(new Error("The connection was cut."));
      this.waiting.clear();
      if (this.stopped) return;
      if (e.code === 4401 && !(await refresh(session))) return;
      const wait = backoff(this.attempts++, Math.random);
      this.listener.onState("offline", Date.now() + wait);
      this.timer = window.setTimeout(() => this.connect(), wait);
    };
  }

  private receive(o: Json): void {
    if (o.type === "welcome") {
      this.ready = true;
      this.attempts = 0;
      this.listener.onState("online");
      void this.command({ type: "cases.watch" }).catch(() => undefined);
      if (this.openCase) void this.reopen(this.openCase);
    }
    if ((o.type === "ok" || o.type === "error") && typeof o.reply_to === "number") {
      const w = this.waiting.get(o.reply_to);
      this.waiting.delete(o.reply_to);
      if (o.type === "ok") w?.resolve(o);
      else w?.reject(Object.assign(new Error(o.message), { code: o.code, retryAfter: o.retry_after }));
    }
    this.listener.onObject(o);
  }

  command(o: Json): Promise<Json> {
    if (!this.ready || !this.socket) return Promise.reject(new Error("Not connected; reconnecting."));
    const id = this.nextId++;
    this.socket.send(JSON.stringify({ id, ...o }));
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  async open(caseId: string | null): Promise<void> {
    if (this.openCase && this.openCase !== caseId) void this.command({ type: "case.close", case_id: this.openCase }).catch(() => undefined);
    this.openCase = caseId;
    if (caseId && this.ready) await this.reopen(caseId);
  }
  async reopen(caseId: string): Promise<void> {
    const after = this.listener.afterSeq(caseId);
    await this.command({ type: "case.open", case_id: caseId, ...(after === undefined ? {} : { after_seq: after }) });
    void this.flush();
  }

  submit(caseId: string, content: string): Pending {
    const pending = { client_turn_id: crypto.randomUUID(), case_id: caseId, content };
    saveOutbox([...loadOutbox(), pending]);
    void this.flush();
    return pending;
  }

  /// Sends what was not acknowledged yet, in order. A refusal removes it and is told.
  private flushing = false;
  async flush(): Promise<void> {
    if (this.flushing) return;
    this.flushing = true;
    try {
      for (let tries = 0; tries < 1_000; ++tries) {
        const next = loadOutbox().find((p) => p.case_id === this.openCase);
        if (!next || !this.ready) return;
        try {
          await this.command({ type: "turn.submit", ...next });
        } catch (e) {
          const code = (e as { code?: string }).code;
          if (!code) return; // cut: resent after the reconnect
          if (code === "unavailable" || code === "overloaded" || code === "rate_limited" || /replay/.test((e as Error).message)) {
            await new Promise((r) => window.setTimeout(r, 300));
            continue;
          }
          this.listener.onObject({ type: "refused", pending: next, message: (e as Error).message });
        }
        saveOutbox(loadOutbox().filter((p) => p.client_turn_id !== next.client_turn_id));
        this.listener.onObject({ type: "outbox" });
      }
    } finally {
      this.flushing = false;
    }
  }
}
