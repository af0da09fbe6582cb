// Places of the page and their addresses. Every place has one address, so that links, reload and the back button work.
export type FilePart = "findings" | "templates" | "text";
export type Place =
  | { page: "start" }
  | { page: "case"; id: string; tab: CaseTab; message?: string; search?: CaseQuery }
  | { page: "file"; id: string; file: string; part: FilePart; lines: LineRange | null; /** Only templates of this level. */ level?: string }
  | { page: "knowledge"; query: string; whose: Whose; here?: boolean }
  | { page: "document"; id: string; edit: boolean; version?: number }
  | { page: "newDocument"; whose: Whose }
  | { page: "teams" }
  | { page: "team"; id: string };
export type CaseTab = "conversation" | "files" | "search" | "timeline";
/** What is searched in a case; times as fields give them, in UTC. */
export interface CaseQuery { q: string; file?: string; level?: string; source?: string; from?: string; to?: string }
/** Whose knowledge: one's own, everybody's, or that of a team by its id. */
export type Whose = "mine" | "shared" | `team_${string}`;

export interface LineRange { first: number; last: number }

/** "12", "12-14"; nothing for anything else. Lines count from 1. */
export function parseLines(text: string | null): LineRange | null {
  const m = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text ?? "");
  if (!m) return null;
  const first = Number(m[1]), last = Number(m[2] ?? m[1]);
  return first < 1 || last < first ? null : { first, last };
}
export const linesText = (r: LineRange): string => (r.first === r.last ? String(r.first) : `${r.first}-${r.last}`);

const named = (name: string, url: URL, shape: RegExp): Record<string, string> => {
  const value = url.searchParams.get(name) ?? "";
  return shape.test(value) ? { [name]: value } : {};
};
const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/;
const ident = "([A-Za-z0-9_-]{1,80})";
export function parsePlace(address: string): Place {
  const url = new URL(address, "http://x");
  const path = url.pathname.replace(/\/+$/, "");
  let m: RegExpExecArray | null;
  if ((m = new RegExp(`^/cases/${ident}(?:/(files|search|timeline))?$`).exec(path))) {
    const tab = (m[2] as CaseTab | undefined) ?? "conversation";
    return { page: "case", id: m[1]!, tab, ...named("message", url, new RegExp(`^${ident}$`)), ...(tab === "search" ? { search: { q: (url.searchParams.get("q") ?? "").slice(0, 1_000), ...named("file", url, new RegExp(`^${ident}$`)), ...named("level", url, /^[a-z]{1,12}$/), ...named("source", url, /^(file|message)$/), ...named("from", url, moment), ...named("to", url, moment) } } : {}) };
  }
  if ((m = new RegExp(`^/cases/${ident}/files/${ident}(?:/(templates|text))?$`).exec(path)))
    return { page: "file", id: m[1]!, file: m[2]!, part: (m[3] as FilePart | undefined) ?? "findings", lines: parseLines(url.searchParams.get("lines")), ...named("level", url, /^[a-z]{1,12}\+?$/) };
  const asked = url.searchParams.get("whose") ?? "", whose: Whose = asked === "shared" ? "shared" : /^team_[A-Za-z0-9_-]{1,80}$/.test(asked) ? (asked as Whose) : "mine";
  if (path === "/knowledge") return { page: "knowledge", query: url.searchParams.get("q") ?? "", whose, ...(url.searchParams.get("in") === "here" ? { here: true } : {}) };
  if (path === "/knowledge/new") return { page: "newDocument", whose };
  if (path === "/teams") return { page: "teams" };
  if ((m = new RegExp(`^/teams/${ident}$`).exec(path))) return { page: "team", id: m[1]! };
  if ((m = new RegExp(`^/knowledge/${ident}(/edit)?$`).exec(path))) {
    const version = parseLines(url.searchParams.get("version"))?.first;
    return { page: "document", id: m[1]!, edit: m[2] !== undefined, ...(version ? { version } : {}) };
  }
  return { page: "start" };
}

export function pathOf(p: Place): string {
  switch (p.page) {
    case "start": return "/";
    case "case": {
      const q = new URLSearchParams();
      if (p.message) q.set("message", p.message);
      for (const [name, value] of Object.entries(p.search ?? {})) if (value) q.set(name, value);
      return `/cases/${p.id}${p.tab === "conversation" ? "" : "/" + p.tab}${q.size > 0 ? "?" + q.toString() : ""}`;
    }
    case "file": return `/cases/${p.id}/files/${p.file}${p.part === "findings" ? "" : "/" + p.part}${p.lines ? "?lines=" + linesText(p.lines) : p.level ? "?level=" + encodeURIComponent(p.level) : ""}`;
    case "knowledge": {
      const q = new URLSearchParams();
      if (p.query) q.set("q", p.query);
      if (p.whose !== "mine") q.set("whose", p.whose);
      if (p.here) q.set("in", "here");
      return "/knowledge" + (q.size > 0 ? "?" + q.toString() : "");
    }
    case "newDocument": return "/knowledge/new" + (p.whose === "mine" ? "" : "?whose=" + p.whose);
    case "teams": return "/teams";
    case "team": return `/teams/${p.id}`;
    case "document": return `/knowledge/${p.id}${p.edit ? "/edit" : ""}${p.version ? "?version=" + p.version : ""}`;
  }
}
export const caseOf = (p: Place): string | null => (p.page === "case" || p.page === "file" ? p.id : null);
