import { describe, expect, it } from "vitest";
import { readAnswer, size } from "../src/files";
import { explain } from "../src/advice";
import { progressLine, Uploads, type Upload } from "../src/uploads";

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
    try { refused(); } catch (e) { expect(explain(e)).toMatch(/^A file may have 10 bytes\. Send the part/); }
  });
  it("survives answers that are no JSON and servers that are gone", () => {
    expect(() => readAnswer(502, "<html>")).toThrow("The server answered 502.");
    expect(() => readAnswer(200, "<html>")).toThrow("The server answered 200.");
    try { readAnswer(0, ""); } catch (e) { expect(explain(e)).toMatch(/cannot be reached/); }
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
  it("says in one line how far it is", () => {
    const u = (state: Upload["state"], percent: number): Upload => ({ id: 1, caseId: "c", file: file("a.log"), type: "", state, percent, message: "", fileId: "" });
    expect(progressLine([])).toBe("");
    expect(progressLine([u("sending", 40)])).toBe("a.log: 40 %");
    expect(progressLine([u("analysing", 100)])).toBe("a.log: analysing…");
    expect(progressLine([u("sending", 40), u("waiting", 0), u("failed", 10)])).toBe("2 files: 20 %");
  });
});
