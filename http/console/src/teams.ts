// Teams as the page sees them: who is in them, and what one may do there. The server decides; this only offers.
import { call, isAdmin } from "./api";
import { explain } from "./advice";

export type Role = "owner" | "admin" | "member";
export interface Member { id: string; name: string; role: Role }
export interface Team { id: string; name: string; description: string; size: number; role: Role | null; version: number; members: Member[] }

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;
const text = (j: Json): string => (typeof j === "string" ? j : "");
const role = (j: Json): Role | null => (j === "owner" || j === "admin" || j === "member" ? j : null);
export function teamOf(j: Json): Team {
  const members = (Array.isArray(j.members) ? j.members : []).map((m: Json): Member => ({ id: text(m.user_id), name: text(m.username) || text(m.user_id), role: role(m.role) ?? "member" }));
  return { id: text(j.team_id), name: text(j.name), description: text(j.description), size: typeof j.member_count === "number" ? j.member_count : members.length, role: role(j.role), version: typeof j.version === "number" ? j.version : 0, members };
}

const pagesMax = 5;
/** One's own teams, by name; up to 500, more than anybody is in. */
export async function myTeams(): Promise<Team[]> {
  const all: Team[] = [];
  for (let i = 0; i < pagesMax; ++i) {
    const page = await call("GET", `/teams?limit=100&offset=${all.length}`);
    all.push(...(page.teams as unknown[]).map(teamOf));
    if (page.has_more !== true) break;
  }
  return all;
}

/** What the rules of teams allow; an administrator of the server stands in for the owner. */
export const manages = (t: Team): boolean => t.role === "owner" || t.role === "admin" || isAdmin();
export const owns = (t: Team): boolean => t.role === "owner" || isAdmin();
export const mayRemove = (t: Team, m: Member, me: string): boolean => m.id !== me && m.role !== "owner" && (owns(t) || (manages(t) && m.role === "member"));

/** Words for what teams refuse; those of cases would send people to the wrong door. */
export function explainTeam(e: unknown): string {
  const { code = "" } = e as { code?: string }, said = e instanceof Error ? e.message.trim().replace(/([^.!?])$/, "$1.") : "";
  switch (code) {
    case "not_found": return /user/i.test(said) ? `${said} Check the name: it is the one they sign in with.` : said;
    case "forbidden": return `${said} Ask the team's owner.`;
    case "too_large": return `${said} Remove somebody who left, or make a second team.`;
    default: return explain(e);
  }
}
