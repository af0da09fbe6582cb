// Words that point at evidence become links: "app.log:120", "lines 120-140 of app.log", and in what an analysis says of
// its own file, "line 120" alone; documents and cases by their ids, [doc_…] and [case_…]. Only names of files that the case has are links.
import { h } from "./dom";
import type { LineRange } from "./router";

export interface NamedFile { id: string; name: string }
export type Found =
  | { begin: number; end: number; kind: "lines"; file: string; lines: LineRange }
  | { begin: number; end: number; kind: "document"; document: string }
  | { begin: number; end: number; kind: "case"; case: string }
  | { begin: number; end: number; kind: "file"; file: string };
export interface Sources { files: readonly NamedFile[]; own?: string }

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const span = "(\\d{1,10})(?:\\s?(?:-|–|to)\\s?(\\d{1,10}))?";

export function findCitations(text: string, { files, own }: Sources): Found[] {
  const found: Found[] = [];
  const add = (begin: number, end: number, file: string, first: string, last: string | undefined) => {
    const lines = { first: Number(first), last: Number(last ?? first) };
    if (lines.first < 1 || lines.last < lines.first || found.some((f) => begin < f.end && f.begin < end)) return;
    found.push({ begin, end, kind: "lines", file, lines });
  };
  // The longest name first: "app.log.1" is not "app.log".
  for (const { id, name } of [...files].sort((a, b) => b.name.length - a.name.length)) {
    if (name.length < 2) continue;
    const n = `(?<![\\w./-])${escaped(name)}(?![\\w-])`;
    for (const m of text.matchAll(new RegExp(`${n}["'”’\`]?(?::|,?\\s+\\(?(?:at\\s+)?(?:lines?|L)\\s?)L?${span}(?![\\d:])`, "gi"))) add(m.index, m.index + m[0].length, id, m[1]!, m[2]);
    for (const m of text.matchAll(new RegExp(`\\blines?\\s${span}\\s(?:of|in)\\s["'“‘\`]?${n}`, "gi"))) add(m.index, m.index + m[0].length, id, m[1]!, m[2]);
  }
  if (own) for (const m of text.matchAll(new RegExp(`\\blines?\\s${span}(?![\\d:])`, "gi"))) add(m.index, m.index + m[0].length, own, m[1]!, m[2]);
  for (const m of text.matchAll(/\bdoc_[0-9a-f]{12}\b/g)) found.push({ begin: m.index, end: m.index + m[0].length, kind: "document", document: m[0] });
  for (const m of text.matchAll(/\bcase_[0-9a-f]{12}\b/g)) found.push({ begin: m.index, end: m.index + m[0].length, kind: "case", case: m[0] });
  return found.sort((a, b) => a.begin - b.begin);
}

export interface CitationLinks { hrefOf(f: Found): string; open(f: Found): void }

/** Turns what is cited in the texts below `root` into links; what is a link already stays. Safe to call again. */
export function linkCitations(root: Element, sources: Sources, links: CitationLinks): void {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  for (let n = walker.nextNode(); n; n = walker.nextNode()) if (!(n.parentElement?.closest("a, button, .line") ?? null) && /\d/.test(n.nodeValue ?? "")) texts.push(n as Text);
  for (const node of texts) {
    const text = node.nodeValue ?? "", found = findCitations(text, sources);
    if (found.length === 0) continue;
    const out = document.createDocumentFragment();
    let at = 0;
    for (const f of found) {
      out.append(text.slice(at, f.begin), h("a", { class: "cite", href: links.hrefOf(f), onclick: (e: MouseEvent) => { if (e.ctrlKey || e.metaKey || e.shiftKey) return; e.preventDefault(); links.open(f); } }, text.slice(f.begin, f.end)));
      at = f.end;
    }
    out.append(text.slice(at));
    node.replaceWith(out);
  }
}

/** What an answer rests on, as the server lists it beside the text. */
export function sourcesOf(metadata: Record<string, string>): { id: string; title: string }[] {
  try {
    const list = JSON.parse(metadata["sources"] ?? "[]") as unknown;
    return Array.isArray(list) ? list.flatMap((s: { type?: string; id?: string; title?: string }) => (s?.type === "knowledge_base" && typeof s.id === "string" && /^doc_\w+$/.test(s.id) ? [{ id: s.id, title: String(s.title ?? s.id) }] : [])) : [];
  } catch {
    return [];
  }
}
