// Knowledge: the list of documents, the search in them, and what there is of it.
import { call, isAdmin } from "./api";
import { h } from "./dom";
import { size } from "./text";
import { snippet } from "./highlight";
import { follow, isOver, jobOf } from "./jobs";
import { base, docOf, explainKnowledge, hitOf, listPath, noFilter, searchBody, searchPath, statsOf, whoseWord, type Doc, type Filter, type Hit, type Stats } from "./knowledge";
import { fail, speak, tell } from "./notices";
import { link, type Go, type Page } from "./page";
import type { Whose } from "./router";
import { myTeams } from "./teams";
import { timeNode } from "./time";

export class KnowledgePage implements Page {
  readonly node: HTMLElement;
  private readonly search: HTMLInputElement;
  private readonly tabs = h("nav", { class: "tabs", "aria-label": "Whose documents" });
  private readonly filters = h("div", { class: "toolbar" });
  private readonly status = h("p", { class: "quiet", role: "status" });
  private readonly results = h("ol", { class: "hits", "aria-label": "What was found", hidden: true });
  private readonly list = h("ul", { class: "docs", "aria-label": "Documents" });
  private readonly more = h("button", { type: "button", hidden: true, onclick: () => void this.load(true) }, "Load more");
  private readonly figures = h("section", { class: "stats", "aria-label": "How much there is" });
  private readonly job = h("div", { class: "job", hidden: true });
  private readonly where = h("select", { id: "kb-where", "aria-label": "Where to search", onchange: () => this.ask() }, h("option", { value: "" }, "In all I may read"), h("option", { value: "here" }, "Only here"));
  private teams: ReadonlyMap<string, string> = new Map();
  private readonly reindexButton = h("button", { type: "button", id: "reindex", onclick: () => void this.reindex() }, "Embed what is missing");
  private readonly install = h("button", { type: "button", id: "starter", onclick: () => void this.installStarter() }, "Install the starter runbooks");
  private filter: Filter = noFilter();
  private stats: Stats | null = null;
  private documents: Doc[] = [];
  private total = 0;
  private turn = 0;
  private gone = false;

  constructor(private query: string, private whose: Whose, private here: boolean, private readonly go: Go) {
    this.search = h("input", { type: "search", id: "kb-search", placeholder: "What is wrong? In your words", "aria-label": "Search the knowledge", maxlength: 2000, autocomplete: "off" });
    this.node = h("div", { class: "knowledge pad" }, h("h1", { tabindex: -1 }, "Knowledge"), this.tabs,
      h("form", { class: "toolbar search", role: "search", onsubmit: (e: Event) => { e.preventDefault(); this.ask(); } }, this.search, this.where, h("button", { class: "primary" }, "Search")),
      this.filters, this.job, this.status, this.results, this.list, this.more, this.figures);
    this.search.addEventListener("search", () => { if (this.search.value === "" && this.query !== "") go({ page: "knowledge", query: "", whose: this.whose }); });
    this.show(query, whose, here);
    void myTeams().then((teams) => { if (!this.gone) { this.teams = new Map(teams.map((t) => [t.id, t.name])); this.drawTabs(); if (this.query) void this.load(); } }, () => undefined);
  }
  private ask(): void { this.go({ page: "knowledge", query: this.search.value.trim(), whose: this.whose, ...(this.where.value ? { here: true } : {}) }); }
  title(): string { return this.query ? `${this.query} · Knowledge` : "Knowledge"; }
  focus(): void { this.search.focus(); }
  key(e: KeyboardEvent): boolean {
    if (e.key !== "/") return false;
    this.search.focus();
    this.search.select();
    return true;
  }
  dispose(): void { this.gone = true; ++this.turn; }

  show(query: string, whose: Whose, here = false): void {
    if (whose !== this.whose) this.filter = noFilter();
    this.query = query;
    this.whose = whose;
    this.here = here;
    this.search.value = query;
    this.where.value = here ? "here" : "";
    this.drawTabs();
    this.drawFilters();
    void this.load();
    void this.loadStats();
  }

