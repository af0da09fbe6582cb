// The list of a case's files, and the page of one.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { FilePage } from "../src/filepage";
import { FilesPanel } from "../src/filespanel";
import { Uploads } from "../src/uploads";
import { frame, press, server, settle } from "./server";

const record = (id: string, name: string, more: object = {}) => ({ file_id: id, file_name: name, file_size: 2_048, data_type: "logs_and_errors", processing_status: "completed", summary: "2 lines", classification: { confidence: 0.97 }, uploaded_at: "2026-01-01T00:00:00Z", ...more });
const page = (...data: object[]) => ({ body: { data, total_count: data.length, has_more: false } });

beforeEach(() => { localStorage.clear(); document.body.replaceChildren(); });

describe("the files of a case", () => {
  const make = (uploads = new Uploads(async () => ({}))) => {
    const counted = vi.fn(), go = vi.fn(), panel = new FilesPanel("case_1", uploads, go, counted);
    frame(panel.node);
    return { panel, counted, go, uploads };
  };
  it("show type, certainty, size, state, and why one could not be read", async () => {
    server({ "GET /cases/case_1/data": page(record("f1", "a.log"), record("f2", "b.bin", { data_type: "unanalyzable", processing_status: "failed", error: "It is no text.", classification: { confidence: 0 } })) });
    const { panel, counted } = make();
    await panel.load();
    const rows = [...document.querySelectorAll("li.file")].map((r) => r.textContent ?? "");
    expect(rows[0]).toMatch(/a\.log.*Log.*analysed.*97 % sure · 2\.0 KiB/);
    expect(rows[1]).toMatch(/b\.bin.*Not analysable.*unanalyzable.*Why: It is no text\./);
    expect(counted).toHaveBeenCalledWith(2);
    panel.dispose();
  });
  it("are asked for again while the server is at work", async () => {
    vi.useFakeTimers();
    let done = false;
    const asked = server({ "GET /cases/case_1/data": () => page(record("f1", "a.log", done ? {} : { processing_status: "processing" })) });
    const { panel } = make();
    await panel.load();
    expect(document.querySelector("li.file")!.textContent).toContain("processing");
    done = true;
    await vi.advanceTimersByTimeAsync(2_100);
    expect(document.querySelector("li.file")!.textContent).toContain("analysed");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked.length).toBe(2);
    panel.dispose();
    vi.useRealTimers();
  });
  it("are deleted only when asked twice", async () => {
    const asked = server({ "GET /cases/case_1/data": page(record("f1", "a.log")), "DELETE /cases/case_1/data/f1": { status: 204 } });
    const { panel } = make();
    await panel.load();
    press("Delete a.log");
    document.querySelector("dialog")!.close("");
    await settle();
    expect(asked.some((a) => a.method === "DELETE")).toBe(false);
    press("Delete a.log");
    document.querySelector("dialog")!.close("go");
    await settle();
    expect(asked.filter((a) => a.method === "DELETE").map((a) => a.path)).toEqual(["/cases/case_1/data/f1"]);
    panel.dispose();
  });
  it("can be read as another type: taken in again with the type a person chose", async () => {
    const bytes = new TextEncoder().encode("cpu 1\ncpu 2");
    const asked = server({ "GET /cases/case_1/data?": page(record("f1", "a.txt", { file_size: bytes.length })), "GET /cases/case_1/data/f1/content": { bytes }, "DELETE /cases/case_1/data/f1": { status: 204 } });
    const sent: [string, string | undefined, number][] = [];
    const { panel } = make(new Uploads(async (_c, file, options) => { sent.push([file.name, options.type, file.size]); return {}; }));
    await panel.load();
    press(/^Read as…/);
    document.querySelector<HTMLSelectElement>("#read-as")!.value = "metrics_and_performance";
    document.querySelector("dialog")!.close("go");
    await settle(12);
    expect(asked.map((a) => a.method)).toContain("DELETE");
    expect(sent).toEqual([["a.txt", "metrics_and_performance", bytes.length]]);
    panel.dispose();
  });
  it("show what is on its way: percent, then work; a failure says why and can be repeated or dismissed", async () => {
    server({ "GET /cases/case_1/data": page() });
    let progress: (n: number) => void = () => undefined, end: (e?: Error) => void = () => undefined;
    const uploads = new Uploads((_c, _f, o) => new Promise((resolve, reject) => { progress = o.progress; end = (e) => (e ? reject(e) : resolve({})); }));
    const { panel } = make(uploads);
    uploads.add("case_1", [new File(["x"], "big.log")]);
    const row = () => document.querySelector("li.upload");
    progress(40);
    expect(row()!.textContent).toContain("Uploading: 40 %");
    expect(row()!.querySelector("progress")!.value).toBe(40);
    progress(100);
    expect(row()!.textContent).toContain("Processing");
    expect(row()!.querySelector("progress")!.hasAttribute("value")).toBe(false);
    end(new Error("The disk is full."));
    await settle();
    expect(row()!.textContent).toContain("Failed: The disk is full.");
    press("Try again big.log");
    end();
    await settle();
    expect(row()).toBeNull();
    panel.dispose();
  });
  it("of others are seen while they are worked on", async () => {
    const asked = server({ "GET /cases/case_1/data": page() });
    const { panel } = make();
    panel.heard({ job_id: "j", file_name: "theirs.log", status: "running", progress_percentage: 30 });
    expect(document.querySelector("li.upload")!.textContent).toMatch(/theirs\.log.*Processing: 30 %/);
    panel.heard({ job_id: "j", file_name: "theirs.log", status: "completed", progress_percentage: 100 });
    await settle();
    expect(document.querySelector("li.upload")).toBeNull();
    expect(asked.length).toBe(1);
    panel.dispose();
  });
  it("of one's own are shown once, though the live connection tells of them first", async () => {
    server({ "GET /cases/case_1/data": page() });
    let working: ((j: string, n: number) => void) | undefined;
    const uploads = new Uploads((_c, _f, o) => new Promise(() => { working = o.working; }));
    const { panel } = make(uploads);
    uploads.add("case_1", [new File(["x"], "mine.log")]);
    panel.heard({ job_id: "j", file_name: "mine.log", status: "running", progress_percentage: 10 });
    working!("j", 20);
    expect([...document.querySelectorAll("li.upload .state")].map((r) => r.textContent)).toEqual(["Processing: 20 %"]);
    panel.dispose();
  });
  it("that cannot be loaded say what to do", async () => {
    server({ "GET /cases/case_1/data": { status: 503, body: { detail: "The store is away", error: { code: "unavailable" } } } });
    const { panel } = make();
    await panel.load();
    expect(document.querySelector("[role=alert]")!.textContent).toMatch(/The store is away\. Try again/);
    panel.dispose();
  });
});

