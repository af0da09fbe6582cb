// The files of a case: what is on its way, what was found in each, and what can be done with one.
import { bytes, call } from "./api";
import { explain, tooManyFiles } from "./advice";
import { choices, fileOf, typeName, type FileRecord } from "./analysis";
import { ask, h } from "./dom";
import { size } from "./text";
import { clear, fail, speak, tell } from "./notices";
import { link, type Go } from "./page";
import { timeNode } from "./time";
import type { Upload, Uploads } from "./uploads";

const pageSize = 100;
const states: Record<Upload["state"], string> = { waiting: "Waiting", sending: "Uploading", analysing: "Processing", done: "Done", failed: "Failed", cancelled: "Cancelled" };
/** How a stored file stands, in a word. */
export const stateWord: Record<FileRecord["status"], [string, string]> = { processing: ["processing", ""], analysed: ["analysed", "good"], unanalyzable: ["unanalyzable", "warn"] };

export class FilesPanel {
  readonly node: HTMLElement;
  private readonly moving = h("ul", { class: "uploads", "aria-label": "Uploads" });
  private readonly list = h("ul", { class: "files", "aria-label": "Files of the case" });
  private readonly empty = h("p", { class: "quiet", hidden: true }, "No files yet. Logs, metrics, configuration, code, text, screenshots and PDFs are read; drop them anywhere on this page, or paste them.");
  private readonly more = h("button", { type: "button", hidden: true, onclick: () => void this.load(true) }, "Load more");
  private readonly type: HTMLSelectElement;
  private readonly rows = new Map<number, HTMLElement>();
  private readonly others = new Map<string, HTMLElement>();
  private files: FileRecord[] = [];
  private readonly unwatch: () => void;
  private turn = 0;
  private timer = 0;
  private gone = false;

  constructor(private readonly caseId: string, private readonly uploads: Uploads, private readonly go: Go, private readonly counted: (n: number) => void) {
    this.type = h("select", { id: "upload-type" }, ...choices.map(([value, text]) => h("option", { value }, text)));
    const input = h("input", { type: "file", multiple: true, hidden: true, tabindex: -1, "aria-label": "Files to upload", id: "files-input", onchange: () => { const files = [...(input.files ?? [])]; input.value = ""; clear(); if (files.length > uploads.room) fail(tooManyFiles(files.length, uploads.room)); else uploads.add(caseId, files, this.type.value); } });
    this.node = h("section", { class: "filespanel pad" }, h("h2", { tabindex: -1 }, "Files"),
      h("div", { class: "toolbar" }, h("button", { type: "button", class: "primary", onclick: () => input.click() }, "Upload files"), input, h("label", { for: "upload-type" }, "Read them as"), this.type),
      this.moving, this.empty, this.list, this.more);
    this.unwatch = uploads.watch((u) => { if (u.caseId === caseId) this.upload(u); });
    for (const u of uploads.of(caseId)) this.upload(u);
  }
  dispose(): void { this.gone = true; this.unwatch(); window.clearTimeout(this.timer); }

  async load(further = false): Promise<void> {
    const turn = ++this.turn;
    try {
      const page = await call("GET", `/cases/${this.caseId}/data?limit=${pageSize}&offset=${further ? this.files.length : 0}`);
      if (this.gone || turn !== this.turn) return;
      const got = (page.data as unknown[]).map(fileOf);
      this.files = further ? [...this.files, ...got] : got;
      this.more.hidden = page.has_more !== true;
      this.counted(Number(page.total_count));
      this.draw();
      // The server may still be at work on some: asked again until they are done.
      window.clearTimeout(this.timer);
      if (this.files.some((f) => f.status === "processing")) this.timer = window.setTimeout(() => void this.load(), 2_000);
    } catch (e) {
      if (!this.gone && turn === this.turn) fail(explain(e), { text: "Try again", run: () => void this.load(further) });
    }
  }

  // ---- on their way ---------------------------------------------------------------------------------------------------
  private upload(u: Upload): void {
    if (!this.uploads.of(this.caseId).includes(u)) {
      this.rows.get(u.id)?.remove();
      this.rows.delete(u.id);
      if (u.state === "done") void this.load();
      return;
    }
    let row = this.rows.get(u.id);
    if (!row) {
      const button = (text: string, kind: string, run: () => void) => h("button", { type: "button", class: kind, "aria-label": `${text} ${u.file.name}`, onclick: run }, text);
      row = h("li", { class: "upload" }, h("strong", {}, u.file.name), h("span", { class: "quiet" }, size(u.file.size)), h("progress", { max: 100, "aria-label": `Upload of ${u.file.name}` }), h("span", { class: "state" }), h("span", { class: "spacer" }),
        button("Cancel", "cancel", () => this.uploads.cancel(u.id)), button("Try again", "again", () => this.uploads.retry(u.id)), button("Dismiss", "dismiss", () => this.uploads.forget(u.id)));
      this.rows.set(u.id, row);
      this.moving.append(row);
    }
    // The live connection may tell of a job before the request that began it is answered.
    if (u.jobId) this.notOthers(u.jobId);
    const active = u.state === "waiting" || u.state === "sending" || u.state === "analysing";
    const bar = row.querySelector("progress")!;
    bar.hidden = !active;
    // Until the server tells how far it is, the bar says only that something happens.
    if (u.state === "analysing" && u.percent === 0) bar.removeAttribute("value"); else bar.value = u.percent;
    const state = row.querySelector(".state")!;
    state.className = u.state === "failed" ? "state error" : "state quiet";
    state.textContent = u.state === "sending" || (u.state === "analysing" && u.percent > 0) ? `${states[u.state]}: ${u.percent} %` : u.message ? `${states[u.state]}: ${u.message}` : states[u.state];
    for (const [name, shown] of [["cancel", active], ["again", !active], ["dismiss", !active]] as const) row.querySelector<HTMLElement>("button." + name)!.hidden = !shown;
    if (u.state === "failed") speak([`${u.file.name}: ${u.message}`]);
  }

