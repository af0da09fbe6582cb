// Handing bytes to the person as a file: the browser asks where, or puts it among the downloads.
import { h } from "./dom";

export function saveAs(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = h("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has begun by then; until it is revoked the bytes stay in memory.
  window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
