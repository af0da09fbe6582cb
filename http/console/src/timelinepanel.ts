// What files and messages say happened, in one order. Times are shown in UTC, as the server merged them, with what is
// not certain about them.
import { ApiError, call } from "./api";
import { explain } from "./advice";
import { h, type Child } from "./dom";
import { link, type Go } from "./page";
import { strip, stripPicture } from "./timestrip";

export interface Entry {
  at: string; uncertaintyMs: number; source: string; fileId: string; fileName: string; messageId: string;
  first: number; last: number; count: number; level: string; text: string; kind: string;
}
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export function entryOf(j: any): Entry {
  const text = (v: unknown): string => (typeof v === "string" ? v : ""), number = (v: unknown): number => (typeof v === "number" ? v : 0);
  const first = number(j.line_first);
  return { at: text(j.at), uncertaintyMs: number(j.uncertainty_ms), source: text(j.source), fileId: text(j.file_id), fileName: text(j.file_name), messageId: text(j.message_id), first, last: Math.max(first, number(j.line_last)), count: Math.max(1, number(j.count)), level: text(j.level), text: text(j.text), kind: text(j.kind) };
}
/** "± 500 ms", "± 12 h"; nothing when it is certain. */
export function uncertainty(ms: number): string {
  if (ms <= 0) return "";
  if (ms < 1_000) return `± ${ms} ms`;
  if (ms < 60_000) return `± ${Math.round(ms / 1_000)} s`;
  if (ms < 3_600_000) return `± ${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `± ${Math.round(ms / 3_600_000)} h`;
  return `± ${Math.round(ms / 86_400_000)} days`;
}
export function dayOf(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "No day" : new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeZone: "UTC" }).format(at);
}
/** Hours to milliseconds, in UTC; what is known only to the day shows no hour. */
export function clockOf(e: Entry): string {
  const m = /T(\d\d:\d\d:\d\d(?:\.\d{1,3})?)/.exec(e.at);
  if (!m) return e.at;
  return e.uncertaintyMs >= 43_200_000 && m[1]!.startsWith("00:00:00") ? "that day" : m[1]!.replace(/\.000$/, "");
}

/** A server that has no timeline says 501 or 404; then the page has none either. */
export async function timelineExists(caseId: string): Promise<boolean> {
  try {
    await call("GET", `/cases/${caseId}/timeline?limit=1`);
    return true;
  } catch (e) {
    return !(e instanceof ApiError && (e.status === 501 || e.status === 404 || e.status === 405));
  }
}

const pageSize = 200;
const sources: [string, string][] = [["", "All sources"], ["file", "Files"], ["message", "Messages"], ["event", "Events of the case"]];
const levels: [string, string][] = [["", "All levels"], ["warning", "Warnings and worse"], ["error", "Errors and worse"]];
const heavy: Record<string, number> = { fatal: 3, error: 2, warning: 1 };
export const passes = (e: Entry, source: string, least: string): boolean => (source === "" || e.source === source) && (least === "" || (heavy[e.level] ?? 0) >= (heavy[least] ?? 0));

export class TimelinePanel {
  readonly node: HTMLElement;
  private entries: Entry[] = [];
  private cursor: string | null = null;
  private readonly picture = h("div", { class: "strip-box" });
  private readonly list = h("div", { class: "timeline" });
  private readonly status = h("p", { class: "quiet", role: "status" });
  private readonly trouble = h("p", { class: "error", role: "alert", hidden: true });
  private readonly more = h("button", { type: "button", hidden: true, onclick: () => void this.load(true) }, "Load more");
  private readonly source: HTMLSelectElement;
  private readonly least: HTMLSelectElement;
  private readonly from = h("input", { type: "datetime-local", step: 1, id: "timeline-from" });
  private readonly to = h("input", { type: "datetime-local", step: 1, id: "timeline-to" });
  private turn = 0;
  private shortened = false;
  private total: number | null = null;

  constructor(private readonly caseId: string, private readonly go: Go) {
    const select = (label: string, all: [string, string][]) => h("select", { "aria-label": label, onchange: () => this.draw() }, ...all.map(([value, text]) => h("option", { value }, text)));
    this.source = select("Source", sources);
    this.least = select("Level", levels);
    this.node = h("section", { class: "timelinepanel pad" }, h("h2", { tabindex: -1 }, "Timeline"),
      h("form", { class: "toolbar", "aria-label": "What to show", onsubmit: (e: Event) => { e.preventDefault(); void this.load(); } }, this.source, this.least,
        h("label", { for: "timeline-from" }, "From"), this.from, h("label", { for: "timeline-to" }, "to"), this.to, h("span", { class: "quiet" }, "UTC"), h("button", {}, "Show")),
      this.status, this.trouble, this.picture, this.list, this.more);
  }
  dispose(): void { ++this.turn; }

  async load(further = false): Promise<void> {
    const turn = ++this.turn, q = new URLSearchParams({ limit: String(pageSize) });
    if (further && this.cursor) q.set("cursor", this.cursor);
    for (const [name, field] of [["from", this.from], ["to", this.to]] as const) if (field.value) q.set(name, (field.value.length === 16 ? field.value + ":00" : field.value) + "Z");
    this.trouble.hidden = true;
    this.more.disabled = true;
    try {
      const page = await call("GET", `/cases/${this.caseId}/timeline?${q.toString()}`);
      if (turn !== this.turn) return;
      const got = (Array.isArray(page.entries) ? page.entries : []).map(entryOf) as Entry[];
      this.entries = further ? [...this.entries, ...got] : got;
      this.cursor = typeof page.next_cursor === "string" && page.next_cursor !== "" ? page.next_cursor : null;
      this.total = typeof page.total_count === "number" ? page.total_count : null;
      this.shortened = page.shortened === true;
      this.draw();
    } catch (e) {
      if (turn !== this.turn) return;
      this.trouble.hidden = false;
      this.trouble.replaceChildren(e instanceof ApiError && (e.status === 501 || e.status === 404) ? "This server keeps no timeline yet." : explain(e), " ", h("button", { type: "button", onclick: () => void this.load(further) }, "Try again"));
    } finally {
      this.more.disabled = false;
    }
  }

  private draw(): void {
    const shown = this.entries.filter((e) => passes(e, this.source.value, this.least.value));
    const blocks: HTMLElement[] = [];
    let day = "", list: HTMLElement | null = null;
    for (const e of shown) {
      const d = dayOf(e.at);
      if (d !== day || !list) {
        day = d;
        list = h("ol", { "aria-label": d });
        blocks.push(h("h3", {}, d), list);
      }
      list.append(this.row(e));
    }
    this.list.replaceChildren(...blocks);
    // What files tell makes the picture: a question asked weeks later would press it into one bar.
    const told = shown.filter((e) => e.source === "file"), counted = strip(told) ?? strip(shown);
    this.picture.replaceChildren(counted ? stripPicture(counted) : "");
    const n = shown.length.toLocaleString("en");
    this.status.textContent = this.entries.length === 0 ? "Nothing here has a time yet. Upload a log, or widen the span." : `${n} shown${this.total !== null ? ` of ${this.total.toLocaleString("en")}` : ""}.${this.shortened ? " Only the most telling moments of large files are kept." : ""} Times are in UTC.`;
    this.more.hidden = this.cursor === null;
  }
  private row(e: Entry): HTMLLIElement {
    const unsure = uncertainty(e.uncertaintyMs);
    // A file that was deleted has no name any more, and nothing to lead to.
    const where: Child = e.fileId && e.fileName ? link(this.go, { page: "file", id: this.caseId, file: e.fileId, part: e.first > 0 ? "text" : "findings", lines: e.first > 0 ? { first: e.first, last: e.last } : null }, { class: "cite" }, e.first > 0 ? `${e.fileName}:${e.first}${e.last > e.first ? "-" + e.last : ""}` : e.fileName)
      : e.source === "message" ? link(this.go, { page: "case", id: this.caseId, tab: "conversation", message: e.messageId }, {}, "message") : h("span", { class: "quiet" }, e.source);
    return h("li", { class: e.level, "data-source": e.source },
      h("span", {}, h("span", { class: "clock", title: e.at }, clockOf(e)), " ", h("span", { class: "quiet unsure", title: unsure ? "How far the time may be off" : undefined }, unsure)),
      h("span", { class: "entry" }, e.level && e.level !== "none" && e.level !== "info" ? h("span", { class: "badge " + e.level }, e.level) : null, e.level ? " " : null, e.text, e.count > 1 ? h("span", { class: "quiet" }, ` × ${e.count.toLocaleString("en")}`) : null, " ", where));
  }
}
