import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { explainUpload, tooManyFiles } from "../src/advice";
import { dropTarget, named } from "../src/drop";
import { ApiError } from "../src/api";
import { readAnswer, upload } from "../src/files";
import { size } from "../src/text";
import { server } from "./server";
import { progressLine, queueMax, Uploads, type Upload } from "../src/uploads";

describe("one upload", () => {
  it("writes sizes as people do", () => {
    expect(size(950)).toBe("950 bytes");
    expect(size(1_536)).toBe("1.5 KiB");
    expect(size(10 * 1_048_576)).toBe("10.0 MiB");
    expect(size(3 * 1_073_741_824)).toBe("3.0 GiB");
  });
  it("gives the record of a stored file", () => {
    expect(readAnswer(201, '{"file_id":"file_1"}')).toEqual({ file_id: "file_1" });
  });
  it("says what to do when the file is too large", () => {
    const refused = () => readAnswer(413, '{"detail":"A file may have 10 bytes.","error":{"code":"too_large"}}');
    expect(refused).toThrow("A file may have 10 bytes.");
    try { refused(); } catch (e) { expect(explainUpload(e)).toMatch(/^A file may have 10 bytes\. Cut it/); }
  });
  it("survives answers that are no JSON and servers that are gone", () => {
    expect(() => readAnswer(502, "<html>")).toThrow("The server answered 502.");
    expect(() => readAnswer(200, "<html>")).toThrow("The server answered 200.");
    try { readAnswer(0, ""); } catch (e) { expect(explainUpload(e)).toMatch(/cannot be reached/); }
  });
});

describe("an upload over the wire", () => {
  // A request that the test answers.
  let last: Fake;
  class Fake extends EventTarget {
    upload = new EventTarget();
    status = 0;
    responseText = "";
    sent: FormData | null = null;
    headers: Record<string, string> = {};
    constructor() { super(); last = this; }
    open(): void { /* nothing */ }
    setRequestHeader(name: string, value: string): void { this.headers[name] = value; }
    getResponseHeader(): string | null { return null; }
    send(form: FormData): void { this.sent = form; }
    abort(): void { this.dispatchEvent(new Event("loadend")); }
    answer(status: number, body: object): void { this.status = status; this.responseText = JSON.stringify(body); this.dispatchEvent(new Event("loadend")); }
  }
  beforeEach(() => { localStorage.clear(); vi.stubGlobal("XMLHttpRequest", Fake); vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });
  const progress = () => undefined;

  it("tells how much is sent, and carries the chosen type", async () => {
    server({});
    const heard: number[] = [], done = upload("c", new File(["x"], "a.log"), { type: "logs_and_errors", progress: (n) => heard.push(n) });
    last.upload.dispatchEvent(new ProgressEvent("progress", { lengthComputable: true, loaded: 1, total: 3 }));
    last.answer(201, { file_id: "f" });
    expect(await done).toEqual({ file_id: "f" });
    expect(heard).toEqual([33]);
    expect([last.sent!.get("data_type"), (last.sent!.get("file") as File).name, last.headers["Authorization"]]).toEqual(["logs_and_errors", "a.log", "Bearer t"]);
  });
  it("follows the job that works on it", async () => {
    let n = 0;
    server({ "GET /jobs/j": () => ({ body: { job_id: "j", status: ++n < 2 ? "running" : "completed", progress_percentage: 50 * n, result: { file_id: "f" } } }) });
    const heard: number[] = [], done = upload("c", new File(["x"], "a.log"), { progress, working: (_j, percent) => heard.push(percent) });
    last.answer(202, { job_id: "j", status: "queued", progress_percentage: 0 });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await done).toEqual({ file_id: "f" });
    expect(heard).toEqual([0, 50, 100]);
  });
  it("says why the job failed, and cancels it when asked", async () => {
    const asked = server({ "GET /jobs/j": { body: { job_id: "j", status: "failed", error: { message: "It is encrypted." } } }, "DELETE /jobs/j": { status: 202 } });
    const failed = upload("c", new File(["x"], "a.zip"), { progress });
    const said = expect(failed).rejects.toThrow("It is encrypted.");
    last.answer(202, { job_id: "j", status: "running" });
    await vi.advanceTimersByTimeAsync(1_000);
    await said;
    const stop = new AbortController(), cancelled = upload("c", new File(["x"], "a.zip"), { progress, signal: stop.signal });
    const over = expect(cancelled).rejects.toThrow();
    last.answer(202, { job_id: "j", status: "running" });
    await vi.advanceTimersByTimeAsync(1);
    stop.abort();
    await vi.advanceTimersByTimeAsync(1_000);
    await over;
    expect(asked.some((a) => a.method === "DELETE" && a.path === "/jobs/j")).toBe(true);
  });
});

const file = (name: string) => new File(["x"], name);
const settle = () => new Promise((r) => setTimeout(r, 0));

