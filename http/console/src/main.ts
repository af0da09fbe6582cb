// The page: sign in, the list of cases, one case. State is one object; drawing is a few functions over it.
import { ApiError, call, clientId, loadSession, saveSession } from "./api";
import { size, upload } from "./files";
import { inField, showHelp } from "./help";
import { Live, loadOutbox } from "./live";
import { render } from "./markdown";
import { applyEvent, applySnapshot, emptyView, type CaseInfo, type Message, type View } from "./view";

const messageMax = 200_000;
type Child = Node | string | null | undefined | false;
function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Record<string, unknown> = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(name, String(value));
  }
  for (const child of children) if (child) node.append(child);
  return node;
}
const app = document.getElementById("app")!;

let cases: CaseInfo[] = [];
let total = 0;
let search = "";
let current: string | null = null;
let view: View = emptyView();
let connection: { state: string; retryAt?: number } = { state: "connecting" };
let live: Live | null = null;
let notice = "";

function explain(e: unknown): string {
  return e instanceof ApiError || e instanceof Error ? e.message : "Something went wrong; please try again.";
}
function say(text: string): void {
  notice = text;
  const box = document.getElementById("notice");
  if (box) { box.textContent = text; box.hidden = text === ""; }
}

// ---- sign in ---------------------------------------------------------------------------------------------------
async function showSignIn(): Promise<void> {
  live?.stop();
  live = null;
  const config = await call("GET", "/auth/config").catch(() => ({ dev_login: false, registration: true }));
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const form = (title: string, fields: [string, string, string][], path: string, button: string) =>
    h("form", {
      onsubmit: async (event: Event) => {
        event.preventDefault();
        const data = Object.fromEntries(new FormData(event.target as HTMLFormElement));
        try {
          saveSession(await call("POST", path, { ...data, client_id: clientId() }));
          await showApp();
        } catch (e) {
          error.textContent = explain(e);
          error.hidden = false;
        }
      },
    }, h("h2", {}, title), ...fields.map(([name, label, type]) => h("label", {}, label, h("input", { name, type, required: true, autocomplete: type === "password" ? "current-password" : name, minlength: type === "password" ? 8 : 3 }))), h("button", { class: "primary" }, button));
  app.replaceChildren(
    h("main", { id: "main", class: "signin" }, h("h1", {}, "FaultMaven"), h("p", { class: "quiet" }, "Work on a fault together with an AI, in cases that never forget."), error,
      config.dev_login ? form("Sign in on this machine", [["username", "Name", "text"]], "/auth/dev-login", "Sign in") : null,
      h("details", { open: !config.dev_login }, h("summary", {}, "Sign in with a password"), form("Sign in", [["username", "Username or e-mail", "text"], ["password", "Password", "password"]], "/auth/login", "Sign in")),
      config.registration ? h("details", {}, h("summary", {}, "Make an account"), form("New account", [["username", "Username", "text"], ["email", "E-mail", "email"], ["password", "Password", "password"]], "/auth/register", "Make the account")) : null));
  app.querySelector("input")?.focus();
}

// ---- the list --------------------------------------------------------------------------------------------------
async function loadCases(more = false): Promise<void> {
  try {
    const page = await call("GET", `/cases?limit=50&offset=${more ? cases.length : 0}${search ? "&q=" + encodeURIComponent(search) : ""}`);
    cases = more ? [...cases, ...page.cases] : page.cases;
    total = page.total_count;
    drawList();
  } catch (e) {
    say(explain(e));
  }
}
function drawList(): void {
  const list = document.getElementById("cases");
  if (!list) return;
  list.replaceChildren(
    ...cases.map((c) => h("li", {}, h("a", { href: "/cases/" + c.case_id, "aria-current": c.case_id === current ? "page" : undefined, onclick: (e: Event) => { e.preventDefault(); void go(c.case_id); } },
      h("span", { class: "title" }, String(c.title)), h("span", { class: "quiet" }, `${c.status} · ${c["message_count"]} messages`)))),
    cases.length < total ? h("li", {}, h("button", { onclick: () => void loadCases(true) }, `Show more (${total - cases.length})`)) : "",
    cases.length === 0 ? h("li", { class: "quiet" }, search ? "No case matches." : "No cases yet. Start with New case.") : "");
}

