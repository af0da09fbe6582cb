// What the server says of a file and its analysis, in one shape for the page: a log's analysis and every other
// extractor's differ on the wire, and fields may be missing in what an older server wrote.
import type { LineRange } from "./router";

export interface FileRecord {
  id: string; caseId: string; name: string; bytes: number; type: string; confidence: number; status: "processing" | "analysed" | "unanalyzable";
  summary: string; error: string; uploadedAt: string; sha256: string;
  /** There is a copy of it without personal data and secrets. */
  sanitizedCopy: boolean;
}
export interface Cited {
  lines: LineRange; begin: number | null; title: string; level: Level; quote: string;
  /** What it is one of: all lines of one template are of one group. */
  group: string;
  /** Its place among what the analysis says to look at first; nothing when it is not of them. */
  rank?: number;
  /** Lines of its kind, from the first to the last of them. */
  kind?: { count: number; first: number; last: number };
}
/** How lines or errors are spread over a log: parts of equal width from `begin` on, in milliseconds when `timed`, else in lines. */
export interface OverTime { timed: boolean; begin: number; width: number; lines: number[]; errors: number[] }
/** Something that is different from some moment on. */
export interface Change { kind: ChangeKind; title: string; line: number; begin: number | null; quote: string }
export type ChangeKind = "level_shift" | "appears" | "vanishes" | "burst" | "gap";
export type Level = "fatal" | "error" | "warning" | "note" | "info" | "debug" | "none";
export interface Template { id: number; pattern: string; count: number; level: Level; trouble: number; first: number; last: number; example: { line: number; begin: number; text: string }; overTime: number[] }
export interface Plot { name: string; svg: string; sparkline: string }
export interface Identifier { kind: string; value: string; count: number; errors: number; first: number }
export interface Analysis {
  log: boolean; lines: number | null; shortened: string; from: string; to: string; zoneKnown: boolean; yearKnown: boolean; dateKnown: boolean;
  overTime: OverTime | null; changes: Change[];
  levels: [Level, number][]; /** Every line that is lit in the text, by line. */ cited: Cited[]; /** What is worth a look without what only changed. */ look: Cited[]; scenes: { what: string; lines: LineRange }[]; templates: Template[]; identifiers: Identifier[];
  plots: Plot[]; text: string; facts: [string, string][]; insights: { text: string; lines: LineRange | null }[]; personal: boolean; secrets: boolean;
  alternatives: [string, number][];
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;
const list = (j: Json): Json[] => (Array.isArray(j) ? j : []);
const objects = (j: Json): Json[] => list(j).filter((x) => typeof x === "object" && x !== null);
const text = (j: Json): string => (typeof j === "string" ? j : "");
const number = (j: Json): number => (typeof j === "number" && Number.isFinite(j) ? j : 0);
const levels: Level[] = ["fatal", "error", "warning", "note", "info", "debug", "none"];
const level = (j: Json): Level => (levels.includes(j) ? (j as Level) : j === "danger" ? "error" : "none");
const range = (first: Json, last: Json): LineRange => ({ first: Math.max(1, number(first)), last: Math.max(1, number(first), number(last)) });

export const typeNames: Record<string, string> = {
  logs_and_errors: "Log", metrics_and_performance: "Metrics", structured_config: "Configuration", source_code: "Source code",
  unstructured_text: "Text", visual_evidence: "Picture or PDF", unanalyzable: "Not analysable",
};
export const typeName = (type: string): string => typeNames[type] ?? (type || "Unknown");
/** Those a person may choose by hand. */
export const choices: [string, string][] = [["", "Find out by itself"], ...Object.entries(typeNames).filter(([t]) => t !== "unanalyzable")];

export function fileOf(j: Json): FileRecord {
  const status = text(j.processing_status) || text(j.status), error = text(j.error);
  const type = text(j.data_type) || text(j.classification?.data_type);
  return {
    id: text(j.file_id) || text(j.data_id), caseId: text(j.case_id), name: text(j.file_name) || text(j.filename), bytes: number(j.file_size ?? j.size_bytes), type,
    confidence: number(j.classification?.confidence), status: status === "failed" || type === "unanalyzable" || error ? "unanalyzable" : status === "completed" ? "analysed" : "processing",
    summary: text(j.summary), error, uploadedAt: text(j.uploaded_at), sha256: text(j.sha256), sanitizedCopy: text(j.redaction) === "copy",
  };
}

const changeKinds: readonly ChangeKind[] = ["level_shift", "appears", "vanishes", "burst", "gap"];
const partsMax = 512;
function overTimeOf(j: Json): OverTime | null {
  if (typeof j !== "object" || j === null) return null;
  const timed = j.timed === true, begin = timed ? Date.parse(text(j.begin)) : number(j.begin), width = number(j.width) * (timed ? 1_000 : 1);
  const lines = list(j.lines).slice(0, partsMax).map(number), errors = list(j.errors).slice(0, lines.length).map(number);
  return Number.isFinite(begin) && width > 0 && lines.length > 1 && lines.some((n) => n > 0) ? { timed, begin, width, lines, errors } : null;
}

const citedMax = 500, citedLinesMax = 200;

export function analysisOf(j: Json): Analysis {
  const a: Analysis = { log: false, lines: null, shortened: "", from: "", to: "", zoneKnown: true, yearKnown: true, dateKnown: true, overTime: null, changes: [], levels: [], cited: [], look: [], scenes: [], templates: [], identifiers: [], plots: [], text: "", facts: [], insights: [], personal: false, secrets: false, alternatives: [] };
  if (typeof j !== "object" || j === null) return a;
  a.log = Array.isArray(j.templates);
  a.templates = objects(j.templates).map((t) => ({ id: number(t.id), pattern: text(t.pattern), count: number(t.count), level: level(t.level), trouble: number(t.trouble), first: Math.max(1, number(t.first_line)), last: Math.max(1, number(t.last_line)), example: { line: number(t.example?.line), begin: number(t.example?.begin), text: text(t.example?.text) }, overTime: list(t.over_time).map(number) }));
  a.lines = typeof j.lines === "number" ? j.lines : null;
  a.shortened = j.shortened === true ? "Only a part of it was looked at." : text(j.shortened);
  a.from = text(j.time?.from);
  a.to = text(j.time?.to);
  a.zoneKnown = j.time?.zone_known !== false;
  a.yearKnown = j.time?.year_known !== false;
  a.dateKnown = j.time?.date_known !== false;
  a.overTime = overTimeOf(j.over_time);
  a.levels = levels.map((l): [Level, number] => [l, number(j.levels?.[l])]).filter(([, n]) => n > 0);
  const known = new Map(a.templates.map((t) => [t.id, t]));
  for (const [rank, item] of objects(j.look_first).entries()) {
    const t = known.get(number(item.template_id)), quote = item.quote ?? {};
    const what = `${t?.pattern ?? text(quote.text)}`, why = text(item.why), l = t?.level ?? "none";
    const kind = t ? { count: number(item.count) || t.count, first: t.first, last: t.last } : undefined;
    const spans = list(item.lines).filter((r) => Array.isArray(r));
    if (spans.length === 0) spans.push([quote.line, quote.line]);
    // A pattern that fills the file cites its worst line, not everything.
    const narrow = spans.map(([from, to]) => (number(to) - number(from) > citedLinesMax ? [quote.line, quote.line] : [from, to]));
    for (const [from, to] of narrow) a.cited.push({ lines: range(from, to), begin: number(quote.line) === number(from) ? number(quote.begin) : null, title: why ? `${what} (${why})` : what, group: t ? `template ${t.id}` : what, level: l, quote: number(quote.line) === number(from) ? text(quote.text) : "", rank, kind });
  }
  for (const f of objects(j.findings)) {
    if (changeKinds.includes(f.kind) && number(f.at?.line) > 0) {
      a.changes.push({ kind: f.kind as ChangeKind, title: text(f.title), line: number(f.at.line), begin: typeof f.at.begin === "number" ? f.at.begin : null, quote: text(f.at.text) });
      continue;
    }
    // A log's finding stands at one line; every other extractor's cites a range, or the whole file with line 0.
    const at = f.at ?? {}, single = typeof at.line === "number", first = single ? at.line : number(at.first_line);
    a.cited.push({ lines: range(first, single ? first : at.last_line), begin: first > 0 ? number(at.begin) : null, title: text(f.title), group: `${text(f.title)} ${number(at.begin)}`, level: single ? (known.size > 0 ? levelAt(a.templates, first) : "none") : level(f.weight), quote: text(f.quote) || text(at.text) });
  }
  for (const t of objects(j.stack_traces)) {
    if (!t.head) continue;
    const root = text(t.root?.text).trim(), head = text(t.head.text).trim(), repeats = number(t.repeats);
    a.cited.push({ lines: range(t.head.line, number(t.head.line) + Math.max(0, number(t.lines) - 1)), begin: number(t.head.begin), group: `trace ${number(t.head.line)}`, title: `Stack trace${repeats > 1 ? `, ${repeats} times` : ""}${root && root !== head ? `: ${root}` : ""}`, level: "error", quote: text(t.head.text) });
  }
  a.look = merged(a.cited).slice(0, citedMax);
  a.cited = merged([...a.cited, ...a.changes.map((c): Cited => ({ lines: range(c.line, c.line), begin: c.begin, title: c.title, level: "none", quote: c.quote, group: `change ${c.line}` }))]).slice(0, citedMax);
  a.scenes = objects(j.scenes).map((s) => ({ what: text(s.what), lines: range(s.first_line, s.last_line) }));
  a.identifiers = objects(j.identifiers).map((i) => ({ kind: text(i.kind), value: text(i.value), count: number(i.count), errors: number(i.errors), first: number(i.first_line) }));
  a.plots = objects(j.plots).map((p) => ({ name: text(p.name), svg: text(p.svg), sparkline: text(p.sparkline) }));
  a.text = text(j.full_extraction);
  a.facts = Object.entries((j.facts ?? {}) as Record<string, Json>).map(([k, v]) => [k, text(v)]);
  a.insights = list(j.key_insights).filter((i) => i !== null).map((i) => (typeof i === "string" ? { text: i, lines: null } : { text: text(i.text), lines: number(i.at?.first_line) > 0 ? range(i.at.first_line, i.at.last_line) : null }));
  a.personal = j.pii_detected === true;
  a.secrets = j.secrets_detected === true;
  a.alternatives = objects(j.alternative_types).map((t) => [text(t.data_type), number(t.confidence)]);
  return a;
}

const levelAt = (templates: Template[], line: number): Level => templates.find((t) => t.first === line || t.example.line === line)?.level ?? "none";

/** By line. What begins at the same line is one citation, as long as the longest of them, with all their titles. */
function merged(cited: Cited[]): Cited[] {
  const by = new Map<number, Cited>();
  for (const c of cited) {
    const old = by.get(c.lines.first);
    if (!old) by.set(c.lines.first, { ...c });
    else {
      if (!old.title.includes(c.title)) old.title += "; " + c.title;
      old.lines = { first: old.lines.first, last: Math.max(old.lines.last, c.lines.last) };
      old.begin ??= c.begin;
      old.quote ||= c.quote;
      old.kind ??= c.kind;
      if (c.rank !== undefined) old.rank = Math.min(c.rank, old.rank ?? c.rank);
      if (levels.indexOf(c.level) < levels.indexOf(old.level)) old.level = c.level;
    }
  }
  return [...by.values()].sort((x, y) => x.lines.first - y.lines.first);
}
