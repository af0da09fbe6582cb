// Uploads in pieces: against a server that keeps count as tus says, and cuts where the test wants it.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { upload } from "../src/files";
import { forgetResumable, pieceBytes, resumable, resumableFrom, uploadInPieces } from "../src/resumable";
import { server } from "./server";

const place = "/api/v1/cases/c/uploads/u1", now = async (): Promise<void> => undefined;
const big = (bytes = resumableFrom + 100): File => new File([new Uint8Array(bytes)], "größe.log", { type: "text/plain" });
type Cut = "before" | "after" | number | null;
/** `cuts`: what happens to each PATCH in turn: lost on its way there or back, or answered with a status. */
function tus(cuts: Cut[] = [], options: { speaks?: boolean; last?: Record<string, string> } = {}) {
  const asked: { method: string; url: string; headers: Record<string, string>; bytes: number }[] = [];
  let at = 0, length = 0;
  localStorage.setItem("faultmaven.session", JSON.stringify({ access_token: "t", refresh_token: "r", user: { user_id: "u" } }));
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const headers = init.headers as Record<string, string>, method = init.method ?? "GET", bytes = init.body instanceof Blob ? init.body.size : 0;
    asked.push({ method, url, headers, bytes });
    if (init.signal?.aborted) throw new DOMException("aborted", "AbortError");
    const answer = (status: number, more: Record<string, string> = {}) => new Response(status < 400 ? null : JSON.stringify({ detail: `No: ${status}.`, error: { code: status === 413 ? "too_large" : "x" } }), { status, headers: more });
    if (method === "OPTIONS") return answer(204, options.speaks === false ? {} : { "Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0" });
    if (headers["Tus-Resumable"] !== "1.0.0") return answer(412);
    if (method === "POST") { length = Number(headers["Upload-Length"]); return answer(201, { Location: place }); }
    if (method === "HEAD") return answer(200, { "Upload-Offset": String(at), ...(at === length ? options.last : {}) });
    if (method === "DELETE") return answer(204);
    const cut = cuts.shift() ?? null;
    if (cut === "before") throw new TypeError("network");
    if (typeof cut === "number") return answer(cut);
    if (Number(headers["Upload-Offset"]) !== at) return answer(409);
    at += bytes;
    if (cut === "after") throw new TypeError("network");
    return answer(204, { "Upload-Offset": String(at), ...(at === length ? options.last : {}) });
  });
  return { asked, of: (method: string) => asked.filter((a) => a.method === method), moveTo: (n: number) => { at = n; } };
}
const send = (file: File, more: object = {}) => { const heard: number[] = []; return { heard, done: uploadInPieces("c", file, { progress: (n) => heard.push(n), pause: now, ...more }) }; };

beforeEach(() => { localStorage.clear(); forgetResumable(); });

