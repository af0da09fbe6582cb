// One file of a case: what matters in it, its templates, its text. The analysis is loaded once; the text in ranges.
import { bytes, call, part as partOf } from "./api";
import { explain } from "./advice";
import { analysisOf, fileOf, typeName, type Analysis, type ChangeKind, type Cited, type FileRecord, type Level } from "./analysis";
import { h, type Child } from "./dom";
import { size } from "./text";
import { fail } from "./notices";
import { saveAs } from "./saveas";
import { looksLikeText, LineReader } from "./linereader";
import { link, type Go, type Page } from "./page";
import { plotFigures } from "./plots";
import { linesText, pathOf, type FilePart, type LineRange } from "./router";
import { TemplateTable } from "./templatetable";
import { timeNode } from "./time";
import type { Known } from "./timeaxis";
import { timePlot } from "./timeplot";
import { Viewer } from "./viewer";

const imageBytesMax = 4 << 20;
const citedShown = 40;
const changeWords: Record<ChangeKind, string> = { level_shift: "rate", appears: "new", vanishes: "gone", burst: "burst", gap: "silence" };
const parts: readonly FilePart[] = ["findings", "templates", "text"];

export class FilePage implements Page {
  readonly node: HTMLElement;
  private readonly body = h("div", { class: "part" }, h("p", { class: "quiet", role: "status" }, "Loading…"));
  private readonly head = h("div", { class: "filehead" });
  private readonly tabs = h("nav", { class: "tabs", "aria-label": "Parts of the file" });
  private record: FileRecord | null = null;
  private analysis: Analysis = analysisOf(null);
  private viewer: Viewer | null = null;
  private table: TemplateTable | null = null;
  private found: HTMLElement | null = null;
  private sanitized = false;
  private asText = false;
  private copyBar: HTMLElement | null = null;
  private gone = false;

