// The review desk: tasks by keyboard, decisions that can be taken back for a moment, many listings in one go.
//
// A decision waits here for its grace and is then sent; leaving the page sends it at once. Nothing is lost by closing
// the tab but a decision that was not made: the task stays in the queue.

import { call } from "./api.js";
import { drawStages } from "./boxed.js";
import { compare } from "./compare.js";

const GRACE = 6; // seconds to take a decision back
const AT_ONCE = 25; // cases in one request, so that the count moves
const main = document.getElementById("main");
const toasts = document.getElementById("toasts");
const status = document.getElementById("status");
const pending = new Map();
let comparison = null;

start();

function start() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick);
  addEventListener("popstate", () => load(location.href, { push: false }));
  addEventListener("pagehide", () => pending.forEach((decision) => flush(decision)));
  arrive();
}

/** Wire what the server rendered into `#main`. */
async function arrive() {
  comparison?.stop();
  comparison = null;
  drawStages(main);
  const root = main.querySelector(".compare");
  if (root) comparison = await compare(root);
}

/** Replace the page's content by that of `address`, as a link would, but keep the decisions that still wait. */
async function load(address, { push = true } = {}) {
  const answer = await call(address);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  main.replaceChildren(...page.getElementById("main").childNodes);
  document.title = page.title;
  if (push) history.pushState(null, "", answer.url);
  scrollTo(0, 0);
  main.focus();
  await arrive();
}

function next() {
  const skip = [...pending.keys(), task()?.dataset.task].filter(Boolean);
  const query = new URLSearchParams(task()?.dataset.filter ?? location.search);
  query.set("skip", skip.join(","));
  return load(`/desk/next?${query}`).catch(tell);
}

const task = () => main.querySelector("[data-task]");
const button = (selector) => main.querySelector(selector);

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  n: next,
  b: () => comparison?.blink(),
  m: () => comparison?.mirror(),
  u: undo,
  "?": () => document.getElementById("help").showModal(),
  ArrowLeft: () => comparison?.slide(-5),
  ArrowRight: () => comparison?.slide(5),
  q: () => load("/desk").catch(tell),
};

