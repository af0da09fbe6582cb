// Knowledge: the list of documents, the search in them, and what there is of it.
import { call } from "./api";
import { h } from "./dom";
import { size } from "./files";
import { snippet } from "./highlight";
import { follow, isOver, jobOf } from "./jobs";
import { base, docOf, explainKnowledge, hitOf, listPath, noFilter, searchBody, statsOf, type Doc, type Filter, type Hit, type Stats } from "./knowledge";
import { fail, speak, tell } from "./notices";
import { link, type Go, type Page } from "./page";
import { timeNode } from "./time";

export class KnowledgePage implements Page {
  readonly node: HTMLElement;
  private readonly search: HTMLInputElement;
  private readonly whose = h("nav", { class: "tabs", "aria-label": "Whose documents" });
  private readonly filters = h("div", { class: "toolbar" });
  private readonly status = h("p", { class: "quiet", role: "status" });
  private readonly results = h("ol", { class: "hits", "aria-label": "What was found", hidden: true });
  private readonly list = h("ul", { class: "docs", "aria-label": "Documents" });
  private readonly more = h("button", { type: "button", hidden: true, onclick: () => void this.load(true) }, "Load more");
  private readonly figures = h("section", { class: "stats", "aria-label": "How much there is" });
  private readonly job = h("div", { class: "job", hidden: true });
  private readonly install = h("button", { type: "button", id: "starter", onclick: () => void this.installStarter() }, "Install the starter runbooks");
  private filter: Filter = noFilter();
  private stats: Stats | null = null;
  private documents: Doc[] = [];
  private total = 0;
  private turn = 0;
  private gone = false;

  constructor(private query: string, private own: boolean, private readonly go: Go) {
    this.search = h("input", { type: "search", id: "kb-search", placeholder: "What is wrong? In your words", "aria-label": "Search the knowledge", maxlength: 2000, autocomplete: "off" });
    this.node = h("div", { class: "knowledge pad" }, h("h1", { tabindex: -1 }, "Knowledge"), this.whose,
      h("form", { class: "toolbar search", role: "search", onsubmit: (e: Event) => { e.preventDefault(); go({ page: "knowledge", query: this.search.value.trim(), own: this.own }); } }, this.search, h("button", { class: "primary" }, "Search")),
      this.filters, this.job, this.status, this.results, this.list, this.more, this.figures);
    this.search.addEventListener("search", () => { if (this.search.value === "" && this.query !== "") go({ page: "knowledge", query: "", own: this.own }); });
    this.show(query, own);
  }
  title(): string { return this.query ? `${this.query} · Knowledge` : "Knowledge"; }
  focus(): void { this.search.focus(); }
  key(e: KeyboardEvent): boolean {
    if (e.key !== "/") return false;
    this.search.focus();
    this.search.select();
    return true;
  }
  dispose(): void { this.gone = true; ++this.turn; }

  show(query: string, own: boolean): void {
    if (own !== this.own) this.filter = noFilter();
    this.query = query;
    this.own = own;
    this.search.value = query;
    const tab = (mine: boolean, text: string) => link(this.go, { page: "knowledge", query, own: mine }, { "aria-current": mine === own ? "page" : undefined }, text);
    this.whose.replaceChildren(tab(true, "Mine"), tab(false, "Shared with everybody"));
    this.drawFilters();
    void this.load();
    void this.loadStats();
  }

  private drawFilters(): void {
    const choose = (label: string, all: readonly [string, number][], now: string, set: (v: string) => void) => {
      const select = h("select", { "aria-label": label, onchange: () => { set(select.value); void this.load(); } }, h("option", { value: "" }, label), ...all.map(([name, n]) => h("option", { value: name }, `${name} (${n})`)));
      select.value = now;
      return select;
    };
    this.filters.replaceChildren(
      choose("All types", this.stats?.byType ?? [], this.filter.type, (v) => { this.filter.type = v; }),
      choose("All categories", this.stats?.byCategory ?? [], this.filter.category, (v) => { this.filter.category = v; }),
      this.filter.tag ? h("button", { type: "button", "aria-label": `Tag ${this.filter.tag}: remove this filter`, onclick: () => { this.filter.tag = ""; this.drawFilters(); void this.load(); } }, `#${this.filter.tag} ✕`) : "",
      h("span", { class: "spacer" }), link(this.go, { page: "newDocument", own: this.own }, { class: "button", id: "new-document" }, "Add documents"), this.install);
  }

