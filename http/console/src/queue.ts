// Turns that wait: what they are, in order, with edit and withdraw for whoever wrote them.
import { ask, h } from "./dom";
import type { Turn } from "./view";

export interface QueueActions { edit(turn: Turn, content: string): void; withdraw(turn: Turn): void }

export class Queue {
  readonly node = h("section", { id: "queue", "aria-label": "Waiting turns", hidden: true });
  private key = "";
  constructor(private readonly actions: QueueActions) {}

  draw(queue: readonly Turn[], me: string): void {
    const key = JSON.stringify(queue.map((t) => [t.turn_id, t.content.length, t.content.slice(0, 120)]));
    if (key === this.key) return;
    this.key = key;
    this.node.hidden = queue.length === 0;
    const list = h("ol");
    for (const [i, t] of queue.entries()) {
      const mine = t.author_id === me, words = t.content.trim().split("\n")[0]!.slice(0, 120);
      list.append(h("li", { class: "waiting", "data-turn": t.turn_id }, h("span", { class: "words" }, `${mine ? "You" : t.author_name}: ${words}`),
        mine ? h("button", { type: "button", "aria-label": `Edit waiting turn ${i + 1}`, onclick: () => void this.edit(t) }, "Edit") : null,
        mine ? h("button", { type: "button", "aria-label": `Withdraw waiting turn ${i + 1}`, onclick: () => this.actions.withdraw(t) }, "Withdraw") : null));
    }
    this.node.replaceChildren(h("h3", {}, queue.length === 1 ? "1 turn waits" : `${queue.length} turns wait`), list);
  }

  private async edit(t: Turn): Promise<void> {
    const area = h("textarea", { rows: 8, "aria-label": "Waiting message" });
    area.value = t.content;
    const { done, dialog } = ask("Edit the waiting message", [area], [["", "Cancel"], ["save", "Save", "primary"]]);
    area.addEventListener("keydown", (e) => { if (e.key === "Enter" && e.ctrlKey) { e.preventDefault(); dialog.close("save"); } });
    area.focus();
    if ((await done) === "save" && area.value.trim() !== "" && area.value !== t.content) this.actions.edit(t, area.value);
  }
}
