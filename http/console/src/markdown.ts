// Markdown to safe HTML: rendered by marked, cleaned by DOMPurify; links open elsewhere and carry nothing along.
// A growing text is drawn block by block: what is finished is never touched again, so nothing jumps or loses focus.
import DOMPurify from "dompurify";
import { Lexer, Parser, Renderer, type Token, type Tokens, type TokensList } from "marked";
import { copyText } from "./clipboard";
import { h } from "./dom";
import { countLines, levelOf, looksLikeLog } from "./text";

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  }
});
const rules = { FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "img", "picture", "video", "audio", "iframe", "svg", "math", "dialog"], FORBID_ATTR: ["style", "class", "id", "name", "for", "popover", "popovertarget", "tabindex", "autofocus", "accesskey"] };

/** HTML inside of Markdown is text: "<init>" in a quoted line must not vanish. A few harmless words of it are kept. */
class TextRenderer extends Renderer {
  override html({ text, block }: Tokens.HTML | Tokens.Tag): string {
    if (/^<\/?(?:br|sub|sup|kbd|b|i|em|strong)\s*\/?>$/i.test(text.trim())) return text;
    const plain = text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
    return block ? `<p>${plain}</p>\n` : plain;
  }
}
const parse = (tokens: Token[]): string => Parser.parse(tokens, { gfm: true, renderer: new TextRenderer() });

export const render = (text: string): string => DOMPurify.sanitize(parse(Lexer.lex(text, { gfm: true })), rules);

/** The text as blocks; joined they are the text. */
export function blocksOf(text: string): Token[] { return Lexer.lex(text, { gfm: true }); }

function codeBlock(text: string, language: string): HTMLElement {
  const log = (language === "" || language === "log" || language === "text") && looksLikeLog(text);
  const code = h("code");
  if (log) {
    // Lines as elements, so that trouble can be seen at a glance; the text itself stays exactly what it was.
    text.split("\n").forEach((line, i, all) => {
      const level = levelOf(line);
      code.append(h("span", { class: level ? "line " + level : "line" }, line), i + 1 < all.length ? "\n" : "");
    });
  } else {
    code.textContent = text;
  }
  const what = log ? "log lines" : "code";
  const copy = h("button", { type: "button", class: "copy", "aria-label": `Copy ${what}`, onclick: async () => {
    const good = await copyText(text);
    copy.textContent = good ? "Copied" : "Not copied";
    window.setTimeout(() => { copy.textContent = "Copy"; }, 2_000);
  } }, "Copy");
  const lines = countLines(text);
  return h("div", { class: log ? "block log" : "block" }, h("div", { class: "bar" }, h("span", {}, log ? `${lines} quoted ${lines === 1 ? "line" : "lines"}` : language || "code"), copy),
    h("pre", { tabindex: 0, role: "region", "aria-label": log ? "Quoted log lines" : "Code" }, code));
}

function draw(token: Token, links: TokensList["links"]): HTMLElement {
  if (token.type === "code") return codeBlock(String((token as { text: string }).text), String((token as { lang?: string }).lang ?? ""));
  const list = Object.assign([token], { links });
  const node = h("div", { class: "md" });
  node.innerHTML = DOMPurify.sanitize(parse(list), rules);
  for (const table of node.querySelectorAll("table")) {
    const box = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" });
    table.replaceWith(box);
    box.append(table);
  }
  return node;
}

/** One text in one element. set() may be called as often as text arrives. */
export class MarkdownView {
  readonly node = h("div", { class: "body" });
  private text = "";
  private settled = 0; // characters of the text whose blocks cannot change any more
  private tail: { raw: string; node: HTMLElement }[] = [];

  set(text: string, complete = false): void {
    if (text === this.text && !complete) return;
    const grown = text.startsWith(this.text) && !complete;
    if (!grown) this.settled = 0;
    const tokens = Lexer.lex(text.slice(this.settled), { gfm: true });
    const old = grown ? this.tail : [...this.node.children].map((n) => ({ raw: (n as HTMLElement & { raw?: string }).raw ?? "", node: n as HTMLElement }));
    const blocks = tokens.filter((t) => t.type !== "space" && t.type !== "def");
    const next = blocks.map((t, i) => {
      const same = old[i];
      if (same && same.raw === t.raw) return same;
      const node = draw(t, tokens.links);
      Object.assign(node, { raw: t.raw });
      if (same) same.node.replaceWith(node); else this.node.append(node);
      return { raw: t.raw, node };
    });
    for (const gone of old.slice(next.length)) gone.node.remove();
    this.text = text;
    // Everything but the last two blocks is finished: more text can only change what it touches.
    const lastTwo = blocks.length > 2 ? blocks[blocks.length - 2] : undefined;
    const from = lastTwo ? tokens.indexOf(lastTwo) : 0;
    for (const t of tokens.slice(0, from)) this.settled += t.raw.length;
    const moved = lastTwo ? blocks.length - 2 : 0;
    this.tail = next.slice(moved);
  }
}
