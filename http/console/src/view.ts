// What the page holds of one case: a pure reducer over snapshots and events of the live protocol. It checks what
// the protocol promises (seq only grows, text is appended exactly at its byte offset) and asks for a resync otherwise.

export interface Message {
  message_id: string;
  turn_number: number;
  role: string;
  type?: string;
  content: string;
  author_name: string | null;
  created_at: string;
  metadata: Record<string, string>;
}
export interface Turn {
  turn_id: string;
  client_turn_id: string;
  turn_number: number;
  status: string;
  attempt: number;
  content: string;
  author_id: string;
  author_name: string;
  text?: string;
}
export interface Presence { user_id: string; name: string; typing: boolean; focus: string }
export interface CaseInfo { case_id: string; title: string; status: string; [key: string]: unknown }
export interface View {
  seq: number;
  info: CaseInfo | null;
  messages: Message[];
  running: Turn | null;
  queue: Turn[];
  presence: Presence[];
  broken: boolean;
}
export const emptyView = (): View => ({ seq: 0, info: null, messages: [], running: null, queue: [], presence: [], broken: false });

const encoder = new TextEncoder();
export const byteLength = (text: string): number => encoder.encode(text).length;

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;

export function applySnapshot(s: Json): View {
  return {
    seq: s.seq,
    info: s.case,
    messages: s.messages ?? [],
    running: s.running ? { ...s.running, text: s.running.text ?? "" } : null,
    queue: s.queue ?? [],
    presence: s.presence ?? [],
    broken: false,
  };
}

export function applyEvent(view: View, e: Json): View {
  if (e.seq <= view.seq) return view;
  const v: View = { ...view, seq: e.seq };
  const d = e.data ?? {};
  const answer = (metadata: Record<string, string>) => {
    const question = v.messages.findIndex((m) => m.turn_number === d.turn_number && m.role === "assistant");
    const message: Message = { message_id: d.message_id, turn_number: d.turn_number, role: "assistant", content: d.content, author_name: "FaultMaven", created_at: e.at, metadata };
    v.messages = question >= 0 ? v.messages.map((m, i) => (i === question ? message : m)) : [...v.messages, message];
    v.running = null;
  };
  switch (e.kind) {
    case "case_created":
    case "case_updated":
      v.info = { ...(v.info ?? {}), ...d };
      break;
    case "status_changed":
      if (v.info) v.info = { ...v.info, status: d.to };
      break;
    case "message_added":
      v.messages = [...v.messages, { ...d }];
      break;
    case "turn_queued":
      v.queue = [...v.queue, { ...d, status: "queued", attempt: 0 }];
      v.messages = [...v.messages, { message_id: d.message_id, turn_number: d.turn_number, role: "user", content: d.content, author_name: d.author_name, created_at: e.at, metadata: {} }];
      break;
    case "turn_edited": {
      const turn = v.queue.find((t) => t.turn_id === d.turn_id);
      v.queue = v.queue.map((t) => (t.turn_id === d.turn_id ? { ...t, content: d.content } : t));
      if (turn) v.messages = v.messages.map((m) => (m.role === "user" && m.turn_number === turn.turn_number ? { ...m, content: d.content } : m));
      break;
    }
    case "turn_withdrawn": {
      const turn = v.queue.find((t) => t.turn_id === d.turn_id);
      v.queue = v.queue.filter((t) => t.turn_id !== d.turn_id);
      if (turn) v.messages = v.messages.filter((m) => !(m.role === "user" && m.turn_number === turn.turn_number));
      break;
    }
    case "turn_started": {
      const turn = v.queue.find((t) => t.turn_id === d.turn_id);
      v.queue = v.queue.filter((t) => t.turn_id !== d.turn_id);
      v.running = turn ? { ...turn, status: "running", attempt: d.attempt, text: "" } : { turn_id: d.turn_id, client_turn_id: "", turn_number: 0, status: "running", attempt: d.attempt, content: "", author_id: "", author_name: "", text: "" };
      break;
    }
    case "turn_restarted":
      v.running = { ...(v.running ?? { turn_id: d.turn_id, client_turn_id: "", turn_number: 0, content: "", author_id: "", author_name: "" }), status: "running", attempt: d.attempt, text: "" } as Turn;
      break;
    case "turn_delta":
      if (v.running && v.running.turn_id === d.turn_id) {
        const text = v.running.text ?? "";
        if (byteLength(text) !== d.offset) v.broken = true;
        else v.running = { ...v.running, text: text + d.text };
      }
      break;
    case "turn_completed":
      answer(d.metadata ?? {});
      break;
    case "turn_cancelled":
      answer({ ...(d.metadata ?? {}), cancelled: "true" });
      break;
    case "turn_failed":
      answer({ failure: "internal", ...(d.metadata ?? {}) });
      break;
  }
  return v;
}

/// Full jitter between half and the whole of 0.5 s, 1 s, 2 s … 20 s.
export function backoff(attempt: number, random: () => number): number {
  const top = Math.min(20_000, 500 * 2 ** Math.min(attempt, 10));
  return top / 2 + (random() * top) / 2;
}

/// The objects of one message of the live protocol.
export const splitObjects = (text: string): Json[] => text.split("\n").filter((line) => line.trim() !== "").map((line) => JSON.parse(line));
