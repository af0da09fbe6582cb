// The page: sign in, the frame around everything, and which place is shown. Each place is a module of its own.
import { call, loadSession, myId, saveSession } from "./api";
import { CasePage } from "./casepage";
import { CasePane } from "./casepane";
import { byId, h } from "./dom";
import { dropTarget } from "./drop";
import { FilePage } from "./filepage";
import { showHelp } from "./help";
import { actionOf, inField, type Action } from "./keys";
import { DocumentPage } from "./knowledgedocument";
import { DocumentForm } from "./knowledgeform";
import { KnowledgePage } from "./knowledgepage";
import { Live, type LiveState } from "./live";
import { clear, fail } from "./notices";
import type { Page } from "./page";
import { link } from "./page";
import { caseOf, parsePlace, pathOf, type Place } from "./router";
import { showSignIn } from "./signin";
import { StartPage } from "./startpage";
import { TeamPage, TeamsPage } from "./teamspage";
import { themeButton } from "./themebutton";
import { refreshTimes } from "./time";
import { Uploads } from "./uploads";

const app = byId("app")!;
const uploads = new Uploads();
let live: Live | null = null;
let cases: CasePane | null = null;
let page: Page | null = null;
let place: Place = { page: "start" };
let connection: { state: LiveState; retryAt: number } = { state: "connecting", retryAt: 0 };

// ---- signing in and out ------------------------------------------------------------------------------------------
function leave(why: string): void {
  live?.stop();
  live = null;
  uploads.stopAll();
  page?.dispose();
  page = null;
  cases = null;
  document.body.classList.remove("menu-open");
  void showSignIn(app, why, enter);
}
async function signOut(): Promise<void> {
  await call("POST", "/auth/logout").catch(() => undefined);
  saveSession(null);
  leave("");
}
window.addEventListener("signed-out", () => leave("Your session has ended. Sign in again; what you wrote is kept on this device."));
// Signed out or in as somebody else in another tab: this one does not go on as the first.
window.addEventListener("storage", (e) => {
  if (e.key !== "faultmaven.session" || !live) return;
  const before = JSON.parse(e.oldValue ?? "null") as { user?: { user_id: string } } | null;
  if (before?.user?.user_id !== (myId() || undefined)) leave("You signed out in another tab.");
});

function enter(): void {
  const session = loadSession();
  if (!session) return leave("");
  cases = new CasePane({ open: (id) => go({ page: "case", id, tab: "conversation" }), create: () => go({ page: "start" }) });
  const menu = h("button", { type: "button", class: "ghost icon menu", id: "menu", "aria-label": "Cases", "aria-expanded": "false", "aria-controls": "nav", onclick: () => showMenu(!document.body.classList.contains("menu-open")) }, "☰");
  app.replaceChildren(
    h("header", { class: "top" }, menu,
      link(go, { page: "start" }, { class: "brand", "aria-label": "FaultMaven: new case" }, h("img", { src: "/icon.svg", alt: "", width: 24, height: 24 }), h("span", {}, "FaultMaven")),
      link(go, { page: "knowledge", query: "", whose: "mine" }, { id: "knowledge-link", class: "toplink" }, "Knowledge"),
      h("span", { id: "state", role: "status" }), h("span", { class: "spacer" }),
      h("span", { class: "quiet me" }, session.user.display_name || session.user.username),
      themeButton(),
      h("button", { type: "button", class: "ghost icon", id: "keys", "aria-label": "Keys", title: "Keys (?)", onclick: showHelp }, "?"),
      h("button", { type: "button", class: "ghost", id: "signout", onclick: () => void signOut() }, "Sign out")),
    h("div", { id: "banner", role: "status", hidden: true }),
    cases.node,
    h("main", { id: "main", tabindex: -1 }),
    h("div", { id: "notice" }), h("div", { id: "spoken", class: "visually-hidden", "aria-live": "polite" }));
  live = new Live({
    onObject,
    onState: (state, retryAt) => { connection = { state, retryAt }; drawState(); },
    onRefused: (pending, why) => { if (page instanceof CasePage && page.id === pending.case_id) page.refused(pending, why); },
    onOutbox: () => { if (page instanceof CasePage) page.drawSoon(); },
    afterSeq: (id) => (page instanceof CasePage && page.id === id ? page.seq : undefined),
  });
  live.start();
  void cases.load();
  show(parsePlace(location.href));
}

// ---- places --------------------------------------------------------------------------------------------------------
function go(to: Place, replace = false): void {
  const path = pathOf(to);
  if (replace || path === location.pathname + location.search) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  show(to);
}
window.addEventListener("popstate", () => { if (live) show(parsePlace(location.href)); });

