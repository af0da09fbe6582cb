// Search in a case: lines of its files and messages by words and likeness, narrowed by file, level, source and time.
// The question stands in the address, so that the way back from a line leads to what was found.
import { call } from "./api";
import { explain } from "./advice";
import { fileOf } from "./analysis";
import { h, type Child } from "./dom";
import { lit, type Segment } from "./highlight";
import { link, type Go } from "./page";
import type { CaseQuery } from "./router";
import { visible } from "./text";
import { timeNode } from "./time";

const atOnce = 20, deepest = 1_000;
export interface Found {
  source: "file" | "message"; file: string; name: string; message: string; role: string; line: number; level: string; at: string; reasons: string[];
  /** The line and its neighbours, as parts that are lit or not. */
  around: { line: number; parts: Segment[] }[];
}
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;
const text = (j: Json): string => (typeof j === "string" ? j : ""), number = (j: Json): number => (typeof j === "number" ? j : 0);

export function foundOf(j: Json): Found {
  const line = number(j.line), around = number(j.snippet?.line_first) > 0 && text(j.snippet?.text) !== "" ? { text: text(j.snippet.text), first: number(j.snippet.line_first), begin: number(j.snippet.begin) } : { text: text(j.text), first: line, begin: number(j.begin) };
  // The server counts bytes of the file; here they are counted in what is shown of it.
  const marks = (Array.isArray(j.highlights) ? j.highlights : []).map((x: Json): [number, number] => [number(x.begin) - around.begin, number(x.end) - around.begin]);
  const lines: Found["around"] = [{ line: around.first, parts: [] }];
  for (const s of lit(around.text, marks))
    s.text.split("\n").forEach((piece, i) => {
      if (i > 0) lines.push({ line: around.first + lines.length, parts: [] });
      if (piece !== "") lines[lines.length - 1]!.parts.push({ text: visible(piece.replace(/\r$/, "")), lit: s.lit });
    });
  while (lines.length > 1 && lines[lines.length - 1]!.parts.length === 0) lines.pop();
  return { source: j.source === "message" ? "message" : "file", file: text(j.file_id), name: text(j.filename), message: text(j.message_id), role: text(j.role), line, level: text(j.level), at: text(j.at), reasons: (Array.isArray(j.reasons) ? j.reasons : []).filter((r: Json) => typeof r === "string"), around: lines };
}

/** What the server is asked. Times of the fields are UTC. */
export function bodyOf(q: CaseQuery, offset: number): object {
  const filters: Record<string, string> = {};
  if (q.file) filters["file_id"] = q.file;
  if (q.level) filters["level"] = q.level;
  if (q.source) filters["source"] = q.source;
  for (const name of ["from", "to"] as const) if (q[name]) filters[name] = (q[name]!.length === 16 ? q[name] + ":00" : q[name]) + "Z";
  return { query: q.q, limit: atOnce, offset, ...(Object.keys(filters).length > 0 ? { filters } : {}) };
}
const narrowed = (q: CaseQuery): boolean => !!(q.file || q.level || q.source || q.from || q.to);
const levels: [string, string][] = [["", "All levels"], ["warning", "Warnings and worse"], ["error", "Errors and worse"], ["fatal", "Fatal"]];

