// Files on their way into cases: a short queue with progress, cancel and retry. It outlives the page that started it,
// so going elsewhere in the console stops nothing.
import { explain } from "./advice";
import { upload as send } from "./files";

export type UploadState = "waiting" | "sending" | "analysing" | "done" | "failed" | "cancelled";
export interface Upload { id: number; caseId: string; file: File; type: string; state: UploadState; percent: number; message: string; fileId: string }
type Send = typeof send;

const atOnce = 2;
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
  /** `type` "" lets the server find out. */
  add(caseId: string, files: readonly File[], type = ""): Upload[] {
    const added = files.map((file): Upload => ({ id: this.next++, caseId, file, type, state: "waiting", percent: 0, message: "", fileId: "" }));
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
  retry(id: number): void {
    const u = this.list.find((x) => x.id === id);
    if (!u || (u.state !== "failed" && u.state !== "cancelled")) return;
    Object.assign(u, { state: "waiting", percent: 0, message: "" });
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
        progress: (percent) => { u.percent = percent; if (percent >= 100) u.state = "analysing"; this.tell(u); },
      }).then(
        (stored) => { u.fileId = String(stored["file_id"] ?? ""); this.end(u, "done", stored["duplicate_of"] ? "The case has this file already." : ""); },
        (e: unknown) => (stop.signal.aborted ? this.end(u, "cancelled", "") : this.end(u, "failed", explain(e))));
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
  const percent = Math.floor(active.reduce((n, u) => n + u.percent, 0) / active.length);
  const what = active.length === 1 ? active[0]!.file.name : `${active.length} files`;
  return `${what}: ${percent < 100 ? percent + " %" : "analysing…"}`;
}
