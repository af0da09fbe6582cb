// Lines and errors of a log over time: the axis, the bars, and what stands for them in words.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { analysisOf, type OverTime } from "../src/analysis";
import { firstOfEach } from "../src/filepage";
import { sparklineWords } from "../src/sparkline";
import { TemplateTable } from "../src/templatetable";
import { moment, partName, span, ticks } from "../src/timeaxis";
import { inWords, timePlot } from "../src/timeplot";

const all = { zone: true, year: true, date: true }, begin = Date.UTC(2026, 0, 31, 11, 56, 48);
const grid = (more: Partial<OverTime> = {}): OverTime => ({ timed: true, begin, width: 256_000, lines: new Array<number>(48).fill(5), errors: new Array<number>(48).fill(0), ...more });
const spelled = (t: OverTime, known = all) => ticks(t, known).map((x) => x.text);

beforeEach(() => document.body.replaceChildren());

describe("the axis", () => {
  it("marks round moments, where they lie", () => {
    const got = ticks(grid(), all);
    expect(got.map((x) => x.text)).toEqual(["12:00", "13:00", "14:00", "15:00"]);
    expect(got[0]!.at).toBeCloseTo(192 / (48 * 256), 5);
  });
  it("names days where they change, months over years, seconds within a minute", () => {
    expect(spelled(grid({ begin: Date.UTC(2026, 0, 31, 20), width: 600_000 }))).toEqual(["20:00", "22:00", "1 Feb 00:00", "02:00"]);
    expect(spelled(grid({ begin: Date.UTC(2026, 0, 30), width: 86_400_000 }))).toEqual(["12 Feb", "26 Feb", "12 Mar"]);
    expect(spelled(grid({ begin: Date.UTC(2020, 0, 1), width: 60 * 86_400_000 })).every((x) => /^\d+ \w{3} 20\d\d$/.test(x))).toBe(true);
    expect(spelled(grid({ width: 1_000 }))).toEqual(["11:56:50", "11:57:00", "11:57:10", "11:57:20", "11:57:30"]);
  });
  it("never has more marks than fit, and says no day that the log did not say", () => {
    for (let width = 1; width < 2 ** 40; width *= 2) expect(ticks(grid({ width: width * 1_000, begin: 0 }), all).length).toBeLessThanOrEqual(8);
    expect(spelled(grid({ begin: Date.UTC(2026, 0, 31, 20), width: 600_000 }), { ...all, date: false })).toEqual(["20:00", "22:00", "00:00", "02:00"]);
  });
  it("counts lines where there is no time", () => expect(spelled(grid({ timed: false, begin: 0, width: 64 }))).toEqual(["line 1,000", "line 2,000", "line 3,000"]));
  it("calls parts by their ends", () => {
    expect(partName(grid(), 0, all)).toBe("31 Jan 2026 11:56:48 to 12:01:04");
    expect(partName(grid(), 0, { ...all, year: false })).toBe("31 Jan 11:56:48 to 12:01:04");
    expect(partName(grid({ begin: Date.UTC(2026, 0, 31, 23, 59), width: 120_000 }), 0, all)).toBe("31 Jan 2026 23:59:00 to 1 Feb 2026 00:01:00");
    expect(partName(grid({ timed: false, begin: 0, width: 64 }), 1, all)).toBe("lines 64 to 127");
    expect(moment(begin, { ...all, date: false })).toBe("11:56:48");
    expect([span(256_000), span(3_600_000), span(90_000_000), span(0)]).toEqual(["4 min 16 s", "1 h", "1 d 1 h", "0 s"]);
  });
});

describe("the plot", () => {
  const errors = new Array<number>(48).fill(0).map((_, i) => (i > 23 ? 32 : 0));
  it("has a row for lines and one for errors, each with its own height", () => {
    const figure = timePlot(grid({ errors }), all);
    expect(figure.querySelectorAll("svg.of-lines rect.bar").length).toBe(48);
    expect([...figure.querySelectorAll("svg.of-errors rect.bar")].filter((r) => Number(r.getAttribute("height")) > 0).length).toBe(24);
    expect(figure.querySelector(".rowname")!.textContent).toBe("Lines at most 5 in 4 min 16 s");
    expect(figure.querySelector("svg.of-errors title")!.textContent).toBe("31 Jan 2026 11:56:48 to 12:01:04: 0");
    expect(figure.querySelector("figcaption")!.textContent).toBe("31 Jan 2026 11:56:48 to 15:21:36, UTC");
    expect([...figure.querySelectorAll("*")].some((n) => n.tagName !== "SPAN" && n.hasAttribute("style"))).toBe(false);
  });
  it("says the same in words, and as numbers when asked", () => {
    expect(inWords("errors", errors, (i) => `part ${i}`)).toBe("768 errors, the first in part 24, most in part 24: 32.");
    expect(inWords("errors", [0, 0], String)).toBe("No errors.");
    const figure = timePlot(grid({ errors }), { ...all, zone: false });
    document.body.append(figure);
    const details = figure.querySelector("details")!;
    expect(details.querySelector("table")).toBeNull();
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
    expect(details.querySelectorAll("tbody tr").length).toBe(48);
    expect(details.querySelector("th")!.textContent).toBe("Time (zone not said)");
  });
  it("says that there are no errors instead of an empty row", () => expect(timePlot(grid(), all).textContent).toContain("No errors were recognised."));
});