function onKey(event) {
  const typing = event.target.closest("input:not([type=checkbox]):not([type=range]), textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const asking = document.querySelector("dialog[open]");
  if (asking) {
    const choice = !typing && asking.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (choice) {
      event.preventDefault();
      choice.click();
    }
    return;
  }
  if (typing) return;
  const action = button(`button[data-key="${CSS.escape(event.key)}"]`);
  const known = action ? () => action.click() : KEYS[event.key];
  if (!known) return;
  event.preventDefault();
  known();
}

/** Move the focus through the list of tasks. */
function step(by) {
  const links = [...main.querySelectorAll(".tasks a")];
  if (links.length === 0) return;
  const at = links.indexOf(document.activeElement);
  const to = at === -1 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
  links[to].focus();
}

function onClick(event) {
  event.target.closest("[data-close]")?.closest("dialog").close();
  const pressed = event.target.closest("[data-do]");
  if (!pressed) return;
  const { do: what } = pressed.dataset;
  if (what === "action") ask(pressed);
  else if (what === "blink") pressed.setAttribute("aria-pressed", String(Boolean(comparison?.blink())));
  else if (what === "mirror") comparison?.mirror();
  else if (what === "next") next();
  else if (what === "all") choose(pressed.checked);
  else if (what === "say") say(pressed);
  else if (what === "second") answerSecond(pressed);
}

function choose(checked) {
  for (const box of main.querySelectorAll('input[name="case"]')) box.checked = checked;
}

/** Ask for the reason: a number picks one, or it is written. */
function ask(pressed) {
  const dialog = document.getElementById("reason");
  const chosen = [...main.querySelectorAll('input[name="case"]:checked')];
  if (chosen.length === 0) return tell({ title: "No listing is chosen", detail: "Tick at least one listing of this task." });
  dialog.querySelector("h2").textContent = `${pressed.dataset.label}: ${count(chosen.length)}`;
  const list = dialog.querySelector(".presets");
  list.replaceChildren(
    ...JSON.parse(pressed.dataset.reasons).map((text, index) => {
      const item = document.createElement("li");
      const choice = document.createElement("button");
      choice.type = "button";
      choice.className = "quiet";
      choice.dataset.key = String(index + 1);
      choice.textContent = `${index + 1}  ${text}`;
      choice.addEventListener("click", () => done(text));
      item.append(choice);
      return item;
    }),
  );
  const form = dialog.querySelector("form");
  form.reset();
  form.onsubmit = (event) => {
    event.preventDefault();
    const text = new FormData(form).get("reason").trim();
    if (text) done(text);
  };
  const cases = chosen.map((box) => ({ id: box.value, evidence_version: Number(box.dataset.version), state: box.dataset.state }));
  function done(reason) {
    dialog.close();
    decide({ task: task().dataset.task, action: pressed.dataset.action, label: pressed.dataset.label, reason, cases });
  }
  dialog.showModal();
}

const count = (number) => `${number} ${number === 1 ? "listing" : "listings"}`;

function decide(decision) {
  const toast = notice(`${decision.label}: ${count(decision.cases.length)}`, { undo: () => revoke(decision) });
  const timer = setTimeout(() => commit(decision), GRACE * 1000);
  pending.set(decision.task, { ...decision, toast, timer });
  status.textContent = `${decision.label}. Press U to take it back.`;
  next();
}

function undo() {
  const last = [...pending.values()].pop();
  if (last) revoke(last);
}

/** Take a decision back: it was never sent. */
function revoke({ task: id }) {
  const decision = pending.get(id);
  if (!decision) return;
  clearTimeout(decision.timer);
  pending.delete(id);
  decision.toast.remove();
  status.textContent = "Taken back.";
  load(`/desk/tasks/${id}`).catch(tell);
}

async function commit({ task: id }) {
  const decision = pending.get(id);
  if (!decision) return;
  pending.delete(id);
  const { toast, cases } = decision;
  toast.querySelector("button").remove();
  const bar = toast.appendChild(document.createElement("progress"));
  bar.max = cases.length;
  const refused = [];
  try {
    for (let at = 0; at < cases.length; at += AT_ONCE) {
      const answer = await post(decision, cases.slice(at, at + AT_ONCE));
      refused.push(...(await answer.json()).refused);
      bar.value = Math.min(cases.length, at + AT_ONCE);
    }
    if (refused.length === 0) return leave(toast, `${decision.label}: done`);
    complain(toast, `${count(refused.length)} not changed: ${refused[0].detail}`, id);
  } catch (error) {
    complain(toast, error.detail || String(error), id);
  }
}

function flush({ task: id }) {
  const decision = pending.get(id);
  pending.delete(id);
  clearTimeout(decision.timer);
  post(decision, decision.cases, { keepalive: true }).catch(() => {});
}

function post({ task: id, action, reason }, cases, rest = {}) {
  return call(`/desk/tasks/${id}/decisions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ action, reason, cases }),
    ...rest,
  });
}

async function say(pressed) {
  const form = pressed.form;
  const text = new FormData(form).get("text").trim();
  if (!text) return;
  try {
    await call(`/v1/cases/${form.dataset.case}/messages`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
    });
    await load(location.href, { push: false });
  } catch (error) {
    tell(error);
  }
}

async function answerSecond(pressed) {
  try {
    const answer = await call(`/desk/second/${pressed.dataset.sample}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ answer: pressed.dataset.answer }),
    });
    leave(notice((await answer.json()).agrees ? "You agree with the first reviewer." : "You disagree; it is noted in the case."));
    await load("/desk/second", { push: false });
  } catch (error) {
    tell(error);
  }
}

function notice(text, { undo: onUndo } = {}) {
  const toast = document.createElement("div");
  toast.className = "toast";
  const words = toast.appendChild(document.createElement("p"));
  words.textContent = text;
  if (onUndo) {
    const back = toast.appendChild(document.createElement("button"));
    back.className = "quiet slim";
    back.textContent = "Undo (U)";
    back.addEventListener("click", onUndo);
  }
  toasts.append(toast);
  return toast;
}

function leave(toast, text = toast.querySelector("p").textContent) {
  toast.querySelector("p").textContent = text;
  toast.querySelector("progress")?.remove();
  setTimeout(() => toast.remove(), 2500);
}

function complain(toast, text, id) {
  toast.classList.add("bad");
  toast.querySelector("progress")?.remove();
  toast.querySelector("p").textContent = text;
  const link = toast.appendChild(document.createElement("a"));
  link.href = `/desk/tasks/${id}`;
  link.textContent = "Look again";
}

function tell(error) {
  const toast = notice(`${error.title ?? "Something went wrong"}. ${error.detail ?? String(error)}`);
  toast.classList.add("bad");
  setTimeout(() => toast.remove(), 8000);
}
