// The live connection against a scripted socket: it resumes, resends with the same id, and gives up nothing.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Live, type LiveState } from "../src/live";
import { pendingOf } from "../src/outbox";

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;
class Socket {
  static all: Socket[] = [];
  sent: Json[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((m: { data: string }) => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  constructor(readonly url: string, readonly protocol: string) { Socket.all.push(this); }
  send(text: string): void { this.sent.push(JSON.parse(text)); }
  close(code = 1006): void { this.onclose?.({ code }); }
  tell(...objects: Json[]): void { this.onmessage?.({ data: objects.map((o) => JSON.stringify(o)).join("\n") }); }
  last(type: string): Json { return [...this.sent].reverse().find((o) => o.type === type); }
  ok(type: string, more: object = {}): void { this.tell({ type: "ok", reply_to: this.last(type).id, ...more }); }
  refuse(type: string, code: string, more: object = {}): void { this.tell({ type: "error", reply_to: this.last(type).id, code, message: "No", ...more }); }
}
const welcome = { type: "welcome", heartbeat_seconds: 15 };
let live: Live, states: LiveState[], refused: string[], seq: number | undefined;
const now = (): Socket => Socket.all[Socket.all.length - 1]!;
const turn = async () => { for (let i = 0; i < 8; ++i) await Promise.resolve(); };

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  localStorage.setItem("faultmaven.session", JSON.stringify({ access_token: "t", refresh_token: "r", user: { user_id: "ann" } }));
  Socket.all = [];
  vi.stubGlobal("WebSocket", Socket);
  states = [];
  refused = [];
  seq = undefined;
  live = new Live({ onObject: () => undefined, onState: (s) => states.push(s), onRefused: (p) => refused.push(p.content), onOutbox: () => undefined, afterSeq: () => seq });
  live.start();
  now().onopen?.();
});
afterEach(() => { live.stop(); vi.useRealTimers(); });

describe("the live connection", () => {
  it("says who it is in its first message, never in its address", () => {
    expect(now().sent[0]).toMatchObject({ type: "hello", token: "t" });
    expect(now().url).not.toContain("t=");
    expect(now().protocol).toBe("faultmaven.live.v1");
  });
  it("sends a message once the case is open, and keeps it until the server has it", async () => {
    void live.open("c");
    live.submit("c", "why?");
    now().tell(welcome);
    await turn();
    expect(now().last("turn.submit")).toBeUndefined();
    now().ok("case.open");
    await turn();
    const sent = now().last("turn.submit");
    expect(sent.content).toBe("why?");
    expect(pendingOf("ann", "c").length).toBe(1);
    now().ok("turn.submit");
    await turn();
    expect(pendingOf("ann", "c")).toEqual([]);
  });
  it("comes back by itself after a cut, goes on from its seq and sends again under the same id", async () => {
    void live.open("c");
    now().tell(welcome);
    now().ok("case.open");
    await turn();
    live.submit("c", "why?");
    await turn();
    const first = now().last("turn.submit").client_turn_id;
    seq = 7;
    now().close();
    await turn();
    expect(states[states.length - 1]).toBe("offline");
    await vi.advanceTimersByTimeAsync(600);
    expect(Socket.all.length).toBe(2);
    now().onopen?.();
    now().tell(welcome);
    await turn();
    expect(now().last("case.open")).toMatchObject({ case_id: "c", after_seq: 7 });
    now().ok("case.open");
    await turn();
    expect(now().last("turn.submit").client_turn_id).toBe(first);
  });
  it("waits when the server is busy, and gives a refused message back", async () => {
    void live.open("c");
    now().tell(welcome);
    now().ok("case.open");
    await turn();
    live.submit("c", "why?");
    await turn();
    now().refuse("turn.submit", "overloaded", { retry_after: 1 });
    await vi.advanceTimersByTimeAsync(1_100);
    expect(now().sent.filter((o) => o.type === "turn.submit").length).toBe(2);
    now().refuse("turn.submit", "invalid");
    await turn();
    expect(refused).toEqual(["why?"]);
    expect(pendingOf("ann", "c")).toEqual([]);
  });
  it("tells whoever asked when the connection goes, and when no answer comes", async () => {
    now().tell(welcome);
    const late = expect(live.command({ type: "ping" })).rejects.toMatchObject({ code: "timed_out" });
    await vi.advanceTimersByTimeAsync(20_100);
    await late;
    const cut = expect(live.command({ type: "ping" })).rejects.toMatchObject({ code: "cut" });
    now().close();
    await cut;
    await expect(live.command({ type: "ping" })).rejects.toMatchObject({ code: "offline" });
  });
  it("takes silence of three heartbeats for a dead line", async () => {
    now().tell(welcome);
    await vi.advanceTimersByTimeAsync(51_000);
    expect(states).toContain("offline");
  });
});
