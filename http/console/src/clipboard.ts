// Copying, also where the page is not served over TLS and navigator.clipboard does not exist.
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    const back = document.activeElement;
    area.select();
    const good = document.execCommand("copy");
    area.remove();
    if (back instanceof HTMLElement) back.focus();
    return good;
  }
}