// ---- the shell -------------------------------------------------------------------------------------------------
async function showApp(): Promise<void> {
  const session = loadSession();
  if (!session) return showSignIn();
  app.replaceChildren(
    h("header", {}, h("button", { class: "menu", "aria-label": "Cases", onclick: () => document.body.classList.toggle("menu-open") }, "☰"), h("strong", {}, "FaultMaven"), h("span", { id: "state", role: "status" }),
      h("span", { class: "spacer" }), h("span", { class: "quiet" }, session.user.display_name || session.user.username),
      h("button", { id: "keys", "aria-label": "Keys", title: "Keys (?)", onclick: showHelp }, "?"),
      h("button", { onclick: async () => { await call("POST", "/auth/logout").catch(() => undefined); saveSession(null); await showSignIn(); } }, "Sign out")),
    h("div", { id: "banner", role: "status", hidden: true }),
    h("nav", { "aria-label": "Cases" }, h("button", { class: "primary", id: "new", onclick: () => void newCase() }, "New case"),
      h("input", { id: "search", type: "search", placeholder: "Search (Ctrl+K)", "aria-label": "Search cases", oninput: (e: Event) => { search = (e.target as HTMLInputElement).value; window.clearTimeout(searchTimer); searchTimer = window.setTimeout(() => void loadCases(), 200); } }),
      h("ul", { id: "cases" })),
    h("main", { id: "main", tabindex: -1 }));
  live = new Live({
    onObject, afterSeq: (id) => (id === current && view.seq > 0 && !view.broken ? view.seq : undefined),
    onState: (state, retryAt) => { connection = { state, retryAt }; drawState(); },
  });
  live.start();
  await loadCases();
  const match = /^\/cases\/([\w-]+)$/.exec(location.pathname);
  await go(match ? match[1]! : null, false);
}
let searchTimer = 0;

function drawState(): void {
  const banner = document.getElementById("banner"), state = document.getElementById("state");
  if (!banner || !state) return;
  state.textContent = connection.state === "online" ? "live" : connection.state === "connecting" ? "connecting…" : "offline";
  state.className = connection.state;
  const left = Math.max(0, Math.ceil(((connection.retryAt ?? 0) - Date.now()) / 1000));
  banner.hidden = connection.state !== "offline";
  if (connection.state === "offline") banner.replaceChildren(`Connection lost. Reconnecting in ${left} s; nothing is lost. `, h("button", { onclick: () => live?.connectNow() }, "Now"));
}
window.setInterval(() => { if (connection.state === "offline") drawState(); }, 1_000);

async function newCase(): Promise<void> {
  try {
    const made = await call("POST", "/cases", {});
    await loadCases();
    await go(made.case_id);
  } catch (e) {
    say(explain(e));
  }
}

async function go(id: string | null, push = true): Promise<void> {
  document.body.classList.remove("menu-open");
  current = id;
  view = emptyView();
  drawn.clear();
  if (push) history.pushState(null, "", id ? "/cases/" + id : "/");
  drawList();
  drawCase();
  await live?.open(id).catch((e) => { if ((e as { code?: string }).code) say(explain(e)); });
}
window.addEventListener("popstate", () => void go(/^\/cases\/([\w-]+)$/.exec(location.pathname)?.[1] ?? null, false));

// ---- the conversation ------------------------------------------------------------------------------------------
const drawn = new Map<string, { node: HTMLElement; content: string }>();

