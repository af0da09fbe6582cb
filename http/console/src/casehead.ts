// The head of a case: its title, status, who is here, and what can be done with it as a whole.
import { call } from "./api";
import { explain } from "./advice";
import { copyText } from "./clipboard";
import { ask, h, setText } from "./dom";
import { clear, fail, tell } from "./notices";
import type { Presence, View } from "./view";

export interface HeadActions { deleted(id: string): void; restored(id: string): void }

/** Who is here besides me, in one line; a second tab of mine is nobody else. */
export function peopleLine(presence: readonly Presence[], me: string): string {
  const others = new Map<string, boolean>();
  for (const p of presence) if (p.user_id !== me) others.set(p.name, (others.get(p.name) ?? false) || p.typing);
  const typing = [...others].filter(([, t]) => t).map(([n]) => n), here = [...others.keys()];
  if (here.length === 0) return "";
  if (typing.length > 0) return `${typing.join(", ")} ${typing.length === 1 ? "is" : "are"} typing…`;
  return here.length > 3 ? `${here.slice(0, 3).join(", ")} and ${here.length - 3} more are here` : `${here.join(", ")} ${here.length === 1 ? "is" : "are"} here`;
}

export class CaseHead {
  private readonly title: HTMLInputElement;
  private readonly badge = h("span", { class: "badge" });
  private readonly people = h("span", { id: "people", class: "quiet" });
  private readonly items = h("div", { class: "menu-items" });
  private readonly menu: HTMLDetailsElement;
  readonly node: HTMLElement;
  private view: View | null = null;
  private before = "";
  private menuKey = "";

  constructor(private readonly id: string, private readonly me: string, private readonly actions: HeadActions) {
    this.title = h("input", { id: "title", "aria-label": "Title of the case", maxlength: 200, autocomplete: "off",
      onfocus: () => { this.before = this.title.value; },
      onkeydown: (e: KeyboardEvent) => {
        if (e.key === "Enter") { e.preventDefault(); this.title.blur(); }
        if (e.key === "Escape") { e.preventDefault(); e.stopPropagation(); this.title.value = this.before; this.title.blur(); }
      },
      onblur: () => void this.rename() });
    const menu = h("details", { class: "case-menu", onkeydown: (e: KeyboardEvent) => { if (e.key === "Escape" && menu.open) { e.preventDefault(); e.stopPropagation(); menu.open = false; menu.querySelector("summary")!.focus(); } } },
      h("summary", { "aria-label": "What to do with this case" }, "Case ▾"), this.items);
    this.menu = menu;
    document.addEventListener("pointerdown", this.outside);
    this.node = h("div", { class: "casehead" }, this.title, this.badge, this.people, this.menu);
  }
  private readonly outside = (e: Event): void => { if (!this.menu.contains(e.target as Node)) this.menu.open = false; };
  dispose(): void { document.removeEventListener("pointerdown", this.outside); }

  draw(view: View): void {
    this.view = view;
    if (document.activeElement !== this.title) this.title.value = String(view.info?.title ?? "");
    const status = String(view.info?.status ?? "");
    setText(this.badge, status);
    this.badge.className = "badge " + status;
    this.badge.hidden = status === "";
    setText(this.people, peopleLine(view.presence, this.me));
    const owner = view.info?.["owner_id"] === undefined || view.info["owner_id"] === this.me;
    const key = status + owner;
    if (key === this.menuKey) return;
    this.menuKey = key;
    const item = (text: string, run: () => void, kind = "") => h("button", { type: "button", class: kind, onclick: () => { this.menu.open = false; run(); } }, text);
    const over = status === "resolved" || status === "closed";
    this.items.replaceChildren(...[
      item("Rename", () => { this.title.focus(); this.title.select(); }),
      item("Name it from its content", () => void this.act(() => call("POST", this.path("/title"), { force: true }), "The case has a new name.")),
      item("Copy the link", () => void copyText(location.origin + "/cases/" + this.id).then((good) => good ? tell("The link was copied.") : fail("The link could not be copied; copy it from the address bar."))),
      status === "consulting" ? item("Start an investigation…", () => void this.investigate()) : null,
      status === "investigating" ? item("Resolve…", () => void this.resolve()) : null,
      over ? null : item("Close…", () => void this.close()),
      owner ? item("Delete", () => void this.remove(), "danger") : null].filter((n): n is HTMLButtonElement => n !== null));
  }