  private async load(further = false): Promise<void> {
    const turn = ++this.turn;
    const stale = () => turn !== this.turn || this.gone;
    try {
      if (this.query) {
        this.status.textContent = "Searching…";
        const found = await call("POST", base(this.own) + "/search", searchBody(this.query, this.filter));
        if (stale()) return;
        this.drawHits((found.results as unknown[]).map(hitOf));
      } else {
        const page = await call("GET", listPath(this.own, this.filter, further ? this.documents.length : 0));
        if (stale()) return;
        const got = (page.documents as unknown[]).map(docOf), first = this.documents.length;
        this.documents = further ? [...this.documents, ...got] : got;
        this.total = Number(page.total_count);
        this.drawDocuments(page.has_more === true);
        if (further) this.list.children[first]?.querySelector("a")?.focus();
      }
    } catch (e) {
      if (stale()) return;
      this.status.textContent = "";
      fail(explainKnowledge(e), { text: "Try again", run: () => void this.load(further) });
    }
  }
  private async loadStats(): Promise<void> {
    const own = this.own;
    try {
      const stats = statsOf(await call("GET", base(own) + "/stats"));
      if (this.gone || own !== this.own) return;
      this.stats = stats;
    } catch {
      this.stats = null; // the list works without its figures
    }
    this.drawFilters();
    const s = this.stats;
    this.figures.replaceChildren(...(s && s.documents > 0 ? [h("h2", {}, "How much there is"), h("dl", { class: "facts" }, ...([["Documents", s.documents.toLocaleString("en")], ["Passages", s.chunks.toLocaleString("en")], ["Size", size(s.bytes)], ["Not searchable yet", s.notIndexed.toLocaleString("en")], ["Likeness by", s.embedder || "words only"]] as const).flatMap(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]))] : []));
  }

  private drawHits(hits: readonly Hit[]): void {
    this.list.hidden = true;
    this.more.hidden = true;
    this.results.hidden = false;
    this.status.textContent = hits.length === 0 ? "Nothing was found. Say it in other words, or install the starter runbooks." : `${hits.length} ${hits.length === 1 ? "passage" : "passages"} found, the likeliest first.`;
    this.results.replaceChildren(...hits.map((x) => h("li", { class: "hit", "data-document": x.id },
      h("div", { class: "line1" }, link(this.go, { page: "document", id: x.id, edit: false }, { class: "name" }, x.title || "Without a title"), x.category ? h("span", { class: "badge" }, x.category) : null, h("span", { class: "quiet" }, x.shared ? "shared" : "mine")),
      x.heading && x.heading !== x.title ? h("p", { class: "quiet" }, x.heading) : null,
      h("p", { class: "snippet" }, ...snippet(x.content, x.highlights).map((s) => (s.lit ? h("mark", {}, s.text) : s.text))),
      x.reasons.length > 0 ? h("p", { class: "quiet" }, "Why: " + x.reasons.join("; ")) : null)));
  }
  private drawDocuments(more: boolean): void {
    this.results.hidden = true;
    this.list.hidden = false;
    this.more.hidden = !more;
    const filtered = this.filter.type || this.filter.category || this.filter.tag;
    this.status.textContent = this.total > 0 ? `${this.total.toLocaleString("en")} ${this.total === 1 ? "document" : "documents"}` : filtered ? "No document is like this. Choose another type or category." : "No documents yet. Add your runbooks, or install the starter ones.";
    this.list.replaceChildren(...this.documents.map((d) => h("li", { class: "doc", "data-document": d.id },
      link(this.go, { page: "document", id: d.id, edit: false }, { class: "name" }, d.title || "Without a title"), " ",
      d.type ? h("span", { class: "badge" }, d.type) : null, " ", d.category ? h("span", { class: "badge" }, d.category) : null, " ",
      ...d.tags.map((t) => h("button", { type: "button", class: "ghost tag", "aria-label": `Only documents with the tag ${t}`, onclick: () => { this.filter.tag = t; this.drawFilters(); void this.load(); } }, "#" + t)),
      h("span", { class: "quiet" }, timeNode(d.updatedAt)), d.indexed ? null : h("span", { class: "badge warn" }, "not searchable yet"))));
  }

  private async installStarter(): Promise<void> {
    this.install.disabled = true;
    const bar = h("progress", { max: 100, "aria-label": "Installing the starter runbooks" }), words = h("span", { role: "status" });
    this.job.replaceChildren(bar, words);
    this.job.hidden = false;
    try {
      const done = await follow(jobOf(await call("POST", base(this.own) + "/starter-pack")), (j) => { bar.value = j.percent; words.textContent = `${j.done} of ${j.total} runbooks`; }, { at: "/knowledge/jobs/" });
      if (!isOver(done)) tell("The runbooks are still being installed; look again in a minute.");
      else if (done.failed > 0 || done.error) fail(`${done.done} runbooks were installed, ${done.failed} were not. ${done.error || "Try again; what is there stays."}`);
      else { tell(`${done.done} runbooks are installed.`); speak(["The starter runbooks are installed."]); }
    } catch (e) {
      fail(explainKnowledge(e));
    } finally {
      this.job.hidden = true;
      this.install.disabled = false;
    }
    if (this.gone) return;
    await Promise.all([this.load(), this.loadStats()]);
  }
}
