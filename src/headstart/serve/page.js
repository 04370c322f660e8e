"use strict";
const at = (id) => document.getElementById(id);
const words = at("words").dataset;
const form = at("form"), files = at("files"), drop = at("drop"), answers = at("answers");
let held = [], shown = [];

const made = (tag, text, kind) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
};

function fit() {
  const option = at("model").selectedOptions[0];
  const takes = option.dataset.takes.split(" ");
  drop.hidden = !takes.includes("items");
  at("writing").hidden = !takes.includes("texts");
  at("numbers").hidden = !takes.includes("rows");
  for (const about of document.querySelectorAll(".about"))
    about.hidden = about.dataset.model !== option.value;
}

function clear() {
  for (const address of shown) URL.revokeObjectURL(address);
  shown = [];
  answers.replaceChildren();
}

/* The example beside its answer, where the browser can show or play it. */
function preview(file) {
  const kind = file.type.split("/")[0];
  if (kind !== "image" && kind !== "audio") return null;
  const element = made(kind === "image" ? "img" : "audio");
  shown.push((element.src = URL.createObjectURL(file)));
  if (kind === "image") element.alt = file.name;
  else { element.controls = true; element.setAttribute("aria-label", file.name); }
  return element;
}

function tell(answer, file) {
  const item = made("li");
  const seen = file && preview(file);
  if (seen) item.append(seen);
  item.append(made("p", answer.path, "quiet"));
  if (answer.error) {
    item.append(made("p", `${words.unread} ${answer.error}`, "wrong"));
    return item;
  }
  const said = made("p");
  said.append(made("strong", answer.predicted || words.none));
  item.append(said);
  if (answer.abstained) item.append(made("p", words.abstained, "unsure"));
  if (answer.note) item.append(made("p", answer.note, "unsure"));
  if (answer.unfamiliar) item.append(made("p", words.unfamiliar, "unsure"));
  const best = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 10);
  for (const [name, share] of best) {
    const bar = made("div", undefined, "bar");
    const meter = made("meter");
    meter.value = share;
    meter.setAttribute("aria-label", name);
    bar.append(made("span", name), meter, made("span", `${(100 * share).toFixed(1)}%`));
    item.append(bar);
  }
  return item;
}

function body() {
  const takes = at("model").selectedOptions[0].dataset.takes.split(" ");
  const json = (value) => ({ body: JSON.stringify(value), type: "application/json" });
  if (takes.includes("rows")) {
    const row = at("row").value.split(/[,，\s]+/).filter(Boolean).map(Number);
    return row.length ? json({ rows: [row] }) : null;
  }
  if (held.length) {
    const sent = new FormData();
    for (const file of held) sent.append("file", file, file.name);
    return { body: sent };
  }
  return takes.includes("texts") && at("text").value.trim() ? json({ texts: [at("text").value] }) : null;
}

async function ask(event) {
  event.preventDefault();
  const sent = body(), asked = held;
  clear();
  if (!sent) { at("status").textContent = words.nothing; return; }
  at("status").textContent = words.busy;
  at("ask").disabled = true;
  const headers = { "Accept-Language": document.documentElement.lang };
  if (sent.type) headers["Content-Type"] = sent.type;
  if (at("key").value) headers["X-API-Key"] = at("key").value;
  try {
    const address = `models/${encodeURIComponent(at("model").value)}/predict`;
    const found = await fetch(address, { method: "POST", body: sent.body, headers });
    const told = await found.json();
    if (!found.ok) { at("status").textContent = `${told.error} ${told.hint || ""}`; return; }
    told.predictions.forEach((one, k) => answers.append(tell(one, sent.type ? null : asked[k])));
    at("status").textContent = words.done;
  } catch {
    at("status").textContent = words.lost;
  } finally {
    at("ask").disabled = false;
  }
}

for (const kind of ["dragover", "dragleave", "drop"])
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind !== "drop" || !event.dataTransfer.files.length) return;
    held = [...event.dataTransfer.files];
    form.requestSubmit();
  });
files.addEventListener("change", () => { held = [...files.files]; if (held.length) form.requestSubmit(); });
at("text").addEventListener("input", () => { held = []; files.value = ""; });
at("model").addEventListener("change", () => { held = []; files.value = ""; clear(); fit(); });
form.addEventListener("submit", ask);
fit();