  /** Somebody else's file, or one of another window: seen while it is worked on. */
  heard(o: { job_id?: unknown; file_name?: unknown; status?: unknown; progress_percentage?: unknown }): void {
    const job = String(o.job_id ?? "");
    if (job === "") return;
    if (this.uploads.isOurs(job)) return this.notOthers(job);
    const over = o.status !== "queued" && o.status !== "running", old = this.others.get(job);
    if (over) {
      this.notOthers(job);
      void this.load();
      return;
    }
    const row = old ?? h("li", { class: "upload" }, h("strong", {}, String(o.file_name ?? "A file")), h("progress", { max: 100, "aria-label": `Analysis of ${String(o.file_name ?? "a file")}` }), h("span", { class: "state quiet" }));
    if (!old) { this.others.set(job, row); this.moving.append(row); }
    const percent = typeof o.progress_percentage === "number" ? o.progress_percentage : 0;
    row.querySelector("progress")!.value = percent;
    row.querySelector(".state")!.textContent = `Processing: ${percent} %`;
  }

  private notOthers(job: string): void {
    this.others.get(job)?.remove();
    this.others.delete(job);
  }

  // ---- stored ----------------------------------------------------------------------------------------------------------
  private draw(): void {
    this.empty.hidden = this.files.length > 0;
    this.list.replaceChildren(...this.files.map((f) => this.row(f)));
  }
  private row(f: FileRecord): HTMLLIElement {
    const [word, kind] = stateWord[f.status], place = { page: "file", id: this.caseId, file: f.id, lines: null } as const;
    return h("li", { class: "file", "data-file": f.id },
      h("div", { class: "line1" }, link(this.go, { ...place, part: "findings" }, { class: "name" }, f.name), h("span", { class: "badge" }, typeName(f.type)), h("span", { class: "badge " + kind }, word),
        h("span", { class: "quiet" }, [f.confidence > 0 ? `${Math.round(f.confidence * 100)} % sure` : "", size(f.bytes)].filter(Boolean).join(" · "), " · ", timeNode(f.uploadedAt))),
      f.status === "unanalyzable" ? h("p", {}, h("strong", {}, "Why: "), f.error || f.summary) : f.summary ? h("p", {}, f.summary) : null,
      h("div", { class: "fileactions" },
        link(this.go, { ...place, part: "text" }, { "aria-label": `Text of ${f.name}` }, "Text"),
        f.type === "logs_and_errors" ? link(this.go, { ...place, part: "templates" }, { "aria-label": `Templates of ${f.name}` }, "Templates") : null,
        h("button", { type: "button", "aria-label": `Read as… another type: ${f.name}`, onclick: () => void this.readAs(f) }, "Read as…"),
        h("button", { type: "button", class: "danger", "aria-label": `Delete ${f.name}`, onclick: () => void this.remove(f) }, "Delete")));
  }

  private async remove(f: FileRecord): Promise<void> {
    const { done } = ask(`Delete ${f.name}?`, [h("p", {}, "The file and what was found in it are removed from the case. What the conversation says of it stays. This cannot be undone.")], [["", "Cancel"], ["go", "Delete the file", "primary"]]);
    if ((await done) !== "go") return;
    try {
      await call("DELETE", `/cases/${this.caseId}/data/${f.id}`);
      tell(`${f.name} was deleted.`);
      await this.load();
    } catch (e) {
      fail(explain(e));
    }
    this.node.querySelector<HTMLElement>("h2")?.focus();
  }

  /** The server types a file when it comes in; another type means that it comes in again. */
  private async readAs(f: FileRecord): Promise<void> {
    const type = h("select", { id: "read-as" }, ...choices.map(([value, text]) => h("option", { value }, text)));
    type.value = choices.some(([v]) => v === f.type) ? f.type : "";
    const { done } = ask(`Read ${f.name} as`, [h("label", { for: "read-as" }, "Type"), type, h("p", { class: "quiet" }, "The file is taken in again and gets a new entry; links to the old one end.")], [["", "Cancel"], ["go", "Read it again", "primary"]]);
    type.focus();
    if ((await done) !== "go" || type.value === f.type) return;
    try {
      const all = f.bytes === 0 ? new Uint8Array() : await bytes(`/cases/${this.caseId}/data/${f.id}/content`, 0, f.bytes - 1);
      await call("DELETE", `/cases/${this.caseId}/data/${f.id}`);
      // From here on the queue holds the only copy; it keeps it until the server has it or the person lets go.
      this.uploads.add(this.caseId, [new File([all.slice().buffer], f.name)], type.value);
      await this.load();
    } catch (e) {
      fail(explain(e));
    }
  }
}