export class CaseSearch {
  readonly node: HTMLElement;
  private readonly field = h("input", { type: "search", id: "case-search", placeholder: "Words, an id, a message: req-8f2a timeout", "aria-label": "Search in this case", maxlength: 1000, autocomplete: "off" });
  private readonly file = h("select", { id: "search-file", "aria-label": "File" }, h("option", { value: "" }, "All files"));
  private readonly level = h("select", { id: "search-level", "aria-label": "Level" }, ...levels.map(([value, name]) => h("option", { value }, name)));
  private readonly source = h("select", { id: "search-source", "aria-label": "Source" }, ...[["", "Files and messages"], ["file", "Files"], ["message", "Messages"]].map(([value, name]) => h("option", { value }, name!)));
  private readonly from = h("input", { type: "datetime-local", step: 1, id: "search-from" });
  private readonly to = h("input", { type: "datetime-local", step: 1, id: "search-to" });
  /** Seldom needed, and large on a telephone: folded until it is. */
  private readonly when = h("details", { class: "when" }, h("summary", {}, "Time"), h("span", { class: "span" }, h("label", { for: "search-from" }, "From"), this.from), h("span", { class: "span" }, h("label", { for: "search-to" }, "to"), this.to), h("span", { class: "quiet" }, "UTC"));
  private readonly status = h("p", { class: "quiet", role: "status" });
  private readonly help = h("div", {});
  private readonly list = h("ol", { class: "hits", "aria-label": "What was found", hidden: true });
  private readonly more = h("button", { type: "button", hidden: true, onclick: () => void this.load(true) }, "Show more");
  private query: CaseQuery = { q: "" };
  private shown: Found[] = [];
  private turn = 0;

