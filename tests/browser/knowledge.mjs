// Knowledge: install, list, search with lit words, read, write, upload, delete.
export async function knowledge({ page, check, shot }) {
  await page.getByRole("link", { name: "Knowledge" }).click();
  await page.getByText("No documents yet.").waitFor();
  await page.getByRole("button", { name: "Install the starter runbooks" }).click();
  await page.waitForFunction(() => document.querySelectorAll("li.doc").length >= 40);
  await page.getByRole("heading", { name: "How much there is" }).waitFor();
  check("the starter runbooks are installed and counted", /Documents\s*\d\d/.test(await page.locator(".stats").innerText()));
  await shot("knowledge");
  await page.getByLabel("Search the knowledge").fill("too many connections to the database");
  await page.keyboard.press("Enter");
  await page.locator("li.hit").first().waitFor();
  check("a search finds the right runbook", /connection/i.test(await page.locator("li.hit .name").first().innerText()), await page.locator("li.hit .name").first().innerText());
  check("found words are lit", (await page.locator("li.hit mark").allInnerTexts()).some((w) => /connection|database/i.test(w)));
  await shot("knowledge-search");
  await page.locator("li.hit .name").first().click();
  await page.getByRole("link", { name: "Change" }).waitFor();
  check("a document is read with its headings", (await page.locator(".document h2").count()) > 2);
  await shot("document");
  await page.goBack();
  await page.locator("li.hit").first().waitFor();
  check("back leads to what was found", (await page.getByLabel("Search the knowledge").inputValue()).startsWith("too many"));

  await page.getByRole("link", { name: "Add documents" }).click();
  await page.getByLabel("Title").fill("Payments stop at midnight");
  await page.getByLabel("Text, in Markdown").fill("# Payments stop at midnight\n\nThe certificate of the **gateway** ends.\n\n<img src=x onerror=alert(1)>");
  await page.getByLabel("Tags").fill("payments, tls");
  await shot("document-form");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Payments stop at midnight" }).waitFor();
  check("a written document is shown, cleaned", (await page.locator(".document img").count()) === 0 && (await page.locator(".document strong", { hasText: "gateway" }).count()) === 1);
  await page.getByRole("link", { name: "Change" }).click();
  await page.waitForFunction(() => document.getElementById("doc-title")?.value !== "");
  await page.getByLabel("Category").fill("payments");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".badge", { hasText: "payments" }).waitFor();
  check("a change is saved as the next version", (await page.locator(".document .line1").innerText()).includes("version 2"));
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await page.waitForFunction(() => location.pathname === "/knowledge");
  check("a document can be deleted", true);
  await page.getByRole("link", { name: "Add documents" }).click();
  await page.locator("#doc-files").setInputFiles([{ name: "queues.md", mimeType: "text/markdown", buffer: Buffer.from("# Queues\n\nThe consumer stalls.") }, { name: "movie.mp4", mimeType: "video/mp4", buffer: Buffer.from([0, 0, 0, 24]) }]);
  await page.locator("li.upload", { hasText: "queues.md" }).getByRole("link").waitFor();
  await page.locator("li.upload", { hasText: "movie.mp4" }).locator(".error").waitFor();
  check("files are added, and what cannot be read says what can", (await page.locator("li.upload .error").innerText()).includes("Markdown"));
}
