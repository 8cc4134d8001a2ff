// Calls to the service: same origin, the session's cookie, its CSRF token, and problems as errors that people can read.

const csrf = document.querySelector('meta[name="csrf"]').content;

/** A refusal of the service: `title`, `detail`, `status`, and `retryAfter` in seconds (0 where none was said). */
export class Problem extends Error {
  constructor(status, title, detail, retryAfter = 0) {
    super(detail);
    Object.assign(this, { status, title, detail, retryAfter });
  }
}

/** `fetch` with the session; a `Problem` on anything but success. A session that ended leads to sign-in. */
export async function call(path, { method = "GET", headers = {}, ...rest } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: method === "GET" ? headers : { "X-CSRF-Token": csrf, ...headers },
      credentials: "same-origin",
      ...rest,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service did not answer", "Check that it is running and that you are connected, then try again.");
  }
  if (!answer.ok) throw await refused(answer.status, answer.headers.get("Retry-After"), await answer.text());
  return answer;
}

/** Like `call` for one multipart POST, telling `onprogress(fraction)` how much has been sent (fetch cannot). */
export function send(path, form, { headers = {}, onprogress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries({ "X-CSRF-Token": csrf, ...headers })) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && onprogress(event.loaded / event.total);
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(refused(request.status, request.getResponseHeader("Retry-After"), request.responseText));
    };
    request.onerror = () => reject(new Problem(0, "The upload broke off", "Check your connection, then send it again."));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

function refused(status, retryAfter, text) {
  if (status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    problem = { title: `The service answered ${status}`, detail: "Try again; if it stays so, tell whoever runs it." };
  }
  return new Problem(status, problem.title, problem.detail ?? "", Number(retryAfter) || 0);
}

/** Wait `seconds`. */
export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
