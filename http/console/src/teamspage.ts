// Teams: the list of one's own, and the page of one with its people. Whoever is in a team reads its knowledge.
import { call, myId } from "./api";
import { ask, h } from "./dom";
import { clear, fail, tell } from "./notices";
import { link, type Go, type Page } from "./page";
import type { Whose } from "./router";
import { explainTeam, manages, mayRemove, myTeams, owns, teamOf, type Member, type Role, type Team } from "./teams";

const roleWords: Record<Role, string> = { owner: "owner", admin: "manages it", member: "member" };
const nameMax = 100, descriptionMax = 2_000;
const people = (n: number): string => `${n.toLocaleString("en")} ${n === 1 ? "person" : "people"}`;
const crumbs = (go: Go, ...more: Node[]) => h("nav", { class: "crumbs", "aria-label": "Where you are" }, link(go, { page: "knowledge", query: "", whose: "mine" }, {}, "Knowledge"), ...more.flatMap((m) => [" › ", m]));

export class TeamsPage implements Page {
  readonly node: HTMLElement;
  private readonly list = h("ul", { class: "docs", "aria-label": "My teams" });
  private readonly status = h("p", { class: "quiet", role: "status" }, "Loading…");
  private readonly name = h("input", { id: "team-name", required: true, maxlength: nameMax, autocomplete: "off" });
  private readonly description = h("input", { id: "team-description", maxlength: descriptionMax, autocomplete: "off" });
  private gone = false;

  constructor(private readonly go: Go) {
    this.node = h("div", { class: "knowledge pad teams" }, crumbs(go), h("h1", { tabindex: -1 }, "Teams"), h("p", { class: "quiet" }, "People of a team share its documents: all read and search them, its owner and those who manage it change who is in it."),
      this.status, this.list,
      h("form", { class: "card docform", "aria-label": "New team", onsubmit: (e: Event) => { e.preventDefault(); void this.create(); } }, h("h2", {}, "New team"),
        h("div", { class: "columns" }, h("div", { class: "field" }, h("label", { for: "team-name" }, "Name"), this.name), h("div", { class: "field" }, h("label", { for: "team-description" }, "What it is for"), this.description)), h("div", { class: "actions" }, h("button", { class: "primary" }, "Create the team"))));
    void this.load();
  }
  title(): string { return "Teams"; }
  focus(): void { this.node.querySelector<HTMLElement>("h1")?.focus(); }
  dispose(): void { this.gone = true; }

  private async load(): Promise<void> {
    try {
      const all = await myTeams();
      if (this.gone) return;
      this.status.textContent = all.length === 0 ? "You are in no team yet. Make one here, or ask somebody to add you by your name." : `You are in ${all.length} ${all.length === 1 ? "team" : "teams"}.`;
      this.list.replaceChildren(...all.map((t) => h("li", { class: "doc", "data-team": t.id }, h("div", { class: "line1" }, link(this.go, { page: "team", id: t.id }, { class: "name" }, t.name), h("span", { class: "badge" }, t.role ? roleWords[t.role] : ""), h("span", { class: "quiet" }, people(t.size)), link(this.go, { page: "knowledge", query: "", whose: t.id as Whose }, { "aria-label": `Documents of ${t.name}` }, "Documents")), t.description ? h("p", { class: "quiet" }, t.description) : null)));
    } catch (e) {
      if (this.gone) return;
      this.status.textContent = "";
      fail(explainTeam(e), { text: "Try again", run: () => void this.load() });
    }
  }
  private async create(): Promise<void> {
    clear();
    try {
      const made = teamOf(await call("POST", "/teams", { name: this.name.value.trim(), description: this.description.value.trim() }));
      this.go({ page: "team", id: made.id });
      tell(`“${made.name}” is there. Add its people.`);
    } catch (e) {
      fail(explainTeam(e));
    }
  }
}

export class TeamPage implements Page {
  readonly node: HTMLElement;
  private readonly body = h("div", {}, h("p", { class: "quiet", role: "status" }, "Loading…"));
  private team: Team | null = null;
  private gone = false;

  constructor(private readonly id: string, private readonly go: Go) {
    this.node = h("div", { class: "knowledge pad teams" }, crumbs(go, link(go, { page: "teams" }, {}, "Teams")), this.body);
    void this.load();
  }
  title(): string { return this.team?.name ?? "Team"; }
  dispose(): void { this.gone = true; }
  private path(rest = ""): string { return `/teams/${this.id}${rest}`; }