  constructor(private readonly caseId: string, readonly file: string, private part: FilePart, private lines: LineRange | null, private readonly go: Go, private level = "") {
    this.node = h("div", { class: "filepage" }, h("nav", { class: "crumbs", "aria-label": "Where you are" }, link(go, { page: "case", id: caseId, tab: "conversation" }, {}, "Conversation"), " › ", link(go, { page: "case", id: caseId, tab: "files" }, {}, "Files")), this.head, this.tabs, this.body);
    void this.load();
  }
  title(): string { return this.record?.name ?? "File"; }
  focus(): void { this.head.querySelector<HTMLElement>("h1")?.focus(); }
  key(e: KeyboardEvent): boolean {
    const part = parts[Number(e.key) - 1];
    if (part && this.record && (part !== "templates" || this.analysis.templates.length > 0)) {
      this.go({ page: "file", id: this.caseId, file: this.file, part, lines: null });
      return true;
    }
    if (this.part === "text") return this.viewer !== null && this.viewer.key(e);
    if (e.key !== "n" && e.key !== "p") return false;
    const by = e.key === "n" ? 1 : -1;
    if (this.part === "templates") this.table?.move(by);
    else {
      const all = [...this.body.querySelectorAll<HTMLElement>("li > a.cite")], at = all.indexOf(document.activeElement as HTMLElement);
      all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))]?.focus();
    }
    return true;
  }
  dispose(): void { this.gone = true; this.viewer?.dispose(); }

  private async load(): Promise<void> {
    try {
      const j = await call("GET", `/cases/${this.caseId}/data/${this.file}`);
      if (this.gone) return;
      this.record = fileOf(j);
      this.analysis = analysisOf(j.analysis);
    } catch (e) {
      if (this.gone) return;
      this.body.replaceChildren(h("p", { class: "error", role: "alert" }, explain(e), " ", h("button", { type: "button", onclick: () => void this.load() }, "Try again")));
      return;
    }
    const f = this.record;
    const kind = h("span", { class: "badge" }, typeName(f.type)), sure = f.confidence > 0 ? `${Math.round(f.confidence * 100)} % sure` : "";
    this.head.replaceChildren(h("h1", { tabindex: -1 }, f.name), kind, h("span", { class: "quiet" }, [sure, size(f.bytes), this.analysis.lines !== null ? `${this.analysis.lines.toLocaleString("en")} lines` : ""].filter(Boolean).join(" · ")), h("span", { class: "quiet" }, timeNode(f.uploadedAt)), h("button", { type: "button", class: "small", "aria-label": `Download ${f.name}`, onclick: () => void this.download() }, "Download"));
    document.title = `${f.name} · FaultMaven`;
    this.show(this.part, this.lines, this.level);
    if (this.part !== "text") this.focus();
  }

  show(part: FilePart, lines: LineRange | null, level = ""): void {
    this.part = part;
    this.lines = lines;
    this.level = level;
    if (!this.record) return;
    const tab = (name: FilePart, text: string) => link(this.go, { page: "file", id: this.caseId, file: this.file, part: name, lines: null }, { "aria-current": part === name ? "page" : undefined }, text);
    this.tabs.replaceChildren(tab("findings", "What matters"), this.analysis.templates.length > 0 ? tab("templates", `Templates (${this.analysis.templates.length.toLocaleString("en")})`) : "", tab("text", "Text"));
    if (part === "text") void this.showText(lines);
    else if (part === "templates") this.showTemplates();
    else this.body.replaceChildren((this.found ??= this.findings()));
  }

  private async download(): Promise<void> {
    const f = this.record!;
    try {
      const all = f.bytes === 0 ? new Uint8Array() : await bytes(`/cases/${this.caseId}/data/${this.file}/content${this.sanitized ? "?form=sanitized" : ""}`, 0, f.bytes - 1);
      saveAs(new Blob([all.slice().buffer], { type: "application/octet-stream" }), f.name);
    } catch (e) {
      fail(explain(e));
    }
  }

  private get known(): Known { return { zone: this.analysis.zoneKnown, year: this.analysis.yearKnown, date: this.analysis.dateKnown }; }
  private toLines = (lines: LineRange): void => this.go({ page: "file", id: this.caseId, file: this.file, part: "text", lines });
  private lineLink(lines: LineRange, text = `${lines.last > lines.first ? "Lines" : "Line"} ${linesText(lines)}`): HTMLAnchorElement { return link(this.go, { page: "file", id: this.caseId, file: this.file, part: "text", lines }, { class: "cite" }, text); }

  private showTemplates(): void {
    this.table ??= new TemplateTable(this.analysis.templates, this.toLines, (lines) => pathOf({ page: "file", id: this.caseId, file: this.file, part: "text", lines }), this.analysis.overTime ? { time: this.analysis.overTime, known: this.known } : null);
    this.table.showLevel(this.level);
    this.body.replaceChildren(h("div", { class: "pad" }, this.table.node));
  }

  // ---- text ---------------------------------------------------------------------------------------------------------
  private async showText(lines: LineRange | null): Promise<void> {
    const f = this.record!, path = `/cases/${this.caseId}/data/${this.file}/content${this.sanitized ? "?form=sanitized" : ""}`;
    if (f.bytes === 0) return this.body.replaceChildren(h("p", { class: "quiet" }, "The file is empty."));
    if (!this.viewer) {
      this.body.replaceChildren(h("p", { class: "quiet", role: "status" }, "Loading…"));
      try {
        const head = await partOf(path, 0, Math.min(f.bytes, 4_096) - 1);
        if (this.gone || this.part !== "text") return;
        if (!looksLikeText(head.bytes) && !this.asText) return void (await this.showOther(head.bytes, path));
        this.viewer = this.makeViewer(path, head.total ?? f.bytes, head.sanitized);
      } catch (e) {
        if (!this.gone) this.body.replaceChildren(h("p", { class: "error", role: "alert" }, explain(e), " ", h("button", { type: "button", onclick: () => void this.showText(lines) }, "Try again")));
        return;
      }
    }
    this.body.replaceChildren(...(this.copyBar ? [this.copyBar] : []), this.viewer.node);
    await this.viewer.go(lines ?? { first: 1, last: 1 }, lines !== null);
    if (!this.gone && this.part === "text") this.viewer.focus();
  }
  private makeViewer(path: string, size: number, sanitized: boolean): Viewer {
    const f = this.record!, a = this.analysis;
    const reader = new LineReader(size, (from, to) => bytes(path, from, to), !a.log);
    // Bytes that the analysis names are those of the file itself; in a copy only the lines are where they were.
    if (!sanitized) for (const t of a.templates) reader.know(t.example.line, t.example.begin);
    if (f.sanitizedCopy) {
      const box = h("input", { type: "checkbox", id: "sanitized", onchange: () => { this.sanitized = box.checked; this.viewer?.dispose(); this.viewer = null; void this.showText(this.lines); } });
      box.checked = sanitized;
      this.copyBar = h("div", { class: "toolbar" }, h("label", { class: "check" }, box, "Without personal data and secrets"));
    } else if (sanitized) {
      this.copyBar = h("p", { class: "note-box" }, "This is the copy without personal data and secrets.");
    }
    return new Viewer(reader, sanitized ? a.cited.map((c) => ({ ...c, begin: null })) : a.cited, { moved: (at) => { this.lines = at; history.replaceState(null, "", pathOf({ page: "file", id: this.caseId, file: this.file, part: "text", lines: at })); } });
  }

  /** Not text: a picture is shown (as data:, all that the page's policy lets through); for the rest, what was read in it. */
  private async showOther(head: Uint8Array, path: string): Promise<void> {
    const f = this.record!, kind = pictureType(head);
    const box = h("div", { class: "pad" });
    if (kind && f.bytes <= imageBytesMax) {
      const all = await bytes(path, 0, f.bytes - 1);
      if (this.gone || this.part !== "text") return;
      box.append(h("img", { class: "picture", alt: this.analysis.text ? "The picture; the text read in it stands below." : "The picture; no text was read in it.", src: `data:${kind};base64,${base64(all)}` }));
    } else {
      box.append(h("p", { class: "quiet" }, "This does not look like text."));
    }
    box.append(h("p", {}, h("button", { type: "button", onclick: () => { this.asText = true; void this.showText(this.lines); } }, "Show it as text all the same")));
    if (this.analysis.text) box.append(h("h2", {}, "Text read in it"), h("pre", { tabindex: 0, role: "region", "aria-label": "Text read in the file" }, this.analysis.text));
    this.body.replaceChildren(box);
  }

  /** A level with its number; where there are templates of it, it leads to them. */
  private levelBadge(l: Level, n: number): HTMLElement {
    const text = `${n.toLocaleString("en")} ${l === "none" ? "without a level" : l}`;
    return this.analysis.templates.some((t) => t.level === l) ? link(this.go, { page: "file", id: this.caseId, file: this.file, part: "templates", lines: null, level: l }, { class: "badge " + l, title: "Their templates" }, text) : h("span", { class: "badge " + l }, text);
  }

  // ---- what matters ---------------------------------------------------------------------------------------------------
  private findings(): HTMLElement {
    const f = this.record!, a = this.analysis, out = h("div", { class: "pad findings" });
    const section = (title: string, ...children: Child[]) => out.append(h("section", {}, h("h2", {}, title), ...children));
    if (f.status === "unanalyzable") out.append(h("p", { class: "note-box", role: "note" }, h("strong", {}, "Could not be analysed. "), f.error || f.summary, " The file is kept as it is. If its type was mistaken, choose it by hand: Files › Read as…"));
    else if (f.summary) out.append(h("p", { class: "summary" }, f.summary));
    if (a.shortened) out.append(h("p", { class: "note-box" }, a.shortened));
    if (a.secrets || a.personal) out.append(h("p", { class: "note-box" }, [a.secrets ? "It holds secrets (passwords, keys)." : "", a.personal ? "It holds personal data." : ""].filter(Boolean).join(" ") + " Think before you share this case."));
    if (a.levels.length > 0) out.append(h("p", { class: "levels" }, ...a.levels.flatMap(([l, n]): Child[] => [this.levelBadge(l, n), " "])));
    if (a.overTime) section("Over time", timePlot(a.overTime, this.known));
    const first = firstOfEach(a.look);
    if (first.length > 0) {
      const more = h("button", { type: "button", hidden: first.length <= citedShown, onclick: () => { list.append(...first.slice(citedShown).map(item)); more.remove(); } }, `Show ${first.length - citedShown} more`);
      const item = (c: Cited) => h("li", { class: c.level }, this.lineLink(c.lines), " ", c.title, c.kind && c.kind.count > 1 ? h("span", { class: "quiet" }, ` · ${c.kind.count.toLocaleString("en")} lines, ${c.kind.first.toLocaleString("en")} to ${c.kind.last.toLocaleString("en")}`) : null, c.quote && c.quote !== c.title ? h("pre", {}, c.quote) : null);
      const list = h("ol", { class: "citedlist" }, ...first.slice(0, citedShown).map(item));
      section("Look at first", list, more);
    }
    if (a.changes.length > 0) section("What changed", h("ul", { class: "citedlist changes" }, ...a.changes.map((c) => h("li", {}, this.lineLink({ first: c.line, last: c.line }), " ", h("span", { class: "badge" }, changeWords[c.kind]), " ", c.title))));
    if (a.plots.length > 0) section("Plots", h("div", { class: "plots" }, ...plotFigures(a.plots)));
    if (a.insights.length > 0 && !a.log) section("Key points", h("ul", {}, ...a.insights.map((i) => h("li", {}, i.text, " ", i.lines ? this.lineLink(i.lines) : ""))));
    if (a.scenes.length > 0) section("Scenes", h("ul", {}, ...a.scenes.map((s) => h("li", {}, this.lineLink(s.lines), " ", s.what))));
    if (a.identifiers.length > 0) section("Identifiers", h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Identifiers" }, h("table", {}, h("thead", {}, h("tr", {}, ...["Kind", "Value", "Lines", "Errors", "First"].map((t) => h("th", { scope: "col" }, t)))), h("tbody", {}, ...a.identifiers.slice(0, 50).map((i) => h("tr", {}, h("td", {}, i.kind), h("td", {}, h("code", {}, i.value)), h("td", { class: "number" }, i.count.toLocaleString("en")), h("td", { class: "number" }, i.errors.toLocaleString("en")), h("td", {}, i.first > 0 ? this.lineLink({ first: i.first, last: i.first }) : "")))))));
    if (a.facts.length > 0) section("Facts", h("dl", { class: "facts" }, ...a.facts.flatMap(([k, v]) => [h("dt", {}, k.replace(/_/g, " ")), h("dd", {}, v)])));
    if (a.text && !a.log) section("What the analysis says", h("pre", { tabindex: 0, role: "region", "aria-label": "What the analysis says" }, a.text));
    if (a.alternatives.length > 1) out.append(h("p", { class: "quiet" }, "It could also be: " + a.alternatives.filter(([t]) => t !== f.type).map(([t, c]) => `${typeName(t)} (${Math.round(c * 100)} %)`).join(", ")));
    return out;
  }
}

