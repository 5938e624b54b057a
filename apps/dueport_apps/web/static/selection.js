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

  function set(no, on) {
    const group = selection.filters ? selection.excluded : selection.picked;
    if (on === Boolean(selection.filters)) delete group[no];
    else group[no] = 1;
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
    form.hidden = some === 0;
    matching.hidden = Boolean(selection.filters) || shown.total <= some;
    note.hidden = !elsewhere;
    note.textContent = elsewhere ? "These are of another list. Clear to tick customers of this one." : "";
    within("button[type=submit]", form).forEach((button) => {
      button.disabled = some === 0;
    });
    if (announce && status) status.textContent = elsewhere ? `${said}. ${note.textContent}` : said;
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
