// Errors as sentences that say what to do next. Everything the page shows of an error comes from here.
import { ApiError } from "./api";
import { size } from "./text";

interface Refusal { status?: number; code?: string; message?: string; retryAfter?: number; details?: Record<string, string> }

const seconds = (n: number): string => (n <= 1 ? "a second" : `${Math.ceil(n)} seconds`);

/** What happened, and what the person can do. Works for REST and for refusals of the live connection. */
export function explain(e: unknown): string {
  if (!(e instanceof Error)) return "Something went wrong. Try again; nothing you wrote is lost.";
  const { status = 0, code = "", retryAfter = 0, details = {} } = e as Refusal;
  const said = e.message.trim().replace(/([^.!?])$/, "$1.");
  switch (code) {
    case "unreachable": return "The server cannot be reached. Check your network; what you wrote is kept on this device.";
    case "cut": return "The connection was cut before the server answered. Try again once you are back online.";
    case "offline": return "Not connected. Try again once you are back online.";
    case "unauthenticated": return "Your session has ended. Sign in again; what you wrote is kept.";
    case "forbidden": return `${said} Ask the owner of the case for access.`;
    case "conflict":
      if (details["actual_version"]) return "Somebody else changed this in the meantime. The page shows the newest state now; make your change again if it is still needed.";
      return said;
    case "rate_limited": return `Too many requests. Wait ${seconds(retryAfter || 1)} and try again.`;
    case "overloaded": return `The server is busy. Wait ${seconds(retryAfter || 1)} and try again.`;
    case "unavailable": return `${said} Try again in ${seconds(retryAfter || 5)}; what you wrote is kept.`;
    case "timed_out": return `${said} Try again; asking twice does no harm.`;
    case "too_large": return `${said} Send the part around the first error, or attach it as a file.`;
    case "not_implemented": return "This server cannot do that yet.";
    case "internal": return `${said} Try again; if it stays, the server's log says more.`;
  }
  if (e instanceof ApiError && status >= 500) return `${said} Try again in a moment.`;
  return said || "Something went wrong. Try again; nothing you wrote is lost.";
}

export const tooManyFiles = (n: number, room: number): string => `${n.toLocaleString("en")} files are too many at once; there is room for ${room.toLocaleString("en")} now. Put them into one archive (zip, tar.gz), or drop fewer.`;

/** A file that was refused cannot be attached instead, and its bytes are not kept on the device. */
export function explainUpload(e: unknown): string {
  // "11534336 bytes" says little at three in the morning.
  const { code = "" } = e as Refusal, said = e instanceof Error ? e.message.trim().replace(/([^.!?])$/, "$1.").replace(/\b(\d{4,}) bytes\b/g, (_, n: string) => size(Number(n))) : "";
  switch (code) {
    case "unreachable": return "The server cannot be reached. Check your network, then try again.";
    // One code for two walls: the file's own size, and what the case may hold.
    case "too_large": return /no room/i.test(said) ? `${said} Delete files that are no longer needed, or open a new case.` : `${said} Cut it to the time around the first error, or compress it with gzip.`;
    case "unavailable": return `${said} Try again in a few seconds.`;
    case "unsupported_media_type": return `${said} Choose its type by hand (Files › Read them as), or send it as text.`;
    case "rate_limited": case "overloaded": return `The server is busy. Wait ${seconds((e as Refusal).retryAfter || 5)}, then try again.`;
    case "forbidden": return `${said} Ask the owner of the case.`;
    default: return explain(e);
  }
}

/** Sign-in has its own words: a 401 there is a wrong password, not an ended session. */
export function explainSignIn(e: unknown): string {
  const { code = "", status = 0, retryAfter = 0 } = e as Refusal;
  if (code === "unauthenticated") return "That name and password do not match. Check both, and Caps Lock.";
  if (code === "rate_limited") return `Too many attempts. Wait ${seconds(retryAfter || 5)} and try again.`;
  if (status === 409) return "That name or e-mail address is taken. Choose another, or sign in with it.";
  if (code === "forbidden") return "New accounts are switched off here. Ask whoever runs this server.";
  return explain(e);
}

/** Why an answer ended early, by the code in its metadata. */
export function explainFailure(code: string): string {
  switch (code) {
    case "unavailable": case "timed_out": return "The model could not be reached or stopped answering. Answer again; if it keeps failing, check the model service.";
    case "overloaded": case "rate_limited": return "The model service is busy. Wait a minute, then answer again.";
    case "too_large": return "There was too much text for the model. Send the part around the first error.";
    case "unauthenticated": case "forbidden": return "The model service refused the server's key. Whoever runs this server has to renew it.";
    case "internal": return "The server made a mistake. Answer again.";
    default: return `It failed (${code}). Answer again.`;
  }
}