  private async load(): Promise<void> {
    try {
      this.show(teamOf(await call("GET", this.path())));
      this.body.querySelector<HTMLElement>("h1")?.focus();
    } catch (e) {
      if (!this.gone) this.body.replaceChildren(h("p", { class: "error", role: "alert" }, explainTeam(e), " ", h("button", { type: "button", onclick: () => void this.load() }, "Try again")));
    }
  }
  private show(t: Team): void {
    if (this.gone) return;
    this.team = t;
    document.title = `${t.name} · FaultMaven`;
    const me = myId(), button = (text: string, run: () => void, kind = "") => h("button", { type: "button", class: kind, onclick: run }, text);
    const person = h("input", { id: "member-name", required: true, maxlength: 100, autocomplete: "off", spellcheck: "false" }), as = h("select", { id: "member-role" }, h("option", { value: "member" }, "reads its documents"), owns(t) ? h("option", { value: "admin" }, "manages it too") : null);
    this.body.replaceChildren(h("h1", { tabindex: -1 }, t.name), t.description ? h("p", {}, t.description) : "",
      h("div", { class: "toolbar" }, t.role ? link(this.go, { page: "knowledge", query: "", whose: t.id as Whose }, { class: "button" }, "Its documents") : "",
        manages(t) ? button("Rename…", () => void this.rename(t)) : "", t.role && t.role !== "owner" ? button("Leave the team…", () => void this.leave(t)) : "", owns(t) ? button("Delete the team…", () => void this.remove(t), "danger") : ""),
      t.role === "owner" && t.size > 1 ? h("p", { class: "quiet" }, "You own this team. To leave it, make somebody else its owner first.") : "",
      h("h2", {}, people(t.size)),
      h("ul", { class: "docs members", "aria-label": "People of the team" }, ...t.members.map((m) => this.row(t, m, me))),
      manages(t) ? h("form", { class: "card toolbar", "aria-label": "Add somebody", onsubmit: (e: Event) => { e.preventDefault(); void this.change(() => call("POST", this.path("/members"), { username: person.value.trim(), role: as.value }), `${person.value.trim()} is in the team.`, "#member-name"); } },
        h("label", { for: "member-name" }, "Add somebody by name"), person, h("label", { for: "member-role", class: "visually-hidden" }, "What they may do"), as, h("button", { class: "primary" }, "Add")) : h("p", { class: "quiet" }, "Its owner and those who manage it change who is in it."));
  }
  private row(t: Team, m: Member, me: string): HTMLLIElement {
    const role = h("select", { "aria-label": `What ${m.name} may do`, onchange: () => void this.promote(m, role.value as Role) }, ...(["member", "admin", "owner"] as const).map((r) => h("option", { value: r }, roleWords[r])));
    role.value = m.role;
    return h("li", { class: "doc", "data-user": m.id }, h("div", { class: "line1" }, h("span", { class: "name" }, m.name), m.id === me ? h("span", { class: "quiet" }, "you") : null, owns(t) && m.role !== "owner" ? role : h("span", { class: "badge" }, roleWords[m.role]),
      mayRemove(t, m, me) ? h("button", { type: "button", class: "small danger", "aria-label": `Remove ${m.name}`, onclick: () => void this.drop(t, m) }, "Remove") : null));
  }

  /** What changes the team answers with the team; an answer without one is read again. */
  private async change(run: () => Promise<unknown>, said: string, focus = "h2"): Promise<void> {
    clear();
    try {
      const answer = await run();
      this.show(teamOf(answer ?? (await call("GET", this.path()))));
      tell(said);
    } catch (e) {
      // A choice that was refused goes back; a name that was typed stays, to be set right.
      if (this.team && focus !== "#member-name") this.show(this.team);
      fail(explainTeam(e));
    }
    this.body.querySelector<HTMLElement>(focus)?.focus();
  }
  private async confirmed(title: string, words: string, go: string): Promise<boolean> {
    return (await ask(title, [h("p", {}, words)], [["", "Cancel"], ["go", go, "primary"]]).done) === "go";
  }
  private async promote(m: Member, role: Role): Promise<void> {
    if (role === "owner" && !(await this.confirmed(`Make ${m.name} the owner?`, "A team has one owner. Whoever owns it now only manages it from then on.", "Make owner"))) return void (this.team && this.show(this.team));
    await this.change(() => call("PATCH", this.path(`/members/${m.id}`), { role }), `${m.name}: ${roleWords[role]}.`);
  }
  private async drop(t: Team, m: Member): Promise<void> {
    if (await this.confirmed(`Remove ${m.name} from ${t.name}?`, "They can no longer read the team's documents.", "Remove")) await this.change(() => call("DELETE", this.path(`/members/${m.id}`)), `${m.name} was removed.`);
  }
  private async rename(t: Team): Promise<void> {
    const name = h("input", { id: "rename-team", maxlength: nameMax, required: true }), description = h("textarea", { id: "describe-team", rows: 3, maxlength: descriptionMax });
    name.value = t.name;
    description.value = t.description;
    const { done } = ask("Rename the team", [h("label", { for: "rename-team" }, "Name"), name, h("label", { for: "describe-team" }, "What it is for"), description], [["", "Cancel"], ["go", "Save", "primary"]]);
    name.focus();
    if ((await done) === "go") await this.change(() => call("PATCH", this.path(), { name: name.value.trim(), description: description.value.trim(), expected_version: t.version }), "The team is renamed.", "h1");
  }
  private async leave(t: Team): Promise<void> {
    if (!(await this.confirmed(`Leave ${t.name}?`, "You can no longer read its documents until somebody adds you again.", "Leave"))) return;
    await this.away(`/members/${myId()}`, `You left “${t.name}”.`);
  }
  private async remove(t: Team): Promise<void> {
    // Its documents go too, so a name is typed, not only a button pressed.
    const typed = h("input", { id: "team-typed", autocomplete: "off" });
    const { done } = ask(`Delete ${t.name}?`, [h("p", {}, `The team and all its documents are removed for ${people(t.size)}. This cannot be undone.`), h("label", { for: "team-typed" }, "Type its name to confirm"), typed], [["", "Cancel"], ["go", "Delete the team", "danger"]]);
    typed.focus();
    if ((await done) !== "go") return;
    if (typed.value.trim() !== t.name) return fail("The name was not typed as it is. Nothing was deleted.");
    await this.away("", `“${t.name}” and its documents were deleted.`);
  }
  private async away(rest: string, said: string): Promise<void> {
    clear();
    try {
      await call("DELETE", this.path(rest));
      this.go({ page: "teams" });
      tell(said);
    } catch (e) {
      fail(explainTeam(e));
    }
  }
}
