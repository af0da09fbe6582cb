import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Cited } from "../src/analysis";
import { LineReader } from "../src/linereader";
import { isLit, nextCitation, Viewer, windowMax } from "../src/viewer";

const cite = (first: number, last = first, begin: number | null = null): Cited => ({ lines: { first, last }, begin, title: "t" + first, level: "error", quote: "", group: "g" + first });
const text = Array.from({ length: 5_000 }, (_, i) => `row ${i + 1}`).join("\n");
const make = (cited: Cited[], content = text, fetch?: (from: number, to: number) => Promise<Uint8Array>) => {
  const all = new TextEncoder().encode(content), moved = vi.fn();
  const viewer = new Viewer(new LineReader(all.length, fetch ?? (async (a, b) => all.slice(a, b + 1))), cited, { moved });
  document.body.replaceChildren(viewer.node);
  return { viewer, moved };
};
const numbers = (selector = ".row") => [...document.querySelectorAll<HTMLElement>(selector)].map((n) => Number(n.dataset["line"]));
const settle = () => new Promise((r) => setTimeout(r, 0));

beforeEach(() => document.body.replaceChildren());

describe("citations", () => {
  const all = [cite(10), cite(20, 25), cite(90)];
  it("follow each other both ways, and around the end", () => {
    expect([nextCitation(all, 0, 1), nextCitation(all, 10, 1), nextCitation(all, 90, 1)]).toEqual([0, 1, 0]);
    expect([nextCitation(all, 90, -1), nextCitation(all, 15, -1), nextCitation(all, 10, -1)]).toEqual([1, 0, 2]);
    expect(nextCitation([], 5, 1)).toBe(-1);
  });
  it("light a line from first to last", () => expect([19, 20, 25, 26].map((n) => isLit([all[1]!.lines], n))).toEqual([false, true, true, false]));
});

describe("the viewer", () => {
  it("shows a window around the asked lines and lights them", async () => {
    const { viewer, moved } = make([cite(2_000, 2_001)]);
    await viewer.go({ first: 2_000, last: 2_001 });
    expect(numbers(".row.lit")).toEqual([2_000, 2_001]);
    expect(numbers(".row.cited")).toEqual([2_000, 2_001]);
    expect(document.querySelectorAll(".row").length).toBeLessThanOrEqual(windowMax);
    expect(document.querySelector(".row.lit")!.textContent).toBe("2000row 2000");
    expect(document.querySelector(".row.lit")!.getAttribute("aria-current")).toBe("location");
    expect(moved).toHaveBeenCalledWith({ first: 2_000, last: 2_001 });
  });
  it("goes on with n and back with p, saying where", async () => {
    const { viewer } = make([cite(100), cite(4_000)]);
    await viewer.go({ first: 1, last: 1 });
    expect(viewer.key(new KeyboardEvent("keydown", { key: "n" }))).toBe(true);
    await settle(); await settle();
    expect(numbers(".row.lit")).toEqual([100]);
    await viewer.citation(1);
    expect(numbers(".row.lit")).toEqual([4_000]);
    expect(document.querySelector(".what")!.textContent).toBe("2 of 2, line 4000: t4000");
    await viewer.citation(-1);
    expect(numbers(".row.lit")).toEqual([100]);
    expect(viewer.key(new KeyboardEvent("keydown", { key: "x" }))).toBe(false);
  });
  it("says how long the file is when the line is behind its end", async () => {
    const { viewer } = make([]);
    await viewer.go({ first: 9_000, last: 9_000 });
    expect(document.querySelector(".error")!.textContent).toMatch(/5,000 lines; line 9,000 is behind its end/);
    expect(numbers(".row").includes(5_000)).toBe(true);
  });
  it("says what is wrong with a line that is none", async () => {
    const { viewer } = make([]);
    await viewer.go({ first: 1, last: 1 });
    document.querySelector<HTMLInputElement>("#line")!.value = "first";
    document.querySelector<HTMLFormElement>(".goto")!.dispatchEvent(new Event("submit", { cancelable: true }));
    expect(document.querySelector(".error")!.textContent).toMatch(/Write a line number/);
  });
  it("shows a failure and goes on after it", async () => {
    let fails = true;
    const all = new TextEncoder().encode(text);
    const { viewer } = make([], text, async (a, b) => { if (fails) throw new Error("The server is away"); return all.slice(a, b + 1); });
    await viewer.go({ first: 5, last: 5 });
    expect(document.querySelector<HTMLElement>(".error")!.hidden).toBe(false);
    expect(document.querySelector(".error")!.textContent).toMatch(/The server is away/);
    fails = false;
    await viewer.go({ first: 5, last: 5 });
    expect(document.querySelector<HTMLElement>(".error")!.hidden).toBe(true);
    expect(numbers(".row.lit")).toEqual([5]);
  });
  it("puts text in as text, and only the beginning of an endless line", async () => {
    const { viewer } = make([], "<img src=x>\n" + "y".repeat(9_000));
    await viewer.go({ first: 1, last: 1 });
    expect(document.querySelector("img")).toBeNull();
    expect(document.querySelectorAll(".txt")[0]!.textContent).toBe("<img src=x>");
    expect(document.querySelectorAll(".txt")[1]!.textContent).toMatch(/9,000 bytes in this line; only its beginning/);
  });
});
