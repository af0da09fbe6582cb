// The first place: what is broken? The case is made when the first message or file goes out, so none stays empty.
import { call } from "./api";
import { explain, tooManyFiles } from "./advice";
import { Composer } from "./composer";
import { h } from "./dom";
import type { Live } from "./live";
import { clear, fail } from "./notices";
import type { Go, Page } from "./page";
import type { Uploads } from "./uploads";

export class StartPage implements Page {
  readonly node: HTMLElement;
  private readonly composer: Composer;
  private busy = false;

  constructor(me: string, private readonly live: Live, private readonly uploads: Uploads, private readonly go: Go) {
    this.composer = new Composer(me, "new", {
      send: (content) => void this.make((id) => { this.live.submit(id, content); this.composer.clear(); }),
      stop: () => undefined,
      typing: () => undefined,
      attach: (files) => this.attach(files),
      trouble: fail,
    });
    this.node = h("div", { class: "startpage" },
      h("div", { class: "empty" }, h("h1", {}, "What is broken?"), h("p", { class: "quiet" }, "Say it in your words, paste what you have (a log, a stack trace, an alert), or drop files here.")),
      this.composer.node);
  }
  title(): string { return "New case"; }
  focus(): void { this.composer.focus(); }
  dispose(): void { this.composer.save(); }
  attach(files: readonly File[], type = ""): void {
    if (files.length > this.uploads.room) return fail(tooManyFiles(files.length, this.uploads.room));
    void this.make((id) => void this.uploads.add(id, files, type));
  }

  private async make(then: (id: string) => void): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.composer.setBusy(true);
    clear();
    try {
      const made = (await call("POST", "/cases", {})) as { case_id: string };
      then(made.case_id);
      this.go({ page: "case", id: made.case_id, tab: "conversation" });
    } catch (e) {
      fail(explain(e));
    } finally {
      this.busy = false;
      this.composer.setBusy(false);
    }
  }
}
