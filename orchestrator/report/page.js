// Charts answer to the pointer, and printing opens what is folded. Without this script nothing is missing: each strip
// of a chart carries its numbers as a <title>.
"use strict";
for (const frame of document.querySelectorAll(".frame")) {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  frame.append(tip);
  const strips = [...frame.querySelectorAll(".hits rect")];
  const words = new Map();
  for (const strip of strips) {
    const title = strip.querySelector("title");
    words.set(strip, title.textContent);
    title.remove();
  }
  let at = null;
  const show = (strip) => {
    if (at) at.classList.remove("at");
    at = strip;
    tip.hidden = !strip;
    if (!strip) return;
    strip.classList.add("at");
    tip.textContent = words.get(strip);
    const box = strip.getBoundingClientRect();
    const outer = frame.getBoundingClientRect();
    const right = box.right - outer.left + 8;
    const fits = right + tip.offsetWidth <= outer.width;
    const left = box.left - outer.left - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(0, fits ? right : left)}px`;
    tip.style.top = "8px";
  };
  frame.addEventListener("pointermove", (event) => show(words.has(event.target) ? event.target : null));
  frame.addEventListener("pointerdown", (event) => show(words.has(event.target) ? event.target : null));
  frame.addEventListener("pointerleave", () => show(null));
}
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const fold of opened) fold.open = true;
});
addEventListener("afterprint", () => {
  for (const fold of opened) fold.open = false;
});
