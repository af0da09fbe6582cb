// One case with its parts, and the places around it.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CasePage } from "../src/casepage";
import { StartPage } from "../src/startpage";
import { Uploads } from "../src/uploads";
import type { Live } from "../src/live";
import { frame, press, server, settle } from "./server";

const frameOf = () => new Promise((r) => requestAnimationFrame(() => r(undefined)));
const draw = async () => { await settle(); await frameOf(); await frameOf(); };
const fakeLive = () => ({ submit: vi.fn(), command: vi.fn(async () => ({})), reopen: vi.fn(async () => undefined) });
const snapshot = (more: object = {}) => ({ type: "case.snapshot", seq: 5, case: { case_id: "c", title: "Pool full", status: "consulting", message_count: 1 }, messages: [{ message_id: "m1", turn_number: 1, role: "user", content: "why?", author_name: "Ann", author_id: "user_1", created_at: "2026-01-01T00:00:00Z", metadata: {} }], queue: [], presence: [], ...more });
const files = { body: { data: [{ file_id: "f1", file_name: "a.log", file_size: 1, data_type: "logs_and_errors", processing_status: "completed", uploaded_at: "2026-01-01T00:00:00Z" }], total_count: 1, has_more: false } };
let live: ReturnType<typeof fakeLive>, go: ReturnType<typeof vi.fn>, page: CasePage | null = null;
const open = (tab: "conversation" | "files" | "timeline" = "conversation", uploads = new Uploads(async () => ({}))) => {
  live = fakeLive();
  go = vi.fn();
  page = new CasePage("c", tab, undefined, { me: "user_1", live: live as unknown as Live, uploads, go, deleted: vi.fn(), restored: vi.fn() });
  frame(page.node);
  return page;
};
const tabs = () => [...document.querySelectorAll(".casepage > nav.tabs a")].map((a) => a.textContent);

beforeEach(() => { localStorage.clear(); });
afterEach(() => { page?.dispose(); page = null; });

describe("a case", () => {
  it("has its files and, where the server has one, its timeline beside the conversation", async () => {
    server({ "GET /cases/c/data": files, "GET /cases/c/timeline": { body: { entries: [] } } });
    open();
    await draw();
    expect(tabs()).toEqual(["Conversation", "Files (1)", "Search", "Timeline"]);
    page!.dispose();
    server({ "GET /cases/c/data": files, "GET /cases/c/timeline": { status: 501, body: {} } });
    open();
    await draw();
    expect(tabs()).toEqual(["Conversation", "Files (1)", "Search"]);
  });
  it("shows what the live connection tells, and starts over when something is missing", async () => {
    server({ "GET /cases/c/data": files });
    const p = open();
    p.receive(snapshot());
    await draw();
    expect(document.querySelector<HTMLInputElement>("#title")!.value).toBe("Pool full");
    expect(document.querySelector("article.user")!.textContent).toContain("why?");
    expect(p.seq).toBe(5);
    p.receive({ type: "event", seq: 6, kind: "turn_started", data: { turn_id: "t", attempt: 1 } });
    p.receive({ type: "event", seq: 7, kind: "turn_delta", data: { turn_id: "t", attempt: 1, offset: 9, text: "x" } });
    expect(live.reopen).toHaveBeenCalledWith("c");
    expect(p.seq).toBeUndefined();
  });
  it("keeps what is being written while one looks at the files", async () => {
    server({ "GET /cases/c/data": files });
    const p = open();
    const area = document.querySelector("textarea")!;
    area.value = "half a thou";
    p.showTab("files");
    await draw();
    expect(document.querySelector("li.file")!.textContent).toContain("a.log");
    p.showTab("conversation");
    expect(document.querySelector("textarea")).toBe(area);
    expect(area.value).toBe("half a thou");
  });
  it("sends, and gives back what was refused", async () => {
    server({ "GET /cases/c/data": files });
    const p = open();
    document.querySelector("textarea")!.value = "why?";
    document.querySelector<HTMLFormElement>("#composer")!.dispatchEvent(new Event("submit", { cancelable: true }));
    expect(live.submit).toHaveBeenCalledWith("c", "why?");
    p.refused({ client_turn_id: "x", case_id: "c", content: "why?", user_id: "user_1", at: 0 }, new Error("Too long"));
    expect(document.querySelector("textarea")!.value).toBe("why?");
    expect(document.querySelector("[role=alert]")!.textContent).toContain("Too long.");
  });
  it("tells of a file that could not be uploaded, wherever one is in the case", async () => {
    server({ "GET /cases/c/data": files });
    const uploads = new Uploads(async () => { throw new Error("The disk is full"); });
    const p = open("conversation", uploads);
    p.attach([new File(["x"], "b.log")]);
    await draw();
    expect(document.querySelector("[role=alert]")!.textContent).toMatch(/b\.log: The disk is full\./);
  });
  it("that is over is read, not continued", async () => {
    server({ "GET /cases/c/data": files });
    const p = open();
    p.receive(snapshot({ case: { case_id: "c", title: "t", status: "closed", message_count: 0 } }));
    await draw();
    expect(document.querySelector<HTMLElement>("#composer")!.hidden).toBe(true);
    p.attach([new File(["x"], "b.log")]);
    expect(document.querySelector("[role=alert]")!.textContent).toMatch(/Open a new case/);
  });
  it("reads further back", async () => {
    const asked = server({ "GET /cases/c/data": files, "GET /cases/c/messages": { body: { messages: [{ message_id: "m0", turn_number: 0, role: "user", content: "before", author_name: "Ann", created_at: "", metadata: {} }] } } });
    const p = open();
    p.receive(snapshot({ case: { case_id: "c", title: "t", status: "consulting", message_count: 2 } }));
    await draw();
    press(/Show earlier messages/);
    await draw();
    expect(asked.some((a) => a.path === "/cases/c/messages?limit=1&offset=0")).toBe(true);
    expect(document.querySelector("article")!.textContent).toContain("before");
  });
});

describe("the start", () => {
  it("makes a case with the first message, and only then", async () => {
    const asked = server({ "POST /cases": { status: 201, body: { case_id: "case_9" } } });
    live = fakeLive();
    go = vi.fn();
    const start = new StartPage("user_1", live as unknown as Live, new Uploads(async () => ({})), go);
    frame(start.node);
    expect(asked.length).toBe(0);
    document.querySelector("textarea")!.value = "it broke";
    document.querySelector<HTMLFormElement>("#composer")!.dispatchEvent(new Event("submit", { cancelable: true }));
    await settle();
    expect(live.submit).toHaveBeenCalledWith("case_9", "it broke");
    expect(go).toHaveBeenCalledWith({ page: "case", id: "case_9", tab: "conversation" });
  });
  it("keeps the words when the case cannot be made", async () => {
    server({ "POST /cases": { status: 503, body: { detail: "Away", error: { code: "unavailable" } } } });
    live = fakeLive();
    const start = new StartPage("user_1", live as unknown as Live, new Uploads(async () => ({})), vi.fn());
    frame(start.node);
    document.querySelector("textarea")!.value = "it broke";
    document.querySelector<HTMLFormElement>("#composer")!.dispatchEvent(new Event("submit", { cancelable: true }));
    await settle();
    expect(document.querySelector("textarea")!.value).toBe("it broke");
    expect(document.querySelector("[role=alert]")!.textContent).toMatch(/Away\. Try again/);
  });
});
