// One way in for files: a drop anywhere on the page, the clipboard, or the file chooser.

/** Calls `take.files([File])` and, where `take.address` is given, `take.address(url)` with what the user brings. */
export function receive(zone, chooser, take) {
  let depth = 0;
  const lit = (on) => zone.classList.toggle("over", on);
  document.addEventListener("dragenter", () => lit(++depth > 0));
  document.addEventListener("dragleave", () => lit(--depth > 0));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    lit(false);
    bring(event.dataTransfer, take);
  });
  document.addEventListener("paste", (event) => {
    const typing = event.target instanceof HTMLInputElement && event.target.type !== "file" && event.target.type !== "radio";
    if (typing && event.clipboardData.files.length === 0) return;
    if (bring(event.clipboardData, take)) event.preventDefault();
  });
  chooser.addEventListener("change", () => {
    const files = [...chooser.files];
    chooser.value = ""; // so that the same file can be chosen again
    if (files.length > 0) take.files(files);
  });
}

function bring(data, take) {
  const files = [...data.files];
  if (files.length > 0) {
    take.files(files);
    return true;
  }
  const text = (data.getData("text/uri-list") || data.getData("text/plain")).trim().split("\n")[0];
  if (take.address && /^https?:\/\/\S+$/i.test(text)) {
    take.address(text);
    return true;
  }
  return false;
}
