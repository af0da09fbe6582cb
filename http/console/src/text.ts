// Long texts: their size in words, when they are folded, and which lines of a log matter at first sight.
export const foldCharacters = 10_000;
export const messageMax = 200_000;

export type Level = "fatal" | "error" | "warn" | "info" | "debug";
const levels: [Level, RegExp][] = [
  ["fatal", /\b(FATAL|CRITICAL|CRIT|EMERG|ALERT|PANIC|panic:|SEVERE)\b/],
  ["error", /\b(ERROR|ERR|Error:|error:|\w*Exception\b|Traceback|level=error|"level":\s*"error")/],
  ["warn", /\b(WARN|WARNING|warn:|warning:|level=warn(ing)?|"level":\s*"warn(ing)?")/],
  ["info", /\b(INFO|NOTICE|level=info|"level":\s*"info")/],
  ["debug", /\b(DEBUG|TRACE|level=debug|"level":\s*"debug")/],
];
const stamp = /\d{2}:\d{2}:\d{2}|^\d{10,13}\b|^[A-Z][a-z]{2} +\d{1,2} /;
const frame = /^\s+(at |\.\.\. \d+ more|File ")|^Caused by: /;

/** The level a line of a log shows by itself; nothing for prose. */
export function levelOf(line: string): Level | null {
  const head = line.slice(0, 400);
  for (const [level, pattern] of levels) if (pattern.test(head)) return level;
  return frame.test(head) ? "error" : null;
}

/** Whether lines are quoted from a log: most of them carry a time, a level, or are frames of a stack. */
export function looksLikeLog(text: string): boolean {
  const lines = text.split("\n", 50).filter((l) => l.trim() !== "");
  if (lines.length === 0) return false;
  const like = lines.filter((l) => stamp.test(l.slice(0, 60)) || frame.test(l) || /^\S*\[?(FATAL|ERROR|WARN|INFO|DEBUG|TRACE)\b/.test(l)).length;
  return like * 2 >= lines.length;
}

/** A line as it is shown: colours of a terminal are left out, other signs without a shape get one. */
export const visible = (line: string): string => line.replace(/\u001b\[[0-9;]*m/g, "").replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0))).replace(/\u007f/g, "\u2421");

export const countLines = (text: string): number => (text === "" ? 0 : text.replace(/\n$/, "").split("\n").length);
export const countCharacters = (text: string): number => {
  let n = 0;
  for (let i = 0; i < text.length; ++i) if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00) ++n;
  return n;
};
const plural = (n: number, one: string) => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;
export const measure = (text: string): string => `${plural(countLines(text), "line")}, ${plural(countCharacters(text), "character")}`;

export interface Preview { head: string; rest: number; trouble: { number: number; text: string } | null }
/** What stands for a folded text: its first lines, and the first line that looks like trouble when it is further down. */
export function preview(text: string, lines = 6): Preview {
  const all = text.replace(/\n$/, "").split("\n");
  const head = all.slice(0, lines).map((l) => (l.length > 240 ? l.slice(0, 240) + "…" : l)).join("\n");
  const at = all.findIndex((l) => { const level = levelOf(l); return level === "fatal" || level === "error"; });
  return { head, rest: Math.max(0, all.length - lines), trouble: at >= lines ? { number: at + 1, text: all[at]!.slice(0, 240) } : null };
}
export const isLong = (text: string): boolean => text.length > foldCharacters || countLines(text) > 60;

/** Bytes as a person writes them: "950 bytes", "1.4 MiB". */
export function size(bytes: number): string {
  if (bytes < 1_024) return `${bytes} bytes`;
  if (bytes < 1_048_576) return `${(bytes / 1_024).toFixed(1)} KiB`;
  if (bytes < 1_073_741_824) return `${(bytes / 1_048_576).toFixed(1)} MiB`;
  return `${(bytes / 1_073_741_824).toFixed(1)} GiB`;
}
