// One case's conversation on the page: questions, answers that grow, their states. Follows the newest text only while
// the reader is at the end, and touches nothing that did not change.
import { explainFailure } from "./advice";
import { linkCitations, sourcesOf, type CitationLinks, type Found, type NamedFile } from "./citations";
import { copyText } from "./clipboard";
import { arrange, h } from "./dom";
import { MarkdownView } from "./markdown";
import { speak } from "./notices";
import type { Pending } from "./outbox";
import { SentenceReader } from "./sentences";
import { countLines, isLong, levelOf, looksLikeLog, measure, preview } from "./text";
import { lasted, timeNode } from "./time";
import { stateOfAnswer, stateOfQuestion, stateOfRunning, type Message, type TurnState, type View } from "./view";

export interface ConversationActions extends CitationLinks { regenerate(turnNumber: number): void; older(): void }

interface Entry { node: HTMLElement; update(m: Message, state: TurnState | null): void; link(): void }

/** What a person or the analysis of a file wrote: text as it is, folded when long, log lines coloured. */
export function plainBody(content: string, decorate: (root: Element) => void = () => undefined): HTMLElement {
  const body = h("div", { class: "body" });
  const full = (): HTMLElement => {
    const pre = h("pre", { tabindex: 0, role: "region", "aria-label": "Message text" });
    if (!looksLikeLog(content) || countLines(content) > 3_000) pre.textContent = content;
    else content.split("\n").forEach((line, i, all) => {
      const level = levelOf(line);
      pre.append(level ? h("span", { class: "line " + level }, line) : line, i + 1 < all.length ? "\n" : "");
    });
    decorate(pre);
    return pre;
  };
  if (!isLong(content)) {
    body.append(full());
    return body;
  }
  const p = preview(content);
  const short = h("div", { class: "folded" }, h("pre", {}, p.head), h("p", { class: "quiet" }, p.rest > 0 ? `… ${p.rest.toLocaleString("en")} more ${p.rest === 1 ? "line" : "lines"}` : "…"));
  if (p.trouble) short.append(h("p", { class: "quiet" }, `First trouble, line ${p.trouble.number.toLocaleString("en")}:`), h("pre", { class: "trouble" }, h("span", { class: "line error" }, p.trouble.text)));
  let shown: HTMLElement | null = null;
  const toggle = h("button", { type: "button", "aria-expanded": "false", onclick: () => {
    if (shown) { shown.replaceWith(short); shown = null; } else { shown = full(); short.replaceWith(shown); }
    toggle.textContent = shown ? "Show less" : "Show all";
    toggle.setAttribute("aria-expanded", String(shown !== null));
  } }, "Show all");
  const copy = h("button", { type: "button", onclick: async () => { copy.textContent = (await copyText(content)) ? "Copied" : "Not copied"; window.setTimeout(() => { copy.textContent = "Copy"; }, 2_000); } }, "Copy");
  body.append(short, h("p", { class: "foldbar" }, toggle, copy, h("span", { class: "quiet" }, measure(content))));
  return body;
}

export class Conversation {
  readonly log = h("div", { id: "log", role: "log", "aria-live": "off", "aria-label": "Conversation", tabindex: 0 });
  private readonly inner = h("div", { class: "column" });
  private readonly newer = h("button", { type: "button", id: "newer", hidden: true, onclick: () => this.toEnd(true) }, "New text below ↓");
  readonly node = h("div", { class: "conversation" }, this.log, this.newer);
  private readonly older = h("button", { type: "button", class: "older" });
  private readonly again = h("button", { type: "button", id: "again" }, "Answer again");
  private readonly entries = new Map<string, Entry>();
  private reader = new SentenceReader();
  private readerOf = "";
  private spokenStart = "";
  private follow = true;
  private clock = 0;
  private readonly watch: ResizeObserver | null;
  private files: readonly NamedFile[] = [];
  private wanted = "";

  constructor(private readonly actions: ConversationActions) {
    this.log.append(this.inner);
    this.log.addEventListener("scroll", () => {
      this.follow = this.atEnd();
      if (this.follow) this.newer.hidden = true;
    }, { passive: true });
    this.older.addEventListener("click", () => actions.older());
    // The field below grows and shrinks, blocks unfold: whoever reads the end goes on reading the end.
    this.watch = typeof ResizeObserver === "undefined" ? null : new ResizeObserver(() => { if (this.follow) this.toEnd(false); });
    this.watch?.observe(this.log);
    this.clock = window.setInterval(() => this.tick(), 1_000);
  }
  dispose(): void { this.watch?.disconnect(); window.clearInterval(this.clock); }

  /** The names that may be cited; what is on the page already is looked through again. */
  know(files: readonly NamedFile[]): void {
    this.files = files;
    for (const e of this.entries.values()) e.link();
  }

