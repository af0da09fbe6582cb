// Rules of accessibility that a program can check, by axe, on whatever is shown.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export async function accessible({ page, check }, name) {
  // Evaluated by the debugger, so the page's policy against foreign scripts stays as it is.
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
  const text = found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`).join("; ");
  check(`${name}: nothing against WCAG 2.1 AA that axe can see`, found.violations.length === 0, text);
}
export async function fits({ page, check }, name) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(`${name}: nothing overflows at 360 px`, overflow <= 0, String(overflow));
  // What scrolls down must not scroll aside: a bar that is too wide hides there.
  const aside = await page.evaluate(() => [...document.querySelectorAll("#main .pad")].map((e) => e.scrollWidth - e.clientWidth).find((n) => n > 0) ?? 0);
  check(`${name}: nothing in it is too wide either`, aside === 0, String(aside));
}