describe("the analysis", () => {
  const line = (n: number) => ({ line: n, begin: n * 10, end: n * 10 + 9, text: `row ${n}` });
  const template = (id: number, level: string, first: number, count: number) => ({ id, pattern: `p${id}`, level, count, first_line: first, last_line: first + count, example: line(first), over_time: [1] });
  const a = analysisOf({
    templates: [template(0, "error", 40, 3), template(1, "warning", 10, 9)],
    over_time: { timed: true, begin: "2026-01-31T12:00:00.000Z", width: 64, lines: [1, 2], errors: [0, 1] },
    look_first: [{ template_id: 1, why: "rare", score: 9, count: 9, quote: line(10), lines: [[10, 10], [14, 14]], lines_cut: true }, { template_id: 0, why: "error", score: 5, count: 3, quote: line(40), lines: [[40, 43]] }],
    findings: [{ kind: "first_error", title: "The first error", at: line(40) }, { kind: "level_shift", title: "Errors rise", at: line(38) }, { kind: "vanishes", title: "“hb” never again", at: line(5) }, { kind: "burst", title: "A burst", at: line(40) }],
  });
  it("keeps what changed apart from what to look at, and lights both", () => {
    expect(a.changes.map((c) => [c.kind, c.line])).toEqual([["level_shift", 38], ["vanishes", 5], ["burst", 40]]);
    expect(a.look.map((c) => c.lines.first)).toEqual([10, 14, 40]);
    expect(a.cited.map((c) => c.lines.first)).toEqual([5, 10, 14, 38, 40]);
    expect(a.cited[4]!.title).toContain("A burst");
  });
  it("is listed as the server ranked it, once a kind, with how many lines there are", () => {
    const got = firstOfEach(a.look);
    expect(got.map((c) => c.lines.first)).toEqual([10, 40]);
    expect(got[0]!.title).toBe("p1 (rare)");
    expect(got[0]!.kind).toEqual({ count: 9, first: 10, last: 19 });
    expect(got[1]!.title).toBe("p0 (error); The first error");
  });
  it("has its counts over time, and none where they make no sense", () => {
    expect(a.overTime).toEqual({ timed: true, begin: Date.UTC(2026, 0, 31, 12), width: 64_000, lines: [1, 2], errors: [0, 1] });
    for (const wrong of [null, {}, { timed: true, begin: "never", width: 1, lines: [1, 2] }, { begin: 0, width: 0, lines: [1, 2] }, { begin: 0, width: 4, lines: [0, 0] }, { begin: 0, width: 4, lines: [3] }]) expect(analysisOf({ over_time: wrong }).overTime).toBeNull();
  });
});

describe("templates", () => {
  const t = (id: number, level: "error" | "warning" | "info" | "fatal") => ({ id, pattern: "p" + id, count: 1, level, trouble: 0, first: id + 1, last: id + 1, example: { line: id + 1, begin: 0, text: "" }, overTime: [1, 0, 0] });
  const make = () => {
    const table = new TemplateTable([t(0, "info"), t(1, "error"), t(2, "warning"), t(3, "fatal")], vi.fn(), () => "/x", { time: grid({ lines: [1, 1, 1], errors: [] }), known: all });
    document.body.append(table.node);
    return { table, rows: () => [...document.querySelectorAll("tbody tr")].map((r) => r.querySelector(".pattern")!.textContent) };
  };
  it("are narrowed to a level, or to it and worse", () => {
    const { table, rows } = make();
    table.showLevel("error+");
    expect(rows()).toEqual(["p3", "p1"]);
    table.showLevel("warning");
    expect(rows()).toEqual(["p2"]);
    expect(document.querySelector("[role=status]")!.textContent).toBe("1 of 4 templates");
    table.showLevel("no such level");
    expect(rows().length).toBe(4);
  });
  it("are walked by keys, to the ends and no further", () => {
    const { table } = make(), at = () => document.activeElement!.textContent;
    table.move(1);
    expect(at()).toBe("p3");
    table.move(1); table.move(1); table.move(1); table.move(1);
    expect(at()).toBe("p0");
    table.move(-1);
    expect(at()).toBe("p2");
  });
  it("say when they were, in the time of the log", () => {
    make();
    expect(document.querySelector("svg.spark")!.getAttribute("aria-label")).toBe("all around 31 Jan 2026 11:56:48");
    expect(sparklineWords([0, 1, 9, 0], (i) => `#${i}`)).toBe("from #1 to #3, most around #2");
    expect(document.querySelector("th .ends")!.textContent).toBe("11:5612:09");
  });
});
