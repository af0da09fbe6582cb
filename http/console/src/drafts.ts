// What was written and not sent yet: by person and case, on this device, pasted logs as their own pieces.
import { countCharacters } from "./text";

export interface Draft { text: string; pastes: string[] }
export const emptyDraft = (): Draft => ({ text: "", pastes: [] });
const prefix = "faultmaven.draft.";
const keptMax = 30;
const keyOf = (user: string, where: string) => `${prefix}${user}.${where}`;

export const isEmpty = (d: Draft): boolean => d.text.trim() === "" && d.pastes.length === 0;

/** The message as it is sent: what was typed, then the pasted pieces in order. */
export const joined = (d: Draft): string => [d.text.trimEnd(), ...d.pastes].filter((p) => p !== "").join("\n");
export const length = (d: Draft): number => countCharacters(joined(d));

export function loadDraft(user: string, where: string, store: Storage = localStorage): Draft {
  try {
    const d = JSON.parse(store.getItem(keyOf(user, where)) ?? "null") as Partial<Draft> | null;
    return { text: typeof d?.text === "string" ? d.text : "", pastes: Array.isArray(d?.pastes) ? d.pastes.filter((p) => typeof p === "string") : [] };
  } catch {
    return emptyDraft();
  }
}

/** Keeps it, or forgets it when it is empty. False when the device has no room: the page says so. */
export function saveDraft(user: string, where: string, d: Draft, store: Storage = localStorage, now = Date.now()): boolean {
  const key = keyOf(user, where);
  if (isEmpty(d)) {
    store.removeItem(key);
    return true;
  }
  const value = JSON.stringify({ ...d, at: now });
  for (let tries = 0; tries <= keptMax; ++tries) {
    try {
      if (drafts(store).filter((k) => k !== key).length >= keptMax) throw new Error("too many");
      store.setItem(key, value);
      return true;
    } catch {
      const oldest = drafts(store).filter((k) => k !== key).map((k) => ({ k, at: age(store, k) })).sort((a, b) => a.at - b.at)[0];
      if (!oldest) return false;
      store.removeItem(oldest.k);
    }
  }
  return false;
}
function drafts(store: Storage): string[] {
  const keys: string[] = [];
  for (let i = 0; i < store.length; ++i) { const k = store.key(i); if (k?.startsWith(prefix)) keys.push(k); }
  return keys;
}
function age(store: Storage, key: string): number {
  try { return Number((JSON.parse(store.getItem(key) ?? "{}") as { at?: number }).at) || 0; } catch { return 0; }
}
