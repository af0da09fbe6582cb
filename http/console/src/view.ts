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
  author_id?: string | null;
  earlier?: Message[]; // answers to the same question that this one replaced
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
  why?: string; // why there is an attempt after the first: interrupted, regenerate
  started_at?: string | null;
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
  older: number; // messages of the case before the first one here
}
export const emptyView = (): View => ({ older: 0, seq: 0, info: null, messages: [], running: null, queue: [], presence: [], broken: false });

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
    older: Math.max(0, Number(s.case?.message_count ?? 0) - (s.messages ?? []).length),
  };
}

export function applyEvent(view: View, e: Json): View {
  if (e.seq <= view.seq) return view;
  const v: View = { ...view, seq: e.seq };
  const d = e.data ?? {};
  const answer = (metadata: Record<string, string>) => {
    const question = v.messages.findIndex((m) => m.turn_number === d.turn_number && m.role === "assistant");
    const message: Message = { message_id: d.message_id, turn_number: d.turn_number, role: "assistant", content: d.content, author_name: "FaultMaven", created_at: e.at, metadata };
    const old = v.messages[question];
    if (old && old.message_id !== d.message_id) message.earlier = [...(old.earlier ?? []), { ...old, earlier: undefined }].slice(-5);
    v.messages = question >= 0 ? v.messages.map((m, i) => (i === question ? message : m)) : [...v.messages, message];
    v.running = null;
  };
  switch (e.kind) {
    case "case_created":
    case "case_updated":
      v.info = { ...(v.info ?? {}), ...d } as CaseInfo;
      break;
    case "status_changed":
      if (v.info) v.info = { ...v.info, status: d.to, closure_reason: d.closure_reason ?? null };
      break;
    case "message_added":
      v.messages = [...v.messages, { ...d }];
      break;
    case "turn_queued":
      v.queue = [...v.queue, { ...d, status: "queued", attempt: 0 }];
      v.messages = [...v.messages, { message_id: d.message_id, turn_number: d.turn_number, role: "user", content: d.content, author_name: d.author_name, author_id: d.author_id, created_at: e.at, metadata: {} }];
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
      v.running = turn ? { ...turn, status: "running", attempt: d.attempt, text: "", started_at: e.at } : { turn_id: d.turn_id, client_turn_id: "", turn_number: 0, status: "running", attempt: d.attempt, content: "", author_id: "", author_name: "", text: "", started_at: e.at };
      break;
    }
    case "turn_restarted": {
      // Without a running turn it is the newest one that is answered again.
      const newest = Math.max(0, ...v.messages.map((m) => m.turn_number));
      const turn = v.running ?? { turn_id: d.turn_id, client_turn_id: "", turn_number: newest, content: "", author_id: "", author_name: "" };
      v.running = { ...turn, status: "running", attempt: d.attempt, text: "", why: d.why ?? "", started_at: e.at };
      break;
    }
    case "turn_interrupted":
      if (v.running && v.running.turn_id === d.turn_id) v.running = { ...v.running, status: "interrupted" };
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

/// Older messages in front of what is there already.
export function prependMessages(view: View, older: Message[]): View {
  const known = new Set(view.messages.map((m) => m.message_id));
  const fresh = older.filter((m) => !known.has(m.message_id));
  return { ...view, messages: [...fresh, ...view.messages], older: fresh.length === 0 ? 0 : Math.max(0, view.older - fresh.length) };
}

export const isOver = (view: View): boolean => view.info?.status === "resolved" || view.info?.status === "closed";

export interface TurnState { state: "sending" | "queued" | "running" | "interrupted" | "cancelled" | "failed"; text: string }
const nth = (n: number): string => `${n}${n % 100 > 10 && n % 100 < 14 ? "th" : ["th", "st", "nd", "rd"][n % 10] ?? "th"}`;

/// What stands under a question or an answer about its turn; nothing when all is well.
export function stateOfQuestion(view: View, m: Message): TurnState | null {
  const at = view.queue.findIndex((t) => t.turn_number === m.turn_number);
  if (at < 0) return null;
  return { state: "queued", text: at === 0 && !view.running ? "Waiting to start" : `Waiting, ${nth(at + 1)} in the queue` };
}
export function stateOfRunning(t: Turn): TurnState {
  if (t.status === "interrupted") return { state: "interrupted", text: "Interrupted; what came so far is kept, and it starts again by itself" };
  if (t.attempt > 1 && t.why === "regenerate") return { state: "running", text: `Answering again (attempt ${t.attempt})` };
  if (t.attempt > 1) return { state: "running", text: `The server was interrupted; this is attempt ${t.attempt}` };
  return { state: "running", text: t.text ? "Answering" : "Thinking" };
}
export function stateOfAnswer(m: Message, advice: (code: string) => string): TurnState | null {
  if (m.metadata["failure"]) return { state: "failed", text: "Not finished. " + advice(m.metadata["failure"]) };
  if (m.metadata["cancelled"] || m.metadata["cancelled_by"]) return { state: "cancelled", text: "Stopped; the text so far is kept" };
  if (m.metadata["finish_reason"] === "length") return { state: "cancelled", text: "Cut: the answer was longer than this server allows" };
  return null;
}

/// Full jitter between half and the whole of 0.5 s, 1 s, 2 s … 20 s.
export function backoff(attempt: number, random: () => number): number {
  const top = Math.min(20_000, 500 * 2 ** Math.min(attempt, 10));
  return top / 2 + (random() * top) / 2;
}

/// The objects of one message of the live protocol.
export const splitObjects = (text: string): Json[] => text.split("\n").filter((line) => line.trim() !== "").map((line) => JSON.parse(line));
