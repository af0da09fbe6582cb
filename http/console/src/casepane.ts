// The list of cases at the side: search, filter, pages, live changes, and keys to move in it.
import { call } from "./api";
import { explain } from "./advice";
import { addPage, applyChange, emptyList, neighbour, queryOf, statuses, type CaseList, type Filter } from "./caselist";
import { arrange, h } from "./dom";
import { fail } from "./notices";
import { timeNode } from "./time";
import type { CaseInfo } from "./view";

export interface CasePaneActions { open(id: string): void; create(): void }

export class CasePane {
  readonly node: HTMLElement;
  readonly search: HTMLInputElement;
  private list: CaseList = emptyList();
  private filter: Filter = { text: "", status: "" };
  private current: string | null = null;
  private readonly rows = new Map<string, { node: HTMLLIElement; key: string }>();
  private readonly items = h("ul", { id: "cases", "aria-label": "Cases" });
  private readonly count = h("p", { class: "quiet count", role: "status" });
  private readonly more = h("button", { type: "button", hidden: true, onclick: () => void this.load(true) });
  private readonly empty = h("p", { class: "quiet", hidden: true });
  private loading = 0;
  private timer = 0;
  private staleTimer = 0;

  constructor(private readonly actions: CasePaneActions) {
    this.search = h("input", { id: "search", type: "search", placeholder: "Search", "aria-label": "Search cases", autocomplete: "off", maxlength: 300, "aria-keyshortcuts": "/ Control+K", oninput: () => { window.clearTimeout(this.timer); this.timer = window.setTimeout(() => this.refilter(), 200); } });
    const status = h("select", { id: "status", "aria-label": "Show cases with status", onchange: () => this.refilter() }, ...statuses.map(([value, text]) => h("option", { value }, text)));
    this.statusSelect = status;
    this.items.addEventListener("keydown", (e) => {
      if (e.altKey || e.ctrlKey || e.metaKey) return;
      if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); this.move(e.key === "ArrowDown" ? 1 : -1); }
      if (e.key === "Home" || e.key === "End") { e.preventDefault(); const all = this.links(); all[e.key === "Home" ? 0 : all.length - 1]?.focus(); }
    });
    this.search.addEventListener("keydown", (e) => { if (e.key === "ArrowDown" || e.key === "Enter") { e.preventDefault(); this.links()[0]?.focus(); } });
    this.node = h("nav", { "aria-label": "Cases", id: "nav" },
      h("button", { type: "button", class: "primary", id: "new", "aria-keyshortcuts": "n Alt+N", onclick: () => actions.create() }, "New case"),
      h("div", { class: "filters" }, this.search, status), this.count, this.items, this.empty, this.more);
  }
  private readonly statusSelect: HTMLSelectElement;

  private refilter(): void {
    this.filter = { text: this.search.value, status: this.statusSelect.value };
    void this.load();
  }
  get filtered(): boolean { return this.filter.text.trim() !== "" || this.filter.status !== ""; }

  async load(more = false): Promise<void> {
    const turn = ++this.loading;
    this.more.disabled = true;
    const focusAfter = more ? this.list.cases.length : -1;
    try {
      const page = await call("GET", queryOf(this.filter, more ? this.list : null));
      if (turn !== this.loading) return; // a newer question is on its way
      this.list = addPage(this.list, page, !more);
      this.draw();
      if (focusAfter >= 0) this.links()[focusAfter]?.focus();
    } catch (e) {
      if (turn === this.loading) fail(explain(e), { text: "Try again", run: () => void this.load(more) });
    } finally {
      this.more.disabled = false;
    }
  }

  change(change: { case: CaseInfo; deleted: boolean }): void {
    this.list = applyChange(this.list, change, this.filter);
    if (this.list.stale) {
      this.list.stale = false;
      window.clearTimeout(this.staleTimer);
      this.staleTimer = window.setTimeout(() => { if (this.filter.text.trim() !== "") void this.load(); }, 1_500);
    }
    this.draw();
  }
  select(id: string | null): void { this.current = id; this.draw(); }
  neighbour(step: 1 | -1): string | null { return neighbour(this.list, this.current, step); }

  /** Moves the focus within the list, from wherever it is. */
  move(step: 1 | -1): void {
    const all = this.links();
    if (all.length === 0) return;
    const at = all.indexOf(document.activeElement as HTMLAnchorElement);
    const from = at >= 0 ? at : all.findIndex((a) => a.hasAttribute("aria-current")) - (step > 0 ? 1 : 0);
    const next = all[Math.min(all.length - 1, Math.max(0, at >= 0 ? at + step : from + step))] ?? all[0]!;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }
  focusCurrent(): void { (this.items.querySelector<HTMLElement>("a[aria-current]") ?? this.links()[0])?.focus(); }
  private links(): HTMLAnchorElement[] { return [...this.items.querySelectorAll("a")]; }

  private draw(): void {
    const wanted = this.list.cases.map((c) => this.row(c));
    for (const id of [...this.rows.keys()]) if (!this.list.cases.some((c) => c.case_id === id)) this.rows.delete(id);
    const focused = document.activeElement;
    arrange(this.items, wanted);
    // A row that moved up keeps the focus it had.
    if (focused instanceof HTMLElement && this.items.contains(focused) && document.activeElement !== focused) focused.focus();
    const left = this.list.total - this.list.cases.length;
    this.more.hidden = !(this.list.more && left > 0);
    this.more.textContent = `Load more (${left.toLocaleString("en")} left)`;
    this.count.textContent = this.filtered ? `${this.list.total.toLocaleString("en")} ${this.list.total === 1 ? "case matches" : "cases match"}` : "";
    this.empty.hidden = this.list.cases.length > 0;
    this.empty.textContent = this.filtered ? "Nothing matches. Try fewer words, or another status." : "No cases yet. Describe the fault, or paste a log, and send it.";
  }

  private row(c: CaseInfo): HTMLLIElement {
    const key = [c.title, c.status, c["message_count"], c["last_activity_at"], c.case_id === this.current].join("\u0000");
    const known = this.rows.get(c.case_id);
    if (known && known.key === key) return known.node;
    const node = known?.node ?? h("li");
    const link = node.querySelector("a") ?? node.appendChild(h("a", { href: "/cases/" + c.case_id, onclick: (e: MouseEvent) => { if (e.ctrlKey || e.metaKey || e.shiftKey) return; e.preventDefault(); this.actions.open(c.case_id); } }));
    if (c.case_id === this.current) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
    const n = Number(c["message_count"]);
    link.replaceChildren(h("span", { class: "title" }, String(c.title)),
      h("span", { class: "quiet facts" }, h("span", { class: "badge " + c.status }, c.status), ` ${n} ${n === 1 ? "message" : "messages"} · `, timeNode(String(c["last_activity_at"] ?? c["updated_at"] ?? ""))));
    this.rows.set(c.case_id, { node, key });
    return node;
  }
}
