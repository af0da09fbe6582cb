// What stands around the places: sign in, the list of cases, the head of one, notices, theme, help, drops.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { call, loadSession } from "../src/api";
import { CaseHead } from "../src/casehead";
import { CasePane } from "../src/casepane";
import { dropTarget } from "../src/drop";
import { showHelp } from "../src/help";
import { clear, fail, tell } from "../src/notices";
import { Queue } from "../src/queue";
import { showSignIn } from "../src/signin";
import { applyTheme, nextTheme, savedTheme } from "../src/theme";
import { emptyView } from "../src/view";
import { frame, press, server, settle } from "./server";

beforeEach(() => { localStorage.clear(); document.body.replaceChildren(); });

describe("the session", () => {
  it("is renewed once when it has ended, and the request is sent again", async () => {
    let renewed = 0;
    const asked = server({ "GET /cases": ({ headers }) => (headers["Authorization"] === "Bearer new" ? { body: { cases: [] } } : { status: 401, body: { error: { code: "unauthenticated" } } }), "POST /auth/refresh": () => { ++renewed; return { body: { access_token: "new", refresh_token: "r2", user: { user_id: "user_1" } } }; } });
    await Promise.all([call("GET", "/cases?a"), call("GET", "/cases?b")]);
    expect(renewed).toBe(1);
    expect(loadSession()!.access_token).toBe("new");
    expect(asked.filter((a) => a.path.startsWith("/cases")).length).toBe(4);
  });
  it("ends only when the server refuses to renew it, not when it is away", async () => {
    const ended = vi.fn();
    window.addEventListener("signed-out", ended);
    server({ "GET /cases": { status: 401, body: {} }, "POST /auth/refresh": { status: 503, body: { detail: "Away", error: { code: "unavailable" } } } });
    await expect(call("GET", "/cases")).rejects.toThrow("Away");
    expect([ended.mock.calls.length, loadSession() === null]).toEqual([0, false]);
    server({ "GET /cases": { status: 401, body: {} }, "POST /auth/refresh": { status: 401, body: {} } });
    await expect(call("GET", "/cases")).rejects.toThrow();
    expect([ended.mock.calls.length, loadSession()]).toEqual([1, null]);
    window.removeEventListener("signed-out", ended);
  });
  it("begins by signing in; a wrong password is said beside the field", async () => {
    server({ "GET /auth/config": { body: { dev_login: true, registration: true } }, "POST /auth/dev-login": { body: { access_token: "a", refresh_token: "r", user: { user_id: "u", username: "ann" } } }, "POST /auth/login": { status: 401, body: { detail: "no", error: { code: "unauthenticated" } } } });
    const app = document.createElement("div"), done = vi.fn();
    document.body.append(app);
    await showSignIn(app, "", done);
    const send = (label: string) => document.querySelector<HTMLFormElement>(`form[aria-label="${label}"]`)!.dispatchEvent(new Event("submit", { cancelable: true }));
    send("Sign in with a password");
    await settle();
    expect(document.querySelector("#auth-login-error")!.textContent).toMatch(/do not match/);
    send("Sign in on this machine");
    await settle();
    expect(done).toHaveBeenCalledOnce();
    expect(loadSession()!.user.username).toBe("ann");
  });
});

describe("the list of cases", () => {
  const c = (id: string, title: string) => ({ case_id: id, title, status: "consulting", message_count: 1, last_activity_at: "2026-01-01T00:00:00Z" });
  it("opens, filters, and says what to do when nothing matches", async () => {
    vi.useFakeTimers();
    const asked = server({ "GET /cases": ({ path }) => ({ body: path.includes("q=") ? { cases: [], total_count: 0, has_more: false, next_cursor: null } : { cases: [c("case_1", "One"), c("case_2", "Two")], total_count: 2, has_more: false, next_cursor: null } }) });
    const open = vi.fn(), pane = new CasePane({ open, create: vi.fn() });
    frame(pane.node);
    await pane.load();
    pane.select("case_2");
    expect(document.querySelector("a[aria-current=page] .title")!.textContent).toBe("Two");
    document.querySelector<HTMLAnchorElement>("#cases a")!.click();
    expect(open).toHaveBeenCalledWith("case_1");
    pane.search.value = "three";
    pane.search.dispatchEvent(new Event("input"));
    await vi.advanceTimersByTimeAsync(300);
    expect(asked[asked.length - 1]!.path).toContain("q=three");
    expect(document.querySelector("#nav")!.textContent).toContain("Nothing matches. Try fewer words");
    vi.useRealTimers();
  });
  it("moves with the arrow keys", async () => {
    server({ "GET /cases": { body: { cases: [c("case_1", "One"), c("case_2", "Two")], total_count: 2, has_more: false, next_cursor: null } } });
    const pane = new CasePane({ open: vi.fn(), create: vi.fn() });
    frame(pane.node);
    Element.prototype.scrollIntoView ??= () => undefined;
    await pane.load();
    pane.move(1);
    pane.move(1);
    expect((document.activeElement as HTMLElement).textContent).toContain("Two");
  });
});

