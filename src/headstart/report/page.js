"use strict";
// Comforts only: without this script everything is still on the page.

const each = (selector, use) => document.querySelectorAll(selector).forEach(use);

// Theme: the system's until someone chooses.
{
  const root = document.documentElement, button = document.getElementById("theme");
  const remembered = (value) => {
    try {
      if (value) localStorage.setItem("headstart-theme", value);
      return localStorage.getItem("headstart-theme");
    } catch { return null; }  // storage may be closed to files
  };
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  if (remembered()) root.dataset.theme = remembered();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
  });
  button.hidden = false;
}

// What is folded: one button opens all of it, and paper has it open.
{
  const folds = [...document.querySelectorAll("details")], button = document.getElementById("unfold");
  const turn = (some, open) => some.forEach((fold) => { fold.open = open; });
  const label = () => {
    button.textContent = folds.every((f) => f.open) ? button.dataset.open : button.dataset.folded;
  };
  let shut = [];
  addEventListener("beforeprint", () => { shut = folds.filter((f) => !f.open); turn(shut, true); });
  addEventListener("afterprint", () => turn(shut, false));
  button.addEventListener("click", () => turn(folds, !folds.every((f) => f.open)));
  folds.forEach((fold) => fold.addEventListener("toggle", label));
  button.hidden = !folds.length;
}

// Copy buttons.
each(".copy", (button) => {
  const code = button.closest(".snippet").querySelector("code"), label = button.textContent;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(code);
    try { await navigator.clipboard.writeText(code.textContent); }
    catch { document.execCommand("copy"); }
    button.textContent = document.body.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  button.hidden = false;
});

// One recording at a time: whoever plays the next has heard enough of the last.
addEventListener("play", (event) => {
  each("audio", (other) => { if (other !== event.target) other.pause(); });
}, true);

// The map: the nearest point to the pointer, or the focused one, shows its picture and words.
const map = document.querySelector(".map");
if (map) {
  const peek = document.getElementById("peek"), points = [...map.querySelectorAll(".point")];
  const spot = (point) => { const { e, f } = point.transform.baseVal[0].matrix; return [e, f]; };
  const spots = points.map(spot);
  let shown = null, picked = null;
  for (const point of points) {  // our own words replace the browser's tooltip
    const title = point.querySelector("title");
    point.setAttribute("aria-label", title.textContent);
    title.remove();
  }

  const show = (i) => {
    if (shown !== null) points[shown].classList.remove("near");
    shown = i;
    peek.hidden = i === null;
    if (i === null) return;
    const point = points[i], box = map.getBoundingClientRect(), scale = box.width / map.viewBox.baseVal.width;
    point.classList.add("near");
    peek.replaceChildren(point.getAttribute("aria-label"));
    const small = point.querySelector("image");
    if (small) {
      const picture = new Image();
      picture.src = small.getAttribute("href");
      picture.alt = "";
      peek.prepend(picture);
    }
    const [x, y] = spots[i].map((v) => v * scale), room = box.width - peek.offsetWidth;
    const left = x + 16 > room ? x - peek.offsetWidth - 16 : x + 16;
    peek.style.left = `${Math.max(0, Math.min(room, left))}px`;
    peek.style.top = `${Math.max(0, Math.min(box.height - peek.offsetHeight, y - 40))}px`;
  };

  const nearest = (x, y, reach, allowed = () => true) => {
    let best = null, least = reach * reach;
    spots.forEach(([px, py], i) => {
      const d = (px - x) ** 2 + (py - y) ** 2;
      if (d < least && allowed(px - x, py - y, i)) { best = i; least = d; }
    });
    return best;
  };
  const follow = (event) => {
    const box = map.getBoundingClientRect(), scale = map.viewBox.baseVal.width / box.width;
    const visible = (dx, dy, i) => picked === null || points[i].dataset.class === picked;
    show(nearest((event.clientX - box.left) * scale, (event.clientY - box.top) * scale,
      24 * Math.max(scale, 0.7), visible));
  };
  map.addEventListener("pointermove", follow);
  map.addEventListener("pointerdown", follow);
  map.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") show(null); });
  map.addEventListener("focusin", (event) => {
    const i = points.indexOf(event.target.closest(".point"));
    if (i >= 0) show(i);
  });
  map.addEventListener("focusout", () => show(null));
  map.addEventListener("keydown", (event) => {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (event.key === "Escape") show(null);
    if (!way || shown === null) return;
    event.preventDefault();
    const [ux, uy] = way, [x, y] = spots[shown];
    const ahead = (dx, dy) => dx * ux + dy * uy > Math.abs(dx * uy + dy * ux) * 0.8 + 0.1;
    const next = nearest(x, y, 1e9, ahead);
    if (next === null) return;
    points[shown].tabIndex = -1;
    points[next].tabIndex = 0;
    points[next].focus({ preventScroll: true });
  });

  each(".legend button", (button) => button.addEventListener("click", () => {
    picked = picked === button.dataset.class ? null : button.dataset.class;
    each(".legend button", (b) => b.setAttribute("aria-pressed", String(b.dataset.class === picked)));
    map.classList.toggle("picked", picked !== null);
    points.forEach((p) => p.classList.toggle("picked", p.dataset.class === picked));
  }));
}
