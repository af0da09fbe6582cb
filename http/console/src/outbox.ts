// Messages on their way: kept on this device until the server has acknowledged them, each with the client_turn_id it
// keeps for ever, so that sending one again makes no second turn. One entry per key: tabs cannot overwrite each other.
import { uuid } from "./api";

export interface Pending { client_turn_id: string; case_id: string; content: string; user_id: string; at: number }
const prefix = "faultmaven.out.";

export function addPending(user: string, caseId: string, content: string, store: Storage = localStorage, now = Date.now()): Pending {
  const p = { client_turn_id: uuid(), case_id: caseId, content, user_id: user, at: now };
  try { store.setItem(prefix + p.client_turn_id, JSON.stringify(p)); } catch { unsaved.set(p.client_turn_id, p); }
  return p;
}
/** Where the device has no room left, a message lives as long as the page. */
const unsaved = new Map<string, Pending>();
export function removePending(id: string, store: Storage = localStorage): void {
  unsaved.delete(id);
  store.removeItem(prefix + id);
}

/** In the order they were written. */
export function pendingOf(user: string, caseId: string | null, store: Storage = localStorage): Pending[] {
  const found: Pending[] = [...unsaved.values()].filter((p) => p.user_id === user && p.case_id === caseId);
  for (let i = 0; i < store.length; ++i) {
    const key = store.key(i);
    if (!key?.startsWith(prefix)) continue;
    try {
      const p = JSON.parse(store.getItem(key) ?? "") as Pending;
      if (p.user_id === user && p.case_id === caseId) found.push(p);
    } catch { /* not ours to understand */ }
  }
  return found.sort((a, b) => a.at - b.at);
}
