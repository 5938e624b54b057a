/*
 * What the customer portal's own pages gain from a script: a count of the letters of a new password,
 * which is made here and sent nowhere, and arrow keys in the menu of accounts.
 */
(() => {
  "use strict";

  const place = (input) => document.getElementById(`strength-${input.name}`);

  function show(input, words, value, good) {
    const line = place(input);
    if (!line) return;
    line.hidden = input.value === "";
    const meter = line.querySelector("meter");
    if (meter) meter.value = value;
    const said = line.querySelector("[data-words]");
    if (said.textContent !== words) said.textContent = words;
    line.classList.toggle("dp-strength-good", good);
  }

  function count(input) {
    const least = Number(input.dataset.least);
    const length = Array.from(input.value).length;
    const kinds = new Set(input.value).size;
    const enough = length >= least;
    const missing = least - length;
    let words = `${missing} more character${missing === 1 ? "" : "s"} needed`;
    if (enough && kinds < 5) words = "Long enough, but it repeats itself";
    else if (enough && length < least + 4) words = "Long enough";
    else if (enough) words = "Long and strong";
    const value = enough ? 50 + Math.min(50, (length - least + 1) * 10) : (50 * length) / least;
    show(input, words, kinds < 5 ? Math.min(value, 40) : value, enough && kinds >= 5);
  }

  function compare(again) {
    const first = document.getElementById(again.dataset.same);
    const same = again.value === first.value;
    const typing = first.value.startsWith(again.value);
    show(again, same ? "Both are the same" : typing ? "" : "The two differ", 0, same);
  }

  document.addEventListener("input", (event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement)) return;
    if (input.dataset.least) count(input);
    document.querySelectorAll("input[data-same]").forEach((again) => {
      if (again === input || again.dataset.same === input.id) compare(again);
    });
  });

  // Up and down move between the accounts, as in any menu; Escape closes it (see dueport.js).
  document.addEventListener("keydown", (event) => {
    const menu = event.target instanceof Element && event.target.closest("details.dp-switcher");
    if (!menu || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    event.preventDefault();
    menu.open = true;
    const items = Array.from(menu.querySelectorAll(".dp-switcher-list button, .dp-switcher-list a"));
    const step = event.key === "ArrowDown" ? 1 : -1;
    const at = items.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : items.length - 1) : at + step;
    if (items[next]) items[next].focus();
    else menu.querySelector("summary").focus();
  });
})();
