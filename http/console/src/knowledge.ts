// Knowledge as the page sees it: whose documents, how they are asked for, and the words for what went wrong.
import { myId } from "./api";
import { explain } from "./advice";
import type { Whose } from "./router";

export interface Doc { id: string; title: string; type: string; category: string; tags: string[]; whose: Whose; format: string; bytes: number; version: number; chunks: number; indexed: boolean; createdAt: string; updatedAt: string; updatedBy: string; content: string; /** Of a version: whether it is the present one. */ current: boolean }
export interface Hit { id: string; title: string; type: string; category: string; whose: Whose; heading: string; similarity: number; content: string; highlights: [number, number][]; reasons: string[] }
export interface Stats { documents: number; chunks: number; bytes: number; notIndexed: number; embedder: string; trouble: string; byType: [string, number][]; byCategory: [string, number][] }
export interface Filter { type: string; category: string; tag: string }
export const noFilter = (): Filter => ({ type: "", category: "", tag: "" });

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;
const text = (j: Json): string => (typeof j === "string" ? j : "");
const number = (j: Json): number => (typeof j === "number" ? j : 0);
const texts = (j: Json): string[] => (Array.isArray(j) ? j.filter((t) => typeof t === "string") : []);
const counts = (j: Json): [string, number][] => Object.entries((j ?? {}) as Record<string, Json>).map(([k, v]): [string, number] => [k, number(v)]).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));

const whoseOf = (scope: Json, team: Json): Whose => (scope === "global" ? "shared" : /^team_/.test(text(team)) ? (team as Whose) : "mine");

export function docOf(j: Json): Doc {
  return { id: text(j.document_id), title: text(j.title), type: text(j.document_type), category: text(j.category), tags: texts(j.tags), whose: whoseOf(j.scope, j.team_id), format: text(j.format), bytes: number(j.bytes), version: number(j.version), chunks: number(j.chunks), indexed: j.indexed !== false, createdAt: text(j.created_at), updatedAt: text(j.updated_at), updatedBy: text(j.updated_by), content: text(j.content), current: j.current === true };
}
export function hitOf(j: Json): Hit {
  const m = j.metadata ?? {};
  return { id: text(j.document_id), title: text(m.title), type: text(m.document_type), category: text(m.category), whose: whoseOf(m.scope, m.team_id), heading: text(j.heading), similarity: number(j.similarity_score), content: text(j.content), highlights: (Array.isArray(j.highlights) ? j.highlights : []).map((h: Json): [number, number] => [number(h.begin), number(h.end)]), reasons: texts(j.reasons) };
}
export function statsOf(j: Json): Stats {
  return { documents: number(j.total_documents), chunks: number(j.total_chunks), bytes: number(j.total_bytes), notIndexed: number(j.not_indexed), embedder: text(j.embedder), trouble: j.embedder_status === "unhealthy" ? text(j.embedder_detail) || "It does not answer." : "", byType: counts(j.by_type), byCategory: counts(j.by_category) };
}

/** Where documents live: one's own, those that everybody shares, those of a team. */
export const base = (whose: Whose): string => (whose === "mine" ? `/users/${myId()}/kb` : whose === "shared" ? "/knowledge" : `/teams/${whose}/kb`);
export function listPath(whose: Whose, f: Filter, offset: number, limit = 50): string {
  const q = new URLSearchParams({ limit: String(limit), offset: String(offset) });
  if (f.type) q.set("document_type", f.type);
  if (f.category) q.set("category", f.category);
  if (f.tag) q.set("tag", f.tag);
  return `${base(whose)}/documents?${q.toString()}`;
}
/** Without `here` all that one may read is searched: at three in the morning nobody knows whose runbook it was. */
export function searchPath(whose: Whose, here: boolean): string { return (here ? base(whose) : "/knowledge") + "/search"; }
export function searchBody(query: string, f: Filter, whose: Whose, here: boolean, limit = 20): object {
  const scopes = here && whose === "mine" ? { scopes: ["user"] } : here && whose === "shared" ? { scopes: ["global"] } : {};
  return { query, limit, filters: { ...scopes, ...(f.type ? { document_type: f.type } : {}), ...(f.category ? { category: f.category } : {}), ...(f.tag ? { tag: f.tag } : {}) } };
}
/** Whose something is, in a word; a team by its name when that is known. */
export const whoseWord = (whose: Whose, teams: ReadonlyMap<string, string>): string => (whose === "mine" ? "mine" : whose === "shared" ? "everybody's" : (teams.get(whose) ?? "a team's"));

export const parseTags = (line: string): string[] => [...new Set(line.split(",").map((t) => t.trim()).filter(Boolean))];

/** The words for a refusal differ from those of cases: shared documents are the administrators'. */
export function explainKnowledge(e: unknown, whose: Whose = "shared"): string {
  const { code = "", status = 0 } = e as { code?: string; status?: number };
  if (code === "forbidden" && whose !== "shared") return explain(e).replace("Ask the owner of the case for access.", "Ask the team's owner.");
  if (code === "forbidden") return "Only administrators change what everybody shares. Add it to your own documents instead, or ask an administrator.";
  if (code === "not_found") return "There is no such document any more, or it is not yours.";
  if (code === "unsupported_media_type") return "This kind of file cannot be read. Use Markdown, text, HTML, CSV, JSON, PDF or DOCX.";
  if (status === 409 && code === "conflict") return "Somebody else changed this document in the meantime. Copy your text, load the page again, and make your change once more.";
  if (code === "too_large") return "The document is too large. Split it along its headings, and add the parts.";
  return explain(e);
}