describe("the queue of uploads", () => {
  it("sends two at once and the rest after them", async () => {
    const open: (() => void)[] = [];
    const uploads = new Uploads((_c, f) => new Promise((resolve) => open.push(() => resolve({ file_id: f.name }))));
    uploads.add("c", [file("a"), file("b"), file("c")]);
    expect(uploads.of("c").map((u) => u.state)).toEqual(["sending", "sending", "waiting"]);
    open[0]!();
    await settle();
    expect(uploads.of("c").map((u) => [u.file.name, u.state])).toEqual([["b", "sending"], ["c", "sending"]]);
  });
  it("keeps a failed one with its reason, and sends it again when asked", async () => {
    let fails = true;
    const seen: string[] = [];
    const uploads = new Uploads(async () => { if (fails) throw new Error("No room."); return { file_id: "f" }; });
    uploads.watch((u) => seen.push(u.state));
    const [u] = uploads.add("c", [file("a")]);
    await settle();
    expect(uploads.of("c")[0]).toMatchObject({ state: "failed", message: "No room." });
    fails = false;
    uploads.retry(u!.id);
    await settle();
    expect(uploads.of("c")).toEqual([]);
    expect(seen[seen.length - 1]).toBe("done");
  });
  it("cancels what waits and what is on its way", async () => {
    const uploads = new Uploads((_c, _f, o) => new Promise((_resolve, reject) => o.signal?.addEventListener("abort", () => reject(new Error("cut")))));
    const all = uploads.add("c", [file("a"), file("b"), file("c")]);
    for (const u of [...all].reverse()) uploads.cancel(u.id);
    await settle();
    expect(uploads.of("c").map((u) => u.state)).toEqual(["cancelled", "cancelled", "cancelled"]);
    expect(uploads.busy).toBe(false);
  });
  it("hears of its jobs by the live connection, and never goes backwards", async () => {
    let working: ((j: string, n: number) => void) | undefined;
    const uploads = new Uploads((_c, _f, o) => new Promise(() => { working = o.working; }));
    const [u] = uploads.add("c", [file("a")]);
    working!("j1", 10);
    uploads.heard({ job_id: "j1", progress_percentage: 60 });
    uploads.heard({ job_id: "j1", progress_percentage: 20 });
    uploads.heard({ job_id: "j2", progress_percentage: 90 });
    expect([u!.percent, uploads.isOurs("j1"), uploads.isOurs("j2")]).toEqual([60, true, false]);
  });
  it("has room for so many; a folder dropped by mistake is not begun", async () => {
    const uploads = new Uploads(() => new Promise(() => undefined));
    expect(uploads.add("c", Array.from({ length: queueMax + 1 }, (_, i) => file(`f${i}`)))).toEqual([]);
    expect(uploads.add("c", Array.from({ length: queueMax - 1 }, (_, i) => file(`f${i}`))).length).toBe(queueMax - 1);
    expect([uploads.room, uploads.add("c", [file("a"), file("b")]).length, uploads.add("c", [file("a")]).length, uploads.room]).toEqual([1, 0, 1, 0]);
    expect(tooManyFiles(201, 1)).toMatch(/201 files are too many at once; there is room for 1 now/);
  });
  it("says in one line how far it is", () => {
    const u = (state: Upload["state"], percent: number): Upload => ({ id: 1, caseId: "c", file: file("a.log"), type: "", state, percent, message: "", fileId: "", jobId: "" });
    expect(progressLine([])).toBe("");
    expect(progressLine([u("sending", 40)])).toBe("a.log: 40 %");
    expect(progressLine([u("analysing", 100)])).toBe("a.log: analysing…");
    expect(progressLine([u("sending", 40), u("waiting", 0), u("failed", 10)])).toBe("2 files: 20 %");
  });
});

describe("a refusal in words", () => {
  const said = (status: number, code: string, detail: string, after = 0) => explainUpload(new ApiError(detail, status, code, after));
  it("tells a file that is too large from a case that is full", () => {
    expect(said(413, "too_large", "A file may have 10 bytes.")).toMatch(/Cut it to the time/);
    expect(said(413, "too_large", "The body is larger than the 11534336 bytes allowed.")).toMatch(/^The body is larger than the 11\.0 MiB allowed\. Cut/);
    expect(said(413, "too_large", "This case has no room for another file: at most 2 files")).toMatch(/^This case has no room.*files\. Delete files/);
  });
  it("says what to do about a type, a busy server, a door that is shut", () => {
    expect(said(415, "unsupported_media_type", "This kind is not read")).toMatch(/Choose its type by hand/);
    expect(said(429, "rate_limited", "x", 7)).toBe("The server is busy. Wait 7 seconds, then try again.");
    expect(said(403, "forbidden", "You may only read")).toBe("You may only read. Ask the owner of the case.");
  });
});

describe("files from the clipboard", () => {
  const paste = (target: EventTarget, files: File[]) => {
    const e = new Event("paste", { bubbles: true, cancelable: true });
    Object.assign(e, { clipboardData: { files } });
    target.dispatchEvent(e);
    return e.defaultPrevented;
  };
  it("are taken anywhere but in fields, which have their own way", () => {
    const got: string[][] = [], field = document.createElement("input");
    document.body.replaceChildren(field);
    dropTarget((files) => got.push(files.map((f) => f.name)));
    expect(paste(document.body, [file("a.log"), file("b.log")])).toBe(true);
    expect([paste(field, [file("c.log")]), paste(document.body, [])]).toEqual([false, false]);
    expect(got).toEqual([["a.log", "b.log"]]);
  });
  it("get a name that tells them apart", () => {
    expect(named(file("image.png"), new Date(Date.UTC(2026, 0, 31, 12))).name).toBe("pasted 2026-01-31 12.00.00.png");
    expect(named(file("app.log")).name).toBe("app.log");
  });
});
