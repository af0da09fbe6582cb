// The templates of a log as a table that can be sorted and filtered; a row leads to the first line of its template.
import type { Level, OverTime, Template } from "./analysis";
import { h, type Child } from "./dom";
import type { LineRange } from "./router";
import { sparkline, sparklineWords, usedParts } from "./sparkline";
import { moment, type Known } from "./timeaxis";

export type Column = "level" | "count" | "pattern" | "first" | "last";
export interface Order { by: Column; up: boolean }
const weight: Record<Level, number> = { fatal: 6, error: 5, warning: 4, note: 3, info: 2, debug: 1, none: 0 };

export function sorted(all: readonly Template[], { by, up }: Order): Template[] {
  const compare: Record<Column, (a: Template, b: Template) => number> = {
    level: (a, b) => weight[a.level] - weight[b.level] || a.trouble - b.trouble,
    count: (a, b) => a.count - b.count,
    pattern: (a, b) => a.pattern.localeCompare(b.pattern, "en"),
    first: (a, b) => a.first - b.first,
    last: (a, b) => a.last - b.last,
  };
  // What is equal stays in the order of its first line, whichever way the column runs.
  return [...all].sort((a, b) => (up ? 1 : -1) * compare[by](a, b) || a.first - b.first);
}
/** `level`: one level, or with a "+" behind it that level and worse; "" lets all pass. */
export const ofLevel = (t: Template, level: string): boolean => level === "" || (level.endsWith("+") ? weight[t.level] >= (weight[level.slice(0, -1) as Level] ?? 0) : t.level === level);
export function matching(all: readonly Template[], words: string, level = ""): Template[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((t) => ofLevel(t, level) && wanted.every((w) => t.pattern.toLowerCase().includes(w) || t.level === w || t.example.text.toLowerCase().includes(w)));
}

const rowsAtOnce = 100;
const columns: [Column | null, string][] = [["level", "Level"], ["count", "Count"], [null, ""], ["pattern", "Template"], ["first", "First line"], ["last", "Last line"]];

export class TemplateTable {
  readonly node: HTMLElement;
  private order: Order = { by: "level", up: false };
  private words = "";
  private readonly level: HTMLSelectElement;
  private shown = rowsAtOnce;
  private readonly body = h("tbody", { role: "rowgroup" });
  private readonly heads = new Map<Column, HTMLTableCellElement>();
  private readonly count = h("p", { class: "quiet", role: "status" });
  private readonly more = h("button", { type: "button", hidden: true });
  private readonly parts: number;

