// The text of a file, however large: a window of lines that grows where one scrolls and lets go at the other end, line
// numbers, and the cited lines lit. Next and previous citation by button and by n and p.
import { explain } from "./advice";
import type { Cited } from "./analysis";
import { byId, h } from "./dom";
import type { Line, LineReader } from "./linereader";
import { speak } from "./notices";
import { linesText, parseLines, type LineRange } from "./router";
import { levelOf, visible } from "./text";

export const windowMax = 600, step = 150, before = 12;

/** The citation after (or before) a line; wraps around. -1 when there is none. */
export function nextCitation(cited: readonly Cited[], line: number, by: 1 | -1): number {
  if (cited.length === 0) return -1;
  if (by > 0) {
    const at = cited.findIndex((c) => c.lines.first > line);
    return at < 0 ? 0 : at;
  }
  for (let i = cited.length - 1; i >= 0; --i) if (cited[i]!.lines.first < line) return i;
  return cited.length - 1;
}
export const isLit = (ranges: readonly LineRange[], line: number): boolean => ranges.some((r) => line >= r.first && line <= r.last);

export interface ViewerActions { moved(lines: LineRange): void }

export class Viewer {
  readonly node: HTMLElement;
  private readonly list = h("div", { class: "lines", role: "list" });
  private readonly box: HTMLElement;
  private readonly status = h("span", { class: "quiet", role: "status" });
  private readonly what = h("p", { class: "what", role: "status" });
  private readonly trouble = h("p", { class: "error", role: "alert", hidden: true });
  private readonly lineField: HTMLInputElement;
  private readonly wrap: HTMLInputElement;
  private readonly citedLines: readonly LineRange[];
  private first = 1; // of the window
  private rows: Line[] = [];
  private atEnd = false;
  private target: LineRange | null = null;
  private turn = 0;
  private filling = false;
  private disposed = false;

  constructor(private readonly reader: LineReader, private readonly cited: readonly Cited[], private readonly actions: ViewerActions) {
    this.citedLines = cited.map((c) => c.lines);
    for (const c of cited) if (c.begin !== null) reader.know(c.lines.first, c.begin);
    this.lineField = h("input", { id: "line", inputmode: "numeric", size: 8, placeholder: "12 or 12-20", "aria-label": "Go to line", autocomplete: "off" });
    this.wrap = h("input", { type: "checkbox", id: "wrap", onchange: () => this.node.classList.toggle("wrapped", this.wrap.checked) });
    const button = (text: string, label: string, run: () => void) => h("button", { type: "button", "aria-label": label, title: label, onclick: run }, text);
    this.box = h("div", { class: "textbox", id: "filetext", tabindex: 0, role: "region", "aria-label": "Text of the file", onscroll: () => void this.fill(), onkeydown: (e: KeyboardEvent) => this.scrollKey(e) }, this.list);
    const none = cited.length === 0;
    const previous = button("Previous", "Previous cited line (p)", () => void this.citation(-1)), next = button("Next", "Next cited line (n)", () => void this.citation(1));
    previous.disabled = next.disabled = none;
    this.node = h("section", { class: "viewer", "aria-label": "File" },
      h("div", { class: "toolbar" }, previous, next,
        h("form", { class: "goto", "aria-label": "Go to line", onsubmit: (e: Event) => { e.preventDefault(); const at = parseLines(this.lineField.value.trim().replace(/[\s,.]/g, "")); if (at) void this.go(at); else this.fail("Write a line number such as 120, or a range such as 120-140."); } }, this.lineField, h("button", {}, "Go")),
        button("Start", "Start of the file", () => void this.go({ first: 1, last: 1 })), button("End", "End of the file", () => void this.toEnd()),
        h("label", { class: "check" }, this.wrap, "Wrap"), this.status),
      this.what, this.trouble, this.box);
    this.what.textContent = this.howMany();
  }
  dispose(): void { this.disposed = true; ++this.turn; }
  focus(): void { this.box.focus({ preventScroll: true }); }
  key(e: KeyboardEvent): boolean {
    if (e.key !== "n" && e.key !== "p") return false;
    void this.citation(e.key === "n" ? 1 : -1);
    return true;
  }
  private scrollKey(e: KeyboardEvent): void {
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    if (e.key === "Home") { e.preventDefault(); void this.go({ first: 1, last: 1 }); }
    if (e.key === "End") { e.preventDefault(); void this.toEnd(); }
  }

  private howMany(): string { const n = this.cited.length; return n === 0 ? "The analysis cites no lines of this file." : `${n.toLocaleString("en")} cited ${n === 1 ? "place" : "places"}; n and p lead from one to the next.`; }
  private fail(text: string): void { this.trouble.textContent = text; this.trouble.hidden = text === ""; }
  private looking(line: number): void { this.status.textContent = `Looking… line ${line.toLocaleString("en")}`; }
  private place(): void {
    const last = this.rows[this.rows.length - 1];
    this.status.textContent = !last ? "The file is empty." : `Lines ${this.rows[0]!.number.toLocaleString("en")} to ${last.number.toLocaleString("en")}${this.reader.total !== null ? ` of ${this.reader.total.toLocaleString("en")}` : ""}`;
  }

  async citation(by: 1 | -1): Promise<void> {
    const at = nextCitation(this.cited, this.target?.first ?? this.visibleLine(), by);
    const c = this.cited[at];
    if (!c) return;
    await this.go(c.lines);
    this.what.textContent = `${at + 1} of ${this.cited.length}, line ${linesText(c.lines)}: ${c.title}`;
  }
  private visibleLine(): number {
    const top = this.box.getBoundingClientRect().top;
    for (const row of this.list.children) if (row.getBoundingClientRect().bottom > top) return Number((row as HTMLElement).dataset["line"]) || this.first;
    return this.first;
  }

