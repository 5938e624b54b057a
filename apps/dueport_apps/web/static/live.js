/*
 * htmx looks over the page as soon as it has been loaded, which may be before its extension for
 * server-sent events is there. Then the live part of the page is handed to it once more.
 */
(() => {
  "use strict";

  const page = document.getElementById("campaign");
  const live = document.getElementById("campaign-live");
  if (live && page.hasAttribute("data-htmx-powered")) htmx.process(live);
})();
