// Pictures and catalogue files on their way to the service, each with its own `Transfer` panel.

import { Problem, call, pause, send } from "./api.js";
import { Transfer } from "./transfers.js";

const AT_ONCE = 3;
const TRIES = 6;

/** Send single pictures, a few at a time; resolves to the words that sum it up. */
export async function uploadPictures(list, brand, files, kind, limit) {
  const stop = new AbortController();
  const transfer = new Transfer(list, pictures(files.length), () => stop.abort());
  const queue = [...files];
  let done = 0;
  transfer.advance(0, files.length);
  const worker = async () => {
    while (queue.length > 0 && !stop.signal.aborted) {
      const file = queue.shift();
      try {
        await uploadPicture(brand, file, kind, limit, stop.signal);
      } catch (error) {
        if (stop.signal.aborted) return;
        transfer.error(file.name, told(error));
      }
      transfer.advance(++done, files.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const words = summary(done, transfer.errors, stop.signal.aborted ? "Stopped" : "Added");
  transfer.finish(words, { complete: !stop.signal.aborted });
  return words;
}

async function uploadPicture(brand, file, kind, limit, signal) {
  if (file.size > limit) throw new Problem(413, "", `Larger than ${Math.floor(limit / 1048576)} MiB; send a smaller copy.`);
  const body = new FormData();
  body.append("image", file, file.name);
  body.append("kind", kind);
  body.append("title", file.name.replace(/\.[^.]+$/, ""));
  const headers = { "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
  // The same Idempotency-Key on every try: nothing is added twice.
  return patiently(() => call(`/v1/brands/${brand}/references`, { method: "POST", body, headers, signal }));
}

/** Call `attempt` again while the service is busy or out of reach. */
async function patiently(attempt) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt();
    } catch (error) {
      const passing = error instanceof Problem && [0, 429, 503].includes(error.status);
      if (!passing || tried === TRIES) throw error;
      await pause(error.retryAfter || tried);
    }
  }
}

/** Send a zip or a feed and follow its job to the end. */
export async function uploadCatalog(list, brand, file, mode) {
  const stop = new AbortController();
  let job = null;
  const cancel = () => (job ? cancelJob(job) : stop.abort());
  const transfer = new Transfer(list, file.name, cancel);
  const body = new FormData();
  body.append("mode", mode);
  body.append(/\.zip$/i.test(file.name) ? "archive" : "feed", file, file.name);
  try {
    const answer = await send(`/v1/brands/${brand}/catalogs`, body, {
      signal: stop.signal,
      onprogress: (fraction) => transfer.sending(fraction),
    });
    job = answer.job_id;
    remember(brand, job, file.name);
    return await follow(transfer, brand, job);
  } catch (error) {
    const words = stop.signal.aborted ? "Stopped before it was sent" : told(error);
    if (!stop.signal.aborted) transfer.error(file.name, words);
    transfer.finish(stop.signal.aborted ? words : "Not imported", { complete: false });
    return words;
  }
}

/** Take up the jobs that were running when this page was last left. */
export function resumeJobs(list, brand, finished) {
  for (const [job, title] of Object.entries(remembered(brand))) {
    const transfer = new Transfer(list, title, () => cancelJob(job));
    follow(transfer, brand, job).then(finished, (error) => {
      forget(brand, job);
      transfer.finish(told(error), { complete: false });
    });
  }
}

async function follow(transfer, brand, id) {
  let seen = 0;
  let warned = 0;
  for (let wait = 0.2; ; wait = Math.min(wait * 1.3, 2)) {
    const job = await (await patiently(() => call(`/v1/jobs/${id}`))).json();
    transfer.advance(job.done, job.total ?? 0);
    for (const error of job.errors.slice(seen)) transfer.error(place(error), said(error.problem));
    seen = Math.max(seen, job.errors.length);
    for (const warning of job.warnings.slice(warned)) transfer.warning(place(warning), said(warning.problem));
    warned = Math.max(warned, job.warnings.length);
    if (!["queued", "running"].includes(job.state)) {
      forget(brand, id);
      return ended(transfer, job);
    }
    await pause(wait);
  }
}

function ended(transfer, job) {
  const verb = { succeeded: "Imported", failed: "Failed", cancelled: "Cancelled" }[job.state];
  const words = summary(job.done, transfer.errors, verb);
  transfer.finish(words, { complete: job.state === "succeeded" });
  return words;
}

const cancelJob = (id) => call(`/v1/jobs/${id}/cancel`, { method: "POST" }).catch(() => {});
const pictures = (number) => (number === 1 ? "1 picture" : `${number} pictures`);
const told = (error) => (error instanceof Problem ? error.detail || error.title : String(error));
const said = (problem) => (typeof problem === "string" ? problem : (problem?.detail ?? problem?.title ?? "It could not be read."));

function place({ row, file }) {
  if (row === null || row === undefined) return file ?? "The file";
  return file ? `${file} (row ${row})` : `Row ${row}`;
}

function summary(done, errors, verb) {
  const good = `${verb}: ${done - errors} of ${done} in the catalogue`;
  return errors > 0 ? `${good}, ${errors} with an error` : good;
}

const slot = (brand) => `jobs:${brand}`;
const remembered = (brand) => JSON.parse(sessionStorage.getItem(slot(brand)) ?? "{}");
const store = (brand, jobs) => sessionStorage.setItem(slot(brand), JSON.stringify(jobs));
const remember = (brand, id, title) => store(brand, { ...remembered(brand), [id]: title });
function forget(brand, id) {
  const { [id]: _ended, ...rest } = remembered(brand);
  store(brand, rest);
}