function drawCase(): void {
  const main = document.getElementById("main")!;
  if (!current) {
    main.replaceChildren(h("div", { class: "empty" }, h("h1", {}, "What is broken?"), h("p", { class: "quiet" }, "Open a case and paste what you have: a log, a stack trace, an alert.")));
    return;
  }
  main.replaceChildren(
    h("div", { class: "casehead" }, h("input", { id: "title", "aria-label": "Title of the case", onchange: async (e: Event) => { try { await call("PATCH", "/cases/" + current, { title: (e.target as HTMLInputElement).value }); } catch (x) { say(explain(x)); } } }), h("span", { id: "people", class: "quiet" })),
    h("div", { id: "log", role: "log", "aria-live": "off", "aria-label": "Conversation", tabindex: 0 }),
    h("div", { id: "live", class: "visually-hidden", "aria-live": "polite" }),
    h("div", { id: "queue", "aria-label": "Waiting turns" }),
    h("p", { id: "notice", class: "error", role: "alert", hidden: true }, notice),
    h("form", { id: "composer", onsubmit: (e: Event) => { e.preventDefault(); send(); } },
      h("textarea", { id: "text", rows: 3, "aria-label": "Message", placeholder: "Describe the fault or paste a log. Enter sends, Shift+Enter is a new line.", oninput: typed, onkeydown: (e: KeyboardEvent) => { if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); send(); } } }),
      h("div", { class: "actions" }, h("span", { id: "count", class: "quiet" }), attachButton(), h("span", { id: "upload", class: "quiet", role: "status" }), h("button", { id: "stop", type: "button", hidden: true, onclick: () => void stop() }, "Stop"), h("button", { class: "primary", id: "send" }, "Send"))));
  drawn.clear();
  draw();
  (document.getElementById("text") as HTMLTextAreaElement).focus();
}

// ---- files -----------------------------------------------------------------------------------------------------
function attachButton(): HTMLElement {
  const input = h("input", { type: "file", multiple: true, hidden: true, "aria-hidden": "true", tabindex: -1, onchange: () => { void attach([...(input.files ?? [])]); input.value = ""; } });
  return h("span", {}, input, h("button", { id: "attach", type: "button", title: "Upload logs, metrics, configuration; or drop them here", onclick: () => input.click() }, "Attach"));
}
async function attach(files: File[]): Promise<void> {
  const id = current;
  if (!id) return say("Open a case first; files belong to a case.");
  say("");
  for (const file of files) {
    const show = (text: string) => { const box = document.getElementById("upload"); if (box) box.textContent = text; };
    show(`${file.name} (${size(file.size)}): 0 %`);
    try {
      const stored = await upload(id, file, (percent) => show(`${file.name}: ${percent < 100 ? percent + " %" : "analysing…"}`));
      show(stored["duplicate_of"] ? `${file.name} is in this case already.` : "");
      announce(`${file.name} was uploaded and analysed.`);
    } catch (e) {
      show("");
      say(`${file.name}: ${explain(e)}`);
    }
  }
}
document.addEventListener("dragover", (e) => { if (e.dataTransfer?.types.includes("Files")) { e.preventDefault(); document.body.classList.add("dropping"); } });
document.addEventListener("dragleave", (e) => { if (!e.relatedTarget) document.body.classList.remove("dropping"); });
document.addEventListener("drop", (e) => {
  document.body.classList.remove("dropping");
  if (!e.dataTransfer?.files.length) return;
  e.preventDefault();
  void attach([...e.dataTransfer.files]);
});

let typingSent = 0;
function typed(): void {
  const text = (document.getElementById("text") as HTMLTextAreaElement).value;
  const n = [...text].length;
  const count = document.getElementById("count")!;
  count.textContent = n > 5_000 ? `${n.toLocaleString()} of ${messageMax.toLocaleString()} characters` : "";
  count.className = n > messageMax ? "error" : "quiet";
  (document.getElementById("send") as HTMLButtonElement).disabled = n > messageMax;
  if (current && Date.now() - typingSent > 3_000) { typingSent = Date.now(); void live?.command({ type: "typing", case_id: current, active: true }).catch(() => undefined); }
}

