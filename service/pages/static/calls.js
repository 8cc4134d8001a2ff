// Forms that call the HTTP interface: `data-call="POST /v1/keys"`. Fields become JSON, or multipart where a file is.
//
// A field's `data-as` says what it is: `number`, `flag`, `list` or `numbers` (between commas or lines). What is empty is left out.
// The answer's `data-secret` member is shown once; otherwise the page is loaded again,
// or the one that `data-back` names.

import { call } from "./api.js";

const shown = document.getElementById("secret");

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-call]");
  if (!form) return;
  event.preventDefault();
  const button = event.submitter ?? form.querySelector("button");
  if (form.dataset.sure && !confirm(form.dataset.sure)) return;
  const [method, path] = form.dataset.call.split(" ");
  const sent = body(form, button); // before the button is disabled: a disabled one is left out
  button.disabled = true;
  say(form, "");
  try {
    const answer = await call(path, { method, ...sent });
    const told = answer.status === 204 ? {} : await answer.json();
    if (form.dataset.receipt) return receipt(form, told[form.dataset.receipt]);
    if (form.dataset.secret && told[form.dataset.secret]) return reveal(told[form.dataset.secret]);
    if (form.dataset.back) location.assign(form.dataset.back);
    else location.reload();
  } catch (error) {
    say(form, `${error.title ?? "Something went wrong"}. ${error.detail ?? error}`);
  } finally {
    button.disabled = false;
  }
});

function body(form, button) {
  const entries = [...new FormData(form, button).entries()];
  if (form.enctype === "multipart/form-data") {
    const fields = new FormData();
    const plain = {};
    for (const [name, value] of entries) if (value instanceof File && value.size) fields.append(name, value);
    for (const [name, value] of entries) if (!(value instanceof File)) put(plain, form, name, value);
    if (form.dataset.part) fields.append(form.dataset.part, JSON.stringify(plain));
    else for (const [name, value] of Object.entries(plain)) fields.append(name, value);
    return { body: fields };
  }
  const sent = {};
  for (const [name, value] of entries) put(sent, form, name, value);
  if (Object.keys(sent).length === 0 && form.dataset.call.startsWith("DELETE")) return {};
  return { headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent) };
}

function put(into, form, name, value) {
  const text = String(value).trim();
  if (text === "") return;
  const as = form.elements[name]?.dataset?.as;
  const parts = name.split("."); // `counter_notice.name` goes into an object of its own
  const last = parts.pop();
  const place = parts.reduce((inside, part) => (inside[part] ??= {}), into);
  if (as === "number") place[last] = Number(text);
  else if (as === "numbers") place[last] = text.split(/[\s,]+/).map(Number);
  else if (as === "flag") place[last] = true;
  else if (as === "list") place[last] = text.split(/[\s,]+/);
  else place[last] = text;
}

function say(form, text) {
  const place = form.querySelector("[role=alert]");
  if (!place) return text && alert(text);
  place.textContent = text;
  place.hidden = text === "";
}

function receipt(form, id) {
  const place = form.querySelector("[role=status]");
  place.textContent = `Thank you. Your receipt is ${id}; keep it.`;
  place.hidden = false;
  form.reset();
}

function reveal(secret) {
  shown.querySelector("code").textContent = secret;
  shown.addEventListener("close", () => location.reload(), { once: true });
  shown.showModal();
}
