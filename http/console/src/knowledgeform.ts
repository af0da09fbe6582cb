// Adding documents, by writing or by files; and changing one.
import { call } from "./api";
import { h } from "./dom";
import { size } from "./text";
import { base, docOf, explainKnowledge, parseTags, type Doc } from "./knowledge";
import { clear, fail, tell } from "./notices";
import { link, type Go, type Page } from "./page";
import type { Whose } from "./router";

const types = ["runbook", "guide", "postmortem", "reference", "faq"];
export const accepted = ".md,.markdown,.txt,.text,.log,.html,.htm,.csv,.json,.pdf,.docx";
let made = 0;

export class DocumentForm implements Page {
  readonly node: HTMLElement;
  private readonly name: HTMLInputElement;
  private readonly type: HTMLInputElement;
  private readonly category: HTMLInputElement;
  private readonly tags: HTMLInputElement;
  private readonly content = h("textarea", { id: "doc-content", rows: 18, required: true, maxlength: 2_000_000, spellcheck: "true" });
  private readonly save = h("button", { class: "primary" }, "Save");
  private readonly sent = h("ul", { class: "uploads", "aria-label": "Files" });
  private readonly form: HTMLFormElement;
  private doc: Doc | null = null;
  private changed = false;
  private gone = false;
  private readonly whose: Whose;

  constructor(private readonly what: { id: string } | { whose: Whose }, private readonly go: Go) {
    this.whose = "whose" in what ? what.whose : "mine";
    const field = (id: string, more: Record<string, unknown> = {}) => h("input", { id, autocomplete: "off", ...more });
    const list = `types-${++made}`;
    this.name = field("doc-title", { required: true, maxlength: 200 });
    this.type = field("doc-type", { list, maxlength: 60 });
    this.category = field("doc-category", { maxlength: 60 });
    this.tags = field("doc-tags", { maxlength: 500, "aria-describedby": "doc-tags-hint" });
    const label = (text: string, input: HTMLElement, hint?: HTMLElement) => h("div", { class: "field" }, h("label", { for: input.id }, text), input, hint);
    this.form = h("form", { class: "docform", "aria-label": "Document", oninput: () => { this.changed = true; }, onsubmit: (e: Event) => { e.preventDefault(); void this.submit(); } },
      label("Title", this.name),
      h("div", { class: "columns" }, label("Type", this.type), label("Category", this.category), label("Tags", this.tags, h("p", { class: "quiet", id: "doc-tags-hint" }, "Separated by commas."))),
      h("datalist", { id: list }, ...types.map((t) => h("option", { value: t }))),
      label("Text, in Markdown", this.content), h("div", { class: "actions" }, this.save));
    const crumbs = h("nav", { class: "crumbs", "aria-label": "Where you are" }, link(go, { page: "knowledge", query: "", whose: this.whose }, {}, "Knowledge"));
    this.node = h("div", { class: "document pad" }, crumbs, h("h1", { tabindex: -1 }, "id" in what ? "Change a document" : this.whose === "mine" ? "Add documents" : this.whose === "shared" ? "Add documents for everybody" : "Add documents for the team"));
    if ("id" in what) {
      this.node.append(this.form);
      this.save.disabled = true;
      void this.load(what.id);
    } else {
      const input = h("input", { type: "file", multiple: true, hidden: true, tabindex: -1, accept: accepted, "aria-label": "Documents to add", id: "doc-files", onchange: () => { this.attach([...(input.files ?? [])]); input.value = ""; } });
      this.node.append(h("section", { class: "card" }, h("h2", {}, "From files"), h("p", { class: "quiet" }, "Markdown, text, HTML, CSV, JSON, PDF or DOCX. Choose them, or drop them on this page."), h("button", { type: "button", onclick: () => input.click() }, "Choose files"), input, this.sent),
        h("section", { class: "card" }, h("h2", {}, "Or write one"), this.form));
    }
    window.addEventListener("beforeunload", this.leaving);
  }
  private readonly leaving = (e: BeforeUnloadEvent): void => { if (this.changed) e.preventDefault(); };
  title(): string { return "id" in this.what ? "Change a document" : "Add documents"; }
  focus(): void { this.node.querySelector<HTMLElement>("h1")?.focus(); }
  dispose(): void { this.gone = true; window.removeEventListener("beforeunload", this.leaving); }

  private async load(id: string): Promise<void> {
    try {
      const d = docOf(await call("GET", "/knowledge/documents/" + id));
      if (this.gone) return;
      this.doc = d;
      this.name.value = d.title;
      this.type.value = d.type;
      this.category.value = d.category;
      this.tags.value = d.tags.join(", ");
      this.content.value = d.content;
      this.save.disabled = false;
      this.name.focus();
    } catch (e) {
      if (!this.gone) fail(explainKnowledge(e), { text: "Try again", run: () => void this.load(id) });
    }
  }

  private async submit(): Promise<void> {
    clear();
    this.save.disabled = true;
    const body = { title: this.name.value.trim(), document_type: this.type.value.trim(), category: this.category.value.trim(), tags: parseTags(this.tags.value), content: this.content.value };
    try {
      const d = docOf(this.doc ? await call("PUT", "/knowledge/documents/" + this.doc.id, { ...body, expected_version: this.doc.version }) : await call("POST", base(this.whose) + "/documents", { ...body, format: "markdown" }));
      this.changed = false;
      this.go({ page: "document", id: d.id, edit: false });
      tell(this.doc ? "The change is saved." : `“${d.title}” was added.`);
    } catch (e) {
      fail(explainKnowledge(e, this.doc?.whose ?? this.whose));
    } finally {
      this.save.disabled = false;
    }
  }

  /** One after the other; what fails says why and can be tried again. */
  attach(files: readonly File[]): void {
    if ("id" in this.what) return fail("Files become documents of their own: go to Knowledge › Add documents, and drop them there.");
    void files.reduce(async (before, file) => { await before; await this.send(file); }, Promise.resolve());
  }
  private async send(file: File): Promise<void> {
    const state = h("span", { class: "quiet", role: "status" }, "Adding…"), row = h("li", { class: "upload" }, h("strong", {}, file.name), h("span", { class: "quiet" }, size(file.size)), state);
    this.sent.append(row);
    try {
      const form = new FormData();
      for (const [name, input] of [["document_type", this.type], ["category", this.category], ["tags", this.tags]] as const) if (input.value.trim()) form.append(name, input.value.trim());
      form.append("file", file, file.name);
      const d = docOf(await call("POST", base(this.whose) + "/documents", form));
      state.replaceChildren("Added: ", link(this.go, { page: "document", id: d.id, edit: false }, {}, d.title));
    } catch (e) {
      state.className = "error";
      state.replaceChildren(explainKnowledge(e, this.whose), " ", h("button", { type: "button", onclick: () => { row.remove(); void this.send(file); } }, "Try again"));
    }
  }
}
