// Teams and their people; versions of documents.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../src/api";
import { KnowledgePage } from "../src/knowledgepage";
import { DocumentPage } from "../src/knowledgedocument";
import { parsePlace, pathOf, type Place } from "../src/router";
import { explainTeam, mayRemove, teamOf } from "../src/teams";
import { TeamPage, TeamsPage } from "../src/teamspage";
import { differences } from "../src/versions";
import { frame, press, server, settle } from "./server";

beforeEach(() => { localStorage.clear(); document.body.replaceChildren(); });
const member = (id: string, role: string) => ({ user_id: id, username: id.replace("user_", "name"), role });
const team = (role: string | null, more: object = {}) => ({ team_id: "team_a", name: "Payments", description: "On call", member_count: 3, role, version: 4, members: [member("user_2", "owner"), member("user_1", role ?? "member"), member("user_3", "member")], ...more });
const owned = team("owner", { members: [member("user_1", "owner"), member("user_2", "admin"), member("user_3", "member")] });
const names = () => [...document.querySelectorAll("button")].map((b) => b.getAttribute("aria-label") ?? b.textContent);
const open = async (t: object, more: Parameters<typeof server>[0] = {}) => {
  const asked = server({ "GET /teams/team_a": { body: t }, ...more }), go = vi.fn(), page = new TeamPage("team_a", go);
  frame(page.node);
  await settle();
  return { asked, go, page };
};
const answerWith = (value: string) => document.querySelector("dialog")!.close(value);
const sent = (asked: { method: string; path: string; body: unknown }[]) => asked.filter((a) => a.method !== "GET").map((a) => [a.method, a.path, a.body]);

describe("addresses", () => {
  it("name every place of the knowledge", () => {
    const places: Place[] = [{ page: "teams" }, { page: "team", id: "team_a" }, { page: "knowledge", query: "x", whose: "team_a", here: true }, { page: "newDocument", whose: "shared" }, { page: "document", id: "doc_1", edit: false, version: 3 }];
    for (const p of places) expect(parsePlace(pathOf(p))).toEqual(p);
    expect(parsePlace("/knowledge?whose=team_<b>")).toEqual({ page: "knowledge", query: "", whose: "mine" });
  });
});

describe("a team", () => {
  it("offers a member nothing but leaving", async () => {
    const { asked, go } = await open(team("member"), { "DELETE /teams/team_a/members/user_1": { status: 204 } });
    expect(names()).toEqual(["Leave the team…"]);
    press("Leave the team…");
    answerWith("");
    await settle();
    expect(sent(asked)).toEqual([]);
    press("Leave the team…");
    answerWith("go");
    await settle();
    expect(sent(asked)).toEqual([["DELETE", "/teams/team_a/members/user_1", undefined]]);
    expect(go).toHaveBeenCalledWith({ page: "teams" });
  });
  it("lets those who manage it remove members, not the owner or each other", () => {
    server({});
    const t = teamOf(team("admin")), m = (id: string, role: "owner" | "admin" | "member") => ({ id, name: id, role });
    expect([mayRemove(t, m("user_3", "member"), "user_1"), mayRemove(t, m("user_4", "admin"), "user_1"), mayRemove(t, m("user_2", "owner"), "user_1"), mayRemove(t, m("user_1", "member"), "user_1")]).toEqual([true, false, false, false]);
  });
  it("gets people by name, and shows who is in it then", async () => {
    const { asked } = await open(owned, { "POST /teams/team_a/members": { status: 201, body: { ...owned, member_count: 4, members: [...owned.members, member("user_4", "member")] } } });
    document.querySelector<HTMLInputElement>("#member-name")!.value = " bob ";
    document.querySelector("form")!.dispatchEvent(new Event("submit", { cancelable: true }));
    await settle();
    expect(sent(asked)).toEqual([["POST", "/teams/team_a/members", { username: "bob", role: "member" }]]);
    expect(document.querySelectorAll(".members li").length).toBe(4);
    expect(document.activeElement!.id).toBe("member-name");
  });
  it("says why somebody cannot be added, and keeps its people", async () => {
    await open(owned, { "POST /teams/team_a/members": { status: 404, body: { detail: "There is no such user.", error: { code: "not_found" } } } });
    document.querySelector<HTMLInputElement>("#member-name")!.value = "bbo";
    document.querySelector("form")!.dispatchEvent(new Event("submit", { cancelable: true }));
    await settle();
    expect(document.querySelector("[role=alert]")!.textContent).toContain("There is no such user. Check the name");
    expect(document.querySelector<HTMLInputElement>("#member-name")!.value).toBe("bbo");
    expect(document.querySelectorAll(".members li").length).toBe(3);
  });
  it("asks before it gets another owner, and goes back when the answer is no", async () => {
    const { asked } = await open(owned, { "PATCH /teams/team_a/members/user_2": { body: team("admin") } });
    const choose = () => { const s = document.querySelector<HTMLSelectElement>("[data-user=user_2] select")!; s.value = "owner"; s.dispatchEvent(new Event("change")); };
    choose();
    answerWith("");
    await settle();
    expect([sent(asked), document.querySelector<HTMLSelectElement>("[data-user=user_2] select")!.value]).toEqual([[], "admin"]);
    choose();
    answerWith("go");
    await settle();
    expect(sent(asked)).toEqual([["PATCH", "/teams/team_a/members/user_2", { role: "owner" }]]);
    expect(names()).toContain("Leave the team…");
  });
  it("is deleted only when its name is typed", async () => {
    const { asked, go } = await open(owned, { "DELETE /teams/team_a": { status: 204 } });
    const remove = async (typed: string) => {
      press("Delete the team…");
      document.querySelector<HTMLInputElement>("#team-typed")!.value = typed;
      answerWith("go");
      await settle();
    };
    await remove("payments");
    expect(document.querySelector("[role=alert]")!.textContent).toContain("Nothing was deleted");
    expect(sent(asked)).toEqual([]);
    await remove("Payments");
    expect(sent(asked)).toEqual([["DELETE", "/teams/team_a", undefined]]);
    expect(go).toHaveBeenCalledWith({ page: "teams" });
  });
  it("that is not one's own says so", async () => {
    const asked = server({ "GET /teams/team_b": { status: 404, body: { detail: "There is no such team, or you are not in it.", error: { code: "not_found" } } } });
    frame(new TeamPage("team_b", vi.fn()).node);
    await settle();
    expect(asked.length).toBe(1);
    expect(document.querySelector("[role=alert]")!.textContent).toMatch(/no such team.*Try again/);
  });
  it("refuses in words that lead somewhere", () => {
    expect(explainTeam(new ApiError("Only the owner may", 403, "forbidden"))).toBe("Only the owner may. Ask the team's owner.");
    expect(explainTeam(new ApiError("A team may have 2 members.", 413, "too_large"))).toMatch(/second team/);
  });
});

