// Uploading files into a case: with progress, one after the other, errors as sentences.
import { ApiError, loadSession } from "./api";

/** Bytes as a person writes them: "950 bytes", "1.4 MiB". */
export function size(bytes: number): string {
  if (bytes < 1_024) return `${bytes} bytes`;
  if (bytes < 1_048_576) return `${(bytes / 1_024).toFixed(1)} KiB`;
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

/** What an upload's answer means: the file's record, or an error that says what to do. */
export function readAnswer(status: number, body: string): Record<string, unknown> {
  let json: { detail?: string; error?: { code?: string } } | null = null;
  try { json = body ? JSON.parse(body) : null; } catch { /* a proxy's page */ }
  if (status >= 200 && status < 300 && json) return json as Record<string, unknown>;
  if (status === 0) throw new ApiError("The server cannot be reached; the file was not uploaded. Try again.", 0, "unreachable");
  if (status === 413) throw new ApiError((json?.detail ?? "The file is too large.") + " Send the part around the first error, or paste it.", 413, "too_large");
  throw new ApiError(json?.detail ?? `The server answered ${status}.`, status, json?.error?.code ?? "unknown");
}

export function upload(caseId: string, file: File, onProgress: (percent: number) => void): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/cases/${caseId}/data`);
    const session = loadSession();
    if (session) request.setRequestHeader("Authorization", "Bearer " + session.access_token);
    request.upload.addEventListener("progress", (e) => { if (e.lengthComputable) onProgress(Math.floor((100 * e.loaded) / e.total)); });
    request.addEventListener("loadend", () => {
      try { resolve(readAnswer(request.status, request.responseText)); } catch (e) { reject(e); }
    });
    request.send(form);
  });
}