describe("the head of a case", () => {
  it("renames when the field is left, and not over somebody else's name in silence", async () => {
    const asked = server({ "PATCH /cases/c": { body: {} } });
    const head = new CaseHead("c", "user_1", { deleted: vi.fn(), restored: vi.fn() });
    frame(head.node);
    const view = { ...emptyView(), info: { case_id: "c", title: "Old", status: "consulting" } }, title = document.querySelector<HTMLInputElement>("#title")!;
    head.draw(view);
    title.focus();
    title.value = "Mine";
    head.draw({ ...view, info: { ...view.info, title: "Theirs" } });
    title.blur();
    await settle();
    expect(document.querySelector("dialog")!.textContent).toContain("It is called “Theirs” now");
    document.querySelector("dialog")!.close("mine");
    await settle();
    expect(asked.map((a) => a.body)).toEqual([{ title: "Mine" }]);
    head.dispose();
  });
  it("deletes with a way back", async () => {
    const asked = server({ "DELETE /cases/c": { status: 204 }, "POST /cases/c/restore": { body: {} } });
    const restored = vi.fn(), head = new CaseHead("c", "user_1", { deleted: vi.fn(), restored });
    frame(head.node);
    head.draw({ ...emptyView(), info: { case_id: "c", title: "Old", status: "consulting" } });
    press("Delete");
    await settle();
    press("Undo");
    await settle();
    expect(asked.map((a) => a.method)).toEqual(["DELETE", "POST"]);
    expect(restored).toHaveBeenCalledWith("c");
    head.dispose();
  });
});

describe("small parts", () => {
  it("waiting turns can be edited by whoever wrote them", async () => {
    const edit = vi.fn(), queue = new Queue({ edit, withdraw: vi.fn() });
    frame(queue.node);
    const turn = (id: string, author: string) => ({ turn_id: id, client_turn_id: id, turn_number: 1, status: "queued", attempt: 0, content: "q", author_id: author, author_name: author });
    queue.draw([turn("t1", "ann"), turn("t2", "bob")], "ann");
    expect(document.querySelectorAll("#queue button").length).toBe(2);
    press("Edit");
    document.querySelector<HTMLTextAreaElement>("dialog textarea")!.value = "better";
    document.querySelector("dialog")!.close("save");
    await settle();
    expect(edit).toHaveBeenCalledWith(expect.objectContaining({ turn_id: "t1" }), "better");
  });
  it("notices are spoken: errors at once, the rest in turn; errors stay", () => {
    vi.useFakeTimers();
    frame();
    tell("Done.");
    expect(document.querySelector("[role=status]")!.textContent).toContain("Done.");
    vi.advanceTimersByTime(7_000);
    expect(document.querySelector("#notice")!.childElementCount).toBe(0);
    fail("Broken.");
    vi.advanceTimersByTime(60_000);
    expect(document.querySelector("[role=alert]")!.textContent).toContain("Broken.");
    clear();
    expect(document.querySelector("#notice")!.childElementCount).toBe(0);
    vi.useRealTimers();
  });
  it("colours follow the system until somebody chooses, and the choice is kept", () => {
    expect(savedTheme()).toBe("auto");
    applyTheme(nextTheme("auto"));
    expect([savedTheme(), document.documentElement.dataset["theme"]]).toEqual(["dark", "dark"]);
    applyTheme("auto");
    expect(document.documentElement.dataset["theme"]).toBeUndefined();
  });
  it("the help opens once and gives the focus back", () => {
    const button = document.createElement("button");
    document.body.append(button);
    button.focus();
    showHelp();
    showHelp();
    expect(document.querySelectorAll("dialog").length).toBe(1);
    document.querySelector("dialog")!.close();
    expect(document.activeElement).toBe(button);
  });
  it("files may be dropped anywhere, text is left alone", () => {
    const dropped = vi.fn();
    dropTarget(dropped);
    const drop = (files: File[]) => { const e = new Event("drop", { cancelable: true }); Object.assign(e, { dataTransfer: { files, types: files.length ? ["Files"] : ["text/plain"] } }); document.dispatchEvent(e); return e.defaultPrevented; };
    expect(drop([])).toBe(false);
    expect(drop([new File(["x"], "a.log")])).toBe(true);
    expect(dropped).toHaveBeenCalledOnce();
  });
});
