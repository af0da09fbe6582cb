// Markdown to safe HTML: rendered by marked, cleaned by DOMPurify; links open elsewhere and carry nothing along.
import DOMPurify from "dompurify";
import { marked } from "marked";

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  }
});

export const render = (text: string): string =>
  DOMPurify.sanitize(marked.parse(text, { async: false, gfm: true }) as string, { FORBID_TAGS: ["style", "form", "input", "img", "iframe"], FORBID_ATTR: ["style"] });