function send(): void {
  const area = document.getElementById("text") as HTMLTextAreaElement;
  const text = area.value;
  if (!current || text.trim() === "") return;
  if ([...text].length > messageMax) return say(`This is longer than ${messageMax.toLocaleString()} characters. Send the part around the first error.`);
  live?.submit(current, text);
  area.value = "";
  typed();
  say("");
  draw(true);
}
async function stop(): Promise<void> {
  if (!current || !view.running) return;
  await live?.command({ type: "turn.stop", case_id: current, turn_id: view.running.turn_id }).catch((e) => say(explain(e)));
}

function block(id: string, who: string, content: string, markdown: boolean, note = ""): HTMLElement {
  const known = drawn.get(id);
  const key = content + "\u0000" + note;
  if (known && known.content === key) return known.node;
  const body = h("div", { class: "body" });
  if (markdown) body.innerHTML = render(content);
  else if (content.length > 3_000 || content.split("\n").length > 30) body.append(h("pre", {}, content.slice(0, 1_200)), h("details", {}, h("summary", {}, `Show all ${content.split("\n").length.toLocaleString()} lines`), h("pre", {}, content)));
  else body.append(h("pre", {}, content));
  const node = h("article", { class: markdown ? "assistant" : "user", "data-id": id }, h("h3", {}, who), body, note ? h("p", { class: "note" }, note) : null);
  if (known) known.node.replaceWith(node);
  drawn.set(id, { node, content: key });
  return node;
}
const noteOf = (m: Message): string => (m.metadata["failure"] ? "Not finished: " + m.metadata["failure"] : m.metadata["cancelled"] ? "Stopped" : "");

function draw(toEnd = false): void {
  const log = document.getElementById("log");
  if (!log || !current) return;
  const atEnd = toEnd || log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const wanted: HTMLElement[] = view.messages.filter((m) => !(view.running && m.role === "assistant" && m.turn_number === view.running.turn_number))
    .map((m) => block(m.message_id, m.role === "assistant" ? "FaultMaven" : m.role === "system" ? "Analysis" : m.author_name || "Someone", m.content, m.role === "assistant", noteOf(m)));
  const sent = new Set(view.queue.map((t) => t.client_turn_id).concat(view.running ? [view.running.client_turn_id] : []));
  for (const p of loadOutbox()) if (p.case_id === current && !sent.has(p.client_turn_id)) wanted.push(block("out-" + p.client_turn_id, "You", p.content, false, "Sending…"));
  if (view.running) wanted.push(block("run-" + view.running.turn_id, "FaultMaven", view.running.text || "…", true, view.running.attempt > 1 ? `Answering (attempt ${view.running.attempt})…` : "Answering…"));
  // Only what changed is touched, so that the text does not jump and a selection survives.
  wanted.forEach((node, i) => { if (log.children[i] !== node) log.insertBefore(node, log.children[i] ?? null); });
  while (log.children.length > wanted.length) log.lastElementChild!.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
  const last = view.messages[view.messages.length - 1];
  const queue = document.getElementById("queue")!;
  const me = loadSession()?.user.user_id;
  queue.replaceChildren(...view.queue.map((t, i) => h("div", { class: "waiting" }, h("span", {}, `${i + 1}. waiting · ${t.author_name}: ${t.content.slice(0, 80)}`),
    t.author_id === me ? h("button", { onclick: () => edit(t.turn_id, t.content) }, "Edit") : null,
    t.author_id === me ? h("button", { onclick: () => void live?.command({ type: "turn.withdraw", case_id: current, turn_id: t.turn_id }).catch((e) => say(explain(e))) }, "Withdraw") : null)),
    !view.running && view.queue.length === 0 && last?.role === "assistant" ? h("button", { onclick: () => void regenerate(last.turn_number) }, "Answer again") : "");
  document.getElementById("stop")!.hidden = !view.running;
  const title = document.getElementById("title") as HTMLInputElement;
  if (document.activeElement !== title) title.value = String(view.info?.title ?? "");
  document.title = (view.info?.title ? view.info.title + " · " : "") + "FaultMaven";
  document.getElementById("people")!.textContent = view.presence.map((p) => p.name + (p.typing ? " is typing…" : "")).join(", ");
}
async function regenerate(turnNumber: number): Promise<void> {
  try {
    const page = await call("GET", `/cases/${current}/queries?limit=1&offset=${turnNumber - 1}`);
    await live?.command({ type: "turn.regenerate", case_id: current, turn_id: page.queries[0].turn_id, client_turn_id: crypto.randomUUID() });
  } catch (e) { say(explain(e)); }
}
function edit(turnId: string, content: string): void {
  const area = h("textarea", { rows: 4, "aria-label": "Edit the waiting message" });
  area.value = content;
  const dialog = h("dialog", {}, h("form", { method: "dialog" }, area, h("div", { class: "actions" }, h("button", { value: "cancel" }, "Cancel"), h("button", { class: "primary", value: "save" }, "Save"))));
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "save") void live?.command({ type: "turn.edit", case_id: current, turn_id: turnId, content: area.value }).catch((e) => say(explain(e)));
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}

