// Files of a case: upload, what was found, the viewer with lit lines, templates, plots, timeline.
import { readFile } from "node:fs/promises";

import { accessible } from "./accessible.mjs";

/** 200,000 lines with CRLF, tabs, colours of a terminal and one line of 100 KB: near the limit of one upload. */
function longLog() {
  const out = [];
  for (let i = 1; i <= 200_000; ++i) out.push(i === 150_000 ? `12:00:00 ERROR \u001b[31mdisk full\u001b[0m on\tnode-7` : i === 100_000 ? "x".repeat(100_000) : `12:00:00 INFO ok ${i}`);
  return out.join("\r\n");
}
async function longFile({ page, check, shot }) {
  await page.locator("#files-input").setInputFiles([{ name: "long.log", mimeType: "text/plain", buffer: Buffer.from(longLog()) }]);
  await page.locator("li.file", { hasText: "long.log" }).getByRole("link", { name: "Text of long.log" }).click({ timeout: 60_000 });
  await page.locator(".row").first().waitFor();
  const go = async (line) => {
    await page.getByLabel("Go to line", { exact: true }).last().fill(String(line));
    const begun = Date.now();
    await page.keyboard.press("Enter");
    await page.waitForFunction((n) => document.querySelector(".row.lit .no")?.textContent === String(n), line);
    return Date.now() - begun;
  };
  const took = await go(150_000);
  check("a line far down is there soon", took < 10_000, `${took} ms`);
  check("colours of a terminal and the end of a line are not shown, tabs are kept", (await page.locator(".row.lit .txt").textContent()) === "12:00:00 ERROR disk full on\tnode-7", JSON.stringify(await page.locator(".row.lit .txt").textContent()));
  await go(100_000);
  check("of an endless line the beginning is shown, and how long it is", /100,000 bytes in this line/.test(await page.locator(".row.lit .txt").textContent()));
  await page.locator("#filetext").focus();
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.querySelector(".row.lit .no")?.textContent === "200000");
  check("End leads to the last line, and the page holds a window", (await page.locator(".row").count()) <= 600);
  console.log(`   line 150,000 of 200,000 was shown after ${took} ms`);
  await shot("viewer-long");
  await page.getByRole("link", { name: "Files", exact: true }).click();
  await page.locator("li.file", { hasText: "long.log" }).getByRole("button", { name: "Delete long.log" }).click();
  await page.getByRole("button", { name: "Delete the file" }).click();
  await page.waitForFunction(() => ![...document.querySelectorAll("li.file")].some((f) => f.textContent.includes("long.log")));
}

