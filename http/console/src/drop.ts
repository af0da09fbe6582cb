// Files dropped anywhere on the page.
export function dropTarget(dropped: (files: File[]) => void, on: Document = document): void {
  on.addEventListener("dragover", (e) => { if (e.dataTransfer?.types.includes("Files")) { e.preventDefault(); on.body.classList.add("dropping"); } });
  on.addEventListener("dragleave", (e) => { if (!e.relatedTarget) on.body.classList.remove("dropping"); });
  on.addEventListener("drop", (e) => {
    on.body.classList.remove("dropping");
    if (!e.dataTransfer?.files.length) return;
    e.preventDefault();
    dropped([...e.dataTransfer.files]);
  });
}
