// Files on their way into cases: a short queue with progress, cancel and retry. It outlives the page that started it,
// so going elsewhere in the console stops nothing.
import { explainUpload } from "./advice";
import { upload as send } from "./files";

export type UploadState = "waiting" | "sending" | "analysing" | "done" | "failed" | "cancelled";
export interface Upload { id: number; caseId: string; file: File; type: string; state: UploadState; percent: number; message: string; fileId: string; jobId: string }
type Send = typeof send;

const atOnce = 2;
/** More than a person drops on purpose; a whole folder by mistake is not begun. */
export const queueMax = 200;
export class Uploads {
  private list: Upload[] = [];
  private next = 1;
  private readonly stops = new Map<number, AbortController>();
  private readonly listeners = new Set<(u: Upload) => void>();
  constructor(private readonly transport: Send = send) {}

  of(caseId: string): Upload[] { return this.list.filter((u) => u.caseId === caseId); }
  watch(listener: (u: Upload) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  /** How many more files may wait; a drop of more than that is refused whole, in words, by whoever took it. */
  get room(): number { return Math.max(0, queueMax - this.list.filter((u) => u.state === "waiting" || u.state === "sending" || u.state === "analysing").length); }
  /** `type` "" lets the server find out. Nothing is added when there is no room for all. */
  add(caseId: string, files: readonly File[], type = ""): Upload[] {
    if (files.length > this.room) return [];
    const added = files.map((file): Upload => ({ id: this.next++, caseId, file, type, state: "waiting", percent: 0, message: "", fileId: "", jobId: "" }));
    this.list.push(...added);
    for (const u of added) this.tell(u);
    this.pump();
    return added;
  }
  cancel(id: number): void {
    const u = this.list.find((x) => x.id === id);
    if (!u) return;
    this.stops.get(id)?.abort();
    if (u.state === "waiting") this.end(u, "cancelled", "");
  }
  /** The live connection tells of a job; ours or somebody's. */
  heard(o: { job_id?: unknown; progress_percentage?: unknown }): void {
    const u = this.list.find((x) => x.jobId !== "" && x.jobId === o.job_id && x.state === "analysing");
    if (!u || typeof o.progress_percentage !== "number" || o.progress_percentage <= u.percent) return;
    u.percent = o.progress_percentage;
    this.tell(u);
  }
  isOurs(jobId: string): boolean { return this.list.some((u) => u.jobId === jobId); }
  retry(id: number): void {
    const u = this.list.find((x) => x.id === id);
    if (!u || (u.state !== "failed" && u.state !== "cancelled")) return;
    Object.assign(u, { state: "waiting", percent: 0, message: "", jobId: "" });
    this.tell(u);
    this.pump();
  }
  forget(id: number): void {
    const u = this.list.find((x) => x.id === id);
    if (!u || u.state === "waiting" || u.state === "sending" || u.state === "analysing") return;
    this.list = this.list.filter((x) => x !== u);
    this.tell(u);
  }
  get busy(): boolean { return this.list.some((u) => u.state === "waiting" || u.state === "sending" || u.state === "analysing"); }
  stopAll(): void { for (const u of [...this.list]) this.cancel(u.id); }

  private pump(): void {
    while (this.stops.size < atOnce) {
      const u = this.list.find((x) => x.state === "waiting");
      if (!u) return;
      const stop = new AbortController();
      this.stops.set(u.id, stop);
      u.state = "sending";
      this.tell(u);
      void this.transport(u.caseId, u.file, {
        type: u.type, signal: stop.signal,
        progress: (percent) => { if (u.state === "sending") { u.percent = percent; if (percent >= 100) Object.assign(u, { state: "analysing", percent: 0 }); this.tell(u); } },
        working: (jobId, percent) => { Object.assign(u, { state: "analysing", jobId, percent: Math.max(percent, u.jobId === jobId ? u.percent : 0) }); this.tell(u); },
      }).then(
        (stored) => { u.fileId = String(stored["file_id"] ?? ""); this.end(u, "done", stored["duplicate_of"] ? "The case has this file already." : ""); },
        (e: unknown) => (stop.signal.aborted ? this.end(u, "cancelled", "") : this.end(u, "failed", explainUpload(e))));
    }
  }
  private end(u: Upload, state: UploadState, message: string): void {
    this.stops.delete(u.id);
    u.state = state;
    u.message = message;
    // What is stored stands in the list of files; only what needs a decision stays here.
    if (state === "done") this.list = this.list.filter((x) => x !== u);
    this.tell(u);
    this.pump();
  }
  private tell(u: Upload): void { for (const l of this.listeners) l(u); }
}

/** One line for the message field: "app.log: 40 %", "2 files: 55 %". */
export function progressLine(list: readonly Upload[]): string {
  const active = list.filter((u) => u.state === "waiting" || u.state === "sending" || u.state === "analysing");
  if (active.length === 0) return "";
  const percent = Math.floor(active.reduce((n, u) => n + (u.state === "analysing" ? 100 : u.percent), 0) / active.length);
  const what = active.length === 1 ? active[0]!.file.name : `${active.length} files`;
  return `${what}: ${percent < 100 ? percent + " %" : "analysing…"}`;
}
