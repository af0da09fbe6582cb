import { beforeEach, describe, expect, it, vi } from "vitest";
import { Conversation, plainBody } from "../src/conversation";
import { applyEvent, emptyView, type Message, type View } from "../src/view";

const message = (id: string, role: string, content: string, turn = 1, more: Partial<Message> = {}): Message => ({ message_id: id, turn_number: turn, role, content, author_name: "Ann", author_id: "ann", created_at: "2026-01-01T00:00:00Z", metadata: {}, ...more });
const actions = () => ({ regenerate: vi.fn(), older: vi.fn(), hrefOf: () => "/there", open: vi.fn() });
const view = (messages: Message[], more: Partial<View> = {}): View => ({ ...emptyView(), seq: 1, info: { case_id: "c", title: "t", status: "consulting" }, messages, ...more });
let did: ReturnType<typeof actions>, conversation: Conversation;
const articles = () => [...document.querySelectorAll<HTMLElement>("article")];

beforeEach(() => {
  did = actions();
  conversation = new Conversation(did);
  const spoken = document.createElement("div");
  spoken.id = "spoken";
  document.body.replaceChildren(conversation.node, spoken);
});

describe("a conversation", () => {
  it("draws questions as text and answers as Markdown, and touches only what changed", () => {
    const first = view([message("m1", "user", "**why**"), message("m2", "assistant", "**because**")]);
    conversation.draw(first, [], "ann");
    expect(articles().map((a) => [a.className, a.querySelector("h3")!.textContent, a.querySelectorAll("strong").length])).toEqual([["user", "You", 0], ["assistant", "FaultMaven", 1]]);
    const [question] = articles(), text = question!.querySelector("pre");
    conversation.draw({ ...first, messages: [...first.messages, message("m3", "user", "and?", 2)] }, [], "ann");
    expect(articles()[0]).toBe(question);
    expect(question!.querySelector("pre")).toBe(text);
    expect(articles().length).toBe(3);
  });
  it("grows an answer in place, and speaks whole sentences", () => {
    let v = view([]);
    const tell = (kind: string, data: object) => { v = applyEvent(v, { type: "event", seq: v.seq + 1, at: "2026-01-01T00:00:00Z", kind, data }); conversation.draw(v, [], "ann"); };
    tell("turn_queued", { turn_id: "t1", client_turn_id: "c1", turn_number: 1, message_id: "m1", content: "why?", author_id: "ann", author_name: "Ann" });
    tell("turn_started", { turn_id: "t1", attempt: 1 });
    tell("turn_delta", { turn_id: "t1", attempt: 1, offset: 0, text: "It is full. It" });
    const answer = articles()[1]!;
    expect(answer.classList.contains("growing")).toBe(true);
    expect(document.querySelector("#spoken")!.textContent).toContain("It is full.");
    tell("turn_completed", { turn_id: "t1", turn_number: 1, message_id: "m2", content: "It is full. It waits.", metadata: {} });
    expect(articles()[1]).toBe(answer);
    expect(answer.classList.contains("growing")).toBe(false);
    expect(document.querySelector("#spoken")!.textContent).toContain("It waits.");
    expect(document.querySelector("#again")).not.toBeNull();
  });
  it("says how an answer ended that did not end well", () => {
    conversation.draw(view([message("m1", "user", "q"), message("m2", "assistant", "so f", 1, { metadata: { failure: "unavailable" } })]), [], "ann");
    expect(articles()[1]!.dataset["state"]).toBe("failed");
    expect(articles()[1]!.querySelector(".note")!.textContent).toMatch(/Not finished\. The model could not be reached/);
  });
  it("shows what is still on its way, and what waits", () => {
    conversation.draw(view([]), [{ client_turn_id: "x", case_id: "c", content: "hello", user_id: "ann", at: 0 }], "ann");
    expect(articles()[0]!.querySelector(".note")!.textContent).toMatch(/kept on this device/);
  });
  it("links the lines of files it knows, in answers and in what an analysis says of its own file", () => {
    conversation.draw(view([message("m1", "system", "Analysed a.log: line 12 (1 line, error)", 0, { metadata: { file_id: "f1" } }), message("m2", "assistant", "See a.log:40-42.")]), [], "ann");
    expect([...document.querySelectorAll("a.cite")].map((a) => a.textContent)).toEqual(["line 12"]);
    conversation.know([{ id: "f1", name: "a.log" }]);
    expect([...document.querySelectorAll("a.cite")].map((a) => a.textContent)).toEqual(["line 12", "a.log:40-42"]);
    document.querySelectorAll<HTMLAnchorElement>("a.cite")[1]!.click();
    expect(did.open.mock.calls[0]![0]).toMatchObject({ file: "f1", lines: { first: 40, last: 42 } });
  });
  it("shows what is like this case as Markdown, with links", () => {
    conversation.draw(view([message("m1", "user", "q"), message("m2", "assistant", "a"), message("m3", "system", "Earlier cases like this one:\n\n- **Pool full** [case_0123456789ab], resolved", 0, { metadata: { kind: "likeness" } })]), [], "ann");
    expect(articles()[2]!.querySelector("h3")!.textContent).toBe("Likeness");
    expect(articles()[2]!.querySelector("strong")!.textContent).toBe("Pool full");
    expect(articles()[2]!.querySelector("a.cite")!.textContent).toBe("case_0123456789ab");
    expect(document.querySelector("#again")).not.toBeNull();
  });
  it("lists the documents an answer rests on", () => {
    conversation.draw(view([message("m1", "assistant", "a", 1, { metadata: { sources: '[{"type":"knowledge_base","id":"doc_1","title":"Pools"}]' } })]), [], "ann");
    expect(document.querySelector(".sources")!.textContent).toBe("Rests on: Pools");
  });
  it("leads from what an analysis says to its file", () => {
    conversation.draw(view([message("m1", "system", "Analysed a.log: fine", 0, { metadata: { file_id: "f1", filename: "a.log" } })]), [], "ann");
    const link = document.querySelector<HTMLAnchorElement>(".sources a")!;
    link.click();
    expect([link.textContent, did.open.mock.calls[0]![0].kind]).toEqual(["Open a.log", "file"]);
  });
  it("finds a message that is asked for, even before it is here", () => {
    conversation.reveal("m2");
    conversation.draw(view([message("m1", "user", "q")]), [], "ann");
    conversation.draw(view([message("m1", "user", "q"), message("m2", "assistant", "a")]), [], "ann");
    expect(document.activeElement).toBe(articles()[1]);
  });
  it("offers what came before", () => {
    conversation.draw(view([message("m1", "user", "q")], { older: 3 }), [], "ann");
    document.querySelector<HTMLButtonElement>(".older")!.click();
    expect(did.older).toHaveBeenCalledOnce();
  });
});

describe("a long text", () => {
  it("is folded with its size and its first trouble, and unfolds", () => {
    const lines = Array.from({ length: 100 }, (_, i) => `2026-01-01 12:00:00 ${i === 70 ? "ERROR broken" : "INFO fine"} ${i}`);
    const body = plainBody(lines.join("\n"));
    expect(body.textContent).toContain("94 more lines");
    expect(body.textContent).toContain("First trouble, line 71:");
    expect(body.textContent).toContain("100 lines");
    const toggle = body.querySelector("button")!;
    toggle.click();
    expect(body.querySelector("pre")!.textContent).toBe(lines.join("\n"));
    expect(toggle.getAttribute("aria-expanded")).toBe("true");
  });
});