// ---- live objects ----------------------------------------------------------------------------------------------
let frame = 0;
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function onObject(o: any): void {
  if (o.type === "list.changed") {
    cases = cases.filter((c) => c.case_id !== o.case.case_id);
    if (!o.deleted && !search) cases.unshift(o.case);
    drawList();
    return;
  }
  if (o.type === "refused") { say(o.message); const area = document.getElementById("text") as HTMLTextAreaElement | null; if (area && area.value === "") area.value = o.pending.content; }
  if (o.type === "case.snapshot" && o.case_id === current) view = applySnapshot(o);
  else if (o.type === "event" && o.case_id === current) {
    view = applyEvent(view, o);
    if (view.broken) { view = emptyView(); void live?.reopen(o.case_id).catch(() => undefined); return; }
    if (o.kind === "turn_completed") announce("FaultMaven has answered.");
    if (o.kind === "turn_started") announce("FaultMaven is answering.");
  } else if (o.type === "presence" && o.case_id === current) view = { ...view, presence: o.users };
  else if (o.type === "lagging") say("This connection is slow; the page goes on from the log.");
  else if (o.type === "case.removed" && o.case_id === current) { say("This case was deleted or is no longer shared with you."); void go(null); }
  // Several objects in one frame are drawn once.
  if (!frame) frame = requestAnimationFrame(() => { frame = 0; draw(); });
}
function announce(text: string): void {
  const box = document.getElementById("live");
  if (box) box.textContent = text;
}

document.addEventListener("keydown", (e) => {
  if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") { e.preventDefault(); document.body.classList.add("menu-open"); document.getElementById("search")?.focus(); }
  if (e.key === "Escape" && document.body.classList.contains("menu-open")) document.body.classList.remove("menu-open");
  else if (e.key === "Escape" && view.running && !document.querySelector("dialog[open]")) void stop();
  if (e.key === "?" && !inField(e.target) && loadSession()) { e.preventDefault(); showHelp(); }
  if (e.altKey && e.key.toLowerCase() === "n") { e.preventDefault(); void newCase(); }
  if (e.altKey && (e.key === "ArrowDown" || e.key === "ArrowUp") && cases.length > 0) {
    e.preventDefault();
    const at = cases.findIndex((c) => c.case_id === current), step = e.key === "ArrowDown" ? 1 : -1;
    void go(cases[(at + step + cases.length) % cases.length]!.case_id);
  }
});
window.addEventListener("signed-out", () => void showSignIn());
void showApp();
