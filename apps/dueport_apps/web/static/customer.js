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

  /*
   * What makes a long password a short one, judged as the server judges it (dueport_core.passwords):
   * few different characters, one part over and over, and rows of letters or keys. The server knows
   * more, such as names and stolen passwords, so nothing here says that a password is good.
   */
  const VARIETY = 5;
  const ROUND = ["abcdefghijklmnopqrstuvwxyz".repeat(12), "0123456789".repeat(28)];
  const ROWS = [...ROUND, "qwertyuiop", "asdfghjkl", "zxcvbnm"];

  function repeats(letters, least) {
    for (let length = 1; length < least && length * 2 <= letters.length; length += 1) {
      if (letters.every((letter, at) => at < length || letter === letters[at - length])) return true;
    }
    return false;
  }

  function isRun(letters) {
    if (letters.every((letter) => letter === letters[0])) return true;
    const there = letters.join("");
    const back = letters.slice().reverse().join("");
    return ROWS.some((row) => row.includes(there) || row.includes(back));
  }

  function pieces(letters) {
    let number = 0;
    for (let start = 0; start < letters.length; number += 1) {
      let end = start + 1;
      while (end < letters.length && isRun(letters.slice(start, end + 1))) end += 1;
      start = end - start < 3 ? start + 1 : end;
    }
    return number;
  }

  function weakness(value, least) {
    const visible = Array.from(value).filter((letter) => !/[\p{Z}\p{Cc}\p{Cf}]/u.test(letter));
    if (new Set(visible).size < VARIETY) return `Use at least ${VARIETY} different characters`;
    const letters = Array.from(value.toLowerCase());
    if (repeats(letters, least)) return "This repeats itself";
    if (pieces(letters) < VARIETY) return "Letters or digits in a row are easy to guess";
    return "";
  }

  function count(input) {
    const least = Number(input.dataset.least);
    const length = Array.from(input.value).length;
    const missing = least - length;
    const weak = missing > 0 ? "" : weakness(input.value, least);
    let words = weak || "Long enough";
    if (missing > 0) words = `${missing} more character${missing === 1 ? "" : "s"} needed`;
    const value = missing > 0 ? (50 * length) / least : weak ? 40 : 100;
    show(input, words, value, missing <= 0 && !weak);
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
