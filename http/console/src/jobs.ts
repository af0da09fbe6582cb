// Waiting for work the server does in the background.
import { call } from "./api";

export interface Job { id: string; status: string; total: number; done: number; failed: number; percent: number; error: string; fileId: string }
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export function jobOf(j: any): Job {
  return { id: String(j.job_id ?? ""), status: String(j.status ?? ""), total: Number(j.total ?? 0), done: Number(j.done ?? 0), failed: Number(j.failed ?? 0), percent: Number(j.progress_percentage ?? 0), error: String(j.error?.message ?? ""), fileId: String(j.result?.file_id ?? "") };
}
export const isOver = (j: Job): boolean => !["pending", "queued", "running"].includes(j.status);

export interface FollowOptions { at: "/jobs/" | "/knowledge/jobs/"; signal?: AbortSignal; pause?(ms: number): Promise<void> }
const patience = 300_000;

/** Asks until it is over; `heard` is told each time. Nothing new for five minutes is given up, a cancelled wait at once. */
export async function follow(first: Job, heard: (j: Job) => void, { at, signal, pause = (ms) => new Promise<void>((r) => window.setTimeout(r, ms)) }: FollowOptions): Promise<Job> {
  let job = first, quiet = 0;
  heard(job);
  while (!isOver(job) && quiet < patience && !signal?.aborted) {
    const wait = quiet < 3_000 ? 300 : 1_000;
    await pause(wait);
    const next = jobOf(await call("GET", at + job.id));
    quiet = next.done + next.failed > job.done + job.failed ? 0 : quiet + wait;
    job = next;
    heard(job);
  }
  return job;
}