describe("the list of teams", () => {
  it("says what to do when there is none, and makes one", async () => {
    const asked = server({ "GET /teams": { body: { teams: [], total_count: 0, has_more: false } }, "POST /teams": { status: 201, body: owned } }), go = vi.fn();
    frame(new TeamsPage(go).node);
    await settle();
    expect(document.querySelector("[role=status]")!.textContent).toMatch(/You are in no team yet/);
    document.querySelector<HTMLInputElement>("#team-name")!.value = " Payments ";
    document.querySelector("form")!.dispatchEvent(new Event("submit", { cancelable: true }));
    await settle();
    expect(sent(asked)).toEqual([["POST", "/teams", { name: "Payments", description: "" }]]);
    expect(go).toHaveBeenCalledWith({ page: "team", id: "team_a" });
  });
});

describe("whose knowledge", () => {
  const nothing = { body: { documents: [], total_count: 0, has_more: false } };
  const show = async (whose: "mine" | "shared" | "team_a", here: boolean, roles: string[] = []) => {
    const asked = server({ "GET /teams": { body: { teams: [team("member")], has_more: false } }, "GET /teams/team_a/kb": nothing, "GET /knowledge": nothing, "GET /users": nothing,
      "GET /knowledge/stats": { body: { total_documents: 3, not_indexed: 2, embedder: "bge", embedder_status: "unhealthy", embedder_detail: "No route." } },
      "POST /knowledge/search": { body: { results: [{ document_id: "doc_1", content: "x", metadata: { title: "T", scope: "team", team_id: "team_a" } }] } }, "POST /teams/team_a/kb/search": { body: { results: [] } },
      "POST /knowledge/reindex": { status: 202, body: { job_id: "j", status: "completed", total: 2, done: 2, failed: 0, progress_percentage: 100 } } });
    const session = JSON.parse(localStorage.getItem("faultmaven.session")!) as { user: object };
    localStorage.setItem("faultmaven.session", JSON.stringify({ ...session, user: { ...session.user, roles } }));
    const page = new KnowledgePage(here || whose === "mine" ? "pool" : "", whose, here, vi.fn());
    frame(page.node);
    await settle(12);
    return { asked, page };
  };
  it("has a place for each team, by its name", async () => {
    await show("team_a", false);
    expect([...document.querySelectorAll("nav[aria-label='Whose documents'] a")].map((a) => [a.textContent, a.getAttribute("href"), a.hasAttribute("aria-current")])).toEqual([["Mine", "/knowledge", false], ["Payments", "/knowledge?whose=team_a", true], ["Everybody's", "/knowledge?whose=shared", false], ["Teams…", "/teams", false]]);
  });
  it("is searched everywhere, unless one wants only here", async () => {
    const all = await show("mine", false);
    expect(sent(all.asked)[0]!.slice(0, 2)).toEqual(["POST", "/knowledge/search"]);
    expect(document.querySelector("li.hit")!.textContent).toContain("Payments");
    expect(sent((await show("team_a", true)).asked)[0]!.slice(0, 2)).toEqual(["POST", "/teams/team_a/kb/search"]);
    expect(sent((await show("shared", true)).asked)[0]).toEqual(["POST", "/knowledge/search", { query: "pool", limit: 20, filters: { scopes: ["global"] } }]);
  });
  it("says that likeness is away, and lets administrators alone embed what is missing", async () => {
    await show("shared", false);
    expect(document.querySelector(".stats")!.textContent).toMatch(/Likeness does not work now\. No route\. Words are still found\./);
    expect(document.getElementById("reindex")).toBeNull();
    const { asked } = await show("shared", false, ["admin"]);
    press("Embed what is missing");
    await settle(12);
    expect(sent(asked)).toEqual([["POST", "/knowledge/reindex", {}]]);
    expect(document.getElementById("notice")!.textContent).toContain("2 documents have new vectors.");
  });
});

