// Waiting for work the server does in the background.
import { call } from "./api";

export interface Job { id: string; status: string; total: number; done: number; failed: number; percent: number; error: string }
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export function jobOf(j: any): Job {
  return { id: String(j.job_id ?? ""), status: String(j.status ?? ""), total: Number(j.total ?? 0), done: Number(j.done ?? 0), failed: Number(j.failed ?? 0), percent: Number(j.progress_percentage ?? 0), error: String(j.error?.message ?? "") };
}
export const isOver = (j: Job): boolean => !["pending", "queued", "running"].includes(j.status);

/** Asks until it is over; `heard` is told each time. Nothing new for five minutes is given up. */
export async function follow(first: Job, heard: (j: Job) => void, pause = (ms: number) => new Promise<void>((r) => window.setTimeout(r, ms))): Promise<Job> {
  let job = first, quiet = 0;
  heard(job);
  while (!isOver(job) && quiet < 300_000) {
    const wait = quiet < 3_000 ? 300 : 1_000;
    await pause(wait);
    const next = jobOf(await call("GET", `/knowledge/jobs/${job.id}`));
    quiet = next.done + next.failed > job.done + job.failed ? 0 : quiet + wait;
    job = next;
    heard(job);
  }
  return job;
}
