import { beforeEach, describe, expect, it, vi } from "vitest";
import { snippet } from "../src/highlight";
import { follow, jobOf } from "../src/jobs";
import { explainKnowledge, listPath, noFilter, parseTags } from "../src/knowledge";
import { ApiError } from "../src/api";
import { DocumentPage } from "../src/knowledgedocument";
import { DocumentForm } from "../src/knowledgeform";
import { KnowledgePage } from "../src/knowledgepage";
import { frame, press, server, settle } from "./server";

beforeEach(() => { localStorage.clear(); document.body.replaceChildren(); });
const doc = (id: string, title: string, more: object = {}) => ({ document_id: id, title, document_type: "runbook", category: "database", tags: ["sql"], scope: "user", format: "markdown", bytes: 20, version: 3, chunks: 1, indexed: true, created_at: "2026-01-01T00:00:00Z", updated_at: "2026-01-01T00:00:00Z", ...more });
const kb = "/users/user_1/kb";
const stats = { body: { total_documents: 2, total_chunks: 5, total_bytes: 2_048, not_indexed: 0, embedder: "lexical", by_type: { runbook: 2 }, by_category: { database: 2 } } };
const words = (s: ReturnType<typeof snippet>) => s.map((x) => (x.lit ? `[${x.text}]` : x.text)).join("");

describe("a snippet", () => {
  it("lights what the server found, counted in bytes of UTF-8", () => {
    const text = "Größe der Verbindung";
    const at = new TextEncoder().encode("Größe der ").length;
    expect(words(snippet(text, [[at, at + 10]]))).toBe("Größe der [Verbindung]");
  });
  it("is the part with the most of it, cut between words", () => {
    const text = "one two ".repeat(100) + "the pool is full, the pool waits " + "three ".repeat(100), first = text.indexOf("pool"), second = text.indexOf("pool", first + 1);
    const got = words(snippet(text, [[4, 7], [first, first + 4], [second, second + 4]], 120));
    expect(got).toMatch(/^… .*the \[pool\] is full, the \[pool\] waits.* …$/);
    expect(got.length).toBeLessThan(150);
  });
  it("never cuts a character, and bears places that cannot be", () => {
    const got = words(snippet("é".repeat(400), [[0, 2], [799, 9_999], [5, 3]], 99));
    expect(got).not.toContain("\uFFFD");
    expect(got).toMatch(/^\[é\]/);
  });
  it("is one line without signs of Markdown", () => expect(words(snippet("# Disk full\n\n## Fix\n- `df -h` **now**", []))).toBe("Disk full · Fix · df -h now"));
});

describe("small things", () => {
  it("ask for what is filtered", () => {
    localStorage.setItem("faultmaven.session", '{"user":{"user_id":"user_1"}}');
    expect(listPath("mine", { type: "runbook", category: "", tag: "a b" }, 50)).toBe(`${kb}/documents?limit=50&offset=50&document_type=runbook&tag=a+b`);
    expect(listPath("shared", noFilter(), 0)).toBe("/knowledge/documents?limit=50&offset=0");
  });
  it("read tags as people write them", () => expect(parseTags(" a, b ,,a")).toEqual(["a", "b"]));
  it("say who may change what is shared", () => expect(explainKnowledge(new ApiError("no", 403, "forbidden"))).toMatch(/administrators/));
  it("follow a job to its end", async () => {
    let n = 0;
    server({ "GET /knowledge/jobs/j": () => ({ body: { job_id: "j", status: ++n < 3 ? "running" : "completed", total: 3, done: n, failed: 0, progress_percentage: 33 * n } }) });
    const heard: number[] = [];
    const last = await follow(jobOf({ job_id: "j", status: "running", total: 3, done: 0 }), (j) => heard.push(j.done), { at: "/knowledge/jobs/", pause: async () => undefined });
    expect([last.status, heard]).toEqual(["completed", [0, 1, 2, 3]]);
  });
});

describe("the list", () => {
  it("shows documents, figures, and filters by what there is", async () => {
    const asked = server({ [`GET ${kb}/documents`]: { body: { documents: [doc("doc_1", "Too many connections")], total_count: 1, has_more: false } }, [`GET ${kb}/stats`]: stats });
    const page = new KnowledgePage("", "mine", false, vi.fn());
    frame(page.node);
    await settle();
    expect(document.querySelector("li.doc a")!.getAttribute("href")).toBe("/knowledge/doc_1");
    expect(document.querySelector(".stats")!.textContent).toMatch(/Documents2Passages5Size2\.0 KiB/);
    const select = document.querySelector<HTMLSelectElement>("select[aria-label='All categories']")!;
    select.value = "database";
    select.dispatchEvent(new Event("change"));
    await settle();
    expect(asked[asked.length - 1]!.path).toContain("category=database");
    page.dispose();
  });
  it("says what to do when there is nothing", async () => {
    server({ [`GET ${kb}/documents`]: { body: { documents: [], total_count: 0, has_more: false } }, [`GET ${kb}/stats`]: { status: 500 } });
    const page = new KnowledgePage("", "mine", false, vi.fn());
    frame(page.node);
    await settle();
    expect(document.querySelector("[role=status]")!.textContent).toMatch(/install the starter ones/);
    page.dispose();
  });
  it("shows what was found with its words lit, as text", async () => {
    const content = "The <b>pool</b> is full";
    const asked = server({ "POST /knowledge/search": { body: { results: [{ document_id: "doc_1", content, similarity_score: 0.4, heading: "Pools", highlights: [{ begin: 7, end: 11 }], reasons: ["words: pool"], metadata: { title: "Pools", category: "database", scope: "user" } }] } }, [`GET ${kb}/stats`]: stats });
    const page = new KnowledgePage("pool", "mine", false, vi.fn());
    frame(page.node);
    await settle();
    expect(asked.find((a) => a.method === "POST")!.body).toEqual({ query: "pool", limit: 20, filters: {} });
    expect([...document.querySelectorAll("mark")].map((m) => m.textContent)).toEqual(["pool"]);
    expect(document.querySelector(".snippet b")).toBeNull();
    expect(document.querySelector(".snippet")!.textContent).toBe(content);
    page.dispose();
  });
  it("installs the starter runbooks, and says how far it is", async () => {
    const asked = server({ [`GET ${kb}/documents`]: { body: { documents: [], total_count: 0, has_more: false } }, [`GET ${kb}/stats`]: stats, [`POST ${kb}/starter-pack`]: { status: 202, body: { job_id: "j", status: "completed", total: 40, done: 40, failed: 0, progress_percentage: 100 } } });
    const page = new KnowledgePage("", "mine", false, vi.fn());
    frame(page.node);
    await settle();
    press("Install the starter runbooks");
    await settle();
    expect(document.querySelector("#notice")!.textContent).toContain("40 runbooks are installed.");
    expect(asked.filter((a) => a.path.startsWith(`${kb}/documents`)).length).toBe(2);
    page.dispose();
  });
});

