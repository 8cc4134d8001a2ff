// The catalogue page: uploads, and enable, disable, delete in the grid. The grid itself is always the server's.

import { Problem, call } from "./api.js";
import { receive } from "./drop.js";
import { resumeJobs, uploadCatalog, uploadPictures } from "./uploads.js";

const CATALOGS = /\.(zip|csv|tsv|jsonl|ndjson|xml|txt)$/i;
const panel = document.getElementById("catalog");
const transfers = document.getElementById("transfers");
const confirmation = document.getElementById("confirm");
const { brand } = panel.dataset;
let settle = () => {}; // answers whoever asked last

receive(document.getElementById("drop"), document.getElementById("files"), { files: upload });
resumeJobs(transfers, brand, finished);
confirmation.addEventListener("close", closed);
document.addEventListener("click", (event) => {
  const button = event.target.closest(".card [data-action]");
  if (button) act(button.closest(".card"), button.dataset.action);
});

function upload(files) {
  const single = files.filter((file) => !CATALOGS.test(file.name));
  const kind = panel.querySelector('input[name="kind"]:checked').value;
  if (single.length > 0) {
    uploadPictures(transfers, brand, single, kind, Number(panel.dataset.maxBytes)).then(finished);
  }
  const mode = document.getElementById("replace").checked ? "replace" : "add";
  for (const file of files.filter((each) => CATALOGS.test(each.name))) {
    uploadCatalog(transfers, brand, file, mode).then(finished);
  }
}

function finished(words) {
  say(words);
  refresh();
}

const say = (words) => (document.getElementById("status").textContent = words);

async function act(card, action) {
  const { id, name } = card.dataset;
  if (action === "delete" && !(await confirmed(name))) return;
  card.setAttribute("aria-busy", "true");
  const path = `/v1/brands/${brand}/references/${id}`;
  try {
    if (action === "delete") await call(path, { method: "DELETE" });
    else await patch(path, { status: action === "enable" ? "active" : "disabled" });
  } catch (error) {
    card.removeAttribute("aria-busy");
    complain(error);
    return;
  }
  await refresh(id);
  say(`${name} ${{ delete: "was deleted", enable: "is active again", disable: "is disabled" }[action]}.`);
}

const patch = (path, changes) =>
  call(path, { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify(changes) });

function confirmed(name) {
  settle(false);
  confirmation.querySelector(".name").textContent = name;
  confirmation.returnValue = "keep";
  confirmation.showModal();
  return new Promise((resolve) => (settle = resolve));
}

/** The browser tells with its next frame that the dialog was closed; by then it may ask about another reference. */
function closed() {
  if (!confirmation.open) settle(confirmation.returnValue === "delete");
}

function complain(error) {
  const problem = document.getElementById("problem");
  problem.querySelector("p").textContent = error instanceof Problem ? error.detail : String(error);
  problem.hidden = false;
}

/** Take the references from the server again and, when asked, put the focus back where it was. */
async function refresh(focus) {
  let text;
  try {
    text = await (await call(location.pathname + location.search)).text();
  } catch (error) {
    complain(error);
    return;
  }
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("references");
  document.getElementById("references").replaceWith(fresh);
  if (!focus) return;
  const button = fresh.querySelector(`[data-id="${CSS.escape(focus)}"] button`);
  (button ?? document.getElementById("references-title")).focus();
}
