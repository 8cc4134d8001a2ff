// What is under way on the catalogue page: one panel per upload, with progress, rate, time left and each error.

const SHOWN_ERRORS = 200;
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** A panel in the list of transfers. `oncancel` is called once, when the user asks for it. */
export class Transfer {
  constructor(list, title, oncancel) {
    const item = document.getElementById("transfer-template").content.cloneNode(true);
    this.panel = item.firstElementChild;
    this.title = title;
    this.bar = item.querySelector("progress");
    this.count = item.querySelector(".count");
    this.list = item.querySelector(".problems");
    this.button = item.querySelector("button");
    this.errors = 0;
    this.over = false;
    item.querySelector("h3").textContent = title;
    this.bar.setAttribute("aria-label", `Progress of ${title}`);
    this.button.setAttribute("aria-label", `Cancel ${title}`);
    this.button.addEventListener("click", () => {
      if (this.over) {
        this.panel.remove();
        return;
      }
      this.button.disabled = true;
      oncancel();
    });
    list.prepend(item);
  }

  /** Bytes on their way; `fraction` in [0, 1]. */
  sending(fraction) {
    this.bar.value = fraction;
    this.count.textContent = fraction < 1 ? `Sending, ${whole.format(fraction * 100)}%` : "Sent, waiting to be read";
    if (fraction === 1) this.bar.removeAttribute("value");
  }

  /** Items done of `total`; the clock starts with the first call. */
  advance(done, total) {
    this.first ??= { done, at: performance.now() };
    if (total > 0) this.bar.value = done / total;
    const seconds = (performance.now() - this.first.at) / 1000;
    const rate = seconds > 0.5 ? (done - this.first.done) / seconds : 0;
    const parts = [total > 0 ? `${whole.format(done)} of ${whole.format(total)}` : "Reading"];
    if (rate > 0) parts.push(`${fine.format(rate)} a second`);
    if (rate > 0 && done < total) parts.push(`${timeLeft((total - done) / rate)} left`);
    this.count.textContent = parts.join(" · ");
  }

  /** One thing that failed, and why. */
  error(where, what) {
    this.errors += 1;
    this.note(where, what);
  }

  /** One thing that was done though something about it is odd. */
  warning(where, what) {
    this.note(where, `Warning: ${what}`);
  }

  note(where, what) {
    if (this.list.childElementCount >= SHOWN_ERRORS) return;
    const row = document.createElement("li");
    for (const [name, text] of [["where", where], ["what", what]]) {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      row.append(part);
    }
    this.list.append(row);
    this.list.hidden = false;
  }

  /** No more will come; `words` is what stays to be read. */
  finish(words, { complete = true } = {}) {
    if (complete) this.bar.value = 1;
    else this.bar.value ||= 0;
    this.count.textContent = words;
    this.over = true;
    this.button.textContent = "Dismiss";
    this.button.disabled = false;
    this.button.setAttribute("aria-label", `Dismiss ${this.title}`);
  }
}

function timeLeft(seconds) {
  if (seconds < 90) return `${whole.format(Math.max(1, seconds))} s`;
  if (seconds < 5400) return `${whole.format(seconds / 60)} min`;
  return `${fine.format(seconds / 3600)} h`;
}
