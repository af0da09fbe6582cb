// Moments as people say them; the exact one is always in the title.
const units: [Intl.RelativeTimeFormatUnit, number][] = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]];
const format = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "long" });

export function relative(iso: string, now: number): string {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return "";
  const seconds = Math.round((at - now) / 1000);
  // Clocks differ by a little; "in 2 seconds" would only confuse.
  if (Math.abs(seconds) < 45) return "just now";
  for (const [unit, length] of units) if (Math.abs(seconds) >= length * 0.95) return format.format(Math.round(seconds / length), unit);
  return format.format(Math.round(seconds / 60), "minute");
}

export function absolute(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" }).format(at);
}

/** "5 s", "1 min 20 s" */
export function lasted(milliseconds: number): string {
  const s = Math.max(0, Math.floor(milliseconds / 1000));
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}

/** A <time> that keeps itself right: refreshTimes() renews every one that is on the page. */
export function timeNode(iso: string, now = Date.now()): HTMLTimeElement {
  const node = document.createElement("time");
  node.dateTime = iso;
  node.title = absolute(iso);
  node.textContent = relative(iso, now);
  return node;
}
export function refreshTimes(root: ParentNode, now = Date.now()): void {
  for (const node of root.querySelectorAll("time")) {
    const text = relative(node.dateTime, now);
    if (node.textContent !== text) node.textContent = text;
  }
}
