/*
 * The payment pages. Connects a processor's form (window.DueportCollect, defined by the plugin's
 * adapter) with the page: waiting, failing, handing over. What the form gives is passed on as it is;
 * no card or account number is ever seen here, and nothing here decides about money.
 */
(() => {
  "use strict";

  const PATIENCE_MS = 20_000;
  const GENERAL = "The secure form could not be opened.";
  const token = () => document.querySelector('meta[name="csrf"]')?.content || "";

  /** The states of the place in which a processor's form is shown. */
  function stage(place) {
    const part = (name) => place.querySelector(`[data-collect-${name}]`);
    const loading = part("loading");
    const error = part("error");
    const retry = part("retry");
    return {
      form: part("form"),
      wait(words) {
        part("words").textContent = words;
        loading.hidden = false;
        error.hidden = true;
      },
      ready() {
        loading.hidden = true;
      },
      fail(message, over) {
        loading.hidden = true;
        part("message").textContent = message || GENERAL;
        // A form that never opened can only be loaded anew; one that is open can be corrected.
        retry.hidden = !over;
        error.hidden = false;
      },
    };
  }

  /** Run one of the adapter's calls; `start` receives the callbacks that the port promises. */
  function run(view, start, done) {
    let opened = false;
    const timer = window.setTimeout(() => {
      if (!opened) view.fail("The payment processor does not answer.", true);
    }, PATIENCE_MS);
    const settled = () => {
      opened = true;
      window.clearTimeout(timer);
    };
    const callbacks = {
      ready() {
        settled();
        view.ready();
      },
      done(payload) {
        settled();
        done(payload);
      },
      failed(message) {
        const over = !opened;
        window.clearTimeout(timer);
        view.fail(message, over);
      },
    };
    if (!window.DueportCollect) {
      callbacks.failed(GENERAL);
      return;
    }
    Promise.resolve()
      .then(() => start(callbacks))
      .catch(() => callbacks.failed(GENERAL));
  }

  async function handOver(place, view, payload) {
    view.wait("Reading the payment method…");
    view.form.inert = true;
    let answer;
    try {
      const response = await fetch(place.dataset.action, {
        method: "POST",
        credentials: "same-origin",
        headers: { "content-type": "application/json", "x-csrf-token": token() },
        body: JSON.stringify(payload),
      });
      answer = await response.json();
    } catch {
      answer = { message: "No answer. Check your connection and try again; nothing was charged." };
    }
    if (answer.next) {
      window.location.assign(answer.next);
      return;
    }
    view.form.inert = false;
    view.fail(answer.message || "You are signed out. Load the page again.", true);
  }

  const collect = document.querySelector("[data-collect]");
  if (collect) {
    const view = stage(collect);
    const bootstrap = JSON.parse(collect.dataset.bootstrap);
    let handing = false;
    run(
      view,
      (callbacks) => window.DueportCollect.mount(view.form, bootstrap, callbacks),
      (payload) => {
        if (handing) return;
        handing = true;
        handOver(collect, view, payload).finally(() => {
          handing = false;
        });
      },
    );
  }

  const action = document.querySelector("[data-bank-action]");
  if (action) {
    const view = stage(action);
    const bootstrap = JSON.parse(action.dataset.bootstrap);
    run(
      view,
      (callbacks) => {
        if (!window.DueportCollect.handleAction) throw new Error("no second step");
        return window.DueportCollect.handleAction(bootstrap, callbacks);
      },
      () => {
        view.wait("Asking your bank…");
        document.getElementById("refresh").requestSubmit();
      },
    );
  }

  // How long the amounts of a preview are good. The server decides; this only counts down, by the
  // time that has passed here, because the browser's own clock may be wrong.
  const timer = document.querySelector("[data-expires-in]");
  if (timer) {
    const until = performance.now() + Number(timer.dataset.expiresIn) * 1000;
    const first = timer.textContent.trim();
    const show = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      if (left <= 0) {
        timer.textContent = "This preview is older than 15 minutes; pressing Pay shows a new one first.";
        return;
      }
      const minutes = Math.ceil(left / 60);
      timer.textContent = `${first} ${minutes > 1 ? `${minutes} minutes` : "Less than a minute"} left.`;
      window.setTimeout(show, left > 60 ? 10_000 : 1_000);
    };
    show();
  }
})();
