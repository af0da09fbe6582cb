// Places of the page and their addresses. Every place has one address, so that links, reload and the back button work.
export type FilePart = "findings" | "templates" | "text";
export type Place =
  | { page: "start" }
  | { page: "case"; id: string; tab: "conversation" | "files" | "timeline"; message?: string }
  | { page: "file"; id: string; file: string; part: FilePart; lines: LineRange | null; /** Only templates of this level. */ level?: string }
  | { page: "knowledge"; query: string; own: boolean }
  | { page: "document"; id: string; edit: boolean }
  | { page: "newDocument"; own: boolean };

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
const ident = "([A-Za-z0-9_-]{1,80})";
export function parsePlace(address: string): Place {
  const url = new URL(address, "http://x");
  const path = url.pathname.replace(/\/+$/, "");
  let m: RegExpExecArray | null;
  if ((m = new RegExp(`^/cases/${ident}(?:/(files|timeline))?$`).exec(path))) {
    const message = new RegExp(`^${ident}$`).exec(url.searchParams.get("message") ?? "")?.[1];
    return { page: "case", id: m[1]!, tab: (m[2] as "files" | "timeline" | undefined) ?? "conversation", ...(message ? { message } : {}) };
  }
  if ((m = new RegExp(`^/cases/${ident}/files/${ident}(?:/(templates|text))?$`).exec(path)))
    return { page: "file", id: m[1]!, file: m[2]!, part: (m[3] as FilePart | undefined) ?? "findings", lines: parseLines(url.searchParams.get("lines")), ...named("level", url, /^[a-z]{1,12}\+?$/) };
  const own = url.searchParams.get("whose") !== "shared";
  if (path === "/knowledge") return { page: "knowledge", query: url.searchParams.get("q") ?? "", own };
  if (path === "/knowledge/new") return { page: "newDocument", own };
  if ((m = new RegExp(`^/knowledge/${ident}(/edit)?$`).exec(path))) return { page: "document", id: m[1]!, edit: m[2] !== undefined };
  return { page: "start" };
}

export function pathOf(p: Place): string {
  switch (p.page) {
    case "start": return "/";
    case "case": return `/cases/${p.id}${p.tab === "conversation" ? "" : "/" + p.tab}${p.message ? "?message=" + p.message : ""}`;
    case "file": return `/cases/${p.id}/files/${p.file}${p.part === "findings" ? "" : "/" + p.part}${p.lines ? "?lines=" + linesText(p.lines) : p.level ? "?level=" + encodeURIComponent(p.level) : ""}`;
    case "knowledge": {
      const q = new URLSearchParams();
      if (p.query) q.set("q", p.query);
      if (!p.own) q.set("whose", "shared");
      return "/knowledge" + (q.size > 0 ? "?" + q.toString() : "");
    }
    case "newDocument": return "/knowledge/new" + (p.own ? "" : "?whose=shared");
    case "document": return `/knowledge/${p.id}${p.edit ? "/edit" : ""}`;
  }
}
export const caseOf = (p: Place): string | null => (p.page === "case" || p.page === "file" ? p.id : null);
