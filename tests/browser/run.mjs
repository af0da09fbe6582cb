// Drives the page of a running server in headless Chromium as a person would: sign in, new case, paste a log, read
// the streamed answer, reload, lose the connection. Usage: node run.mjs BASE_URL [SCREENSHOT_DIR]
import { chromium } from "playwright-core";
import { accessible, fits } from "./accessible.mjs";
import { files } from "./files.mjs";
import { knowledge } from "./knowledge.mjs";
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

/** One of each kind of place, by what the server has now. */
const places = (page) => page.evaluate(async () => {
  const token = JSON.parse(localStorage.getItem("faultmaven.session")).access_token;
  const get = async (path) => (await fetch("/api/v1" + path, { headers: { Authorization: "Bearer " + token } })).json();
  const found = [["start", "/"], ["knowledge", "/knowledge"], ["knowledge-search", "/knowledge?q=disk%20full"], ["document-form", "/knowledge/new"], ["teams", "/teams"]];
  for (const c of (await get("/cases")).cases)
    for (const f of (await get(`/cases/${c.case_id}/data`)).data)
      if (f.filename === "shop.log") found.push(["files", `/cases/${c.case_id}/files`], ["search", `/cases/${c.case_id}/search?q=refused%20payment`], ["findings", `/cases/${c.case_id}/files/${f.file_id}`], ["templates", `/cases/${c.case_id}/files/${f.file_id}/templates`], ["viewer", `/cases/${c.case_id}/files/${f.file_id}/text?lines=1201`], ["timeline", `/cases/${c.case_id}/timeline`]);
      else if (f.filename === "node.csv") found.push(["plots", `/cases/${c.case_id}/files/${f.file_id}`]);
  return found;
});

const profile = mkdtempSync(join(tmpdir(), "fm-browser-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium", headless: true, viewport: { width: 1280, height: 800 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const problems = [];
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  page.on("console", (m) => { if (m.type() === "error" && !/WebSocket|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION|status of (404|413|415)/.test(m.text())) problems.push(m.text()); });
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

  const tools = { page, check, shot, log };
  await accessible(tools, "conversation");
  await files(tools);
  await accessible(tools, "files");
  await knowledge(tools);
  await accessible(tools, "knowledge");

  // The same places again in the dark and on a telephone.
  await page.getByRole("link", { name: "Checkout fails since noon" }).first().click();
  await page.locator("article.assistant[data-id^=msg_]").first().waitFor();
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 360, height: 700 });
  await shot("narrow-dark");
  await accessible(tools, "conversation in the dark");
  await fits(tools, "conversation");
  check("send, title and search have names for a screen reader", (await page.getByRole("button", { name: "Send" }).count()) === 1 && (await page.getByLabel("Title of the case").count()) === 1);
  for (const [name, path] of await places(page)) {
    await page.goto(new URL(path, base).href);
    await page.locator("#main h1, #main h2").first().waitFor();
    await page.waitForTimeout(400);
    await fits(tools, name);
    await accessible(tools, name + " in the dark");
    await shot("narrow-dark-" + name);
    await page.emulateMedia({ colorScheme: "light" });
    await accessible(tools, name + " in the light");
    await shot("narrow-light-" + name);
    await page.emulateMedia({ colorScheme: "dark" });
  }
  check("no console errors, no Content-Security-Policy violations", problems.length === 0, problems.join(" | "));
} catch (e) {
  check("the page could be used", false, String(e).slice(0, 600));
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
