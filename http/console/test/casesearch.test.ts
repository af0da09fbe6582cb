// The search in a case: what is asked, what is lit, and what stands there when nothing is found.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { bodyOf, CaseSearch, foundOf } from "../src/casesearch";
import { lit } from "../src/highlight";
import { parsePlace, pathOf, type CaseQuery } from "../src/router";
import { frame, press, server, settle } from "./server";

beforeEach(() => { localStorage.clear(); document.body.replaceChildren(); });
const hit = (more: object = {}) => ({ source: "file", file_id: "f1", filename: "a.log", line: 7, begin: 50, end: 70, text: "<b>pool</b> is full", highlights: [{ begin: 53, end: 57 }], snippet: { text: "before\n<b>pool</b> is full\nafter\n", line_first: 6, line_last: 8, begin: 43, end: 77 }, level: "error", at: "2026-01-31T12:00:00.000Z", reasons: ["the word pool"], ...more });
const answer = (results: object[], more: object = {}) => ({ body: { results, total_results: results.length, has_more: false, files_searched: 1, files_waiting: 0, by_words_only: false, ...more } });
const data = { body: { data: [{ file_id: "f1", file_name: "a.log" }], total_count: 1 } };
const open = async (query: CaseQuery, search: Parameters<typeof server>[0][string]) => {
  const asked = server({ "GET /cases/c/data": data, "POST /cases/c/evidence/search": search }), go = vi.fn(), panel = new CaseSearch("c", go);
  frame(panel.node);
  panel.show(query);
  await settle();
  return { asked, go, panel, bodies: () => asked.filter((a) => a.method === "POST").map((a) => a.body) };
};

describe("what is found", () => {
  it("lights words where they stand among their neighbours", () => {
    const found = foundOf(hit());
    expect(found.around.map((l) => [l.line, l.parts.map((p) => (p.lit ? `[${p.text}]` : p.text)).join("")])).toEqual([[6, "before"], [7, "<b>[pool]</b> is full"], [8, "after"]]);
  });
  it("is the line alone where there are no neighbours, without signs that have no shape", () => {
    const found = foundOf(hit({ snippet: undefined, text: "\u001b[31mpool\u001b[0m \u0000", highlights: [{ begin: 55, end: 59 }] }));
    expect(found.around).toEqual([{ line: 7, parts: [{ text: "", lit: false }, { text: "pool", lit: true }, { text: " ␀", lit: false }] }]);
  });
  it("bears places that cannot be", () => expect(lit("é is", [[0, 2], [1, 3], [9, 99], [4, 2]])).toEqual([{ text: "é", lit: true }, { text: " is", lit: false }]));
});

describe("the search", () => {
  it("asks for what is in the address, and keeps it there", () => {
    const query: CaseQuery = { q: "pool & full", file: "f1", level: "error", source: "file", from: "2026-01-31T12:00", to: "2026-01-31T12:00:30" };
    expect(parsePlace(pathOf({ page: "case", id: "c", tab: "search", search: query }))).toEqual({ page: "case", id: "c", tab: "search", search: query });
    expect(bodyOf(query, 20)).toEqual({ query: "pool & full", limit: 20, offset: 20, filters: { file_id: "f1", level: "error", source: "file", from: "2026-01-31T12:00:00Z", to: "2026-01-31T12:00:30Z" } });
    expect(bodyOf({ q: "x" }, 0)).toEqual({ query: "x", limit: 20, offset: 0 });
    expect(parsePlace("/cases/c/search?q=x&level=<b>&from=now&source=sea")).toEqual({ page: "case", id: "c", tab: "search", search: { q: "x" } });
  });
  it("leads to the lit line, and shows text as text", async () => {
    const { go } = await open({ q: "pool" }, answer([hit()]));
    expect(document.querySelector("mark")!.textContent).toBe("pool");
    expect(document.querySelector(".around b")).toBeNull();
    expect(document.querySelector(".hitline .no")!.textContent).toBe("7");
    document.querySelector<HTMLAnchorElement>("a.cite")!.click();
    expect(go).toHaveBeenCalledWith({ page: "file", id: "c", file: "f1", part: "text", lines: { first: 7, last: 7 } });
  });
  it("leads to messages too", async () => {
    const { go } = await open({ q: "pool" }, answer([hit({ source: "message", message_id: "m1", role: "user", line: 1 })]));
    press("A message");
    expect(go).toHaveBeenCalledWith({ page: "case", id: "c", tab: "conversation", message: "m1" });
  });
  it("goes on page by page, with the focus at the first new one", async () => {
    let n = 0;
    const { bodies } = await open({ q: "pool" }, () => answer([hit({ line: ++n })], { has_more: n < 2 }));
    expect(document.querySelector("[role=status]")!.textContent).toBe("The 1 likeliest line, the likeliest first.");
    press("Show more");
    await settle();
    expect(bodies().map((b) => (b as { offset: number }).offset)).toEqual([0, 1]);
    expect(document.querySelectorAll("li.hit").length).toBe(2);
    expect(document.activeElement!.textContent).toBe("a.log:2");
  });
  it("changes the address when it is narrowed, and asks nothing before there are words", async () => {
    const { go, bodies } = await open({ q: "" }, answer([]));
    expect(bodies()).toEqual([]);
    const level = document.querySelector<HTMLSelectElement>("#search-level")!;
    level.value = "error";
    level.dispatchEvent(new Event("change"));
    expect(go).not.toHaveBeenCalled();
    document.querySelector<HTMLInputElement>("#case-search")!.value = " pool ";
    document.querySelector("form")!.dispatchEvent(new Event("submit", { cancelable: true }));
    expect(go).toHaveBeenCalledWith({ page: "case", id: "c", tab: "search", search: { q: "pool", level: "error" } }, false);
  });
  it("says what to do when nothing is found: wider, other words, or a file first", async () => {
    const { go } = await open({ q: "x", level: "fatal" }, answer([]));
    press("Search everything in the case");
    expect(go).toHaveBeenCalledWith({ page: "case", id: "c", tab: "search", search: { q: "x" } });
    await open({ q: "x" }, answer([]));
    expect(document.querySelector("main")!.textContent).toContain("Try fewer words");
    await open({ q: "x" }, answer([], { files_searched: 0 }));
    expect(document.querySelector("main")!.textContent).toContain("no files that can be searched");
  });
  it("says what may be missing", async () => {
    const { bodies } = await open({ q: "pool" }, answer([hit()], { files_waiting: 2, by_words_only: true }));
    expect(document.querySelector("main")!.textContent).toMatch(/2 files are still being made ready.*Found by words only/s);
    press("Search again");
    await settle();
    expect(bodies().length).toBe(2);
  });
  it("shows a failure and tries again", async () => {
    let fails = true;
    await open({ q: "y" }, () => (fails ? { status: 503, body: { detail: "Away", error: { code: "unavailable" } } } : answer([hit()])));
    expect(document.querySelector("[role=alert]")!.textContent).toMatch(/Away\. Try again/);
    fails = false;
    press("Try again");
    await settle();
    expect(document.querySelectorAll("li.hit").length).toBe(1);
    expect(document.querySelector("[role=alert]")).toBeNull();
  });
  it("forgets an answer that comes after a newer question", async () => {
    const { panel } = await open({ q: "one" }, (a) => answer([hit({ filename: (a.body as { query: string }).query })]));
    panel.show({ q: "two" });
    panel.show({ q: "three" });
    await settle();
    expect([...document.querySelectorAll("a.cite")].map((x) => x.textContent)).toEqual(["three:7"]);
  });
});
