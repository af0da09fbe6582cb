// Where a message is written: drafts that survive anything, pasted logs as pieces with their size, and plain words
// about what is too long.
import { named } from "./drop";
import { pastedPiece } from "./pastedpiece";
import { h } from "./dom";
import { emptyDraft, isEmpty, joined, length, loadDraft, saveDraft, type Draft } from "./drafts";
import { countCharacters, foldCharacters, measure, messageMax } from "./text";

export interface ComposerActions {
  send(content: string): void;
  stop(): void;
  typing(active: boolean): void;
  attach(files: File[]): void;
  trouble(text: string): void;
}

export class Composer {
  readonly area: HTMLTextAreaElement;
  private readonly pieces = h("ul", { class: "pieces", "aria-label": "Pasted text" });
  private readonly count = h("span", { id: "count", class: "quiet", role: "status" });
  readonly upload = h("span", { id: "upload", class: "quiet", role: "status" });
  private readonly stopButton = h("button", { id: "stop", type: "button", hidden: true }, "Stop");
  private readonly sendButton = h("button", { class: "primary", id: "send", "aria-keyshortcuts": "Enter Control+Enter" }, "Send");
  readonly node: HTMLFormElement;
  private draft: Draft = emptyDraft();
  private running = false;
  private typingSent = 0;
  private saveTimer = 0;

  constructor(private readonly user: string, private readonly where: string, private readonly actions: ComposerActions) {
    this.area = h("textarea", { id: "text", rows: 3, "aria-label": "Message", "aria-describedby": "count", placeholder: "Describe the fault, or paste a log", oninput: () => this.typed(), onkeydown: (e: KeyboardEvent) => this.key(e), onpaste: (e: ClipboardEvent) => this.pasted(e), onblur: () => { this.save(); this.quiet(); } });
    const input = h("input", { type: "file", multiple: true, hidden: true, tabindex: -1, "aria-label": "Files to attach", onchange: () => { actions.attach([...(input.files ?? [])]); input.value = ""; } });
    this.stopButton.addEventListener("click", () => actions.stop());
    this.node = h("form", { id: "composer", "aria-label": "New message", onsubmit: (e: Event) => { e.preventDefault(); this.submit(); } },
      this.pieces, this.area,
      h("div", { class: "actions" }, h("button", { id: "attach", type: "button", title: "Upload logs, metrics, configuration; or drop them on the page", onclick: () => input.click() }, "Attach"), input, this.upload, this.count, h("span", { class: "spacer" }), this.stopButton, this.sendButton));
    this.draft = loadDraft(user, where);
    this.area.value = this.draft.text;
    this.drawPieces();
    this.measured();
  }

  focus(): void { this.area.focus(); }
  get empty(): boolean { return isEmpty(this.current()); }
  private current(): Draft { return { text: this.area.value, pastes: this.draft.pastes }; }

  setRunning(running: boolean): void {
    this.running = running;
    this.stopButton.hidden = !running;
    this.sendButton.textContent = running ? "Queue" : "Send";
    this.sendButton.title = running ? "Answered after the one that is running" : "";
  }
  setBusy(busy: boolean): void { this.sendButton.disabled = busy; if (!busy) this.measured(); }

  /** Text that came back: a refused message, a withdrawn turn. What is being written stays. */
  giveBack(content: string): void {
    if (countCharacters(content) > foldCharacters) this.draft.pastes.unshift(content);
    else this.area.value = this.area.value.trim() === "" ? content : content + "\n\n" + this.area.value;
    this.drawPieces();
    this.typed();
    this.focus();
  }
  clear(): void {
    this.draft = emptyDraft();
    this.area.value = "";
    this.drawPieces();
    this.measured();
    this.save();
  }
  save(): void {
    window.clearTimeout(this.saveTimer);
    this.draft.text = this.area.value;
    if (!saveDraft(this.user, this.where, this.draft)) this.count.textContent = "This device has no room to keep the draft; send it before you leave the page.";
  }

  private submit(): void {
    const draft = this.current();
    if (isEmpty(draft)) return;
    if (this.sendButton.disabled) return;
    this.quiet();
    this.actions.send(joined(draft));
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing) return;
    if (e.key === "Enter" && !e.shiftKey && !e.altKey) { e.preventDefault(); this.submit(); }
    if (e.key === "Escape" && !e.defaultPrevented) { e.preventDefault(); e.stopPropagation(); if (this.running) this.actions.stop(); else this.area.blur(); }
  }

  private pasted(e: ClipboardEvent): void {
    const files = [...(e.clipboardData?.files ?? [])];
    if (files.length > 0) { e.preventDefault(); this.actions.attach(files.map((f) => named(f))); return; }
    const text = (e.clipboardData?.getData("text/plain") ?? "").replace(/\r\n?/g, "\n");
    if (countCharacters(text) <= foldCharacters) return;
    e.preventDefault();
    this.draft.pastes.push(text);
    this.drawPieces();
    this.typed();
  }

  private drawPieces(): void {
    this.pieces.replaceChildren(...this.draft.pastes.map((text, i) => pastedPiece(text, i + 1, {
      edit: () => { this.draft.pastes.splice(i, 1); this.area.value += (this.area.value ? "\n" : "") + text; this.drawPieces(); this.typed(); this.focus(); },
      remove: () => { this.draft.pastes.splice(i, 1); this.drawPieces(); this.typed(); this.focus(); },
    })));
    this.pieces.hidden = this.draft.pastes.length === 0;
  }

  private typed(): void {
    this.measured();
    window.clearTimeout(this.saveTimer);
    this.saveTimer = window.setTimeout(() => this.save(), 250);
    if (this.empty) return this.quiet();
    if (Date.now() - this.typingSent > 3_000) { this.typingSent = Date.now(); this.actions.typing(true); }
  }
  private quiet(): void {
    if (this.typingSent === 0) return;
    this.typingSent = 0;
    this.actions.typing(false);
  }

  private measured(): void {
    const draft = this.current(), n = length(draft), over = n > messageMax;
    this.sendButton.disabled = over;
    this.count.className = over ? "error" : "quiet";
    this.count.replaceChildren();
    if (over) {
      const file = h("button", { type: "button", onclick: () => { this.actions.attach([new File([joined(draft)], "pasted.log", { type: "text/plain" })]); this.clear(); } }, "Send it as a file");
      this.count.append(`${n.toLocaleString("en")} of ${messageMax.toLocaleString("en")} characters: too long for a message. Cut it to the part around the first error, or `, file);
    } else if (n > 2_000) {
      this.count.textContent = measure(joined(draft));
    }
  }
}