describe("versions", () => {
  it("differ line by line, with a few equal lines around", () => {
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i + 1}`);
    const now = [...lines.slice(0, 14), "new", ...lines.slice(15)].join("\n");
    const got = differences(lines.join("\n"), now)!;
    expect(got.filter((l) => l.kind === "removed" || l.kind === "added").map((l) => [l.kind, l.text])).toEqual([["removed", "line 15"], ["added", "new"]]);
    expect(got.filter((l) => l.kind === "left").map((l) => l.text)).toEqual(["11 equal lines", "12 equal lines"]);
    expect(got.length).toBe(2 + 2 + 6);
    expect(differences("a", "a")!.map((l) => l.kind)).toEqual(["same"]);
  });
  it("that differ in everything are given up in bounded time", () => expect(differences(Array.from({ length: 5_000 }, (_, i) => `a${i}`).join("\n"), Array.from({ length: 5_000 }, (_, i) => `b${i}`).join("\n"))).toBeNull());
  const doc = (version: number, content: string, more: object = {}) => ({ document_id: "doc_1", title: "Pools", scope: "team", team_id: "team_a", format: "markdown", bytes: 9, version, updated_at: "2026-01-01T00:00:00Z", content, ...more });
  const read = async (more: Parameters<typeof server>[0] = {}, version?: number) => {
    const asked = server({ "GET /teams": { body: { teams: [team("member")], has_more: false } }, "GET /knowledge/documents/doc_1": { body: doc(2, "new") }, "GET /knowledge/documents/doc_1/versions?": { body: { versions: [doc(2, "", { current: true }), doc(1, "")], has_more: false } }, "GET /knowledge/documents/doc_1/versions/1": { body: doc(1, "old") }, ...more }), go = vi.fn();
    frame(new DocumentPage("doc_1", go, version).node);
    await settle();
    const box = document.querySelector<HTMLDetailsElement>(".versionsbox");
    if (box) { box.open = true; box.dispatchEvent(new Event("toggle")); await settle(); }
    return { asked, go };
  };
  it("are compared with the present text, and read", async () => {
    const { go } = await read();
    expect(document.querySelector(".versions")!.textContent).toMatch(/Version 2.*present.*Version 1/);
    press("Compare: version 1");
    await settle();
    expect([...document.querySelectorAll(".diff > div")].map((d) => [d.className, d.querySelector(".txt")!.textContent])).toEqual([["removed", "old"], ["added", "new"]]);
    press("Read: version 1");
    expect(go).toHaveBeenCalledWith({ page: "document", id: "doc_1", edit: false, version: 1 });
  });
  it("come back only when asked twice, against the version that was read", async () => {
    const { asked } = await read({ "PUT /knowledge/documents/doc_1": { body: doc(3, "old") } });
    press("Restore: version 1");
    answerWith("");
    await settle();
    expect(sent(asked)).toEqual([]);
    press("Restore: version 1");
    answerWith("go");
    await settle();
    expect(sent(asked)).toEqual([["PUT", "/knowledge/documents/doc_1", { restore_version: 1, expected_version: 2 }]]);
    expect(document.getElementById("notice")!.textContent).toContain("Version 1 is back, as version 3.");
  });
  it("that somebody changed meanwhile are not overwritten", async () => {
    await read({ "PUT /knowledge/documents/doc_1": { status: 409, body: { detail: "changed", error: { code: "conflict" } } } });
    press("Restore: version 1");
    answerWith("go");
    await settle();
    expect(document.querySelector("#notice [role=alert]")!.textContent).toMatch(/Somebody else changed/);
  });
  it("of before cannot be changed or deleted", async () => {
    await read({}, 1);
    expect(document.querySelector("[role=note]")!.textContent).toContain("version 1 as it was");
    expect(names()).toEqual([]);
  });
});
