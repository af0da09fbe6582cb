// Uploading one file into a case: with progress and cancel, errors as sentences. The bytes go up in one request, or in
// pieces; the analysis is a job of the server that is followed to its end. A server without jobs answers when all is done.
import { ApiError, call, errorOf, loadSession, refresh } from "./api";
import { follow, isOver, jobOf } from "./jobs";
import { resumable, resumableFrom, uploadInPieces } from "./resumable";

/** What an upload's answer means: the file's record, or an error that says what to do. */
export function readAnswer(status: number, body: string, retryAfter: string | null = null): Record<string, unknown> {
  if (status === 0) throw new ApiError("The file was not uploaded.", 0, "unreachable");
  if (status >= 200 && status < 300) {
    try { return JSON.parse(body) as Record<string, unknown>; } catch { /* a proxy's page */ }
  }
  throw errorOf(status, body, retryAfter);
}

export interface UploadOptions {
  type?: string;
  signal?: AbortSignal;
  /** Percent of the bytes that are sent. */
  progress(percent: number): void;
  /** The server works on it now, as this job. */
  working?(jobId: string, percent: number): void;
}

/** One file into a case: a large one in pieces that survive a cut where the server takes them, else in one request. */
export async function upload(caseId: string, file: File, options: UploadOptions): Promise<Record<string, unknown>> {
  if (file.size < resumableFrom || !(await resumable(caseId))) return inOneRequest(caseId, file, options);
  const ended = await uploadInPieces(caseId, file, options);
  return ended.jobId && !ended.fileId ? analysed({ job_id: ended.jobId, status: "running" }, options) : { file_id: ended.fileId };
}

/** XMLHttpRequest, because fetch tells nothing about the progress of what is sent. */
async function inOneRequest(caseId: string, file: File, options: UploadOptions): Promise<Record<string, unknown>> {
  const session = loadSession();
  let answer: Record<string, unknown>;
  try {
    answer = await once(caseId, file, options);
  } catch (e) {
    if (!(e instanceof ApiError) || e.status !== 401 || !session || !(await refresh(session))) throw e;
    answer = await once(caseId, file, options);
  }
  return typeof answer["job_id"] === "string" ? analysed(answer, options) : answer;
}

async function analysed(answer: Record<string, unknown>, { signal, working }: UploadOptions): Promise<Record<string, unknown>> {
  const first = jobOf(answer);
  const cancel = () => void call("DELETE", "/jobs/" + first.id).catch(() => undefined);
  if (signal?.aborted) cancel(); else signal?.addEventListener("abort", cancel);
  const job = await follow(first, (j) => working?.(j.id, j.percent), { at: "/jobs/", signal });
  if (job.status === "completed") return { file_id: job.fileId };
  if (!isOver(job)) throw new ApiError("The analysis takes long. It goes on; the file appears in the list when it is done.", 0, "pending");
  throw new ApiError(job.error || "The file could not be taken in.", 0, job.status === "cancelled" ? "cancelled" : "failed");
}

function once(caseId: string, file: File, { type, signal, progress }: UploadOptions): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    if (type) form.append("data_type", type);
    form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/cases/${caseId}/data`);
    const session = loadSession();
    request.setRequestHeader("Prefer", "respond-async");
    if (session) request.setRequestHeader("Authorization", "Bearer " + session.access_token);
    request.upload.addEventListener("progress", (e) => { if (e.lengthComputable) progress(Math.floor((100 * e.loaded) / e.total)); });
    request.addEventListener("loadend", () => {
      try { resolve(readAnswer(request.status, request.responseText, request.getResponseHeader("Retry-After"))); } catch (e) { reject(e); }
    });
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
