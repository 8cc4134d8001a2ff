// The policy editor: thresholds by kind and marketplace, rules that ask for proof, and what-if before anything is kept.

import { call } from "./api.js";

const editor = document.getElementById("policy");
const path = `/v1/brands/${editor.dataset.brand}/policy`;
const result = document.getElementById("what-if");
const problem = document.getElementById("problem");
const LEVELS = ["monitor", "review", "hold", "takedown"];
const count = new Intl.NumberFormat("en");
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

editor.addEventListener("click", (event) => {
  const { add, drop } = event.target.closest("button")?.dataset ?? {};
  if (add) editor.querySelector(`#${add} tbody`).append(document.getElementById(`${add}-row`).content.cloneNode(true));
  if (drop !== undefined) event.target.closest("tr").remove();
});

editor.addEventListener("submit", async (event) => {
  event.preventDefault();
  const trying = event.submitter.value === "replay";
  problem.hidden = true;
  event.submitter.disabled = true;
  try {
    const answer = await call(trying ? `${path}/replay` : path, {
      method: trying ? "POST" : "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(draft()),
    });
    if (trying) show(await answer.json());
    else location.reload();
  } catch (error) {
    problem.hidden = false;
    problem.textContent = `${error.title ?? "Something went wrong"}. ${error.detail ?? error}`;
    problem.scrollIntoView({ block: "nearest" });
  } finally {
    event.submitter.disabled = false;
  }
});

function draft() {
  const rules = [...editor.querySelectorAll("#rules tbody tr")].map((row) => {
    const field = (name) => row.querySelector(`[name="${name}"]`).value.trim();
    const levels = LEVELS.map((name) => [name, field(name) === "" ? null : Number(field(name)) / 100]);
    return { kind: field("kind"), marketplace: field("marketplace") || "*", ...Object.fromEntries(levels) };
  });
  const proofs = [...editor.querySelectorAll("#proofs tbody tr")].map((row) => {
    const field = (name) => row.querySelector(`[name="${name}"]`).value.trim();
    const price = field("amount") && (field("currency") ? { amount: field("amount"), currency: field("currency") } : field("amount"));
    return Object.fromEntries(Object.entries({ category: field("category"), min_price: price }).filter(([, value]) => value));
  });
  return { rules, proof_required: proofs };
}

function show(told) {
  result.hidden = false;
  const share = (value) => (value === null ? "no verdicts yet" : percent.format(value));
  const figures = [
    ["Right, of what is flagged and judged", `${share(told.before.precision)} → ${share(told.precision)}`],
    ["Listings a day to review", `${count.format(told.before.queue)} → ${count.format(told.queue)}`],
    ["Wrongful holds", `${count.format(told.before.wrongful_holds)} → ${count.format(told.wrongful_holds)}`],
    ["Matches decided otherwise", `${count.format(told.changed_count)} of ${count.format(told.results)}`],
  ];
  result.querySelector("dl").replaceChildren(...figures.map(([term, value]) => {
    const pair = document.createElement("div");
    pair.className = "panel pad";
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.className = "muted small";
    dt.textContent = term;
    dd.textContent = value;
    pair.append(dt, dd);
    return pair;
  }));
  result.querySelector("tbody").replaceChildren(...told.changed.slice(0, 50).map((change) => {
    const row = document.createElement("tr");
    for (const value of [change.listing_id, change.marketplace, change.before, change.after]) {
      row.appendChild(document.createElement("td")).textContent = value ?? "";
    }
    return row;
  }));
  result.focus();
}
