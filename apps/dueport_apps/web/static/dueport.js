/*
 * What a browser adds to pages that already work without it: the form token on htmx requests,
 * select-all boxes and the running total of a selection, copy buttons, modal dialogs, menus that
 * close, and the choice of light or dark. Nothing here decides about money: the server counts again.
 */
(() => {
  "use strict";

  const root = document.documentElement;
  root.classList.add("dp-script");

  // A refused form is the answer to a post. Without this, Back would want to post it once more.
  history.replaceState(history.state, "", location.href);

  const within = (selector, scope = document) => Array.from(scope.querySelectorAll(selector));
  const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

  // htmx sends no hidden field when a link or a button outside of a form triggers it.
  document.addEventListener("htmx:config:request", (event) => {
    const token = document.querySelector('meta[name="csrf"]');
    const request = event.detail.ctx && event.detail.ctx.request;
    if (token && request && request.method && request.method.toUpperCase() !== "GET") {
      request.headers["x-csrf-token"] = token.content;
    }
  });

  // Errors that we word ourselves arrive in #notices by their headers; these are all the others.
  function noAnswer() {
    const place = document.getElementById("notices");
    const notice = document.getElementById("no-answer");
    if (place && notice) place.replaceChildren(notice.content.cloneNode(true));
  }

  document.addEventListener("htmx:error", noAnswer);
  document.addEventListener("htmx:response:error", (event) => {
    if (event.detail.ctx.response.status >= 500) noAnswer();
  });

  // Selections: a scope holds items, boxes that stand for several items, and places for the sums.
  function recount(scope) {
    const items = within("input[data-select-item]", scope);
    const picked = items.filter((item) => item.checked && !item.disabled);
    const cents = picked.reduce((sum, item) => sum + Number(item.dataset.cents || 0), 0);
    within("[data-selected-count]", scope).forEach((place) => {
      place.textContent = String(picked.length);
    });
    within("[data-selected-total]", scope).forEach((place) => {
      place.textContent = dollars.format(cents / 100);
    });
    within("[data-needs-selection]", scope).forEach((button) => {
      button.disabled = picked.length === 0;
    });
    within("input[data-select-all]", scope).forEach((box) => {
      const group = ours(scope, box);
      const on = group.filter((item) => item.checked).length;
      box.checked = group.length > 0 && on === group.length;
      box.indeterminate = on > 0 && on < group.length;
    });
  }

  function ours(scope, box) {
    const wanted = box.dataset.selectAll;
    return within("input[data-select-item]", scope).filter(
      (item) => !item.disabled && (!wanted || item.dataset.selectItem === wanted),
    );
  }

  document.addEventListener("change", (event) => {
    const scope = event.target.closest("[data-selection]");
    if (!scope) return;
    if (event.target.matches("input[data-select-all]")) {
      ours(scope, event.target).forEach((item) => {
        item.checked = event.target.checked;
      });
    }
    if (event.target.matches("input[data-select-all], input[data-select-item]")) recount(scope);
  });

  const recountAll = () => within("[data-selection]").forEach(recount);
  document.addEventListener("htmx:after:swap", recountAll);
  // Browsers bring ticked boxes back when a person returns to the page.
  window.addEventListener("pageshow", recountAll);

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) copyText(copy);

    const opener = event.target.closest("[popovertarget]");
    const dialog = opener && document.getElementById(opener.getAttribute("popovertarget"));
    if (dialog instanceof HTMLDialogElement) {
      // Without a script this is a popover; with one it is modal and keeps the focus inside.
      event.preventDefault();
      if (dialog.open) dialog.close();
      else dialog.showModal();
    } else if (event.target instanceof HTMLDialogElement) {
      event.target.close();
    }

    within("details.dp-menu[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });

    const theme = event.target.closest("[data-theme-choice]");
    if (theme) chooseTheme(theme.dataset.themeChoice);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    within("details.dp-menu[open]").forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  async function copyText(button) {
    const label = button.querySelector("[data-copy-label]") || button;
    const before = label.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      label.textContent = "Copied";
      button.classList.add("dp-copied");
    } catch {
      label.textContent = "Press Ctrl+C to copy";
    }
    window.setTimeout(() => {
      label.textContent = before;
      button.classList.remove("dp-copied");
    }, 2000);
  }

  // The server reads this cookie and writes the attribute, so that no page flashes in the wrong one.
  function chooseTheme(theme) {
    const system = theme === "system";
    if (system) root.removeAttribute("data-bs-theme");
    else root.setAttribute("data-bs-theme", theme);
    const age = system ? 0 : 365 * 24 * 3600;
    document.cookie = `dueport-theme=${theme}; path=/; max-age=${age}; samesite=lax`;
    markTheme();
  }

  function markTheme() {
    const theme = root.getAttribute("data-bs-theme") || "system";
    within("[data-theme-choice]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
    });
  }

  // One click, one post: the second would only be told that the first has been carried out.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.once === undefined || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    within("button[type=submit], button:not([type])", form).forEach((button) => {
      button.setAttribute("aria-disabled", "true");
    });
  });
  window.addEventListener("pageshow", () => {
    within("form[data-once]").forEach((form) => {
      delete form.dataset.sent;
      within("button[aria-disabled]", form).forEach((one) => one.removeAttribute("aria-disabled"));
    });
  });

  recountAll();
  markTheme();
})();
