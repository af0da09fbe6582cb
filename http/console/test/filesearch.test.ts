import { beforeEach, describe, expect, it, vi } from "vitest";
import { FileSearch, matchOf } from "../src/filesearch";
import { strip, stripPicture } from "../src/timestrip";
import { frame, server, settle } from "./server";

beforeEach(() => { localStorage.clear(); document.body.replaceChildren(); });
const search = async (words: string) => {
  document.querySelector<HTMLInputElement>("#file-search")!.value = words;
  document.querySelector<HTMLFormElement>("form")!.dispatchEvent(new Event("submit", { cancelable: true }));
  await settle();
};

describe("the search in files", () => {
  it("counts what is lit within the line", () => expect(matchOf({ file_id: "f", filename: "a", line: 3, begin: 100, end: 120, text: "pool is full", highlights: [{ begin: 100, end: 104 }] }).highlights).toEqual([[0, 4]]));
  it("leads to the lines that were found, with the words lit as text", async () => {
    const asked = server({ "POST /cases/c/evidence/search": { body: { results: [{ file_id: "f1", filename: "a.log", line: 7, begin: 50, end: 70, text: "<b>pool</b> is full", highlights: [{ begin: 53, end: 57 }] }] } } });
    const go = vi.fn();
    frame(new FileSearch("c", go).node);
    await search(" pool ");
    expect(asked[0]!.body).toEqual({ query: "pool", limit: 50 });
    expect(document.querySelector("mark")!.textContent).toBe("pool");
    expect(document.querySelector(".snippet")!.textContent).toBe("<b>pool</b> is full");
    document.querySelector<HTMLAnchorElement>("a.cite")!.click();
    expect(go).toHaveBeenCalledWith({ page: "file", id: "c", file: "f1", part: "text", lines: { first: 7, last: 7 } });
  });
  it("says what to do when nothing is found, or it fails", async () => {
    server({ "POST /cases/c/evidence/search": { body: { results: [] } } });
    frame(new FileSearch("c", vi.fn()).node);
    await search("x");
    expect(document.querySelector("[role=status]")!.textContent).toMatch(/Try fewer/);
    server({ "POST /cases/c/evidence/search": { status: 503, body: { detail: "Away", error: { code: "unavailable" } } } });
    await search("y");
    expect(document.querySelector("[role=alert]")!.textContent).toMatch(/Try again/);
  });
});

describe("the strip of time", () => {
  const m = (at: string, level = "info") => ({ at, level, count: 1 });
  it("needs a span", () => {
    expect(strip([])).toBeNull();
    expect(strip([m("2026-01-01T00:00:00Z"), m("2026-01-01T00:00:00Z"), m("never")])).toBeNull();
  });
  it("counts by parts, trouble apart, and says so in words", () => {
    const s = strip([m("2026-01-01T00:00:00Z"), m("2026-01-01T01:00:00Z", "error"), m("2026-01-01T00:30:00Z")])!;
    expect([s.all[0], s.all[30], s.all[59], s.trouble[59]]).toEqual([1, 1, 1, 1]);
    const picture = stripPicture(s);
    expect(picture.getAttribute("aria-label")).toMatch(/^From 2026-01-01 00:00:00 to 2026-01-01 01:00:00 UTC; most errors around 2026-01-01 00:59/);
    expect(picture.querySelectorAll("rect.trouble").length).toBe(1);
  });
});
