// REST: one function, one error shape.
export class ApiError extends Error {
  constructor(message: string, readonly status: number, readonly code: string) { super(message); }
}

export interface Session { access_token: string; refresh_token: string; user: { user_id: string; username: string; display_name: string } }
const key = "faultmaven.session";

export const loadSession = (): Session | null => JSON.parse(localStorage.getItem(key) ?? "null");
export function saveSession(s: Session | null): void {
  if (s) localStorage.setItem(key, JSON.stringify(s));
  else localStorage.removeItem(key);
}
export function clientId(): string {
  let id = localStorage.getItem("faultmaven.client");
  if (!id) localStorage.setItem("faultmaven.client", (id = crypto.randomUUID()));
  return id;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export async function call(method: string, path: string, body?: unknown, retried = false): Promise<any> {
  const session = loadSession();
  let response: Response;
  try {
    response = await fetch("/api/v1" + path, {
      method,
      headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...(session ? { Authorization: "Bearer " + session.access_token } : {}) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError("The server cannot be reached. Check the connection and try again.", 0, "unreachable");
  }
  if (response.status === 401 && session && !retried && !path.startsWith("/auth/")) {
    if (await refresh(session)) return call(method, path, body, true);
  }
  const text = await response.text();
  const json = text ? JSON.parse(text) : null;
  if (!response.ok) throw new ApiError(json?.detail ?? `The server answered ${response.status}.`, response.status, json?.error?.code ?? "unknown");
  return json;
}

export async function refresh(session: Session): Promise<boolean> {
  try {
    saveSession(await call("POST", "/auth/refresh", { refresh_token: session.refresh_token }));
    return true;
  } catch {
    saveSession(null);
    window.dispatchEvent(new Event("signed-out"));
    return false;
  }
}
