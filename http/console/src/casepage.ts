// One case: its head, its parts (conversation, files, timeline) and the live state they share.
//   live connection → CasePage.receive → view → the part that is shown
import { fileOf } from "./analysis";
import { call, uuid } from "./api";
import { explain, tooManyFiles } from "./advice";
import { CaseHead } from "./casehead";
import type { Found } from "./citations";
import { CaseSearch } from "./casesearch";
import { Composer } from "./composer";
import { Conversation } from "./conversation";
import { h } from "./dom";
import { FilesPanel } from "./filespanel";
import type { Live } from "./live";
import { clear, fail, speak, tell } from "./notices";
import { pendingOf, type Pending } from "./outbox";
import { link, type Go, type Page } from "./page";
import { Queue } from "./queue";
import { pathOf, type CaseQuery, type CaseTab as Tab, type Place } from "./router";
import { TimelinePanel, timelineExists } from "./timelinepanel";
import type { Upload, Uploads } from "./uploads";
import { progressLine } from "./uploads";
import { applyEvent, applySnapshot, emptyView, isOver, prependMessages, type Message, type View } from "./view";

export interface CaseContext { me: string; live: Live; uploads: Uploads; go: Go; deleted(id: string): void; restored(id: string): void }

const olderAtOnce = 50;

export class CasePage implements Page {
  private view: View = emptyView();
  private readonly head: CaseHead;
  private readonly tabs = h("nav", { class: "tabs", "aria-label": "Parts of the case" });
  private readonly conversation: Conversation;
  private readonly queue: Queue;
  private readonly composer: Composer;
  private readonly over = h("p", { class: "note-box", hidden: true }, "This case is over. It can be read, not continued.");
  private readonly talk: HTMLElement;
  private readonly part = h("div", { class: "part" });
  private files: FilesPanel | null = null;
  private timeline: TimelinePanel | null = null;
  private search: CaseSearch | null = null;
  private readonly unwatch: () => void;
  private frame = 0;
  private fileCount = -1;
  private hasTimeline = false;
  private loadingOlder = false;
  private gone = false;
  readonly node: HTMLElement;

  constructor(readonly id: string, private tab: Tab, message: string | undefined, private readonly context: CaseContext, search?: CaseQuery) {
    const { live, me } = context;
    const refused = (e: unknown) => fail(explain(e));
    this.head = new CaseHead(id, me, context);
    const placeOf = (f: Found): Place => {
      switch (f.kind) {
        case "document": return { page: "document", id: f.document, edit: false };
        case "case": return { page: "case", id: f.case, tab: "conversation" };
        case "file": return { page: "file", id, file: f.file, part: "findings", lines: null };
        case "lines": return { page: "file", id, file: f.file, part: "text", lines: f.lines };
      }
    };
    this.conversation = new Conversation({ regenerate: (n) => void this.regenerate(n), older: () => void this.older(), hrefOf: (f) => pathOf(placeOf(f)), open: (f) => context.go(placeOf(f)) });
    this.queue = new Queue({
      edit: (t, content) => void live.command({ type: "turn.edit", case_id: id, turn_id: t.turn_id, content }).catch(refused),
      withdraw: (t) => void live.command({ type: "turn.withdraw", case_id: id, turn_id: t.turn_id }).then(() => { if (this.composer.empty) this.composer.giveBack(t.content); }, refused),
    });
    this.composer = new Composer(me, id, {
      send: (content) => { clear(); live.submit(id, content); this.composer.clear(); this.drawSoon(); this.conversation.toEnd(false); },
      stop: () => { const t = this.view.running; if (t) void live.command({ type: "turn.stop", case_id: id, turn_id: t.turn_id }).catch(refused); },
      typing: (active) => void live.command({ type: "typing", case_id: id, active }).catch(() => undefined),
      attach: (files) => this.attach(files),
      trouble: fail,
    });
    this.talk = h("div", { class: "talk" }, this.conversation.node, this.queue.node, this.over, this.composer.node);
    this.node = h("div", { class: "casepage" }, this.head.node, this.tabs, this.part);
    this.unwatch = context.uploads.watch((u) => this.uploaded(u));
    this.showTab(tab, message, search);
    void this.learnFiles();
    void timelineExists(id).then((exists) => { this.hasTimeline = exists; this.drawTabs(); });
  }

  title(): string { return String(this.view.info?.title ?? "Case"); }
  focus(): void { if (this.tab === "conversation") this.composer.focus(); else if (this.tab === "search") this.search?.focus(); else this.part.querySelector<HTMLElement>("h2")?.focus(); }
  key(e: KeyboardEvent): boolean {
    if (e.key === "f") { this.context.go({ page: "case", id: this.id, tab: "search", search: { q: "" } }); return true; }
    if (this.tab === "search") return this.search?.key(e) ?? false;
    if (this.tab !== "conversation") return false;
    if (e.key === "w") { this.composer.focus(); return true; }
    if (e.key === "g") { this.conversation.toEnd(true); return true; }
    return false;
  }
  dispose(): void {
    this.gone = true;
    this.composer.save();
    this.unwatch();
    cancelAnimationFrame(this.frame);
    this.head.dispose();
    this.conversation.dispose();
    this.files?.dispose();
    this.timeline?.dispose();
    this.search?.dispose();
  }

