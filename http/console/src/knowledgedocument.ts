// One document of the knowledge, to read, now or as it was; and to delete.
import { call } from "./api";
import { ask, h } from "./dom";
import { size } from "./text";
import { base, docOf, explainKnowledge, whoseWord, type Doc } from "./knowledge";
import { MarkdownView } from "./markdown";
import { fail, tell } from "./notices";
import { link, type Go, type Page } from "./page";
import type { Whose } from "./router";
import { myTeams } from "./teams";
import { timeNode } from "./time";
import { Versions } from "./versions";

export class DocumentPage implements Page {
  readonly node: HTMLElement;
  private readonly body = h("div", {}, h("p", { class: "quiet", role: "status" }, "Loading…"));
  private readonly crumbs = h("nav", { class: "crumbs", "aria-label": "Where you are" });
  private doc: Doc | null = null;
  private gone = false;

  /** `version`: an earlier one; without it the document as it is. */
  constructor(private readonly id: string, private readonly go: Go, private readonly version?: number) {
    this.node = h("div", { class: "document pad" }, this.crumbs, this.body);
    this.drawCrumbs("mine");
    void this.load();
  }
  title(): string { return this.doc?.title ?? "Document"; }
  dispose(): void { this.gone = true; }

  private drawCrumbs(whose: Whose): void {
    this.crumbs.replaceChildren(link(this.go, { page: "knowledge", query: "", whose }, {}, "Knowledge"));
    if (this.version) this.crumbs.append(" › ", link(this.go, { page: "document", id: this.id, edit: false }, {}, "The document as it is now"));
  }
  private async load(): Promise<void> {
    try {
      const d = docOf(await call("GET", `/knowledge/documents/${this.id}${this.version ? "/versions/" + this.version : ""}`));
      if (this.gone) return;
      this.doc = d;
      document.title = `${d.title} · FaultMaven`;
      this.drawCrumbs(d.whose);
      this.draw(d);
    } catch (e) {
      if (!this.gone) this.body.replaceChildren(h("p", { class: "error", role: "alert" }, explainKnowledge(e), " ", h("button", { type: "button", onclick: () => void this.load() }, "Try again")));
    }
  }
  private draw(d: Doc): void {
    const text = d.format === "markdown" || d.format === "" ? new MarkdownView() : null;
    // A document that begins with its title does not say it twice.
    const own = /^\s*#\s+(.+?)\s*#*\s*(?:\n|$)/.exec(d.content);
    text?.set(own && own[1] === d.title ? d.content.slice(own[0].length) : d.content, true);
    const title = h("h1", { tabindex: -1 }, d.title || "Without a title"), whose = h("span", {}, whoseWord(d.whose, new Map()));
    if (d.whose.startsWith("team_")) void myTeams().then((all) => { whose.textContent = whoseWord(d.whose, new Map(all.map((t) => [t.id, t.name]))); }, () => undefined);
    this.body.replaceChildren(title,
      h("p", { class: "line1" }, d.type ? h("span", { class: "badge" }, d.type) : null, d.category ? h("span", { class: "badge" }, d.category) : null, ...d.tags.map((t) => h("span", { class: "quiet" }, "#" + t)),
        h("span", { class: "quiet" }, whose, ` · version ${d.version} · ${size(d.bytes)} · `, timeNode(d.updatedAt))),
      this.version ? h("p", { class: "note-box", role: "note" }, `This is version ${d.version} as it was, not the document as it is now.`) : d.indexed ? "" : h("p", { class: "note-box" }, "It can be read, but not be searched yet."),
      this.version ? "" : h("div", { class: "toolbar" }, link(this.go, { page: "document", id: d.id, edit: true }, { class: "button" }, "Change"), h("button", { type: "button", class: "danger", onclick: () => void this.remove(d) }, "Delete")),
      this.version || d.version < 2 ? "" : new Versions(d, { restored: () => void this.load(), read: (version) => this.go({ page: "document", id: d.id, edit: false, version }) }).node,
      text ? text.node : h("pre", { tabindex: 0, role: "region", "aria-label": "Text of the document" }, d.content));
    title.focus();
  }
  private async remove(d: Doc): Promise<void> {
    const { done } = ask(`Delete “${d.title}”?`, [h("p", {}, "It is removed from the knowledge for good, with its versions. Answers that cited it keep their words.")], [["", "Cancel"], ["go", "Delete it", "primary"]]);
    if ((await done) !== "go") return;
    try {
      await call("DELETE", `${base(d.whose)}/documents/${d.id}`);
      this.go({ page: "knowledge", query: "", whose: d.whose });
      tell(`“${d.title}” was deleted.`);
    } catch (e) {
      fail(explainKnowledge(e, d.whose));
    }
  }
}