  /** Scrolls to a message as soon as it is here, and gives it the focus. */
  reveal(id: string): void {
    this.wanted = id;
    this.look();
  }
  private look(): void {
    if (this.wanted === "") return;
    const found = [...this.inner.querySelectorAll<HTMLElement>("article")].find((a) => a.dataset["id"] === this.wanted);
    if (!found || !found.isConnected) return;
    this.wanted = "";
    this.follow = false;
    found.tabIndex = -1;
    found.focus({ preventScroll: true });
    this.log.scrollTop = found.offsetTop - this.log.clientHeight / 4;
    found.classList.add("found");
  }

  private atEnd(): boolean { return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 48; }
  toEnd(focus: boolean): void {
    this.follow = true;
    this.log.scrollTop = this.log.scrollHeight;
    this.newer.hidden = true;
    if (focus) this.log.focus({ preventScroll: true });
  }

  draw(view: View, pending: readonly Pending[], me: string): void {
    const height = this.log.scrollHeight, top = this.log.scrollTop;
    const wanted: HTMLElement[] = [], used = new Set<string>();
    const put = (key: string, kind: "user" | "assistant" | "system", m: Message, state: TurnState | null) => {
      used.add(key);
      let entry = this.entries.get(key);
      if (!entry) this.entries.set(key, (entry = this.entry(kind, m)));
      entry.update(m, state);
      wanted.push(entry.node);
    };
    const running = view.running;
    let runningShown = false;
    const putRunning = (earlier: Message[]) => {
      runningShown = true;
      const m: Message = { message_id: "run-" + running!.turn_id, turn_number: running!.turn_number, role: "assistant", content: running!.text ?? "", author_name: "FaultMaven", created_at: running!.started_at ?? "", metadata: {}, earlier };
      put(running!.turn_number > 0 ? "answer-" + running!.turn_number : m.message_id, "assistant", m, stateOfRunning(running!));
    };
    for (const m of view.messages) {
      if (m.role === "assistant" && running && m.turn_number === running.turn_number && m.turn_number > 0) putRunning([...(m.earlier ?? []), m]);
      else if (m.role === "assistant") put(m.turn_number > 0 ? "answer-" + m.turn_number : m.message_id, "assistant", m, stateOfAnswer(m, explainFailure));
      else put(m.message_id, m.role === "system" ? "system" : "user", m.author_id === me ? { ...m, author_name: "You" } : m, stateOfQuestion(view, m));
    }
    const sent = new Set([...view.queue.map((t) => t.client_turn_id), running?.client_turn_id ?? ""]);
    if (running && !runningShown) putRunning([]);
    for (const p of pending) if (!sent.has(p.client_turn_id)) put("out-" + p.client_turn_id, "user", { message_id: "out-" + p.client_turn_id, turn_number: 0, role: "user", content: p.content, author_name: "You", created_at: new Date(p.at).toISOString(), metadata: {} }, { state: "sending", text: "On its way; kept on this device until the server has it" });
    for (const key of [...this.entries.keys()]) if (!used.has(key)) this.entries.delete(key);

    const nodes: HTMLElement[] = [];
    if (view.older > 0) {
      this.older.textContent = `Show earlier messages (${view.older.toLocaleString("en")})`;
      nodes.push(this.older);
    }
    const wasFirst = this.inner.querySelector("article");
    nodes.push(...wanted);
    // Notes of the system come in between; what can be answered again is the last turn's answer.
    const last = [...view.messages].reverse().find((m) => m.role !== "system");
    const closed = view.info?.status === "resolved" || view.info?.status === "closed";
    if (!running && view.queue.length === 0 && pending.length === 0 && last?.role === "assistant" && last.turn_number > 0 && !closed) {
      this.again.onclick = () => this.actions.regenerate(last.turn_number);
      nodes.push(this.again);
    }
    arrange(this.inner, nodes);
    this.speak(view);

    const prepended = wasFirst !== null && wasFirst !== wanted[0] && wasFirst.isConnected && wanted.indexOf(wasFirst) > 0;
    if (this.follow) this.toEnd(false);
    else if (prepended) this.log.scrollTop = top + this.log.scrollHeight - height;
    else if (this.log.scrollHeight > height && !this.atEnd()) this.newer.hidden = false;
    this.look();
    this.tick();
  }

