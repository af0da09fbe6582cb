// The list of cases as a pure model: pages arrive, single cases change live, filters decide what belongs in it.
import type { CaseInfo } from "./view";

export interface Filter { text: string; status: string }
export interface CaseList { cases: CaseInfo[]; total: number; cursor: string | null; more: boolean; stale: boolean }
export const emptyList = (): CaseList => ({ cases: [], total: 0, cursor: null, more: false, stale: false });

interface Page { cases: CaseInfo[]; total_count: number; has_more: boolean; next_cursor: string | null }

/** What to ask the server for. */
export function queryOf(f: Filter, next: CaseList | null, limit = 50): string {
  const q = new URLSearchParams({ limit: String(limit) });
  if (f.text.trim() !== "") q.set("q", f.text.trim());
  if (f.status !== "") q.set("status", f.status);
  if (next?.cursor) q.set("cursor", next.cursor);
  else if (next) q.set("offset", String(next.cases.length));
  return "/cases?" + q.toString();
}

/** A first page replaces, a further one is added; a case that moved meanwhile is not shown twice. */
export function addPage(list: CaseList, page: Page, first: boolean): CaseList {
  const before = first ? [] : list.cases;
  const known = new Set(before.map((c) => c.case_id));
  return { cases: [...before, ...page.cases.filter((c) => !known.has(c.case_id))], total: page.total_count, cursor: page.next_cursor, more: page.has_more, stale: false };
}

/** One case changed somewhere. While words are searched, what newly matches only the server knows: `stale` asks it. */
export function applyChange(list: CaseList, change: { case: CaseInfo; deleted: boolean }, f: Filter): CaseList {
  const at = list.cases.findIndex((c) => c.case_id === change.case.case_id);
  const fits = !change.deleted && (f.status === "" || change.case.status === f.status);
  if (!fits) return at < 0 ? list : { ...list, cases: list.cases.filter((_, i) => i !== at), total: Math.max(0, list.total - 1) };
  if (f.text.trim() !== "") return at < 0 ? { ...list, stale: true } : { ...list, cases: list.cases.map((c, i) => (i === at ? change.case : c)) };
  const rest = list.cases.filter((_, i) => i !== at);
  const moment = (c: CaseInfo) => Date.parse(String(c["last_activity_at"] ?? "")) || 0;
  const place = rest.findIndex((c) => moment(c) <= moment(change.case));
  // Older than all that is loaded while there is more to load: it comes with its page.
  if (place < 0 && list.more && at < 0) return { ...list, total: list.total + 1 };
  const cases = place < 0 ? [...rest, change.case] : [...rest.slice(0, place), change.case, ...rest.slice(place)];
  return { ...list, cases, total: at < 0 ? list.total + 1 : list.total };
}

/** The case before or after, for keys; wraps around. */
export function neighbour(list: CaseList, id: string | null, step: 1 | -1): string | null {
  const n = list.cases.length;
  if (n === 0) return null;
  const at = list.cases.findIndex((c) => c.case_id === id);
  return list.cases[at < 0 ? (step > 0 ? 0 : n - 1) : (at + step + n) % n]!.case_id;
}

export const statuses: [string, string][] = [["", "All"], ["consulting", "Consulting"], ["investigating", "Investigating"], ["resolved", "Resolved"], ["closed", "Closed"]];
