// One way in for files: a drop anywhere on the page (folders too), the clipboard, or the file chooser.

/** Calls `take.files([File])` and, where `take.address` is given, `take.address(url)` with what the user brings. */
export function receive(zone, chooser, take) {
  let depth = 0;
  const lit = (on) => zone.classList.toggle("over", on);
  document.addEventListener("dragenter", () => lit(++depth > 0));
  document.addEventListener("dragleave", () => lit(--depth > 0));
  document.addEventListener("dragover", (event) => textForField(event, event.dataTransfer) || event.preventDefault());
  document.addEventListener("drop", (event) => {
    depth = 0;
    lit(false);
    if (textForField(event, event.dataTransfer)) return;
    event.preventDefault();
    bring(event.dataTransfer, take);
  });
  document.addEventListener("paste", (event) => {
    if (textForField(event, event.clipboardData)) return;
    if (bring(event.clipboardData, take)) event.preventDefault();
  });
  chooser.addEventListener("change", () => {
    const files = [...chooser.files];
    chooser.value = ""; // so that the same file can be chosen again
    if (files.length > 0) take.files(files);
  });
}

/** Words on their way into a text field are the field's. */
function textForField(event, data) {
  return event.target instanceof HTMLInputElement && event.target.matches("[type=url], [type=text]") && !data.types.includes("Files");
}

/** Hand on what `data` holds; false when it is nothing for us. */
function bring(data, take) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry?.isDirectory);
  const folders = new Set(entries.map((entry) => entry.name));
  const files = [...data.files].filter((file) => !folders.has(file.name));
  if (entries.length > 0) {
    Promise.all(entries.map(filesBelow)).then((found) => take.files([...files, ...found.flat()]));
    return true;
  }
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

/** Every file in a dropped folder, at any depth, but what the system hides there. */
async function filesBelow(entry) {
  if (entry.isFile) return entry.name.startsWith(".") ? [] : [await new Promise((good, bad) => entry.file(good, bad))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((good, bad) => reader.readEntries(good, bad)); // at most 100 at a time
    if (some.length === 0) return found;
    for (const child of some) found.push(...(await filesBelow(child)));
  }
}