describe("a document", () => {
  it("is read as Markdown without saying its title twice, and cannot harm", async () => {
    server({ "GET /knowledge/documents/doc_1": { body: { ...doc("doc_1", "Pools"), content: "# Pools\n\nText with **weight**<script>x()</script>" } } });
    frame(new DocumentPage("doc_1", vi.fn()).node);
    await settle();
    expect(document.querySelectorAll("h1").length).toBe(1);
    expect(document.querySelector("strong")!.textContent).toBe("weight");
    expect(document.querySelector("script")).toBeNull();
  });
  it("that is no Markdown is shown as it is", async () => {
    server({ "GET /knowledge/documents/doc_1": { body: { ...doc("doc_1", "Table", { format: "csv" }), content: "a,b\n# 1,2" } } });
    frame(new DocumentPage("doc_1", vi.fn()).node);
    await settle();
    expect(document.querySelector("pre")!.textContent).toBe("a,b\n# 1,2");
  });
  it("of one's own is deleted where it lives", async () => {
    const asked = server({ "GET /knowledge/documents/doc_1": { body: { ...doc("doc_1", "Pools"), content: "x" } }, [`DELETE ${kb}/documents/doc_1`]: { status: 204 } });
    const go = vi.fn();
    frame(new DocumentPage("doc_1", go).node);
    await settle();
    press("Delete");
    document.querySelector("dialog")!.close("go");
    await settle();
    expect(asked.some((a) => a.method === "DELETE" && a.path === `${kb}/documents/doc_1`)).toBe(true);
    expect(go).toHaveBeenCalledWith({ page: "knowledge", query: "", whose: "mine" });
  });
});

describe("the form", () => {
  const submit = () => document.querySelector<HTMLFormElement>("form.docform")!.dispatchEvent(new Event("submit", { cancelable: true }));
  it("adds what was written", async () => {
    const asked = server({ [`POST ${kb}/documents`]: { status: 201, body: doc("doc_9", "New") } });
    const go = vi.fn(), form = new DocumentForm({ whose: "mine" }, go);
    frame(form.node);
    document.querySelector<HTMLInputElement>("#doc-title")!.value = " New ";
    document.querySelector<HTMLInputElement>("#doc-tags")!.value = "a, b";
    document.querySelector<HTMLTextAreaElement>("#doc-content")!.value = "Text";
    submit();
    await settle();
    expect(asked[0]!.body).toEqual({ title: "New", document_type: "", category: "", tags: ["a", "b"], content: "Text", format: "markdown" });
    expect(go).toHaveBeenCalledWith({ page: "document", id: "doc_9", edit: false });
    form.dispose();
  });
  it("changes a version, and keeps the text when somebody else was first", async () => {
    const asked = server({ "GET /knowledge/documents/doc_1": { body: { ...doc("doc_1", "Pools"), content: "old" } }, "PUT /knowledge/documents/doc_1": { status: 409, body: { detail: "changed", error: { code: "conflict" } } } });
    const go = vi.fn(), form = new DocumentForm({ id: "doc_1" }, go);
    frame(form.node);
    await settle();
    document.querySelector<HTMLTextAreaElement>("#doc-content")!.value = "mine";
    submit();
    await settle();
    expect(asked[1]!.body).toMatchObject({ expected_version: 3, content: "mine" });
    expect(document.querySelector("[role=alert]")!.textContent).toMatch(/Somebody else changed/);
    expect(document.querySelector<HTMLTextAreaElement>("#doc-content")!.value).toBe("mine");
    expect(go).not.toHaveBeenCalled();
    form.dispose();
  });
  it("adds files one by one; what cannot be read says what can", async () => {
    let n = 0;
    const asked = server({ [`POST ${kb}/documents`]: () => (++n === 1 ? { status: 415, body: { detail: "no", error: { code: "unsupported_media_type" } } } : { status: 201, body: doc("doc_2", "Queues") }) });
    const form = new DocumentForm({ whose: "mine" }, vi.fn());
    frame(form.node);
    form.attach([new File(["x"], "a.mp4"), new File(["# Queues"], "q.md")]);
    await settle(12);
    const rows = [...document.querySelectorAll("li.upload")].map((r) => r.textContent);
    expect(rows[0]).toMatch(/a\.mp4.*cannot be read\. Use Markdown/);
    expect(rows[1]).toMatch(/q\.md.*Added: Queues/);
    expect(asked.every((a) => a.body instanceof FormData)).toBe(true);
    form.dispose();
  });
});
