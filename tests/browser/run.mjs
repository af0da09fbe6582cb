// Drives the page of a running server in headless Chromium as a person would: sign in, new case, paste a log, read
// the streamed answer, reload, lose the connection. Usage: node run.mjs BASE_URL [SCREENSHOT_DIR]
import { chromium } from "playwright-core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [base, shots] = process.argv.slice(2);
let passed = 0, failed = 0;
const check = (name, good, detail = "") => { good ? ++passed : ++failed; console.log(`${good ? "ok" : "FAIL"} ${name}${good ? "" : ": " + detail}`); };

const lines = [];
for (let i = 0; i < 2000; ++i) {
  const at = new Date(Date.UTC(2026, 0, 31, 12, 0, 0) + i * 700).toISOString();
  lines.push(i === 1200 ? `${at} ERROR [pool-3] com.shop.Checkout - payment 8812 failed: Connection refused to db-3:5432`
    : i === 1201 ? "\tat com.shop.Db.connect(Db.java:42)" : i === 1202 ? "\tat com.shop.Checkout.pay(Checkout.java:118)"
    : i % 97 === 0 ? `${at} WARN  [pool-${i % 5}] com.shop.Cache - entry ${i} evicted after ${i % 60} s`
    : `${at} INFO  [pool-${i % 5}] com.shop.Checkout - request ${i} served in ${i % 90} ms`);
}
const log = lines.join("\n");

/** As Ctrl+V does: inserting 2,000 lines key by key is quadratic in Chromium, and nobody types a log. */
const paste = (page, text) => page.evaluate((t) => {
  const data = new DataTransfer();
  data.setData("text/plain", t);
  document.getElementById("text").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}, text);

const profile = mkdtempSync(join(tmpdir(), "fm-browser-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium", headless: true, viewport: { width: 1200, height: 800 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const problems = [];
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  page.on("console", (m) => { if (m.type() === "error" && !/WebSocket|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION/.test(m.text())) problems.push(m.text()); });
  page.on("pageerror", (e) => problems.push(String(e)));
  const shot = async (name) => { if (shots) await page.screenshot({ path: join(shots, name + ".png") }); };

  await page.goto(base);
  await page.getByLabel("Name", { exact: true }).fill("alice");
  await shot("signin");
  await page.getByRole("button", { name: "Sign in" }).first().click();
  await page.getByRole("button", { name: "New case" }).click();
  await page.locator("#state.online").waitFor();
  check("signed in, live connection is up", true);
  await page.getByLabel("Message", { exact: true }).fill("Checkout fails since noon. Why?");
  await paste(page, log);
  check("a pasted log becomes a piece with its size", (await page.locator(".piece").textContent()).includes("2,000 lines"));
  await page.getByRole("button", { name: "Send" }).click();
  const answer = page.locator("article.assistant[data-id^=msg_]").first();
  await answer.waitFor();
  await page.waitForFunction(() => document.querySelector("article.assistant[data-id^=msg_] .body")?.textContent.includes("What I would need next"));
  await shot("answer");
  const quoted = (await answer.locator("pre code").allTextContents()).flatMap((t) => t.split("\n")).filter((l) => l.trim() !== "");
  check("the answer quotes lines", quoted.length > 0);
  check("every quoted line occurs in the log", quoted.every((q) => log.includes(q)), quoted.find((q) => !log.includes(q)));
  check("the error is among them", quoted.some((q) => q.includes("Connection refused")), quoted.join(" | "));
  const text = await answer.locator(".body").textContent();
  await page.reload();
  await page.locator("article.assistant[data-id^=msg_]").first().waitFor();
  check("after a reload the answer is the same", (await page.locator("article.assistant .body").first().textContent()) === text);
  check("the case is named by its first question", (await page.inputValue("#title")).startsWith("Checkout fails since noon"));

  await browser.setOffline(true);
  await page.evaluate(() => window.dispatchEvent(new Event("offline")));
  await page.getByLabel("Message", { exact: true }).fill("Is it the network?");
  await page.keyboard.press("Enter");
  await browser.setOffline(false);
  await page.waitForFunction(() => document.querySelectorAll("article.assistant[data-id^=msg_]").length >= 2);
  check("a question asked around a cut is answered exactly once", (await page.locator("article.user", { hasText: "Is it the network?" }).count()) === 1);

  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 360, height: 700 });
  await shot("narrow-dark");
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check("nothing overflows at 360 px", overflow <= 0, String(overflow));
  check("send, title and search have names for a screen reader", (await page.getByRole("button", { name: "Send" }).count()) === 1 && (await page.getByLabel("Title of the case").count()) === 1);
  check("no console errors, no Content-Security-Policy violations", problems.length === 0, problems.join(" | "));
} catch (e) {
  check("the page could be used", false, String(e).slice(0, 600));
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