describe("the page of a file", () => {
  const text = Array.from({ length: 300 }, (_, i) => `row ${i + 1}`).join("\n"), bytes = new TextEncoder().encode(text);
  const analysis = { lines: 300, levels: { error: 1 }, look_first: [{ template_id: 1, why: "rare", quote: { line: 120, begin: text.indexOf("row 120"), text: "row 120" }, lines: [[120, 120]] }], templates: [{ id: 1, pattern: "row <*>", count: 300, level: "error", first_line: 1, last_line: 300, example: { line: 120, begin: text.indexOf("row 120"), text: "row 120" }, over_time: [1, 2] }] };
  const routes = (more: object = {}) => ({ "GET /cases/case_1/data/f1/content": { bytes }, "GET /cases/case_1/data/f1": { body: { ...record("f1", "a.log", { file_size: bytes.length }), analysis, ...more } } });
  const open = async (part: "findings" | "templates" | "text", lines: { first: number; last: number } | null = null) => {
    const go = vi.fn(), made = new FilePage("case_1", "f1", part, lines, go);
    frame(made.node);
    await settle(12);
    return { made, go };
  };
  it("says first what matters, with links to the lines", async () => {
    server(routes());
    const { go } = await open("findings");
    expect(document.querySelector("h1")!.textContent).toBe("a.log");
    const link = document.querySelector<HTMLAnchorElement>(".citedlist a.cite")!;
    expect(link.getAttribute("href")).toBe("/cases/case_1/files/f1/text?lines=120");
    link.click();
    expect(go).toHaveBeenCalledWith({ page: "file", id: "case_1", file: "f1", part: "text", lines: { first: 120, last: 120 } });
  });
  it("opens its text at the lines of the address, reading ranges only", async () => {
    const asked = server(routes());
    const { made } = await open("text", { first: 120, last: 120 });
    expect(document.querySelector<HTMLElement>(".row.lit")!.dataset["line"]).toBe("120");
    expect(asked.filter((a) => a.path.endsWith("/content")).every((a) => /^bytes=\d+-\d+$/.test(a.headers["Range"] ?? ""))).toBe(true);
    made.dispose();
  });
  it("does not trust places in a copy without personal data, only lines", async () => {
    const copy = new TextEncoder().encode(text.replace(/row/g, "[gone]"));
    const asked = server({ ...routes({ redaction: "copy" }), "GET /cases/case_1/data/f1/content?form=sanitized": { bytes: copy, headers: { "X-Content-Form": "sanitized" } } });
    const { made } = await open("text", { first: 120, last: 120 });
    document.querySelector<HTMLInputElement>("#sanitized")!.click();
    await settle(12);
    expect(document.querySelector(".row.lit .txt")!.textContent).toBe("[gone] 120");
    expect(asked.some((a) => a.path.endsWith("?form=sanitized"))).toBe(true);
    made.dispose();
  });
  it("shows its templates", async () => {
    server(routes());
    await open("templates");
    expect(document.querySelectorAll("svg.spark").length).toBe(1);
  });
  it("gives the file itself", async () => {
    server(routes());
    await open("findings");
    const made: string[] = [];
    Object.assign(URL, { createObjectURL: () => "blob:x", revokeObjectURL: () => undefined });
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) { made.push(this.download); });
    press("Download a.log");
    await settle();
    expect(made).toEqual(["a.log"]);
  });
  it("says why it could not be analysed, and what can be done", async () => {
    server(routes({ data_type: "unanalyzable", processing_status: "failed", error: "It is no text.", analysis: {} }));
    await open("findings");
    expect(document.querySelector(".note-box")!.textContent).toMatch(/It is no text\..*choose it by hand/);
  });
  it("that cannot be loaded can be tried again", async () => {
    server({});
    await open("findings");
    expect(document.querySelector("[role=alert]")!.textContent).toMatch(/Not there\. Try again/);
  });
  it("shows what was read in a picture, and the picture itself without a foreign address", async () => {
    const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 1]);
    server({ "GET /cases/case_1/data/f1/content": { bytes: png }, "GET /cases/case_1/data/f1": { body: { ...record("f1", "a.png", { file_size: png.length, data_type: "visual_evidence" }), analysis: { full_extraction: "Error 500", findings: [] } } } });
    await open("text");
    expect(document.querySelector("img")!.getAttribute("src")).toMatch(/^data:image\/png;base64,/);
    expect(document.querySelector("main")!.textContent).toContain("Error 500");
    press(/Show it as text/);
    await settle(12);
    expect(document.querySelector(".row .txt")!.textContent).toContain("PNG");
  });
});
