// Uploads that survive a cut, by the tus protocol 1.0.0 (core, creation, termination): the file goes up in pieces; after
// a cut the server says how far it is, and it goes on there. Only where the server speaks it; what it does not know, it
// is asked once.
import { ApiError, errorOf, loadSession, refresh } from "./api";

const version = "1.0.0";
export const resumableFrom = 8 << 20, pieceBytes = 4 << 20;
const attemptsMax = 8;

export interface ResumableOptions {
  type?: string;
  signal?: AbortSignal;
  progress(percent: number): void;
  pause?(ms: number): Promise<void>;
}
export interface Ended { jobId: string; fileId: string }

/** Every answer below 400 is one; the rest is the one error shape. A token that has ended is renewed once. */
async function ask(method: string, url: string, headers: Record<string, string>, body: Blob | null, signal?: AbortSignal): Promise<Response> {
  const once = () => { const s = loadSession(); return fetch(url, { method, headers: { "Tus-Resumable": version, ...(s ? { Authorization: "Bearer " + s.access_token } : {}), ...headers }, body, signal }); };
  let response: Response;
  try {
    const session = loadSession();
    response = await once();
    if (response.status === 401 && session && (await refresh(session))) response = await once();
  } catch (e) {
    throw e instanceof ApiError ? e : new ApiError("The server cannot be reached.", 0, "unreachable");
  }
  if (response.status >= 400) throw errorOf(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

const known = new Map<string, Promise<boolean>>();
/** Whether the server takes files of this case in pieces. */
export function resumable(caseId: string): Promise<boolean> {
  let answer = known.get(caseId);
  if (!answer) {
    answer = ask("OPTIONS", `/api/v1/cases/${caseId}/uploads`, {}, null).then((r) => (r.headers.get("Tus-Version") ?? r.headers.get("Tus-Resumable") ?? "").split(",").some((v) => v.trim() === version), (e: ApiError) => {
      if (e.code === "unreachable") known.delete(caseId); // asked again when it is back
      return false;
    });
    if (known.size >= 100) known.clear();
    known.set(caseId, answer);
  }
  return answer;
}
export const forgetResumable = (): void => known.clear();

const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
/** A cut, or a server that is busy, is waited out; a refusal is not. */
const passing = (e: unknown): boolean => e instanceof ApiError && (e.status === 0 || e.status === 408 || e.status === 429 || e.status >= 500);

const unfinished = new WeakMap<File, { caseId: string; type: string | undefined; place: string }>();

export async function uploadInPieces(caseId: string, file: File, { type, signal, progress, pause = (ms) => new Promise<void>((r) => window.setTimeout(r, ms)) }: ResumableOptions): Promise<Ended> {
  const stopped = (): void => { if (signal?.aborted) throw new ApiError("The upload was cancelled.", 0, "cancelled"); };
  const metadata = [["filename", file.name], ...(file.type ? [["filetype", file.type]] : []), ...(type ? [["data_type", type]] : [])].map(([k, v]) => `${k} ${base64(v!)}`).join(",");
  const make = async (): Promise<string> => {
    const made = await ask("POST", `/api/v1/cases/${caseId}/uploads`, { "Upload-Length": String(file.size), "Upload-Metadata": metadata }, null, signal);
    const url = new URL(made.headers.get("Location") ?? "", location.href);
    // The token goes nowhere else.
    if (url.origin !== location.origin || url.pathname === location.pathname) throw new ApiError("The server did not say where the upload goes.", 0, "unknown");
    return url.pathname + url.search;
  };
  const offsetOf = async (place: string): Promise<{ at: number; answer: Response }> => {
    const answer = await ask("HEAD", place, {}, null, signal), told = Number(answer.headers.get("Upload-Offset"));
    if (!Number.isSafeInteger(told) || told < 0 || told > file.size) throw new ApiError("The server lost count of the upload.", 0, "unknown");
    return { at: told, answer };
  };
  // Tried again after a cut that was too long: it goes on there, unless the server has forgotten it.
  const before = unfinished.get(file);
  let at = 0, failures = 0, place = "";
  if (before?.caseId === caseId && before.type === type) {
    place = before.place;
    try { at = (await offsetOf(place)).at; } catch (e) { if (passing(e)) throw e; place = ""; }
  }
  unfinished.delete(file);
  if (place === "" || at === file.size) { place = await make(); at = 0; }
  try {
    for (;;) {
      stopped();
      try {
        const sent = await ask("PATCH", place, { "Upload-Offset": String(at), "Content-Type": "application/offset+octet-stream", Prefer: "respond-async" }, file.slice(at, at + pieceBytes), signal);
        const next = Number(sent.headers.get("Upload-Offset"));
        if (!Number.isSafeInteger(next) || next <= at || next > file.size) throw new ApiError("The server lost count of the upload.", 0, "unknown");
        at = next;
        failures = 0;
        progress(Math.floor((100 * at) / file.size));
        if (at === file.size) return { jobId: sent.headers.get("X-Job-ID") ?? "", fileId: sent.headers.get("X-File-ID") ?? "" };
      } catch (e) {
        stopped();
        // Somebody else's idea of the offset (409) is settled like a cut: the server is asked.
        if (!(passing(e) && (e as ApiError).code !== "unknown") && !(e instanceof ApiError && e.status === 409)) throw e;
        if (++failures >= attemptsMax) throw e;
        await pause(Math.min(20_000, 500 * 2 ** (failures - 1)));
        stopped();
        const where = await offsetOf(place).catch((x: unknown) => { if (passing(x) && (x as ApiError).code !== "unknown") return null; throw x; });
        if (where) at = where.at;
        // The last piece arrived and only its answer was cut.
        if (where && at === file.size) return { jobId: where.answer.headers.get("X-Job-ID") ?? "", fileId: where.answer.headers.get("X-File-ID") ?? "" };
      }
    }
  } catch (e) {
    // What is given up leaves nothing behind; a server that cannot be reached forgets it by itself.
    if (passing(e) && !signal?.aborted) unfinished.set(file, { caseId, type, place });
    else void ask("DELETE", place, {}, null).catch(() => undefined);
    if (signal?.aborted) throw new ApiError("The upload was cancelled.", 0, "cancelled");
    throw e;
  }
}