  private drawTabs(): void {
    const tab = (whose: Whose, text: string) => link(this.go, { page: "knowledge", query: this.query, whose, ...(this.here ? { here: true } : {}) }, { "aria-current": whose === this.whose ? "page" : undefined }, text);
    const teams = [...this.teams].map(([id, name]) => tab(id as Whose, name));
    // A team's page that was opened by its address before its name is known, or as somebody who is not in it.
    if (this.whose.startsWith("team_") && !this.teams.has(this.whose)) teams.push(tab(this.whose, "A team"));
    this.tabs.replaceChildren(tab("mine", "Mine"), ...teams, tab("shared", "Everybody's"), link(this.go, { page: "teams" }, { class: "aside" }, "Teams…"));
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
      h("span", { class: "spacer" }), this.whose.startsWith("team_") ? link(this.go, { page: "team", id: this.whose }, { class: "button" }, "Who is in it") : "", link(this.go, { page: "newDocument", whose: this.whose }, { class: "button", id: "new-document" }, "Add documents"), this.install);
  }

  private async load(further = false): Promise<void> {
    const turn = ++this.turn;
    const stale = () => turn !== this.turn || this.gone;
    try {
      if (this.query) {
        this.status.textContent = "Searching…";
        const found = await call("POST", searchPath(this.whose, this.here), searchBody(this.query, this.filter, this.whose, this.here));
        if (stale()) return;
        this.drawHits((found.results as unknown[]).map(hitOf));
      } else {
        const page = await call("GET", listPath(this.whose, this.filter, further ? this.documents.length : 0));
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
      fail(explainKnowledge(e, this.whose), { text: "Try again", run: () => void this.load(further) });
    }
  }
  private async loadStats(): Promise<void> {
    const whose = this.whose;
    try {
      const stats = statsOf(await call("GET", base(whose) + "/stats"));
      if (this.gone || whose !== this.whose) return;
      this.stats = stats;
    } catch {
      this.stats = null; // the list works without its figures
    }
    this.drawFilters();
    const s = this.stats;
    const facts: [string, string][] = s ? [["Documents", s.documents.toLocaleString("en")], ["Passages", s.chunks.toLocaleString("en")], ["Size", size(s.bytes)], ["Not searchable by likeness", s.notIndexed.toLocaleString("en")], ["Likeness by", s.embedder || "words only"]] : [];
    this.figures.replaceChildren(...(s && s.documents > 0 ? [h("h2", {}, "How much there is"), h("dl", { class: "facts" }, ...facts.flatMap(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]))] : []),
      s?.trouble ? h("p", { class: "note-box", role: "note" }, h("strong", {}, "Likeness does not work now. "), s.trouble, " Words are still found.") : "",
      s && s.documents > 0 && isAdmin() ? h("div", { class: "toolbar" }, this.reindexButton, h("span", { class: "quiet" }, s.notIndexed > 0 ? "Some documents have no vectors of the present embedder." : "Every document here has its vectors.")) : "");
  }

  /** For administrators: vectors for what has none. The server does it for all documents, not only those shown here. */
  private async reindex(): Promise<void> {
    this.reindexButton.disabled = true;
    await this.work("POST", "/knowledge/reindex", "documents", "Embedding documents", (n) => (n === 0 ? "Nothing was missing." : `${n.toLocaleString("en")} ${n === 1 ? "document has" : "documents have"} new vectors.`));
    this.reindexButton.disabled = false;
  }

  private drawHits(hits: readonly Hit[]): void {
    this.list.hidden = true;
    this.more.hidden = true;
    this.results.hidden = false;
    this.status.textContent = hits.length === 0 ? "Nothing was found. Say it in other words, or install the starter runbooks." : `${hits.length} ${hits.length === 1 ? "passage" : "passages"} found, the likeliest first.`;
    this.results.replaceChildren(...hits.map((x) => h("li", { class: "hit", "data-document": x.id },
      h("div", { class: "line1" }, link(this.go, { page: "document", id: x.id, edit: false }, { class: "name" }, x.title || "Without a title"), x.category ? h("span", { class: "badge" }, x.category) : null, h("span", { class: "quiet" }, whoseWord(x.whose, this.teams))),
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
    await this.work("POST", base(this.whose) + "/starter-pack", "runbooks", "Installing the starter runbooks", (n) => `${n} runbooks are installed.`);
    this.install.disabled = false;
  }

  /** Begins a job of the server and shows how far it is. */
  private async work(method: string, path: string, things: string, label: string, doneWords: (n: number) => string): Promise<void> {
    const bar = h("progress", { max: 100, "aria-label": label }), words = h("span", { role: "status" }, label + "…");
    this.job.replaceChildren(bar, words);
    this.job.hidden = false;
    try {
      const done = await follow(jobOf(await call(method, path, {})), (j) => { bar.value = j.percent; words.textContent = j.total > 0 ? `${j.done} of ${j.total} ${things}` : `${label}…`; }, { at: "/knowledge/jobs/" });
      if (!isOver(done)) tell("It is still going on; look again in a minute.");
      else if (done.failed > 0 || done.error) fail(`${done.done} ${things} are done, ${done.failed} are not. ${done.error || "Try again; what is there stays."}`);
      else { tell(doneWords(done.done)); speak([doneWords(done.done)]); }
    } catch (e) {
      fail(explainKnowledge(e, this.whose));
    } finally {
      this.job.hidden = true;
    }
    if (this.gone) return;
    await Promise.all([this.load(), this.loadStats()]);
  }
}
