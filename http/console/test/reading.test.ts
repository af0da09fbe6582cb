// What a person reads: Markdown that cannot harm, sentences for ears, the list of cases, errors that say what to do.
import { describe, expect, it } from "vitest";
import { explain, explainSignIn } from "../src/advice";
import { ApiError, errorOf } from "../src/api";
import { addPage, applyChange, emptyList, neighbour, queryOf } from "../src/caselist";
import { peopleLine } from "../src/casehead";
import { arrange, h } from "../src/dom";
import { MarkdownView, render } from "../src/markdown";
import { SentenceReader, spoken } from "../src/sentences";
import { lasted, relative } from "../src/time";
import type { CaseInfo } from "../src/view";

describe("markdown", () => {
  it("runs nothing and shows no pictures, forms or styles", () => {
    const box = h("div");
    box.innerHTML = render('<script>x()</script><img src=x onerror="x()"><a href="javascript:x()">l</a><form><input></form><p style="color:red" onclick="x()">t</p><svg><script>x()</script></svg>');
    expect([...box.querySelectorAll("*")].map((n) => n.tagName).filter((t) => !["P", "BR"].includes(t))).toEqual([]);
    expect([...box.querySelectorAll("*")].flatMap((n) => [...n.attributes])).toEqual([]);
  });
  it("shows tags that stand in a line as what they are", () => {
    const box = h("div");
    box.innerHTML = render("at Db.<init>(Db.java) and a<br>b");
    expect(box.textContent).toContain("Db.<init>(Db.java)");
    expect(box.querySelectorAll("br").length).toBe(1);
  });
  it("opens links elsewhere and tells them nothing", () => expect(render("[a](https://e.org)")).toMatch(/target="_blank" rel="noopener noreferrer"/));
  it("leaves finished blocks alone while the text grows", () => {
    const view = new MarkdownView();
    view.set("# One\n\ntwo\n\nthree");
    const first = view.node.firstElementChild;
    view.set("# One\n\ntwo\n\nthree and more\n\nfour");
    expect(view.node.firstElementChild).toBe(first);
    expect(view.node.textContent).toContain("three and more");
    view.set("# One\n\ntwo\n\nthree and more\n\nfour", true);
    expect(view.node.querySelectorAll(".md").length).toBe(4);
  });
  it("keeps quoted log lines byte for byte and colours them", () => {
    const view = new MarkdownView(), lines = "2026-01-01 12:00:00 INFO a  b\n2026-01-01 12:00:01 ERROR <c>";
    view.set("```\n" + lines + "\n```", true);
    expect(view.node.querySelector("code")!.textContent).toBe(lines);
    expect(view.node.querySelector(".line.error")!.textContent).toContain("<c>");
  });
});

describe("sentences for ears", () => {
  it("come whole, once, and code is counted", () => {
    const r = new SentenceReader();
    expect(r.take("It fail")).toEqual([]);
    expect(r.take("It failed. Then")).toEqual(["It failed."]);
    expect(r.take("It failed. Then it ended.", true)).toEqual(["Then it ended."]);
    expect(spoken("a:\n```\nx\ny\n```\n")).toContain("2 quoted lines.");
  });
});

describe("the list of cases", () => {
  const c = (id: string, at: string, status = "consulting"): CaseInfo => ({ case_id: id, title: id, status, last_activity_at: at });
  const page = (cases: CaseInfo[], total = cases.length) => ({ cases, total_count: total, has_more: total > cases.length, next_cursor: null });
  it("asks for what is filtered", () => expect(queryOf({ text: " db ", status: "closed" }, null)).toBe("/cases?limit=50&q=db&status=closed"));
  it("shows a case once though it moved between pages", () => {
    const list = addPage(addPage(emptyList(), page([c("a", "2026-01-02")], 2), true), page([c("a", "2026-01-02"), c("b", "2026-01-01")], 2), false);
    expect(list.cases.map((x) => x.case_id)).toEqual(["a", "b"]);
  });
  it("moves what changed to its place, and takes out what no longer fits", () => {
    const list = addPage(emptyList(), page([c("a", "2026-01-02"), c("b", "2026-01-01")]), true), all = { text: "", status: "" };
    expect(applyChange(list, { case: c("b", "2026-01-03"), deleted: false }, all).cases.map((x) => x.case_id)).toEqual(["b", "a"]);
    expect(applyChange(list, { case: c("a", "2026-01-03", "closed"), deleted: false }, { text: "", status: "consulting" }).cases.map((x) => x.case_id)).toEqual(["b"]);
    expect(neighbour(list, "b", 1)).toBe("a");
  });
});

describe("small things", () => {
  it("say who is here", () => {
    const p = (name: string, typing = false) => ({ user_id: name, name, typing, focus: "" });
    expect(peopleLine([p("me")], "me")).toBe("");
    expect(peopleLine([p("Ann"), p("Bob", true)], "me")).toBe("Bob is typing…");
  });
  it("say when", () => {
    const now = Date.parse("2026-01-01T12:00:00Z");
    expect(relative("2026-01-01T11:59:50Z", now)).toBe("just now");
    expect(relative("2026-01-01T11:00:00Z", now)).toBe("1 hour ago");
    expect(lasted(80_000)).toBe("1 min 20 s");
  });
  it("say what to do", () => {
    expect(explain(new ApiError("x", 0, "unreachable"))).toMatch(/Check your network/);
    expect(explain(errorOf(429, '{"detail":"Slow down","error":{"code":"rate_limited"}}', "3"))).toMatch(/Wait 3 seconds/);
    expect(explainSignIn(new ApiError("x", 401, "unauthenticated"))).toMatch(/do not match/);
  });
  it("rearrange without touching what stays", () => {
    const a = h("i"), b = h("b"), box = h("div", {}, a, b);
    arrange(box, [b, a]);
    expect([...box.children]).toEqual([b, a]);
  });
});