export async function files(tools) {
  const { page, check, shot, log } = tools;
  await page.getByRole("button", { name: "New case" }).click();
  await page.getByLabel("Message", { exact: true }).fill("See the files.");
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("article.assistant[data-id^=msg_]").first().waitFor();
  await page.getByRole("link", { name: /^Files/ }).click();
  const metrics = ["timestamp,cpu,latency_ms"];
  for (let i = 0; i < 400; ++i) metrics.push(`${new Date(Date.UTC(2026, 0, 31, 12) + i * 10_000).toISOString()},${(30 + 10 * Math.sin(i / 20)).toFixed(1)},${i > 300 ? 500 : 100 + (i % 7)}`);
  const binary = Buffer.alloc(600, 0).map((_, i) => (i * 37) % 256);
  await page.locator("#files-input").setInputFiles([
    { name: "shop.log", mimeType: "text/plain", buffer: Buffer.from(log) },
    { name: "node.csv", mimeType: "text/csv", buffer: Buffer.from(metrics.join("\n")) },
    { name: "core.bin", mimeType: "application/octet-stream", buffer: binary }]);
  await page.waitForFunction(() => document.querySelectorAll("li.file").length === 3 && document.querySelectorAll("li.upload").length === 0);
  const row = (name) => page.locator("li.file", { hasText: name }).first();
  check("each file shows its type, how sure that is, its size and its state", /Log.*analysed.*% sure.*KiB/s.test(await row("shop.log").innerText()) && /Metrics/.test(await row("node.csv").innerText()), await row("shop.log").innerText());
  check("a file that cannot be analysed says why", /unanalyzable[\s\S]*Why: \S/.test(await row("core.bin").innerText()), await row("core.bin").innerText());
  await shot("files");

  await page.locator("nav.tabs").getByRole("link", { name: "Search" }).click();
  await shot("search-empty");
  await page.getByLabel("Search in this case").last().fill("refused payment");
  await page.keyboard.press("Enter");
  await page.locator("li.hit mark").first().waitFor();
  check("words are found in the case, lit, with their place and level", /shop\.log:1201[\s\S]*error/.test(await page.locator("li.hit").first().innerText()) && (await page.locator("li.hit").first().locator("mark").allInnerTexts()).includes("refused"), await page.locator("li.hit").first().innerText());
  await accessible(tools, "search");
  await shot("search");
  await page.getByLabel("Level", { exact: true }).last().selectOption("error");
  await page.waitForFunction(() => location.search.includes("level=error") && document.querySelectorAll("li.hit").length > 0);
  check("it is narrowed to errors", (await page.locator("li.hit .badge").allInnerTexts()).every((l) => /error|fatal/.test(l)));
  await page.locator("li.hit a.cite").first().click();
  await page.locator(".row.lit").first().waitFor();
  check("what was found leads to the lit line", (await page.locator(".row.lit .no").first().innerText()) === "1201");
  await page.goBack();
  await page.locator("li.hit").first().waitFor();
  check("back leads to what was found", (await page.getByLabel("Search in this case").last().inputValue()) === "refused payment");
  await page.getByLabel("Search in this case").last().fill("zebra unicorn");
  await page.keyboard.press("Enter");
  await page.getByText("Nothing was found.").waitFor();
  check("a search without a hit offers a wider one", await page.getByRole("button", { name: "Search everything in the case" }).isVisible());
  await shot("search-nothing");
  await page.locator("nav.tabs").getByRole("link", { name: /^Files/ }).click();

  // A network that is slow enough to see the progress, and to cancel.
  const session = await page.context().newCDPSession(page);
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 20, downloadThroughput: -1, uploadThroughput: 60_000 });
  await page.locator("#files-input").setInputFiles([{ name: "slow.log", mimeType: "text/plain", buffer: Buffer.from(log.repeat(4)) }]);
  const slow = page.locator("li.upload", { hasText: "slow.log" });
  await page.waitForFunction(() => /Uploading: [1-9]\d? %/.test(document.querySelector("li.upload .state")?.textContent ?? ""));
  await shot("uploading");
  await slow.getByRole("button", { name: "Cancel slow.log" }).click();
  await slow.getByRole("button", { name: "Dismiss slow.log" }).click();
  check("an upload shows its progress and can be cancelled", (await page.locator("li.upload").count()) === 0 && (await page.locator("li.file").count()) === 3);
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });

  await page.locator("#files-input").setInputFiles([{ name: "huge.log", mimeType: "text/plain", buffer: Buffer.alloc(12 << 20, "2026-01-31T12:00:00Z INFO all is well\n") }]);
  const refused = page.locator("li.upload", { hasText: "huge.log" });
  await refused.locator(".state.error").waitFor();
  check("a file that is too large is refused in words", /Failed: .*(bytes|MiB).*Cut it/.test(await refused.innerText()), await refused.innerText());
  await shot("upload-refused");
  await refused.getByRole("button", { name: "Dismiss huge.log" }).click();

  await row("shop.log").getByRole("link", { name: "shop.log", exact: true }).click();
  await page.getByRole("heading", { name: "Look at first" }).waitFor();
  check("what matters comes first: the error leads the list", (await page.locator(".citedlist li").first().innerText()).includes("Connection refused"));
  check("lines and errors stand over time, on an axis with hours", (await page.locator("svg.bars").count()) === 2 && (await page.locator(".axis span").allInnerTexts()).some((t) => /^\d\d:\d\d$/.test(t)), (await page.locator(".axis span").allInnerTexts()).join());
  await page.locator("details.numbers summary").click();
  check("the same stands there as numbers", (await page.locator("details.numbers tbody tr").count()) > 4);
  await page.locator("details.numbers summary").click();
  await page.locator("h1").focus();
  await page.keyboard.press("n");
  check("n leads to the first finding", (await page.evaluate(() => document.activeElement?.className)) === "cite");
  await shot("findings");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download shop.log" }).click()]);
  check("the file can be taken home", download.suggestedFilename() === "shop.log" && (await readFile(await download.path(), "utf8")) === log);
  await page.locator(".citedlist li").first().locator("a.cite").click();
  await page.locator(".row.lit").first().waitFor();
  check("the cited line is lit in the text", (await page.locator(".row.lit").allInnerTexts()).join("\n").includes("Connection refused"));
  check("it stands at its own number", (await page.locator(".row.lit .no").first().innerText()) === "1201");
  check("the address names the lines", page.url().includes("/text?lines=1201"));
  check("the viewer holds a window, not the file", (await page.locator(".row").count()) <= 600);
  await shot("viewer");
  await page.locator("#filetext").focus();
  await page.keyboard.press("n");
  await page.waitForFunction(() => document.querySelector(".row.lit .no")?.textContent !== "1201");
  const after = Number(await page.locator(".row.lit .no").first().innerText());
  check("n goes to the next cited line", after > 1201, String(after));
  await page.keyboard.press("p");
  await page.waitForFunction(() => document.querySelector(".row.lit .no")?.textContent === "1201");
  check("p goes back", true);
  await page.getByLabel("Go to line", { exact: true }).last().fill("2000");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".row.lit .no")?.textContent === "2000");
  await page.locator("#filetext").evaluate((box) => { box.scrollTop = 0; });
  await page.waitForFunction(() => Number(document.querySelector(".row .no")?.textContent) < 1988);
  const numbers = (await page.locator(".row .no").allInnerTexts()).map(Number);
  check("scrolling up brings the lines before, without a gap", numbers.every((n, i) => i === 0 || n === numbers[i - 1] + 1), numbers.slice(0, 5).join());
  const shown = await page.locator(".row").nth(3).evaluate((r) => ({ no: Number(r.querySelector(".no").textContent), text: r.querySelector(".txt").textContent })); // at one moment: rows move while they are read
  check("a line is shown as it is", shown.text === log.split("\n")[shown.no - 1], JSON.stringify(shown));

  await page.getByRole("link", { name: /^Templates/ }).click();
  const table = page.getByRole("region", { name: "Table of templates" });
  check("the template table has a sparkline per template", (await table.locator("tbody tr").count()) > 0 && (await table.locator("tbody tr svg.spark").count()) === (await table.locator("tbody tr").count()));
  await table.getByRole("button", { name: "Count" }).click();
  const counts = (await table.locator("tbody tr td:nth-child(2)").allInnerTexts()).map((t) => Number(t.replace(/\D/g, "")));
  check("it sorts by count", counts.every((n, i) => i === 0 || n <= counts[i - 1]) && (await table.locator("th[aria-sort=descending]").count()) === 1, counts.join());
  await shot("templates");
  await page.getByLabel("Level", { exact: true }).selectOption("error+");
  check("templates are narrowed to errors", (await table.locator("tbody tr .badge").allInnerTexts()).every((l) => /error|fatal/.test(l)));
  await page.getByLabel("Level", { exact: true }).selectOption("");
  await page.getByLabel("Filter the templates").fill("refused");
  await table.locator("tbody tr").first().locator("td.pattern a").click();
  await page.locator(".row.lit").first().waitFor();
  check("a template leads to its first line", (await page.locator(".row.lit .no").first().innerText()) === "1201");

  await page.getByRole("link", { name: "Files", exact: true }).click();
  await row("node.csv").getByRole("link", { name: "node.csv", exact: true }).click();
  await page.locator(".plot svg").first().waitFor();
  check("metrics show their plots", (await page.locator(".plot svg polyline, .plot svg path").count()) > 0);
  await shot("plots");

  await page.getByRole("link", { name: "Conversation" }).click();
  await page.locator("article.system", { hasText: "shop.log" }).first().waitFor();
  await shot("conversation-files");
  await page.locator("article.system", { hasText: "shop.log" }).locator("a.cite").first().click();
  await page.locator(".row.lit").first().waitFor();
  check("a citation in the conversation opens the file at its line", page.url().includes("/text?lines="));

  await page.getByRole("link", { name: "Conversation" }).click();
  await page.locator("#log").waitFor();
  const timeline = await page.evaluate(async (id) => (await fetch(`/api/v1/cases/${id}/timeline`, { headers: { Authorization: "Bearer " + JSON.parse(localStorage.getItem("faultmaven.session")).access_token } })).status, new URL(page.url()).pathname.split("/")[2]);
  await page.waitForTimeout(300);
  const tab = page.locator("nav.tabs").getByRole("link", { name: "Timeline" });
  if (timeline === 200) {
    await tab.click();
    await page.locator(".timeline li").first().waitFor();
    check("the timeline shows the error with its place", (await page.locator(".timeline li.error").first().innerText()).includes("shop.log:1201"));
    check("a strip shows when the trouble was", /most errors around 2026-/.test(await page.locator("svg.strip").getAttribute("aria-label")));
    await shot("timeline");
    await page.getByLabel("Source").selectOption("message");
    await page.locator(".timeline").getByRole("link", { name: "message" }).first().click();
    await page.locator("article.found").waitFor();
    check("a message of the timeline leads to it", (await page.evaluate(() => document.activeElement?.classList.contains("found"))) === true);
  } else {
    check("a server without a timeline shows none", (await tab.count()) === 0, String(timeline));
  }

  await page.getByRole("link", { name: /^Files/ }).click();
  await longFile(tools);
  await row("core.bin").getByRole("button", { name: "Delete core.bin" }).click();
  await page.getByRole("button", { name: "Delete the file" }).click();
  await page.waitForFunction(() => document.querySelectorAll("li.file").length === 2);
  check("a file can be deleted", true);
}
