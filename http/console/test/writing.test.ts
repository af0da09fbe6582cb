// What a person writes: drafts, pasted pieces, the outbox, keys.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Composer } from "../src/composer";
import { emptyDraft, joined, loadDraft, saveDraft } from "../src/drafts";
import { actionOf, keys, setSingleKeys } from "../src/keys";
import { addPending, pendingOf, removePending } from "../src/outbox";
import { countCharacters, countLines, looksLikeLog, levelOf, preview } from "../src/text";

beforeEach(() => { localStorage.clear(); document.body.replaceChildren(); });

describe("drafts", () => {
  it("come back by person and case", () => {
    saveDraft("ann", "c1", { text: "hi", pastes: ["log"] });
    expect(loadDraft("ann", "c1")).toEqual({ text: "hi", pastes: ["log"] });
    expect(loadDraft("bob", "c1")).toEqual(emptyDraft());
  });
  it("are forgotten when they are empty", () => {
    saveDraft("ann", "c1", { text: "hi", pastes: [] });
    saveDraft("ann", "c1", { text: " ", pastes: [] });
    expect(localStorage.length).toBe(0);
  });
  it("make room by dropping the oldest", () => {
    for (let i = 0; i < 40; ++i) saveDraft("ann", "c" + i, { text: "t" + i, pastes: [] }, localStorage, i);
    expect(loadDraft("ann", "c0").text).toBe("");
    expect(loadDraft("ann", "c39").text).toBe("t39");
  });
  it("join what was typed and what was pasted", () => expect(joined({ text: "why?  ", pastes: ["a", "b"] })).toBe("why?\na\nb"));
});

describe("the outbox", () => {
  it("keeps messages in order, each with its own id, until they are taken out", () => {
    const a = addPending("ann", "c", "1", localStorage, 1), b = addPending("ann", "c", "2", localStorage, 2);
    addPending("bob", "c", "3", localStorage, 3);
    expect(pendingOf("ann", "c").map((p) => p.content)).toEqual(["1", "2"]);
    expect(a.client_turn_id).not.toBe(b.client_turn_id);
    removePending(a.client_turn_id);
    expect(pendingOf("ann", "c").map((p) => p.content)).toEqual(["2"]);
  });
});

describe("texts", () => {
  it("count code points and lines", () => {
    expect(countCharacters("a😀é")).toBe(3);
    expect(countLines("a\nb\n")).toBe(2);
  });
  it("know logs from prose, and where trouble begins", () => {
    expect(looksLikeLog("2026-01-01 12:00:00 INFO a\n2026-01-01 12:00:01 ERROR b")).toBe(true);
    expect(looksLikeLog("It is broken.\nPlease help.")).toBe(false);
    expect(levelOf("x ERROR y")).toBe("error");
    expect(preview(["a", "b", "c", "ERROR d"].join("\n"), 2)).toEqual({ head: "a\nb", rest: 2, trouble: { number: 4, text: "ERROR d" } });
  });
});

describe("the field", () => {
  const make = () => {
    const actions = { send: vi.fn(), stop: vi.fn(), typing: vi.fn(), attach: vi.fn(), trouble: vi.fn() };
    const composer = new Composer("ann", "c", actions);
    document.body.append(composer.node);
    return { actions, composer };
  };
  it("sends on Enter, not on Shift+Enter, and not nothing", () => {
    const { actions, composer } = make();
    const press = (shiftKey: boolean) => composer.area.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", shiftKey, cancelable: true }));
    press(false);
    expect(actions.send).not.toHaveBeenCalled();
    composer.area.value = "why?";
    press(true);
    expect(actions.send).not.toHaveBeenCalled();
    press(false);
    expect(actions.send).toHaveBeenCalledWith("why?");
  });
  it("puts what came back in front of what is being written", () => {
    const { composer } = make();
    composer.area.value = "new";
    composer.giveBack("old");
    expect(composer.area.value).toBe("old\n\nnew");
  });
  it("offers a file when the text is too long", () => {
    const { actions, composer } = make();
    composer.area.value = "x".repeat(200_001);
    composer.area.dispatchEvent(new Event("input"));
    const offer = composer.node.querySelector<HTMLButtonElement>("#count button")!;
    expect(composer.node.querySelector<HTMLButtonElement>("#send")!.disabled).toBe(true);
    offer.click();
    expect(actions.attach).toHaveBeenCalledOnce();
    expect(composer.empty).toBe(true);
  });
});

describe("keys", () => {
  it("each stands in the help once", () => expect(new Set(keys.map((k) => k.shown)).size).toBe(keys.length));
  it("single letters do nothing in fields, or when they are switched off", () => {
    const press = (target: HTMLElement) => { let got: string | null = null; target.addEventListener("keydown", (e) => { got = actionOf(e); }, { once: true }); target.dispatchEvent(new KeyboardEvent("keydown", { key: "n" })); return got; };
    const field = document.createElement("input"), plain = document.createElement("div");
    expect(press(plain)).toBe("new");
    expect(press(field)).toBeNull();
    setSingleKeys(false);
    expect(press(plain)).toBeNull();
  });
});