  /** Shows these lines, lit. */
  async go(lines: LineRange, tell = true): Promise<boolean> {
    const turn = ++this.turn;
    this.fail("");
    try {
      const from = Math.max(1, lines.first - before);
      const rows = await this.reader.lines(from, step * 2, (n) => { if (turn === this.turn) this.looking(n); });
      if (turn !== this.turn) return false;
      if (rows.length === 0 || rows[rows.length - 1]!.number < lines.first) {
        const total = this.reader.total ?? 0;
        this.place();
        if (total === 0) { this.draw([]); return true; }
        // The last line is shown instead of nothing, and why it is that one.
        const shown = this.rows.length > 0 || (await this.go({ first: total, last: total }, tell));
        this.fail(`The file has ${total.toLocaleString("en")} ${total === 1 ? "line" : "lines"}; line ${lines.first.toLocaleString("en")} is behind its end.`);
        return shown;
      }
      this.target = lines;
      this.draw(rows);
      this.atEnd = rows.length < step * 2;
      const target = this.list.querySelector<HTMLElement>(`[data-line="${lines.first}"]`);
      if (target) this.box.scrollTop = target.offsetTop - this.box.clientHeight / 4;
      const cited = this.cited.find((c) => lines.first >= c.lines.first && lines.first <= c.lines.last);
      this.what.textContent = cited ? `Line ${linesText(lines)}: ${cited.title}` : this.howMany();
      if (tell) {
        this.actions.moved(lines);
        speak([`Line ${lines.first}: ${(rows.find((r) => r.number === lines.first)?.text ?? "").slice(0, 200)}`]);
      }
      void this.fill();
      return true;
    } catch (e) {
      if (turn === this.turn) { this.status.textContent = ""; this.fail(explain(e)); }
      return false;
    }
  }
  private async toEnd(): Promise<void> {
    try {
      const turn = ++this.turn;
      const total = await this.reader.count((n) => { if (turn === this.turn) this.looking(n); });
      if (turn === this.turn) await this.go({ first: Math.max(1, total), last: Math.max(1, total) });
    } catch (e) {
      this.fail(explain(e));
    }
  }

  private row(l: Line): HTMLElement {
    const classes = ["row"], level = levelOf(visible(l.text.slice(0, 600)));
    if (level) classes.push(level);
    const cited = isLit(this.citedLines, l.number);
    if (cited) classes.push("cited");
    const now = this.target !== null && isLit([this.target], l.number);
    if (now) classes.push("lit");
    return h("div", { class: classes.join(" "), role: "listitem", "data-line": l.number, "aria-current": now ? "location" : undefined },
      h("span", { class: "no", "aria-label": `Line ${l.number}${cited ? ", cited" : ""}` }, String(l.number)),
      h("span", { class: "txt" }, visible(l.text), l.cut ? h("em", { class: "quiet" }, ` … ${(l.end - l.begin).toLocaleString("en")} bytes in this line; only its beginning is shown`) : null));
  }
  private draw(rows: Line[]): void {
    this.rows = rows;
    this.first = rows[0]?.number ?? 1;
    this.list.replaceChildren(...rows.map((r) => this.row(r)));
    this.place();
  }

  /** Grows the window where the reader is near its end, and drops lines at the other. */
  private async fill(): Promise<void> {
    if (this.filling || this.rows.length === 0 || this.disposed) return;
    const margin = this.box.clientHeight;
    const needBelow = !this.atEnd && this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < margin;
    const needAbove = this.first > 1 && this.box.scrollTop < margin;
    if (!needBelow && !needAbove) return;
    this.filling = true;
    const turn = this.turn;
    try {
      if (needBelow) {
        const last = this.rows[this.rows.length - 1]!.number;
        const more = await this.reader.lines(last + 1, step);
        if (turn !== this.turn) return;
        if (more.length < step) this.atEnd = true;
        this.list.append(...more.map((r) => this.row(r)));
        this.rows.push(...more);
        const tooMany = this.rows.length - windowMax;
        if (tooMany > 0) {
          const top = this.box.scrollTop, height = this.list.children[tooMany] instanceof HTMLElement ? (this.list.children[tooMany] as HTMLElement).offsetTop - (this.list.firstElementChild as HTMLElement).offsetTop : 0;
          for (let i = 0; i < tooMany; ++i) this.list.firstElementChild!.remove();
          this.rows.splice(0, tooMany);
          this.first = this.rows[0]!.number;
          this.box.scrollTop = top - height;
        }
      } else {
        const from = Math.max(1, this.first - step);
        const more = await this.reader.lines(from, this.first - from);
        if (turn !== this.turn) return;
        const height = this.box.scrollHeight, top = this.box.scrollTop;
        this.list.prepend(...more.map((r) => this.row(r)));
        this.rows.unshift(...more);
        this.first = this.rows[0]?.number ?? 1;
        this.box.scrollTop = top + this.box.scrollHeight - height;
        while (this.rows.length > windowMax) { this.list.lastElementChild!.remove(); this.rows.pop(); this.atEnd = false; }
      }
      this.place();
    } catch (e) {
      this.fail(explain(e));
      return;
    } finally {
      this.filling = false;
    }
    // A window that is still too small for its box is filled further; nothing scrolls by itself.
    if (this.box.clientHeight > 0) void this.fill();
  }
}
export const viewerBox = (): HTMLElement | null => byId("filetext");
