// The check page: bring a picture, ask /v1/search, show every match with its boxes on both pictures.

import { Problem, call } from "./api.js";
import { boxedPicture } from "./boxed.js";
import { receive } from "./drop.js";

const KINDS = { stolen_photo: ["Copied photo", "photo"], logo_use: ["Logo in the picture", "logo"] };
const form = document.getElementById("check");
const result = document.getElementById("result");
const status = document.getElementById("status");
const convincing = Number(form.dataset.convincing);
const SHOWN = 6; // matches in full view; the rest waits in the fold
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
let preview = null;
let current = null;

receive(document.getElementById("drop"), document.getElementById("file"), {
  files: ([file]) => check(async () => file),
  address: checkAddress,
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const field = document.getElementById("url");
  if (field.value.trim()) checkAddress(field.value.trim());
  else field.focus();
});

function checkAddress(url) {
  document.getElementById("url").value = url;
  check((signal) => fetchPicture(url, signal));
}

/** The picture behind an address, brought by the service: what is shown is exactly what is judged. */
async function fetchPicture(url, signal) {
  const answer = await call("/check/picture", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ url }),
    signal,
  });
  return answer.blob();
}

/** Run one check; a newer one stops it. */
async function check(bring) {
  current?.abort();
  const { signal } = (current = new AbortController());
  show("busy");
  status.textContent = "Checking the picture.";
  try {
    const picture = await bring(signal);
    refuseHopeless(picture);
    const answer = await search(picture, signal);
    signal.throwIfAborted();
    showVerdict(picture, answer.matches);
  } catch (error) {
    if (!signal.aborted) showProblem(error);
  }
}

function refuseHopeless(picture) {
  const limit = Number(form.dataset.maxBytes);
  if (picture.size === 0) throw new Problem(415, "Empty file", "The file has no content; choose a picture.");
  if (picture.size > limit) {
    throw new Problem(413, "Picture too large", `The file is larger than ${Math.floor(limit / 1048576)} MiB; choose a smaller copy.`);
  }
}

async function search(picture, signal) {
  const body = new FormData();
  body.append("image", picture, picture.name ?? "picture.jpg");
  body.append("kind", new FormData(form).get("kind"));
  body.append("top_k", "20");
  return (await call("/v1/search", { method: "POST", body, signal })).json();
}

function show(name) {
  document.getElementById("drop").classList.add("low"); // the result needs the room
  result.replaceChildren(document.getElementById(`${name}-template`).content.cloneNode(true));
  result.hidden = false;
}

function showProblem(error) {
  const problem = error instanceof Problem ? error : new Problem(0, "Something went wrong on this page", String(error));
  show("problem");
  result.querySelector("strong").textContent = problem.title;
  result.querySelector("p").textContent = problem.detail;
  status.textContent = "";
  result.focus();
}

function showVerdict(picture, matches) {
  if (preview) URL.revokeObjectURL(preview);
  preview = URL.createObjectURL(picture);
  const strong = matches.filter((match) => match.confidence >= convincing);
  const weak = matches.filter((match) => match.confidence < convincing);
  show("verdict");
  const [title, explanation, look] = words(strong, weak);
  result.querySelector(".verdict").classList.add(look);
  result.querySelector("h2").textContent = title;
  result.querySelector(".verdict p").textContent = explanation;
  const thumbnail = result.querySelector(".frame img");
  thumbnail.addEventListener("error", () => thumbnail.parentElement.remove(), { once: true });
  thumbnail.src = preview;
  const [list, folded] = result.querySelectorAll(".matches");
  list.append(...strong.slice(0, SHOWN).map(matchCard));
  list.hidden = strong.length === 0;
  folded.append(...[...strong.slice(SHOWN), ...weak].map(matchCard));
  const details = result.querySelector("details");
  details.hidden = folded.children.length === 0;
  details.querySelector("summary").textContent = fold(Math.max(0, strong.length - SHOWN), weak.length);
  status.textContent = `${title}. ${explanation}`;
  result.focus();
}

function words(strong, weak) {
  if (strong.length === 0 && weak.length === 0) {
    return ["Nothing found", "No photo or logo in the catalogue resembles this picture.", "clear"];
  }
  if (strong.length === 0) {
    return ["Nothing convincing found", "Some references look a little alike, but the evidence is weak.", "doubtful"];
  }
  const brands = [...new Set(strong.map((match) => match.brand))];
  const best = Math.max(...strong.map((match) => match.confidence));
  const explanation = `${brands.join(", ")}. The strongest is ${percent.format(best)} certain.`;
  return [`${counted(strong.length, "match", "matches")} found`, explanation, "found"];
}

function fold(strong, weak) {
  const parts = [];
  if (strong > 0) parts.push(counted(strong, "more match", "more matches"));
  if (weak > 0) parts.push(`${counted(weak, "weak candidate")} below ${percent.format(convincing)}`);
  return parts.join(" and ");
}

const counted = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

function matchCard(match) {
  const item = document.getElementById("match-template").content.cloneNode(true);
  const [label, style] = KINDS[match.kind] ?? [match.kind, "photo"];
  const badge = item.querySelector(".badge");
  item.querySelector("h3").textContent = match.brand;
  badge.textContent = label;
  badge.classList.add(style);
  const bar = item.querySelector(".bar");
  bar.setAttribute("aria-valuenow", Math.round(match.confidence * 100));
  bar.firstElementChild.style.width = `${match.confidence * 100}%`;
  item.querySelector(".number").textContent = percent.format(match.confidence);
  const [mine, theirs] = item.querySelectorAll(".stage");
  mine.append(queryPicture(match));
  theirs.append(referencePicture(match));
  item.querySelectorAll("figcaption")[1].textContent = style === "logo" ? `Logo of ${match.brand}` : `Photo of ${match.brand}`;
  item.querySelector(".reasons").append(...match.reasons.map(line));
  item.querySelector(".facts").append(...facts(match));
  return item;
}

function queryPicture(match) {
  return boxedPicture(preview, match.box, {
    kind: match.kind,
    alt: "Your picture, with the matching part outlined",
    missing: "This browser cannot show the file; the outline is where the match lies in it.",
  });
}

function referencePicture(match) {
  const path = `/v1/brands/${match.brand_id}/references/${match.reference_id}/image`;
  return boxedPicture(form.dataset.seesReferences === "yes" ? path : null, match.reference_box, {
    kind: match.kind,
    alt: `Reference of ${match.brand}, with the matching part outlined`,
    missing: form.dataset.seesReferences === "yes"
      ? "This browser cannot show the reference picture."
      : "Reference pictures are shown to their brand and to reviewers.",
  });
}

function line(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

function facts(match) {
  const told = [["Reference", match.external_id ?? match.reference_id], ["Score", match.score.toFixed(3)]];
  return told.map(([term, value]) => {
    const pair = document.createElement("div");
    pair.append(document.createElement("dt"), document.createElement("dd"));
    pair.firstChild.textContent = term;
    pair.lastChild.textContent = value;
    return pair;
  });
}
