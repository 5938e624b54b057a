/*
 * What a browser adds to the operator's pages: links are copied as soon as they come, mails in frames
 * are shown at full length, a choice that re-orders a list takes effect at once, and a rehearsal that
 * could not be renewed says so and cannot be sent.
 */
(() => {
  "use strict";

  const within = (selector, scope = document) => Array.from(scope.querySelectorAll(selector));

  async function copied(field) {
    try {
      await navigator.clipboard.writeText(field.value);
      return true;
    } catch {
      // Older browsers, and pages without TLS, still copy what is selected.
      field.focus();
      field.select();
      return document.execCommand("copy");
    }
  }

  async function copyAtOnce(box) {
    const field = box.querySelector("input");
    const label = box.querySelector("[data-copy-label]");
    const done = await copied(field);
    if (label) label.textContent = done ? "Copied" : "Press Ctrl+C to copy";
    if (done && label) label.closest("button").classList.add("dp-copied");
  }

  document.addEventListener("htmx:after:swap", (event) => {
    const target = event.detail.ctx.target;
    if (!(target instanceof Element)) return;
    within("[data-copies-at-once]", target).forEach(copyAtOnce);
    within("iframe[data-fits-content]").forEach(fit);
  });

  // A mail is ours, carries no script and may carry none; so its height can be read.
  function fit(frame) {
    const measure = () => {
      const inside = frame.contentDocument && frame.contentDocument.documentElement;
      if (inside && inside.scrollHeight) {
        frame.style.height = "0";
        frame.style.height = `${Math.max(820, inside.scrollHeight + 2)}px`;
      }
    };
    if (!frame.dataset.fitted) {
      frame.dataset.fitted = "yes";
      frame.addEventListener("load", measure);
    }
    measure();
  }

  within("iframe[data-fits-content]").forEach(fit);
  let resized = 0;
  window.addEventListener("resize", () => {
    window.clearTimeout(resized);
    resized = window.setTimeout(() => within("iframe[data-fits-content]").forEach(fit), 200);
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });

  // What could not be rehearsed again must not be sent as it stands.
  function outOfDate(said) {
    const place = document.getElementById("rehearsal");
    const notice = document.getElementById("rehearsal-failed");
    if (!place || !notice) return;
    const shown = notice.content.cloneNode(true);
    if (said) shown.querySelector("[data-said]").textContent = said;
    within("[data-out-of-date]", place).forEach((one) => one.remove());
    shown.firstElementChild.dataset.outOfDate = "";
    place.prepend(shown);
    within("[data-forget-selection]", place).forEach((button) => {
      button.disabled = true;
    });
    place.firstElementChild.scrollIntoView({ block: "nearest" });
  }

  const rehearses = (source) => source instanceof Element && Boolean(source.closest("#invite"));

  document.addEventListener("htmx:error", (event) => {
    if (rehearses(event.target)) outOfDate("");
  });
  document.addEventListener("htmx:response:error", (event) => {
    const { response, text } = event.detail.ctx;
    // A refusal that is about the fields is a rehearsal of its own.
    if (!rehearses(event.target) || (text || "").includes('id="rehearsal"')) return;
    const answer = new DOMParser().parseFromString(text || "", "text/html");
    const words = answer.querySelector(".dp-notice > div");
    const said = words ? words.textContent.replace(/\s+/g, " ").trim() : "";
    outOfDate(said || `The server answered ${response.status}.`);
  });
})();
