// A scripted server for tests of pages: answers by method and path, and remembers what was asked.
import { vi } from "vitest";

export interface Asked { method: string; path: string; body: unknown; headers: Record<string, string> }
type Answer = { status?: number; body?: unknown; bytes?: Uint8Array; headers?: Record<string, string> } | ((asked: Asked) => { status?: number; body?: unknown; bytes?: Uint8Array; headers?: Record<string, string> });

export function server(routes: Record<string, Answer>): Asked[] {
  const all: Asked[] = [];
  localStorage.setItem("faultmaven.session", JSON.stringify({ access_token: "t", refresh_token: "r", user: { user_id: "user_1", username: "ann", display_name: "Ann" } }));
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const path = url.replace("/api/v1", ""), method = init.method ?? "GET";
    const asked = { method, path, body: typeof init.body === "string" ? (JSON.parse(init.body) as unknown) : init.body, headers: (init.headers ?? {}) as Record<string, string> };
    all.push(asked);
    // The longest route that the request begins with.
    const key = Object.keys(routes).filter((k) => `${method} ${path}`.startsWith(k)).sort((a, b) => b.length - a.length)[0];
    const route: Answer = key === undefined ? { status: 404, body: { detail: "Not there.", error: { code: "not_found" } } } : routes[key]!;
    const answer = typeof route === "function" ? route(asked) : route;
    if (answer.bytes) {
      const m = /bytes=(\d+)-(\d+)/.exec(asked.headers["Range"] ?? "");
      const part = m ? answer.bytes.slice(Number(m[1]), Number(m[2]) + 1) : answer.bytes;
      return new Response(part.slice().buffer as ArrayBuffer, { status: m ? 206 : 200, headers: { ...(m ? { "Content-Range": `bytes ${m[1]}-${m[2]}/${answer.bytes.length}` } : {}), ...answer.headers } });
    }
    const status = answer.status ?? 200;
    return new Response(status === 204 ? null : JSON.stringify(answer.body ?? {}), { status, headers: answer.headers });
  });
  return all;
}
export const settle = async (times = 6): Promise<void> => { for (let i = 0; i < times; ++i) await new Promise((r) => setTimeout(r, 0)); };
/** What every page stands in. */
export function frame(...nodes: Node[]): void {
  const main = document.createElement("main"), notice = document.createElement("div"), spoken = document.createElement("div");
  notice.id = "notice";
  spoken.id = "spoken";
  main.append(...nodes);
  document.body.replaceChildren(main, notice, spoken);
}
export const press = (name: RegExp | string, root: ParentNode = document): void => {
  const found = [...root.querySelectorAll<HTMLElement>("button, a")].find((b) => (typeof name === "string" ? b.textContent === name || b.getAttribute("aria-label") === name : name.test(b.getAttribute("aria-label") ?? b.textContent ?? "")));
  if (!found) throw new Error(`nothing is called ${String(name)}`);
  found.click();
};