function show(to: Place): void {
  const main = byId("main");
  if (!main || !live || !cases) return;
  const me = myId();
  showMenu(false);
  clear();
  const before = place;
  place = to;
  cases.select(caseOf(to));
  const inKnowledge = to.page === "knowledge" || to.page === "document" || to.page === "newDocument" || to.page === "teams" || to.page === "team";
  if (inKnowledge) byId("knowledge-link")?.setAttribute("aria-current", "page");
  else byId("knowledge-link")?.removeAttribute("aria-current");
  // The same place in another state is not built again: it keeps what it has loaded.
  if (to.page === "case" && page instanceof CasePage && page.id === to.id) { page.showTab(to.tab, to.message, to.search); if (!to.message) page.focus(); return named(); }
  if (to.page === "file" && before.page === "file" && page instanceof FilePage && page.file === to.file) { page.show(to.part, to.lines, to.level); return named(); }
  if (to.page === "knowledge" && page instanceof KnowledgePage) { page.show(to.query, to.whose, to.here); return named(); }
  page?.dispose();
  page = make(to, me, live);
  main.replaceChildren(page.node);
  if (!(to.page === "case" && to.message)) page.focus?.();
  named();
  void live.open(page instanceof CasePage ? page.id : null).catch((e: Error & { code?: string }) => {
    if (e.code === "not_found") { fail("There is no such case, or it is not shared with you."); go({ page: "start" }, true); }
  });
}
function make(to: Place, me: string, connected: Live): Page {
  switch (to.page) {
    case "start": return new StartPage(me, connected, uploads, go);
    case "case": return new CasePage(to.id, to.tab, to.message, { me, live: connected, uploads, go, deleted: (id) => { if (caseOf(place) === id) go({ page: "start" }); void cases?.load(); }, restored: (id) => { void cases?.load(); go({ page: "case", id, tab: "conversation" }); } }, to.search);
    case "file": return new FilePage(to.id, to.file, to.part, to.lines, go, to.level);
    case "knowledge": return new KnowledgePage(to.query, to.whose, to.here ?? false, go);
    case "document": return to.edit ? new DocumentForm({ id: to.id }, go) : new DocumentPage(to.id, go, to.version);
    case "newDocument": return new DocumentForm({ whose: to.whose }, go);
    case "teams": return new TeamsPage(go);
    case "team": return new TeamPage(to.id, go);
  }
}
function named(): void { document.title = `${page?.title() ?? ""} · FaultMaven`; }

// ---- live ----------------------------------------------------------------------------------------------------------
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function onObject(o: any): void {
  if (o.type === "list.changed") return cases?.change(o);
  if (!(page instanceof CasePage) || o.case_id !== page.id) return;
  if (o.type === "case.removed") {
    fail("This case was deleted, or it is no longer shared with you.");
    return go({ page: "start" }, true);
  }
  page.receive(o);
}
function drawState(): void {
  const banner = byId("banner"), state = byId("state");
  if (!banner || !state) return;
  state.textContent = connection.state === "online" ? "live" : connection.state === "connecting" ? "connecting…" : "offline";
  state.className = connection.state;
  banner.hidden = connection.state !== "offline";
  if (connection.state !== "offline") return;
  const left = Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1000));
  const words = `Connection lost. Reconnecting in ${left} s; nothing is lost. `;
  // The button stays the same one, so that pressing it while the seconds run works.
  if (!banner.querySelector("button")) banner.replaceChildren("", h("button", { type: "button", onclick: () => live?.connectNow() }, "Now"));
  banner.firstChild!.nodeValue = words;
}
window.setInterval(() => { if (connection.state === "offline") drawState(); }, 1_000);
window.setInterval(() => refreshTimes(document), 30_000);

// ---- keys and drops ------------------------------------------------------------------------------------------------
function showMenu(open: boolean): void {
  document.body.classList.toggle("menu-open", open);
  byId("menu")?.setAttribute("aria-expanded", String(open));
}
const doing: Record<Action, () => void> = {
  help: showHelp,
  new: () => go({ page: "start" }),
  search: () => { showMenu(true); cases?.search.focus(); cases?.search.select(); },
  down: () => cases?.move(1),
  up: () => cases?.move(-1),
  caseAbove: () => step(-1),
  caseBelow: () => step(1),
  write: () => page?.focus?.(),
  bottom: () => undefined, // the conversation knows
  menu: () => showMenu(true),
  escape: () => { if (document.body.classList.contains("menu-open")) { showMenu(false); byId("menu")?.focus(); } else clear(); },
};
function step(by: 1 | -1): void {
  const id = cases?.neighbour(by);
  if (id) go({ page: "case", id, tab: "conversation" });
}
document.addEventListener("keydown", (e) => {
  if (!live || e.defaultPrevented || document.querySelector("dialog[open]")) return;
  const action = actionOf(e);
  const plain = !inField(e.target) && !e.ctrlKey && !e.metaKey && !e.altKey;
  if (plain && page?.key?.(e)) return e.preventDefault();
  if (!action) return;
  e.preventDefault();
  doing[action]();
});
dropTarget((files) => {
  if (!live) return;
  if (page instanceof CasePage || page instanceof StartPage || page instanceof DocumentForm) page.attach(files);
  else fail("Files belong to a case: open one, then drop them there.");
});
window.addEventListener("beforeunload", (e) => { if (uploads.busy) e.preventDefault(); });
enter();
