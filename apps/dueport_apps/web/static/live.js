/*
 * What keeps the page of a campaign fresh beside its progress, which the server sends by itself.
 *
 * The lists are asked for again when the progress has moved on, a few seconds apart at the soonest,
 * and only while somebody sees the page. A list that somebody is at work on (ticked rows, a link
 * that is shown, further rows, the focus) stays as it is and says that it is of before; then the
 * numbers above it alone are new.
 */
(() => {
  "use strict";

  const EVERY_MS = 4000;

  const page = document.getElementById("campaign");
  const live = document.getElementById("campaign-live");
  // htmx looks over the page as soon as it has been loaded, which may be before its extension for
  // server-sent events is there. Then the live part of the page is handed to it once more.
  if (live && page.hasAttribute("data-htmx-powered")) htmx.process(live);

  let timer = 0;

  function isInUse(list) {
    const more = list.querySelectorAll("tbody tr:not(.dp-more-row)").length > Number(list.dataset.rows);
    const busy = list.querySelector("tbody input:checked, .dp-link-box, .htmx-request");
    return more || Boolean(busy) || list.contains(document.activeElement);
  }

  function look() {
    timer = 0;
    const now = document.querySelector("#campaign-live [data-mark]");
    const list = document.getElementById("campaign-recipients");
    const tabs = document.getElementById("campaign-tabs");
    if (!now || !list || !list.dataset.mark || list.dataset.mark === now.dataset.mark) return;
    if (document.hidden) return;
    if (!isInUse(list)) {
      htmx.trigger(list, "stale:recipients");
      return;
    }
    const words = list.querySelector("[data-stale-words]");
    if (words) words.hidden = false;
    if (tabs.dataset.mark !== now.dataset.mark) htmx.trigger(tabs, "stale:tabs");
    later();
  }

  function later() {
    if (!timer) timer = window.setTimeout(look, EVERY_MS);
  }

  document.addEventListener("htmx:after:swap", later);
  document.addEventListener("visibilitychange", later);
})();
