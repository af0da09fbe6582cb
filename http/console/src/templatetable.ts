// The templates of a log as a table that can be sorted and filtered; a row leads to the first line of its template.
import type { Level, Template } from "./analysis";
import { h } from "./dom";
import type { LineRange } from "./router";
import { sparkline, sparklineWords, usedParts } from "./sparkline";

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
export function matching(all: readonly Template[], words: string): Template[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return wanted.length === 0 ? [...all] : all.filter((t) => wanted.every((w) => t.pattern.toLowerCase().includes(w) || t.level === w || t.example.text.toLowerCase().includes(w)));
}

const rowsAtOnce = 100;
const columns: [Column | null, string][] = [["level", "Level"], ["count", "Count"], [null, "Over the file"], ["pattern", "Template"], ["first", "First line"], ["last", "Last line"]];

export class TemplateTable {
  readonly node: HTMLElement;
  private order: Order = { by: "level", up: false };
  private words = "";
  private shown = rowsAtOnce;
  private readonly body = h("tbody", { role: "rowgroup" });
  private readonly heads = new Map<Column, HTMLTableCellElement>();
  private readonly count = h("p", { class: "quiet", role: "status" });
  private readonly more = h("button", { type: "button", hidden: true });
  private readonly parts: number;

  constructor(private readonly templates: readonly Template[], private readonly open: (at: LineRange) => void, private readonly hrefOf: (at: LineRange) => string) {
    this.parts = usedParts(templates.map((t) => t.overTime));
    // The roles are said aloud because a narrow window shows rows as blocks, which takes them away.
    const head = h("tr", { role: "row" });
    for (const [column, text] of columns) {
      if (!column) { head.append(h("th", { scope: "col", role: "columnheader" }, text)); continue; }
      const cell = h("th", { scope: "col", role: "columnheader" }, h("button", { type: "button", class: "ghost sort", onclick: () => this.sort(column) }, text, h("span", { class: "arrow", "aria-hidden": "true" })));
      this.heads.set(column, cell);
      head.append(cell);
    }
    const filter = h("input", { type: "search", id: "template-filter", placeholder: "Words, or a level", "aria-label": "Filter the templates", oninput: () => { this.words = filter.value; this.shown = rowsAtOnce; this.draw(); } });
    this.more.addEventListener("click", () => { const from = this.shown; this.shown += rowsAtOnce; this.draw(); this.body.children[from]?.querySelector("a")?.focus(); });
    this.node = h("section", { class: "templates", "aria-label": "Templates" }, h("div", { class: "toolbar" }, filter, this.count),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of templates" }, h("table", { role: "table" }, h("caption", { class: "visually-hidden" }, "What the log says, with what changes left out"), h("thead", { role: "rowgroup" }, head), this.body)), this.more);
    this.draw();
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
    const found = sorted(matching(this.templates, this.words), this.order);
    this.body.replaceChildren(...found.slice(0, this.shown).map((t) => this.row(t)));
    this.more.hidden = found.length <= this.shown;
    this.more.textContent = `Show more (${(found.length - this.shown).toLocaleString("en")} left)`;
    const n = (x: number) => `${x.toLocaleString("en")} ${x === 1 ? "template" : "templates"}`;
    this.count.textContent = this.words.trim() === "" ? n(this.templates.length) : found.length === 0 ? "No template has these words. Try fewer." : `${found.length.toLocaleString("en")} of ${n(this.templates.length)}`;
  }
  private row(t: Template): HTMLTableRowElement {
    const to = (line: number, text: string, label: string) => {
      const at = { first: line, last: line };
      return h("a", { href: this.hrefOf(at), "aria-label": label, onclick: (e: MouseEvent) => { if (e.ctrlKey || e.metaKey || e.shiftKey) return; e.preventDefault(); this.open(at); } }, text);
    };
    const parts = t.overTime.slice(0, this.parts), line = (n: number) => n.toLocaleString("en");
    return h("tr", { role: "row", "data-template": t.id },
      h("td", { role: "cell" }, t.level === "none" ? "" : h("span", { class: "badge " + t.level }, t.level)),
      h("td", { role: "cell", class: "number" }, line(t.count)),
      h("td", { role: "cell" }, sparkline(parts, sparklineWords(parts))),
      h("td", { role: "cell", class: "pattern", title: t.example.text }, to(t.first, t.pattern || "(an empty line)", `${t.pattern || "(an empty line)"}, open at line ${t.first}`)),
      h("td", { role: "cell", class: "number" }, to(t.first, line(t.first), `${line(t.first)}, the first line of it`)),
      h("td", { role: "cell", class: "number" }, to(t.last, line(t.last), `${line(t.last)}, the last line of it`)));
  }
}