  private entry(kind: "user" | "assistant" | "system", first: Message): Entry {
    const who = h("h3"), when = h("span", { class: "when quiet" }), body = h("div"), state = h("p", { class: "note", hidden: true }), before = h("div", { class: "earlier" }), rests = h("p", { class: "sources quiet", hidden: true });
    const node = h("article", { class: kind, "data-id": first.message_id }, h("header", {}, who, when), body, rests, state, before);
    // What the server says of similar cases is Markdown like an answer; of files it is text with quoted lines.
    const likeness = first.metadata["kind"] === "likeness", markdown = kind === "assistant" || likeness ? new MarkdownView() : null;
    let own: string | undefined;
    const cite = (root: Element) => linkCitations(root, { files: this.files, own }, this.actions);
    if (markdown) body.replaceWith(markdown.node);
    let content: string | null = null, plain: HTMLElement = body, time = "", earlier = 0;
    return {
      node,
      link: () => cite(markdown ? markdown.node : plain),
      update: (m, turn) => {
        own = kind === "system" ? m.metadata["file_id"] : undefined;
        if (node.dataset["id"] !== m.message_id) node.dataset["id"] = m.message_id;
        who.textContent = kind === "assistant" ? "FaultMaven" : likeness ? "Likeness" : kind === "system" ? "Analysis" : m.author_name || "Someone";
        if (time !== m.created_at) { time = m.created_at; when.replaceChildren(time ? timeNode(time) : ""); }
        const growing = m.message_id.startsWith("run-");
        if (content !== m.content || (markdown && node.classList.contains("growing") && !growing)) {
          content = m.content;
          if (markdown) {
            markdown.set(content, !growing);
            if (!growing) cite(markdown.node);
          } else {
            const next = plainBody(content, cite);
            plain.replaceWith(next);
            plain = next;
          }
        }
        node.classList.toggle("growing", growing);
        this.sources(rests, m, kind === "system");
        node.dataset["state"] = turn?.state ?? "done";
        const since = turn?.state === "running" && m.created_at ? m.created_at : "";
        if (state.dataset["text"] !== (turn?.text ?? "")) {
          state.dataset["text"] = turn?.text ?? "";
          state.replaceChildren(turn ? h("span", { class: "dot", "aria-hidden": "true" }) : "", h("span", {}, turn?.text ?? ""), h("span", { class: "elapsed quiet" }));
        }
        state.dataset["since"] = since;
        state.hidden = !turn;
        if (earlier !== (m.earlier?.length ?? 0)) {
          earlier = m.earlier?.length ?? 0;
          before.replaceChildren(...(m.earlier ?? []).map((old, i) => {
            const details = h("details", { ontoggle: () => { if (details.open && details.childElementCount === 1) { const v = new MarkdownView(); v.set(old.content, true); details.append(v.node); } } }, h("summary", {}, `Answer ${i + 1}, from before`));
            return details;
          }));
        }
      },
    };
  }

  /** Below the text: the documents an answer rests on, or the file an analysis is about. */
  private sources(place: HTMLElement, m: Message, system: boolean): void {
    const file = system ? (m.metadata["file_id"] ?? "") : "", key = `${file} ${m.metadata["sources"] ?? ""}`;
    if (place.dataset["key"] === key) return;
    place.dataset["key"] = key;
    const to = (found: Found, text: string) => h("a", { href: this.actions.hrefOf(found), onclick: (e: MouseEvent) => { if (e.ctrlKey || e.metaKey || e.shiftKey) return; e.preventDefault(); this.actions.open(found); } }, text);
    const list = sourcesOf(m.metadata);
    place.hidden = list.length === 0 && file === "";
    if (file !== "") place.replaceChildren(to({ begin: 0, end: 0, kind: "file", file }, `Open ${m.metadata["filename"] ?? "the file"}`));
    else place.replaceChildren("Rests on: ", ...list.flatMap((s, i): (string | Node)[] => [i > 0 ? ", " : "", to({ begin: 0, end: 0, kind: "document", document: s.id }, s.title)]));
  }

  /** The seconds an answer takes; not spoken, not part of the state's text. */
  private tick(): void {
    for (const note of this.inner.querySelectorAll<HTMLElement>("article.growing p.note")) {
      const since = note.dataset["since"], place = note.querySelector(".elapsed");
      if (place) place.textContent = since ? lasted(Date.now() - Date.parse(since)) : "";
    }
  }

  private speak(view: View): void {
    const t = view.running;
    if (t) {
      const id = `${t.turn_id} ${t.attempt}`;
      if (this.readerOf !== id) {
        this.readerOf = id;
        this.reader = new SentenceReader();
        if (t.text && this.spokenStart === "") this.reader.skip(t.text); // it ran before the page was opened
        speak([t.attempt > 1 ? stateOfRunning(t).text + "." : "FaultMaven is answering."]);
      }
      speak(this.reader.take(t.text ?? ""));
    } else if (this.readerOf !== "") {
      const turn = this.readerOf.split(" ")[0];
      const last = [...view.messages].reverse().find((m) => m.role === "assistant");
      this.readerOf = "";
      if (turn && last) speak([...this.reader.take(last.content, true), stateOfAnswer(last, explainFailure)?.text ?? "End of the answer."]);
    }
    this.spokenStart = "seen";
  }
}