  showTab(tab: Tab, message?: string, search?: CaseQuery): void {
    this.tab = tab;
    if (message) this.conversation.reveal(message);
    const { go, uploads } = this.context;
    if (tab === "files") this.files ??= new FilesPanel(this.id, uploads, go, (n) => { this.fileCount = n; this.drawTabs(); });
    if (tab === "timeline") this.timeline ??= new TimelinePanel(this.id, go);
    if (tab === "search") this.search ??= new CaseSearch(this.id, go);
    this.part.replaceChildren(tab === "files" ? this.files!.node : tab === "timeline" ? this.timeline!.node : tab === "search" ? this.search!.node : this.talk);
    if (tab === "search") this.search!.show(search ?? { q: "" });
    if (tab === "files") void this.files!.load();
    if (tab === "timeline") void this.timeline!.load();
    this.drawTabs();
    this.draw();
  }
  private drawTabs(): void {
    if (this.gone) return;
    const tab = (name: Tab, text: string) => link(this.context.go, { page: "case", id: this.id, tab: name }, { "aria-current": this.tab === name ? "page" : undefined }, text);
    const focused = [...this.tabs.children].indexOf(document.activeElement as Element);
    this.tabs.replaceChildren(tab("conversation", "Conversation"), tab("files", this.fileCount > 0 ? `Files (${this.fileCount})` : "Files"), tab("search", "Search"));
    if (this.hasTimeline || this.tab === "timeline") this.tabs.append(tab("timeline", "Timeline"));
    if (focused >= 0) (this.tabs.children[focused] as HTMLElement | undefined)?.focus();
  }
  private async learnFiles(): Promise<void> {
    try {
      const page = await call("GET", `/cases/${this.id}/data?limit=100`);
      if (this.gone) return;
      this.fileCount = Number(page.total_count);
      this.conversation.know((page.data as unknown[]).map(fileOf));
      this.drawTabs();
    } catch { /* the tab works without its number, answers without their links */ }
  }

  attach(files: readonly File[], type = ""): void {
    if (isOver(this.view)) return fail("This case is over; files cannot be added. Open a new case for them.");
    const { uploads } = this.context;
    if (files.length > uploads.room) return fail(tooManyFiles(files.length, uploads.room));
    clear();
    uploads.add(this.id, files, type);
  }
  private uploaded(u: Upload): void {
    if (u.caseId !== this.id) return;
    this.composer.upload.textContent = progressLine(this.context.uploads.of(this.id));
    if (u.state === "done") { speak([`${u.file.name} was uploaded and analysed.`]); if (u.message) tell(`${u.file.name}: ${u.message}`); void this.learnFiles(); }
    if (u.state === "failed" && this.tab !== "files") fail(`${u.file.name}: ${u.message}`, { text: "Try again", run: () => this.context.uploads.retry(u.id) });
  }

  // ---- live ---------------------------------------------------------------------------------------------------------
  get seq(): number | undefined { return this.view.seq > 0 && !this.view.broken ? this.view.seq : undefined; }
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  receive(o: any): void {
    if (o.type === "case.snapshot") {
      this.view = applySnapshot(o);
    } else if (o.type === "event") {
      this.view = applyEvent(this.view, o);
      if (this.view.broken) {
        this.view = emptyView();
        void this.context.live.reopen(this.id).catch(() => undefined);
        return;
      }
      if (o.kind === "message_added" && (o.data as Message | undefined)?.metadata?.["file_id"]) {
        void this.learnFiles();
        if (this.tab === "files") void this.files?.load();
      }
    } else if (o.type === "file_progress") {
      this.context.uploads.heard(o);
      this.files?.heard(o);
      return;
    } else if (o.type === "presence") {
      this.view = { ...this.view, presence: o.users };
    } else if (o.type === "lagging") {
      tell("This connection is slow; the page goes on from the log.");
    }
    this.drawSoon();
  }
  refused(p: Pending, why: Error): void {
    this.composer.giveBack(p.content);
    fail(explain(why));
    this.drawSoon();
  }
  drawSoon(): void {
    // Several objects in one frame are drawn once.
    if (this.frame === 0 && !this.gone) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }
  private draw(): void {
    if (this.gone) return;
    this.head.draw(this.view);
    document.title = `${this.title()} · FaultMaven`;
    if (this.tab !== "conversation") return;
    this.conversation.draw(this.view, pendingOf(this.context.me, this.id), this.context.me);
    this.queue.draw(this.view.queue, this.context.me);
    this.composer.setRunning(this.view.running !== null);
    this.over.hidden = !isOver(this.view);
    this.composer.node.hidden = isOver(this.view);
  }

  private async regenerate(turnNumber: number): Promise<void> {
    try {
      const page = await call("GET", `/cases/${this.id}/queries?limit=1&offset=${turnNumber - 1}`);
      await this.context.live.command({ type: "turn.regenerate", case_id: this.id, turn_id: page.queries[0].turn_id, client_turn_id: uuid() });
    } catch (e) {
      fail(explain(e));
    }
  }
  private async older(): Promise<void> {
    if (this.loadingOlder) return;
    this.loadingOlder = true;
    try {
      const offset = Math.max(0, this.view.older - olderAtOnce);
      const page = await call("GET", `/cases/${this.id}/messages?limit=${Math.min(olderAtOnce, this.view.older)}&offset=${offset}`);
      if (this.gone) return;
      this.view = prependMessages(this.view, page.messages as Message[]);
      this.draw();
    } catch (e) {
      fail(explain(e), { text: "Try again", run: () => void this.older() });
    } finally {
      this.loadingOlder = false;
    }
  }
}
