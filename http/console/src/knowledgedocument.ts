// One document of the knowledge, to read; and to delete.
import { call } from "./api";
import { ask, h } from "./dom";
import { size } from "./files";
import { base, docOf, explainKnowledge, type Doc } from "./knowledge";
import { MarkdownView } from "./markdown";
import { fail, tell } from "./notices";
import { link, type Go, type Page } from "./page";
import { timeNode } from "./time";

export class DocumentPage implements Page {
  readonly node: HTMLElement;
  private readonly body = h("div", {}, h("p", { class: "quiet", role: "status" }, "Loading…"));
  private doc: Doc | null = null;
  private gone = false;

  constructor(private readonly id: string, private readonly go: Go) {
    this.node = h("div", { class: "document pad" }, h("nav", { class: "crumbs", "aria-label": "Where you are" }, link(go, { page: "knowledge", query: "", own: true }, {}, "Knowledge")), this.body);
    void this.load();
  }
  title(): string { return this.doc?.title ?? "Document"; }
  dispose(): void { this.gone = true; }

  private async load(): Promise<void> {
    try {
      const d = docOf(await call("GET", "/knowledge/documents/" + this.id));
      if (this.gone) return;
      this.doc = d;
      document.title = `${d.title} · FaultMaven`;
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
    const title = h("h1", { tabindex: -1 }, d.title || "Without a title");
    this.body.replaceChildren(title,
      h("p", { class: "line1" }, d.type ? h("span", { class: "badge" }, d.type) : null, d.category ? h("span", { class: "badge" }, d.category) : null, ...d.tags.map((t) => h("span", { class: "quiet" }, "#" + t)),
        h("span", { class: "quiet" }, `${d.shared ? "shared with everybody" : "mine"} · version ${d.version} · ${size(d.bytes)} · `, timeNode(d.updatedAt))),
      d.indexed ? "" : h("p", { class: "note-box" }, "It can be read, but not be searched yet."),
      h("div", { class: "toolbar" }, link(this.go, { page: "document", id: d.id, edit: true }, { class: "button" }, "Change"), h("button", { type: "button", class: "danger", onclick: () => void this.remove(d) }, "Delete")),
      text ? text.node : h("pre", { tabindex: 0, role: "region", "aria-label": "Text of the document" }, d.content));
    title.focus();
  }
  private async remove(d: Doc): Promise<void> {
    const { done } = ask(`Delete “${d.title}”?`, [h("p", {}, "It is removed from the knowledge for good. Answers that cited it keep their words.")], [["", "Cancel"], ["go", "Delete it", "primary"]]);
    if ((await done) !== "go") return;
    try {
      await call("DELETE", `${base(!d.shared)}/documents/${d.id}`);
      this.go({ page: "knowledge", query: "", own: !d.shared });
      tell(`“${d.title}” was deleted.`);
    } catch (e) {
      fail(explainKnowledge(e));
    }
  }
}
