// Search in the files of a case: lines that hold every word, with the words lit; each leads to its place in the text.
import { call } from "./api";
import { explain } from "./advice";
import { h } from "./dom";
import { snippet } from "./highlight";
import { fail } from "./notices";
import { link, type Go } from "./page";

const shownMax = 50;
export interface Match { file: string; name: string; line: number; text: string; highlights: [number, number][] }
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export function matchOf(j: any): Match {
  const begin = Number(j.begin ?? 0);
  // The server counts bytes of the file; here they are counted in the line.
  const lit = (Array.isArray(j.highlights) ? j.highlights : []) as { begin: number; end: number }[];
  return { file: String(j.file_id ?? ""), name: String(j.filename ?? ""), line: Number(j.line ?? 0), text: String(j.text ?? ""), highlights: lit.map((x): [number, number] => [x.begin - begin, x.end - begin]) };
}

export class FileSearch {
  readonly node: HTMLElement;
  private readonly field = h("input", { type: "search", id: "file-search", placeholder: "Words in the files", "aria-label": "Search in the files", maxlength: 1000, autocomplete: "off" });
  private readonly status = h("p", { class: "quiet", role: "status", hidden: true });
  private readonly list = h("ol", { class: "hits", "aria-label": "Lines that were found", hidden: true });
  private turn = 0;

  constructor(private readonly caseId: string, private readonly go: Go) {
    this.node = h("section", { "aria-label": "Search in the files" }, h("form", { class: "toolbar search", role: "search", onsubmit: (e: Event) => { e.preventDefault(); void this.search(); } }, this.field, h("button", {}, "Search")), this.status, this.list);
    this.field.addEventListener("input", () => { if (this.field.value.trim() === "") this.clear(); });
  }
  private clear(): void {
    ++this.turn;
    this.list.hidden = this.status.hidden = true;
    this.list.replaceChildren();
  }
  private async search(): Promise<void> {
    const query = this.field.value.trim();
    if (query === "") return this.clear();
    const turn = ++this.turn;
    this.status.hidden = false;
    this.status.textContent = "Searching…";
    try {
      const found = await call("POST", `/cases/${this.caseId}/evidence/search`, { query, limit: shownMax });
      if (turn !== this.turn) return;
      const all = (found.results as unknown[]).map(matchOf);
      this.list.hidden = all.length === 0;
      this.status.textContent = all.length === 0 ? "No line holds all these words. Try fewer." : `${all.length === shownMax ? `The first ${shownMax}` : all.length} ${all.length === 1 ? "line" : "lines"} found.`;
      this.list.replaceChildren(...all.map((m) => h("li", { class: "hit" },
        link(this.go, { page: "file", id: this.caseId, file: m.file, part: "text", lines: { first: m.line, last: m.line } }, { class: "cite" }, `${m.name}:${m.line}`),
        h("p", { class: "snippet mono" }, ...snippet(m.text, m.highlights, 400, false).map((s) => (s.lit ? h("mark", {}, s.text) : s.text))))));
    } catch (e) {
      if (turn !== this.turn) return;
      this.status.hidden = true;
      fail(explain(e), { text: "Try again", run: () => void this.search() });
    }
  }
}
