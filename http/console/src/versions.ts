// What a document was: its versions, what each one changed, and the way back to one.
import { diffLines } from "diff";
import { call } from "./api";
import { ask, h, type Child } from "./dom";
import { size } from "./text";
import { docOf, explainKnowledge, type Doc } from "./knowledge";
import { fail, tell } from "./notices";
import { timeNode } from "./time";

export interface DiffLine { kind: "same" | "added" | "removed" | "left"; text: string }
const around = 3, editsMax = 1_000;

/** Line by line from one text to the other, with a few lines around what changed; nothing when too much is different. */
export function differences(from: string, to: string): DiffLine[] | null {
  const parts = diffLines(from, to, { maxEditLength: editsMax });
  if (!parts) return null;
  const out: DiffLine[] = [];
  parts.forEach((p, i) => {
    const lines = p.value.replace(/\n$/, "").split("\n");
    if (p.added || p.removed) return void out.push(...lines.map((text): DiffLine => ({ kind: p.added ? "added" : "removed", text })));
    const head = i === 0 ? 0 : around, tail = i === parts.length - 1 ? 0 : around;
    if (lines.length <= head + tail + 1) return void out.push(...lines.map((text): DiffLine => ({ kind: "same", text })));
    const left = lines.length - head - tail;
    out.push(...lines.slice(0, head).map((text): DiffLine => ({ kind: "same", text })), { kind: "left", text: `${left.toLocaleString("en")} equal lines` }, ...lines.slice(lines.length - tail).map((text): DiffLine => ({ kind: "same", text })));
  });
  return out;
}
export function diffView(lines: readonly DiffLine[]): HTMLElement {
  const sign = { same: " ", added: "+", removed: "−", left: "⋯" }, word = { same: "", added: "added: ", removed: "removed: ", left: "" };
  return h("div", { class: "diff", tabindex: 0, role: "region", "aria-label": "What changed" }, ...lines.map((l) => h("div", { class: l.kind }, h("span", { class: "sign", "aria-hidden": "true" }, sign[l.kind]), word[l.kind] ? h("span", { class: "visually-hidden" }, word[l.kind]) : null, h("span", { class: "txt" }, l.text))));
}

export interface VersionActions { restored(d: Doc): void; read(version: number): void }
const atOnce = 20;

export class Versions {
  readonly node: HTMLDetailsElement;
  private readonly list = h("ol", { class: "versions", "aria-label": "Versions, the newest first" });
  private readonly more = h("button", { type: "button", hidden: true, onclick: () => void this.load() }, "Load more");
  private readonly trouble = h("p", { class: "error", role: "alert", hidden: true });
  private loaded = 0;
  private asked = false;

  constructor(private readonly doc: Doc, private readonly actions: VersionActions) {
    this.node = h("details", { class: "card versionsbox" }, h("summary", {}, `Versions (${doc.version})`), this.list, this.trouble, this.more);
    this.node.addEventListener("toggle", () => { if (this.node.open && !this.asked) { this.asked = true; void this.load(); } });
  }

  private async load(): Promise<void> {
    this.trouble.hidden = true;
    try {
      const page = await call("GET", `/knowledge/documents/${this.doc.id}/versions?limit=${atOnce}&offset=${this.loaded}`);
      const got = (page.versions as unknown[]).map(docOf);
      this.loaded += got.length;
      this.more.hidden = page.has_more !== true;
      this.list.append(...got.map((v) => this.row(v)));
    } catch (e) {
      this.trouble.hidden = false;
      this.trouble.replaceChildren(explainKnowledge(e, this.doc.whose), " ", h("button", { type: "button", onclick: () => void this.load() }, "Try again"));
    }
  }
  private row(v: Doc): HTMLLIElement {
    const place = h("div", {}), button = (text: string, run: () => void) => h("button", { type: "button", class: "small", "aria-label": `${text}: version ${v.version}`, onclick: run }, text);
    const actions: Child[] = v.current ? [h("span", { class: "badge good" }, "present")] : [button("Read", () => this.actions.read(v.version)), button("Compare", () => void this.compare(v, place)), button("Restore", () => void this.restore(v))];
    return h("li", { "data-version": v.version }, h("div", { class: "line1" }, h("strong", {}, `Version ${v.version}`), h("span", { class: "quiet" }, timeNode(v.updatedAt), ` · ${size(v.bytes)}`), v.title !== this.doc.title ? h("span", {}, `“${v.title}”`) : null, ...actions), place);
  }

  /** What is different in the present text from that version. */
  private async compare(v: Doc, place: HTMLElement): Promise<void> {
    if (place.childElementCount > 0) return place.replaceChildren();
    try {
      const old = docOf(await call("GET", `/knowledge/documents/${this.doc.id}/versions/${v.version}`));
      const lines = differences(old.content, this.doc.content);
      place.replaceChildren(lines === null ? h("p", { class: "quiet" }, "Too much is different to show it line by line. Read the version instead.") : lines.every((l) => l.kind === "same" || l.kind === "left") ? h("p", { class: "quiet" }, "The text is the same; title, type or tags were changed.")
        : h("div", {}, h("p", { class: "quiet" }, `From version ${v.version} to the present one:`), diffView(lines)));
    } catch (e) {
      fail(explainKnowledge(e, this.doc.whose));
    }
  }
  private async restore(v: Doc): Promise<void> {
    const { done } = ask(`Restore version ${v.version}?`, [h("p", {}, `Its text becomes the present one, as version ${this.doc.version + 1}. What is there now is kept as version ${this.doc.version}.`)], [["", "Cancel"], ["go", "Restore it", "primary"]]);
    if ((await done) !== "go") return;
    try {
      const d = docOf(await call("PUT", `/knowledge/documents/${this.doc.id}`, { restore_version: v.version, expected_version: this.doc.version }));
      tell(`Version ${v.version} is back, as version ${d.version}.`);
      this.actions.restored(d);
    } catch (e) {
      fail(explainKnowledge(e, this.doc.whose));
    }
  }
}
