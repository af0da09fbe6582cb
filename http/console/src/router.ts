// Places of the page and their addresses. Every place has one address, so that links, reload and the back button work.
export type Place =
  | { page: "start" }
  | { page: "case"; id: string; tab: "conversation" };

const ident = "([A-Za-z0-9_-]{1,80})";
export function parsePlace(address: string): Place {
  const url = new URL(address, "http://x");
  const path = url.pathname.replace(/\/+$/, "");
  const m = new RegExp(`^/cases/${ident}$`).exec(path);
  if (m) return { page: "case", id: m[1]!, tab: "conversation" };
  return { page: "start" };
}

export function pathOf(p: Place): string {
  switch (p.page) {
    case "start": return "/";
    case "case": return `/cases/${p.id}`;
  }
}
export const caseOf = (p: Place): string | null => (p.page === "case" ? p.id : null);