  /** `over`: the span that the small bars stand for. */
  constructor(private readonly templates: readonly Template[], private readonly open: (at: LineRange) => void, private readonly hrefOf: (at: LineRange) => string, private readonly over: { time: OverTime; known: Known } | null = null) {
    this.parts = over ? over.time.lines.length : usedParts(templates.map((t) => t.overTime));
    // The roles are said aloud because a narrow window shows rows as blocks, which takes them away.
    const head = h("tr", { role: "row" });
    for (const [column, text] of columns) {
      if (!column) { head.append(h("th", { scope: "col", role: "columnheader" }, ...this.spanHead())); continue; }
      const cell = h("th", { scope: "col", role: "columnheader" }, h("button", { type: "button", class: "ghost sort", onclick: () => this.sort(column) }, text, h("span", { class: "arrow", "aria-hidden": "true" })));
      this.heads.set(column, cell);
      head.append(cell);
    }
    const counted = (level: Level) => templates.filter((t) => t.level === level).length;
    const present = (Object.keys(weight) as Level[]).filter((l) => counted(l) > 0), worse = (["error", "warning"] as const).filter((l) => templates.some((t) => ofLevel(t, l + "+")));
    this.level = h("select", { id: "template-level", "aria-label": "Level", onchange: () => { this.shown = rowsAtOnce; this.draw(); } }, h("option", { value: "" }, "All levels"),
      ...worse.map((l) => h("option", { value: l + "+" }, `${l === "error" ? "Errors" : "Warnings"} and worse (${templates.filter((t) => ofLevel(t, l + "+")).length})`)), ...present.map((l) => h("option", { value: l }, `${l === "none" ? "without a level" : l} (${counted(l)})`)));
    const filter = h("input", { type: "search", id: "template-filter", placeholder: "Words of a template", "aria-label": "Filter the templates", oninput: () => { this.words = filter.value; this.shown = rowsAtOnce; this.draw(); } });
    this.more.addEventListener("click", () => { const from = this.shown; this.shown += rowsAtOnce; this.draw(); this.body.children[from]?.querySelector("a")?.focus(); });
    this.node = h("section", { class: "templates", "aria-label": "Templates" }, h("div", { class: "toolbar" }, filter, this.level, this.count),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of templates" }, h("table", { role: "table" }, h("caption", { class: "visually-hidden" }, "What the log says, with what changes left out"), h("thead", { role: "rowgroup" }, head), this.body)), this.more);
    this.draw();
  }
  /** Only templates of this level; "" for all. */
  showLevel(level: string): void {
    this.level.value = [...this.level.options].some((o) => o.value === level) ? level : "";
    this.shown = rowsAtOnce;
    this.draw();
  }
  /** Moves the focus from row to row, from wherever it is. */
  move(by: 1 | -1): void {
    const rows = [...this.body.children], at = rows.findIndex((r) => r.contains(document.activeElement));
    const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
    next?.querySelector<HTMLElement>(".pattern a")?.focus();
  }
  /** Above the small bars: what they span. */
  private spanHead(): Child[] {
    if (!this.over) return ["Over the file"];
    const { time, known } = this.over, end = time.begin + this.parts * time.width;
    // Within one day the hours say it, else the days do.
    const [from, to] = [moment(time.begin, known), moment(end, known)], oneDay = from.slice(0, -8) === to.slice(0, -8);
    const ends = !time.timed ? ["first line", "last line"] : [from, to].map((m) => (oneDay ? m.slice(-8, -3) : m.slice(0, -9)));
    return [time.timed ? "Over time" : "Over the file", h("span", { class: "ends quiet" }, h("span", {}, ends[0]!), h("span", {}, ends[1]!))];
  }
  private sort(by: Column): void {
    // Numbers and levels are wanted from the largest, names and places from the first.
    this.order = this.order.by === by ? { by, up: !this.order.up } : { by, up: by !== "count" && by !== "level" };
    this.draw();
  }
  private draw(): void {
    for (const [column, cell] of this.heads) {
      const mine = this.order.by === column;
      if (mine) cell.setAttribute("aria-sort", this.order.up ? "ascending" : "descending"); else cell.removeAttribute("aria-sort");
      cell.querySelector(".arrow")!.textContent = mine ? (this.order.up ? " ▲" : " ▼") : "";
    }
    const found = sorted(matching(this.templates, this.words, this.level.value), this.order);
    this.body.replaceChildren(...found.slice(0, this.shown).map((t) => this.row(t)));
    this.more.hidden = found.length <= this.shown;
    this.more.textContent = `Show more (${(found.length - this.shown).toLocaleString("en")} left)`;
    const n = (x: number) => `${x.toLocaleString("en")} ${x === 1 ? "template" : "templates"}`;
    this.count.textContent = found.length === this.templates.length ? n(found.length) : found.length === 0 ? "No template is like this. Try fewer words, or all levels." : `${found.length.toLocaleString("en")} of ${n(this.templates.length)}`;
  }
  private row(t: Template): HTMLTableRowElement {
    const to = (line: number, text: string, label: string) => {
      const at = { first: line, last: line };
      return h("a", { href: this.hrefOf(at), "aria-label": label, onclick: (e: MouseEvent) => { if (e.ctrlKey || e.metaKey || e.shiftKey) return; e.preventDefault(); this.open(at); } }, text);
    };
    const parts = t.overTime.slice(0, this.parts), over = this.over?.time.timed ? this.over : null, words = sparklineWords(parts, over ? (i) => moment(over.time.begin + i * over.time.width, over.known) : undefined), line = (n: number) => n.toLocaleString("en");
    return h("tr", { role: "row", "data-template": t.id },
      h("td", { role: "cell" }, t.level === "none" ? "" : h("span", { class: "badge " + t.level }, t.level)),
      h("td", { role: "cell", class: "number" }, line(t.count)),
      h("td", { role: "cell" }, h("span", { title: words }, sparkline(parts, words))),
      h("td", { role: "cell", class: "pattern", title: t.example.text }, to(t.first, t.pattern || "(an empty line)", `${t.pattern || "(an empty line)"}, open at line ${t.first}`)),
      h("td", { role: "cell", class: "number" }, to(t.first, line(t.first), `${line(t.first)}, the first line of it`)),
      h("td", { role: "cell", class: "number" }, to(t.last, line(t.last), `${line(t.last)}, the last line of it`)));
  }
}