/** Each group once, at its first place: a thousand lines of one warning are one entry. What the analysis ranked comes as
 * it ranked it, the rest behind it with the worst first. */
export function firstOfEach(cited: readonly Cited[]): Cited[] {
  const seen = new Map<string, { c: Cited; more: number }>();
  for (const c of cited) {
    const old = seen.get(c.group);
    if (old) ++old.more; else seen.set(c.group, { c, more: 0 });
    if (old && !old.c.quote && c.quote) old.c = { ...old.c, quote: c.quote };
    if (old && c.rank !== undefined) old.c = { ...old.c, rank: Math.min(c.rank, old.c.rank ?? c.rank) };
  }
  const heavy = { fatal: 0, error: 1, warning: 2, note: 3, info: 4, debug: 5, none: 4 };
  return [...seen.values()].map(({ c, more }) => (more > 0 && !c.kind ? { ...c, title: `${c.title}, and at ${more.toLocaleString("en")} more ${more === 1 ? "place" : "places"}` } : c)).sort((x, y) => (x.rank ?? Infinity) - (y.rank ?? Infinity) || heavy[x.level] - heavy[y.level] || x.lines.first - y.lines.first);
}
export function pictureType(b: Uint8Array): string {
  if (b[0] === 0x89 && b[1] === 0x50 && b[2] === 0x4e && b[3] === 0x47) return "image/png";
  if (b[0] === 0xff && b[1] === 0xd8 && b[2] === 0xff) return "image/jpeg";
  return "";
}
function base64(all: Uint8Array): string {
  let raw = "";
  for (let i = 0; i < all.length; i += 8_192) raw += String.fromCharCode(...all.subarray(i, i + 8_192));
  return btoa(raw);
}
