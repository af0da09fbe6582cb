import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Template } from "../src/analysis";
import { cleanSvg, plotFigures } from "../src/plots";
import { sparkline, sparklineWords, usedParts } from "../src/sparkline";
import { matching, sorted, TemplateTable } from "../src/templatetable";

const t = (id: number, pattern: string, count: number, level: Template["level"], first: number, last = first): Template => ({ id, pattern, count, level, trouble: 0, first, last, example: { line: first, begin: 0, text: `${level} ${pattern}` }, overTime: [count, 0, 0] });
const all = [t(0, "request <*> served", 1_976, "info", 2, 2_000), t(1, "entry <*> evicted", 21, "warning", 1, 1_941), t(2, "connection refused", 1, "error", 1_201)];

beforeEach(() => document.body.replaceChildren());

describe("the order of templates", () => {
  it("goes by any column, both ways", () => {
    const ids = (by: Parameters<typeof sorted>[1]["by"], up: boolean) => sorted(all, { by, up }).map((x) => x.id);
    expect(ids("level", false)).toEqual([2, 1, 0]);
    expect(ids("count", false)).toEqual([0, 1, 2]);
    expect(ids("pattern", true)).toEqual([2, 1, 0]);
    expect(ids("first", true)).toEqual([1, 0, 2]);
    expect(ids("last", false)).toEqual([0, 1, 2]);
  });
  it("is narrowed by words, levels and example", () => {
    expect(matching(all, " REFUSED ").map((x) => x.id)).toEqual([2]);
    expect(matching(all, "warning").map((x) => x.id)).toEqual([1]);
    expect(matching(all, "evicted served")).toEqual([]);
  });
});

describe("the table", () => {
  const make = (templates = all) => {
    const open = vi.fn();
    const table = new TemplateTable(templates, open, (at) => `/x?lines=${at.first}`);
    document.body.replaceChildren(table.node);
    return { open, rows: () => [...document.querySelectorAll("tbody tr")] };
  };
  it("has a sparkline in each row and leads to the first line", () => {
    const { open, rows } = make();
    expect(rows().map((r) => r.querySelectorAll("svg.spark").length)).toEqual([1, 1, 1]);
    const link = rows()[0]!.querySelector<HTMLAnchorElement>(".pattern a")!;
    expect(link.getAttribute("href")).toBe("/x?lines=1201");
    link.click();
    expect(open).toHaveBeenCalledWith({ first: 1_201, last: 1_201 });
  });
  it("says aloud by what it is sorted", () => {
    make();
    const head = () => [...document.querySelectorAll("th")].map((c) => c.getAttribute("aria-sort"));
    expect(head()[0]).toBe("descending");
    const count = document.querySelectorAll<HTMLButtonElement>("button.sort")[1]!;
    count.click();
    expect([head()[0], head()[1]]).toEqual([null, "descending"]);
    count.click();
    expect(head()[1]).toBe("ascending");
  });
  it("says what to do when nothing matches, and shows a long list in parts", () => {
    const { rows } = make(Array.from({ length: 250 }, (_, i) => t(i, "p" + i, 1, "info", i + 1)));
    expect(rows().length).toBe(100);
    document.querySelector<HTMLButtonElement>(".templates > button")!.click();
    expect(rows().length).toBe(200);
    const filter = document.querySelector<HTMLInputElement>("#template-filter")!;
    filter.value = "nothing like it";
    filter.dispatchEvent(new Event("input"));
    expect(document.querySelector("[role=status]")!.textContent).toMatch(/Try fewer/);
  });
});

describe("a sparkline", () => {
  it("is SVG without styles: a strict policy lets it through", () => {
    const s = sparkline([0, 1, 4], "words");
    expect(s.namespaceURI).toBe("http://www.w3.org/2000/svg");
    expect(s.querySelectorAll("rect").length).toBe(2);
    expect([s, ...s.querySelectorAll("*")].some((n) => n.hasAttribute("style"))).toBe(false);
    expect(s.getAttribute("aria-label")).toBe("words");
  });
  it("says in words where it is", () => {
    expect(sparklineWords([])).toBe("none");
    expect(sparklineWords([3, 3, 3, 3])).toBe("evenly over the file");
    expect(sparklineWords([0, 5, 0, 0])).toBe("all around 25 % of the file");
    expect(sparklineWords([0, 1, 9, 0])).toBe("from 25 % to 75 % of the file, most around 50 %");
  });
  it("leaves out the parts behind the end of the file", () => expect(usedParts([[1, 0, 0], [0, 2, 0]])).toBe(2));
});

describe("plots", () => {
  const drawn = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 140" role="img"><title>cpu</title><rect width="640" height="140" fill="#fff"/><polyline points="1,2 3,4" stroke="#2563eb"/><text x="8" y="16">cpu</text></svg>';
  it("come through whole", () => {
    const [figure] = plotFigures([{ name: "cpu", svg: drawn, sparkline: "▁█" }]);
    const s = figure!.querySelector("svg")!;
    expect(s.getAttribute("viewBox")).toBe("0 0 640 140");
    expect(s.querySelector("polyline")!.getAttribute("points")).toBe("1,2 3,4");
    expect(s.getAttribute("aria-label")).toBe("Plot of cpu");
  });
  it("bring no scripts, links, styles or handlers along", () => {
    const html = cleanSvg('<svg onload="x()"><script>x()</script><style>*{}</style><a href="javascript:x()"><text>t</text></a><image href="http://e.org/x"/><foreignObject><p>p</p></foreignObject><rect style="fill:red" onclick="x()"/><use href="#a"/></svg>');
    expect(html).not.toMatch(/script|onload|onclick|style|href|image|foreignObject|<use/i);
  });
  it("fall back on the line of blocks", () => {
    const [figure] = plotFigures([{ name: "cpu", svg: "", sparkline: "▁█" }]);
    expect(figure!.textContent).toContain("▁█");
  });
});
