import { describe, expect, it } from "vitest";
import { applyEvent, applySnapshot, backoff, byteLength, emptyView, splitObjects } from "../src/view";

const event = (seq: number, kind: string, data: object) => ({ type: "event", seq, at: "2026-01-01T00:00:00Z", kind, data });
const queued = (seq: number, n: number) => event(seq, "turn_queued", { turn_id: "t" + n, client_turn_id: "c" + n, turn_number: n, position: 0, message_id: "m" + n, content: "q" + n, author_id: "u", author_name: "Ann" });

describe("view", () => {
  it("builds an answer from its deltas and replaces them by the completed text", () => {
    let v = emptyView();
    for (const e of [queued(1, 1), event(2, "turn_started", { turn_id: "t1", attempt: 1 }), event(3, "turn_delta", { turn_id: "t1", attempt: 1, offset: 0, text: "hé" }), event(4, "turn_delta", { turn_id: "t1", attempt: 1, offset: 3, text: "llo" })]) v = applyEvent(v, e);
    expect(v.running?.text).toBe("héllo");
    v = applyEvent(v, event(5, "turn_completed", { turn_id: "t1", turn_number: 1, message_id: "a1", content: "héllo", metadata: {} }));
    expect(v.running).toBeNull();
    expect(v.messages.map((m) => m.content)).toEqual(["q1", "héllo"]);
  });
  it("ignores what it has already and notices a gap in the text", () => {
    let v = applyEvent(applyEvent(emptyView(), queued(1, 1)), event(2, "turn_started", { turn_id: "t1", attempt: 1 }));
    expect(applyEvent(v, queued(1, 1))).toBe(v);
    v = applyEvent(v, event(3, "turn_delta", { turn_id: "t1", attempt: 1, offset: 7, text: "x" }));
    expect(v.broken).toBe(true);
  });
  it("starts over on a restarted attempt", () => {
    let v = applyEvent(applyEvent(emptyView(), queued(1, 1)), event(2, "turn_started", { turn_id: "t1", attempt: 1 }));
    v = applyEvent(v, event(3, "turn_delta", { turn_id: "t1", attempt: 1, offset: 0, text: "old" }));
    v = applyEvent(v, event(4, "turn_restarted", { turn_id: "t1", attempt: 2 }));
    expect(v.running?.text).toBe("");
  });
  it("takes a withdrawn turn out of queue and conversation", () => {
    let v = applyEvent(emptyView(), queued(1, 1));
    v = applyEvent(v, event(2, "turn_withdrawn", { turn_id: "t1" }));
    expect(v.queue).toEqual([]);
    expect(v.messages).toEqual([]);
  });
  it("a snapshot carries the running text", () => {
    const v = applySnapshot({ seq: 9, case: { case_id: "c", title: "t", status: "consulting" }, messages: [], running: { turn_id: "t1", text: "so far" }, queue: [], presence: [] });
    expect(byteLength(v.running!.text!)).toBe(6);
  });
});
describe("transport", () => {
  it("splits packed objects", () => expect(splitObjects('{"a":1}\n{"b":2}\n').length).toBe(2));
  it("backs off with a bound", () => {
    expect(backoff(0, () => 0)).toBe(250);
    expect(backoff(50, () => 1)).toBe(20_000);
  });
});
