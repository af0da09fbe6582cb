// REST: one function, one error shape, and tokens that are renewed once for all tabs.
export class ApiError extends Error {
  constructor(message: string, readonly status: number, readonly code: string, readonly retryAfter = 0, readonly details: Record<string, string> = {}) { super(message); }
}

export interface Session { access_token: string; refresh_token: string; user: { user_id: string; username: string; display_name: string; roles?: string[] } }
const key = "faultmaven.session";

export function loadSession(): Session | null {
  try { return JSON.parse(localStorage.getItem(key) ?? "null") as Session | null; } catch { return null; }
}
export function saveSession(s: Session | null): void {
  if (s) localStorage.setItem(key, JSON.stringify(s));
  else localStorage.removeItem(key);
}
export const myId = (): string => loadSession()?.user.user_id ?? "";

/** What the server lets only administrators do is not offered to others; it is the server that decides. */
export const isAdmin = (): boolean => loadSession()?.user.roles?.includes("admin") ?? false;

/** A version-4 UUID; also where the page is served without TLS and randomUUID does not exist. */
export function uuid(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
export function clientId(): string {
  let id = localStorage.getItem("faultmaven.client");
  if (!id) localStorage.setItem("faultmaven.client", (id = uuid()));
  return id;
}

/** Reads the one error shape; whatever a proxy says instead becomes a sentence too. */
export function errorOf(status: number, body: string, retryAfter: string | null): ApiError {
  let json: { detail?: string; error?: { code?: string; details?: Record<string, string> } } | null = null;
  try { json = body ? JSON.parse(body) : null; } catch { /* a proxy's page */ }
  return new ApiError(json?.detail ?? `The server answered ${status}.`, status, json?.error?.code ?? "unknown", Number(retryAfter) || 0, json?.error?.details ?? {});
}

async function send(method: string, path: string, body: unknown, token: string | undefined, headers: Record<string, string>): Promise<Response> {
  const limit = new AbortController();
  const timer = window.setTimeout(() => limit.abort(), 30_000);
  try {
    return await fetch("/api/v1" + path, {
      method,
      headers: { ...(body === undefined || body instanceof FormData ? {} : { "Content-Type": "application/json" }), ...(token ? { Authorization: "Bearer " + token } : {}), ...headers },
      body: body === undefined || body instanceof FormData ? body : JSON.stringify(body),
      signal: limit.signal,
    });
  } catch {
    throw limit.signal.aborted
      ? new ApiError("The server did not answer within 30 seconds.", 504, "timed_out")
      : new ApiError("The server cannot be reached.", 0, "unreachable");
  } finally {
    window.clearTimeout(timer);
  }
}

/** Sends with the session's token, once more with a renewed one when it has ended. */
async function request(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Response> {
  const open = path.startsWith("/auth/") && path !== "/auth/me" && path !== "/auth/logout";
  const session = open ? null : loadSession();
  let response = await send(method, path, body, session?.access_token, headers);
  if (response.status === 401 && session && (await refresh(session))) response = await send(method, path, body, loadSession()?.access_token, headers);
  if (!response.ok) throw errorOf(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<any> {
  const text = await (await request(method, path, body, headers)).text();
  return text ? JSON.parse(text) : null;
}

export interface Part { bytes: Uint8Array; total: number | null; sanitized: boolean }
/** Bytes [from, to] of something, and how many there are; a server that knows no ranges sends all, which is cut here. */
export async function part(path: string, from: number, to: number): Promise<Part> {
  const response = await request("GET", path, undefined, { Range: `bytes=${from}-${to}` });
  const all = new Uint8Array(await response.arrayBuffer());
  const total = response.status === 206 ? Number(/\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "")?.[1] ?? NaN) : all.length;
  return { bytes: response.status === 206 ? all : all.subarray(from, to + 1), total: Number.isFinite(total) ? total : null, sanitized: response.headers.get("X-Content-Form") === "sanitized" };
}
export const bytes = async (path: string, from: number, to: number): Promise<Uint8Array> => (await part(path, from, to)).bytes;

/** A refresh token can be used once: one renewal at a time, in this tab and, where locks exist, in all of them. */
let renewing: Promise<boolean> | null = null;
export function refresh(used: Session): Promise<boolean> {
  const work = async (): Promise<boolean> => {
    const now = loadSession();
    if (!now) return false;
    if (now.access_token !== used.access_token) return true; // somebody else did it
    const response = await send("POST", "/auth/refresh", { refresh_token: now.refresh_token }, undefined, {});
    const text = await response.text();
    if (response.ok) {
      saveSession(JSON.parse(text) as Session);
      return true;
    }
    // Only a refusal ends the session; a server that is busy or gone does not.
    if (response.status !== 401 && response.status !== 422) throw errorOf(response.status, text, response.headers.get("Retry-After"));
    saveSession(null);
    window.dispatchEvent(new Event("signed-out"));
    return false;
  };
  renewing ??= (navigator.locks ? (navigator.locks.request("faultmaven.refresh", work) as unknown as Promise<boolean>) : work()).finally(() => { renewing = null; });
  return renewing;
}