describe("an upload in pieces", () => {
  it("names the file, sends it piece by piece, and tells how far it is", async () => {
    const s = tus([], { last: { "X-Job-ID": "j1" } }), { heard, done } = send(big(), { type: "logs_and_errors" });
    expect(await done).toEqual({ jobId: "j1", fileId: "" });
    const made = s.of("POST")[0]!;
    expect([made.headers["Upload-Length"], made.headers["Authorization"]]).toEqual([String(resumableFrom + 100), "Bearer t"]);
    const fields = Object.fromEntries(made.headers["Upload-Metadata"]!.split(",").map((p) => { const [k, v] = p.split(" "); return [k, new TextDecoder().decode(Uint8Array.from(atob(v!), (c) => c.charCodeAt(0)))]; }));
    expect(fields).toEqual({ filename: "größe.log", filetype: "text/plain", data_type: "logs_and_errors" });
    expect(s.of("PATCH").map((p) => [p.headers["Upload-Offset"], p.bytes])).toEqual([["0", pieceBytes], [String(pieceBytes), pieceBytes], [String(2 * pieceBytes), 100]]);
    expect(heard).toEqual([49, 99, 100]);
  });
  it("goes on where it was cut, whichever way it was lost", async () => {
    const s = tus(["before", null, "after", 503], { last: { "X-File-ID": "f1" } });
    expect(await send(big()).done).toEqual({ jobId: "", fileId: "f1" });
    expect(s.of("PATCH").map((p) => Number(p.headers["Upload-Offset"]) / pieceBytes)).toEqual([0, 0, 1, 2, 2]);
    expect(s.of("HEAD").length).toBe(3);
  });
  it("is done when only the last answer was lost", async () => {
    const s = tus([null, null, "after"], { last: { "X-File-ID": "f1" } });
    expect((await send(big()).done).fileId).toBe("f1");
    expect(s.of("PATCH").length).toBe(3);
  });
  it("takes the server's count when the two differ", async () => {
    const s = tus([null, 409]);
    await send(big()).done;
    expect(s.of("HEAD").length).toBe(1);
  });
  it("gives up after some attempts, longer and longer apart, and leaves the rest for a retry", async () => {
    const s = tus(new Array<Cut>(50).fill("before")), waits: number[] = [];
    await expect(send(big(), { pause: async (ms: number) => { waits.push(ms); } }).done).rejects.toThrow("cannot be reached");
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000]);
    expect(s.of("DELETE")).toEqual([]);
  });
  it("goes on there when it is tried again, unless the server forgot it", async () => {
    const s = tus([null, ...new Array<Cut>(8).fill("before")], { last: { "X-File-ID": "f1" } }), file = big();
    await expect(send(file).done).rejects.toThrow("cannot be reached");
    expect((await send(file).done).fileId).toBe("f1");
    expect([s.of("POST").length, s.of("PATCH").slice(-2).map((p) => Number(p.headers["Upload-Offset"]))]).toEqual([1, [pieceBytes, 2 * pieceBytes]]);
  });
  it("ends at a refusal, and takes away what is there", async () => {
    const s = tus([null, 413]);
    await expect(send(big()).done).rejects.toMatchObject({ status: 413, code: "too_large" });
    expect(s.of("PATCH").length).toBe(2);
    expect(s.of("DELETE").map((d) => d.url)).toEqual([place]);
  });
  it("ends when it is cancelled, and takes away what is there", async () => {
    const stop = new AbortController(), s = tus();
    const done = uploadInPieces("c", big(), { signal: stop.signal, pause: now, progress: () => stop.abort() });
    await expect(done).rejects.toMatchObject({ code: "cancelled" });
    expect([s.of("PATCH").length, s.of("DELETE").length]).toEqual([1, 1]);
  });
  it("sends its token nowhere else", async () => {
    vi.stubGlobal("fetch", async () => new Response(null, { status: 201, headers: { Location: "https://elsewhere.example/u1" } }));
    await expect(send(big()).done).rejects.toThrow("did not say where");
  });
});

describe("which way a file goes", () => {
  class Refusing extends EventTarget { upload = new EventTarget(); status = 201; responseText = '{"file_id":"one"}'; open(): void { /* nothing */ } setRequestHeader(): void { /* nothing */ } getResponseHeader(): null { return null; } abort(): void { /* nothing */ } send(): void { this.dispatchEvent(new Event("loadend")); } }
  const progress = () => undefined;
  it("in one request when it is small, or when the server takes no pieces, which is asked once", async () => {
    const s = tus([], { speaks: false });
    vi.stubGlobal("XMLHttpRequest", Refusing);
    expect(await upload("c", big(10), { progress })).toEqual({ file_id: "one" });
    expect(s.asked).toEqual([]);
    await upload("c", big(), { progress });
    await upload("c", big(), { progress });
    expect(s.asked.map((a) => a.method)).toEqual(["OPTIONS"]);
  });
  it("in pieces when it is large and the server speaks tus", async () => {
    tus([], { last: { "X-File-ID": "f1" } });
    expect(await upload("c", big(), { progress })).toEqual({ file_id: "f1" });
  });
  it("in one request from a server that knows no such route", async () => {
    server({});
    expect(await resumable("c")).toBe(false);
  });
});
