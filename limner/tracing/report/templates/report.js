"use strict";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const root = document.documentElement;

function flipTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}
document.getElementById("theme").addEventListener("click", flipTheme);

for (const button of all(".copy")) {
  button.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(document.getElementById(button.dataset.copy));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
    getSelection().removeAllRanges();
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1200);
  });
}

const told = document.getElementById("told");
function point(arm) {
  for (const one of all("[data-arm]")) one.classList.toggle("lit", arm !== null && one.dataset.arm === arm);
  const title = arm !== null && document.querySelector(`.member[data-arm="${arm}"] title`);
  if (title) told.textContent = title.textContent;
}
for (const one of all("[data-arm]")) {
  one.addEventListener("pointerenter", () => point(one.dataset.arm));
  one.addEventListener("pointerleave", () => point(null));
  one.addEventListener("focus", () => point(one.dataset.arm));
}

const list = document.getElementById("exhibits");
const order = document.getElementById("order");
const gain = (one, missing) => one.dataset.gain === "" ? missing : Number(one.dataset.gain);
const orders = {
  number: (a, b) => a.dataset.number - b.dataset.number,
  gain: (a, b) => gain(b, -Infinity) - gain(a, -Infinity),
  loss: (a, b) => gain(a, Infinity) - gain(b, Infinity),
};
if (order) order.addEventListener("change", () => list.append(...all(".exhibit", list).sort(orders[order.value])));

function step(by) {
  const shown = all(".exhibit");
  if (!shown.length) return;
  const now = shown.indexOf(document.activeElement.closest(".exhibit"));
  const next = shown[Math.min(Math.max(now + by, 0), shown.length - 1)];
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "center", behavior: "smooth" });
}
const keys = {
  j: () => step(1), ArrowRight: () => step(1),
  k: () => step(-1), ArrowLeft: () => step(-1),
  w: () => document.body.classList.toggle("wordless"),
  d: flipTheme,
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
  if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
});
