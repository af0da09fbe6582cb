// The axis of a plot over time: round moments to mark, and how the moments of a log are written when it did not say
// its year, its day or its zone.
import type { OverTime } from "./analysis";

export interface Known { zone: boolean; year: boolean; date: boolean }
const second = 1_000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
const steps = [1, 2, 5, 10, 15, 30].map((n) => n * second).concat([1, 2, 5, 10, 15, 30].map((n) => n * minute), [1, 2, 3, 6, 12].map((n) => n * hour), [1, 2, 7, 14, 30, 90, 182, 365, 1_826, 3_652].map((n) => n * day));
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (n: number): string => String(n).padStart(2, "0");

const clock = (at: Date, seconds: boolean): string => `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}${seconds ? ":" + two(at.getUTCSeconds()) : ""}`;
const dayName = (at: Date, year: boolean): string => `${at.getUTCDate()} ${months[at.getUTCMonth()]}${year ? " " + at.getUTCFullYear() : ""}`;

/** "31 Jan 2026 13:39:12", as much of it as the log said. */
export function moment(at: number, { year, date }: Known): string {
  const d = new Date(at);
  return (date ? dayName(d, year) + " " : "") + clock(d, true);
}
export const zoneWord = (k: Known): string => (k.zone ? "UTC" : "zone not said");

export interface Tick { /** Of the width, from 0 to 1. */ at: number; text: string }
/** At most `most` round moments (or lines) within the span, the first one and every new day with its date. */
export function ticks(t: OverTime, known: Known, most = 6): Tick[] {
  const span = t.width * t.lines.length, out: Tick[] = [];
  if (!t.timed) {
    const raw = span / most, power = 10 ** Math.floor(Math.log10(Math.max(1, raw)));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw) ?? raw;
    for (let n = Math.ceil(Math.max(1, t.begin) / step) * step; n < t.begin + span; n += step) out.push({ at: (n - t.begin) / span, text: `line ${n.toLocaleString("en")}` });
    return out;
  }
  const step = steps.find((s) => span / s <= most) ?? Math.ceil(span / most / day) * day;
  let before = "";
  for (let at = Math.ceil(t.begin / step) * step; at < t.begin + span; at += step) {
    const d = new Date(at), on = dayName(d, span > 300 * day && known.year);
    const text = step >= day ? on : known.date && on !== before && (before !== "" || span > day) ? `${on} ${clock(d, step < minute)}` : clock(d, step < minute);
    before = on;
    out.push({ at: (at - t.begin) / span, text });
  }
  return out;
}

/** What a part of the span is called: its moments, or its lines. */
export function partName(t: OverTime, i: number, known: Known): string {
  const from = t.begin + i * t.width, to = from + t.width;
  if (!t.timed) return `lines ${Math.max(1, from).toLocaleString("en")} to ${Math.max(1, to - 1).toLocaleString("en")}`;
  const begin = moment(from, known), end = moment(to, known), same = known.date && new Date(from).toISOString().slice(0, 10) === new Date(to).toISOString().slice(0, 10);
  return `${begin} to ${same ? end.slice(-8) : end}`;
}

/** "4 min 16 s", "2 h": a width as people say it. */
export function span(milliseconds: number): string {
  const s = Math.round(milliseconds / 1_000), parts: [number, string][] = [[Math.floor(s / 86_400), "d"], [Math.floor(s / 3_600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
  const first = parts.findIndex(([n]) => n > 0);
  return first < 0 ? "0 s" : parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`).join(" ");
}
