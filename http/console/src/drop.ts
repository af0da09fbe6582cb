// Files dropped anywhere on the page, or pasted where no field takes them.
import { inField } from "./keys";

export function dropTarget(dropped: (files: File[]) => void, on: Document = document): void {
  on.addEventListener("dragover", (e) => { if (e.dataTransfer?.types.includes("Files")) { e.preventDefault(); on.body.classList.add("dropping"); } });
  on.addEventListener("dragleave", (e) => { if (!e.relatedTarget) on.body.classList.remove("dropping"); });
  on.addEventListener("drop", (e) => {
    on.body.classList.remove("dropping");
    if (!e.dataTransfer?.files.length) return;
    e.preventDefault();
    dropped([...e.dataTransfer.files]);
  });
  // A screenshot from the clipboard has no name of its own worth keeping; the moment tells several apart.
  on.addEventListener("paste", (e) => {
    const files = [...(e.clipboardData?.files ?? [])];
    if (e.defaultPrevented || files.length === 0 || inField(e.target)) return;
    e.preventDefault();
    dropped(files.map((f) => named(f)));
  });
}
/** "image.png", as every clipboard calls it, becomes "pasted 2026-01-31 12.00.00.png". */
export function named(f: File, now = new Date()): File {
  return /^image\.\w+$/.test(f.name) ? new File([f], `pasted ${now.toISOString().slice(0, 19).replace("T", " ").replace(/:/g, ".")}${f.name.slice(5)}`, { type: f.type }) : f;
}
