/*
 * The selection of the Customers Dashboard: ticked customers stay ticked while the list is searched,
 * sorted, filtered, paged and reloaded, until they are cleared or sent. It is kept in this tab alone,
 * under the name of this sign-in. A selection is either a set of account numbers, or a filter with
 * the numbers that were unticked since ("Select all that match").
 */
(() => {
  "use strict";

  const STORE = "dueport-selection";
  const within = (selector, scope = document) => Array.from(scope.querySelectorAll(selector));
  const number = new Intl.NumberFormat("en-US");

  // What was sent is not to be sent again by the way: the draft knows whom it is for.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button && button.dataset.forgetSelection !== undefined) forget();
  });

  const list = document.querySelector("[data-keep-selection]");
  const form = document.getElementById("selected");
  if (!list || !form) return;

  const owner = list.dataset.keepSelection;
  const shown = { filters: JSON.parse(list.dataset.filters), total: Number(list.dataset.matching) };
  const words = form.querySelector("[data-selected-words]");
  const note = form.querySelector("[data-selected-note]");
  const elsewhereWords = form.querySelector("[data-selected-elsewhere]");
  const review = form.querySelector("[data-review-selection]");
  const dialog = document.getElementById("review");
  const matching = form.querySelector("[data-select-matching]");
  const status = document.querySelector("[data-selected-status]");
  let selection = read();

  function nothing() {
    return { owner, picked: {}, filters: null, total: 0, excluded: {} };
  }

  function read() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(STORE));
      if (kept && kept.owner === owner) return kept;
    } catch {
      // Storage may be switched off or hold something else: then nothing is selected.
    }
    return nothing();
  }

  function forget() {
    try {
      sessionStorage.removeItem(STORE);
    } catch {
      // There is nothing to forget.
    }
  }

  function keep() {
    try {
      sessionStorage.setItem(STORE, JSON.stringify(selection));
    } catch {
      // Without storage the selection lasts as long as this page.
    }
  }

  const count = () =>
    selection.filters
      ? Math.max(0, selection.total - Object.keys(selection.excluded).length)
      : Object.keys(selection.picked).length;

  // Whether everybody on this list is also on the list of the filter that was selected.
  function narrows() {
    const wide = selection.filters;
    const here = shown.filters;
    return Object.keys(wide).every((name) => {
      if (!wide[name]) return true;
      if (name !== "q") return here[name] === wide[name];
      return here.q.toLowerCase().startsWith(wide.q.toLowerCase());
    });
  }

  function isPicked(no) {
    return selection.filters ? !(no in selection.excluded) : no in selection.picked;
  }

  function set(no, on, name = "") {
    const group = selection.filters ? selection.excluded : selection.picked;
    if (on === Boolean(selection.filters)) delete group[no];
    else group[no] = name || nameOf(no);
  }

  // The names are kept too, so that the selection can be looked through without asking anybody.
  function nameOf(no) {
    const box = within('input[name="account_no"]', list).find((one) => one.value === no);
    return box ? box.closest("tr").querySelector("th a").textContent.trim() : no;
  }

  function draw(announce) {
    const elsewhere = Boolean(selection.filters) && !narrows();
    const boxes = within('input[name="account_no"]', list);
    boxes.forEach((box) => {
      box.disabled = elsewhere;
      box.checked = !elsewhere && isPicked(box.value);
    });
    const on = boxes.filter((box) => box.checked).length;
    within("input[data-select-all]", list).forEach((box) => {
      box.disabled = elsewhere;
      box.checked = boxes.length > 0 && on === boxes.length;
      box.indeterminate = on > 0 && on < boxes.length;
    });
    const some = count();
    const said = `${number.format(some)} selected`;
    words.textContent = said;
    const hidden = Math.max(0, some - on);
    elsewhereWords.hidden = hidden === 0;
    elsewhereWords.textContent = `${number.format(hidden)} not shown`;
    review.hidden = hidden === 0 && !selection.filters;
    form.hidden = some === 0;
    matching.hidden = Boolean(selection.filters) || shown.total <= some;
    note.hidden = !elsewhere;
    note.textContent = elsewhere ? "These are of another list. Clear the selection to tick customers of this one." : "";
    within("button[type=submit]", form).forEach((button) => {
      button.disabled = some === 0;
    });
    const unseen = hidden ? `${said}, ${elsewhereWords.textContent}` : said;
    if (announce && status) status.textContent = elsewhere ? `${unseen}. ${note.textContent}` : unseen;
  }

  function changed() {
    if (selection.filters && count() === 0) selection = nothing();
    keep();
    draw(true);
  }

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (!list.contains(box)) return;
    if (box.matches('input[name="account_no"]')) set(box.value, box.checked);
    else if (box.matches("input[data-select-all]")) {
      within('input[name="account_no"]', list).forEach((one) => set(one.value, box.checked));
    } else return;
    changed();
  });

  matching.addEventListener("click", () => {
    selection = { ...nothing(), filters: shown.filters, total: shown.total };
    changed();
    words.scrollIntoView({ block: "nearest" });
  });

  // Ticked customers by name; of "all that match", the list itself and those that were unticked.
  review.addEventListener("click", () => {
    const whole = Boolean(selection.filters);
    const group = whole ? selection.excluded : selection.picked;
    const title = dialog.querySelector("h2");
    const lead = dialog.querySelector("p");
    title.textContent = whole ? "All that match" : "Selected customers";
    lead.replaceChildren(whole ? "Everybody on this list, but those below: " : "Untick whom you do not mean.");
    if (whole) {
      const link = document.createElement("a");
      const query = new URLSearchParams(Object.entries(selection.filters).filter((one) => one[1]));
      link.href = `${location.pathname}?${query.size ? query : "all=1"}`;
      link.textContent = "show the list";
      lead.append(link);
    }
    const rows = Object.entries(group).map(([no, name]) => {
      const row = document.createElement("li");
      const label = document.createElement("label");
      const box = document.createElement("input");
      label.className = "form-check";
      Object.assign(box, { type: "checkbox", className: "form-check-input", checked: !whole });
      box.addEventListener("change", () => {
        set(no, box.checked, name);
        changed();
      });
      const said = document.createElement("span");
      said.className = "form-check-label";
      said.textContent = name === no || name === 1 ? no : `${name} (${no})`;
      label.append(box, said);
      row.append(label);
      return row;
    });
    dialog.querySelector("[data-review-list]").replaceChildren(...rows);
    dialog.showModal();
  });

  dialog.querySelector("[data-review-done]").addEventListener("click", () => dialog.close());

  form.querySelector("[data-clear-selection]").addEventListener("click", () => {
    selection = nothing();
    changed();
    const first = list.querySelector("input[data-select-all]");
    if (first) first.focus({ preventScroll: true });
  });

  // The boxes of this page are posted by themselves; this adds what is not on it.
  form.addEventListener("submit", () => {
    within("input[data-added]", form).forEach((field) => field.remove());
    const add = (name, value) => {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      field.dataset.added = "";
      form.append(field);
    };
    if (!selection.filters) {
      add("picked", JSON.stringify(Object.keys(selection.picked)));
      return;
    }
    add("scope", "matching");
    add("excluded", JSON.stringify(Object.keys(selection.excluded)));
    Object.entries(selection.filters).forEach(([name, value]) => value && add(name, value));
  });

  document.addEventListener("htmx:after:swap", () => draw(false));
  window.addEventListener("pageshow", () => {
    selection = read();
    draw(false);
  });
  draw(false);
})();