  constructor(private readonly caseId: string, private readonly go: Go) {
    this.node = h("section", { class: "casesearch pad", "aria-label": "Search in this case" }, h("h2", { tabindex: -1 }, "Search"),
      h("form", { class: "searchform", role: "search", onsubmit: (e: Event) => { e.preventDefault(); this.submit(); } },
        h("div", { class: "toolbar search" }, this.field, h("button", { class: "primary" }, "Search")),
        h("div", { class: "toolbar" }, this.file, this.level, this.source, this.when)),
      this.status, this.help, this.list, this.more);
    // What narrows an answer that is there does so at once; words are sent when they are whole.
    for (const field of [this.file, this.level, this.source, this.from, this.to]) field.addEventListener("change", () => { if (this.query.q) this.submit(); });
    void this.learnFiles();
  }
  focus(): void { if (this.list.hidden) this.field.focus(); else this.list.querySelector<HTMLElement>("a")?.focus(); }
  dispose(): void { ++this.turn; }
  /** n and p walk what was found, "/" goes back to the words. */
  key(e: KeyboardEvent): boolean {
    if (e.key === "/") { this.field.focus(); this.field.select(); return true; }
    if (e.key !== "n" && e.key !== "p") return false;
    const all = [...this.list.querySelectorAll<HTMLElement>("a.cite")], at = all.indexOf(document.activeElement as HTMLElement), by = e.key === "n" ? 1 : -1;
    all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))]?.focus();
    return true;
  }

  show(query: CaseQuery): void {
    const same = JSON.stringify(query) === JSON.stringify(this.query) && this.shown.length > 0;
    this.query = query;
    this.field.value = query.q;
    if (query.file && ![...this.file.options].some((o) => o.value === query.file)) this.file.append(h("option", { value: query.file }, "One file"));
    for (const [field, value] of [[this.file, query.file], [this.level, query.level], [this.source, query.source], [this.from, query.from], [this.to, query.to]] as const) field.value = value ?? "";
    if (query.from || query.to) this.when.open = true;
    if (!same) void this.load();
  }
  private submit(): void {
    const value = (field: { value: string }) => field.value || undefined, query: CaseQuery = { q: this.field.value.trim() };
    for (const [name, field] of [["file", this.file], ["level", this.level], ["source", this.source], ["from", this.from], ["to", this.to]] as const) { const v = value(field); if (v) query[name] = v; }
    this.go({ page: "case", id: this.caseId, tab: "search", search: query }, this.query.q === query.q);
  }
  private async learnFiles(): Promise<void> {
    try {
      const page = await call("GET", `/cases/${this.caseId}/data?limit=100`);
      const now = this.file.value;
      this.file.replaceChildren(h("option", { value: "" }, "All files"), ...(page.data as unknown[]).map(fileOf).map((f) => h("option", { value: f.id }, f.name)));
      this.file.value = now;
    } catch { /* all files can still be searched */ }
  }

  private async load(further = false): Promise<void> {
    const turn = ++this.turn, offset = further ? this.shown.length : 0;
    if (!further) { this.shown = []; this.list.replaceChildren(); this.list.hidden = this.more.hidden = true; }
    this.help.replaceChildren();
    if (this.query.q === "") {
      this.status.textContent = "Lines of files and messages that hold the words, or are like them. Ids are found whole: req-8f2a.";
      return;
    }
    this.status.textContent = "Searching…";
    this.more.disabled = true;
    try {
      const answer = await call("POST", `/cases/${this.caseId}/evidence/search`, bodyOf(this.query, offset));
      if (turn !== this.turn) return;
      const got = (answer.results as unknown[]).map(foundOf);
      this.shown = [...this.shown, ...got];
      this.list.append(...got.map((f) => this.row(f)));
      this.list.hidden = this.shown.length === 0;
      this.more.hidden = answer.has_more !== true || this.shown.length + atOnce > deepest;
      this.tell(answer);
      if (further) this.list.children[offset]?.querySelector<HTMLElement>("a")?.focus();
    } catch (e) {
      if (turn !== this.turn) return;
      this.status.textContent = "";
      this.help.replaceChildren(h("p", { class: "error", role: "alert" }, explain(e), " ", h("button", { type: "button", onclick: () => void this.load(further) }, "Try again")));
    } finally {
      this.more.disabled = false;
    }
  }
  private tell(answer: Json): void {
    const n = this.shown.length, waiting = number(answer.files_waiting), notes: Child[] = [];
    this.status.textContent = n === 0 ? "Nothing was found." : `${answer.has_more === true ? `The ${n} likeliest` : n} ${n === 1 ? "line" : "lines"}, the likeliest first.`;
    if (waiting > 0) notes.push(h("p", { class: "note-box", role: "note" }, `${waiting === 1 ? "One file is" : `${waiting} files are`} still being made ready for the search; what is in ${waiting === 1 ? "it" : "them"} may be missing here. `, h("button", { type: "button", class: "small", onclick: () => void this.load() }, "Search again")));
    if (n === 0) notes.push(narrowed(this.query)
      ? h("p", {}, "The search is narrowed. ", h("button", { type: "button", onclick: () => this.go({ page: "case", id: this.caseId, tab: "search", search: { q: this.query.q } }) }, "Search everything in the case"))
      : h("p", {}, number(answer.files_searched) === 0 && waiting === 0 ? "This case has no files that can be searched. Upload a log, or ask about what you see." : "Try fewer words, or other ones: the name of a service, a part of the message."));
    if (n > 0 && answer.by_words_only === true) notes.push(h("p", { class: "quiet" }, "Found by words only: what is said in other words is missing."));
    this.help.replaceChildren(...notes.filter((x): x is Node => x instanceof Node));
  }
  private row(f: Found): HTMLLIElement {
    const where = f.source === "file"
      ? link(this.go, { page: "file", id: this.caseId, file: f.file, part: "text", lines: { first: f.line, last: f.line } }, { class: "cite" }, `${f.name || "file"}:${f.line}`)
      : link(this.go, { page: "case", id: this.caseId, tab: "conversation", message: f.message }, { class: "cite" }, f.role === "assistant" ? "An answer" : f.role === "user" ? "A message" : "A note of the case");
    return h("li", { class: "hit" },
      h("div", { class: "line1" }, where, f.level && f.level !== "none" ? h("span", { class: "badge " + f.level }, f.level) : null, f.at ? (f.source === "file" ? h("span", { class: "quiet" }, f.at.replace("T", " ").replace(/(\.000)?Z$/, " UTC")) : h("span", { class: "quiet" }, timeNode(f.at))) : null),
      h("div", { class: "around" }, ...f.around.map((l) => h("div", { class: "aline" + (l.line === f.line ? " hitline" : "") }, h("span", { class: "no", "aria-hidden": "true" }, String(l.line)), h("span", { class: "txt" }, ...l.parts.map((p) => (p.lit ? h("mark", {}, p.text) : p.text)))))),
      f.reasons.length > 0 ? h("p", { class: "quiet" }, "Why: " + f.reasons.join("; ")) : null);
  }
}