  private path(rest = ""): string { return `/cases/${this.id}${rest}`; }
  private async act(run: () => Promise<unknown>, said: string): Promise<boolean> {
    try {
      clear();
      await run();
      tell(said);
      return true;
    } catch (e) {
      fail(explain(e));
      return false;
    }
  }

  private async rename(): Promise<void> {
    const now = String(this.view?.info?.title ?? ""), wanted = this.title.value.trim();
    if (wanted === "") { this.title.value = now; return; }
    if (wanted === this.before || wanted === now) return;
    // Renamed by somebody else while this was being typed: theirs is not overwritten in silence.
    if (now !== this.before) {
      const { done } = ask("Somebody else renamed this case", [h("p", {}, `It is called “${now}” now. Call it “${wanted}” all the same?`)], [["", "Keep theirs"], ["mine", "Use mine", "primary"]]);
      if ((await done) !== "mine") { this.title.value = now; return; }
    }
    if (!(await this.act(() => call("PATCH", this.path(), { title: wanted }), "Renamed."))) this.title.value = now;
  }

  private async investigate(): Promise<void> {
    const about = h("textarea", { rows: 4, required: true, maxlength: 1000, id: "problem" });
    about.value = String(this.view?.info?.["proposed_problem_statement"] ?? this.view?.info?.["description"] ?? "");
    const { done } = ask("Start an investigation", [h("label", { for: "problem" }, "What is broken, since when, for whom?"), about], [["", "Cancel"], ["go", "Start", "primary"]]);
    about.focus();
    const text = about.value.trim();
    if ((await done) !== "go" || (about.value.trim() || text) === "") return;
    const statement = about.value.trim();
    await this.act(async () => {
      await call("PATCH", this.path(), { description: statement, proposed_problem_statement: statement, problem_statement_confirmed: true });
      await call("POST", this.path("/status"), { status: "investigating" });
    }, "The investigation has started.");
  }

  private async resolve(): Promise<void> {
    const what = h("textarea", { rows: 4, maxlength: 2000, id: "solution" });
    const { done } = ask("Resolve the case", [h("label", { for: "solution" }, "What helped? (for whoever has this next)"), what], [["", "Cancel"], ["go", "Resolve", "primary"]]);
    what.focus();
    if ((await done) === "go") await this.act(() => call("POST", this.path("/resolve"), what.value.trim() ? { solution_summary: what.value.trim() } : {}), "Resolved. Well done.");
  }

  private async close(): Promise<void> {
    const reason = h("select", { id: "reason" }, ...([["consulting_only", "It was only a question"], ["abandoned", "Given up"], ["escalated", "Passed on to others"], ["duplicate", "The same as another case"], ["other", "Another reason"]] as const).map(([value, text]) => h("option", { value }, text)));
    const { done } = ask("Close the case", [h("p", {}, "A closed case can be read, but not continued."), h("label", { for: "reason" }, "Why?"), reason], [["", "Cancel"], ["go", "Close the case", "primary"]]);
    reason.focus();
    if ((await done) === "go") await this.act(() => call("POST", this.path("/close"), { closure_reason: reason.value }), "The case is closed.");
  }

  private async remove(): Promise<void> {
    const title = String(this.view?.info?.title ?? "The case");
    try {
      await call("DELETE", this.path());
      this.actions.deleted(this.id);
      tell(`“${title}” was deleted. It can be taken back for 30 days.`, { text: "Undo", run: () => void call("POST", this.path("/restore")).then(() => this.actions.restored(this.id), (e: unknown) => fail(explain(e))) });
    } catch (e) {
      fail(explain(e));
    }
  }
}
