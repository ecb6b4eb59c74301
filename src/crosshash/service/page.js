// The search page: a text, a picture or a found item is the query; its hits are shown as cards.

const of = (id) => document.getElementById(id);
const form = of("search"), words = of("q"), hits = of("hits"), file = of("file"), chips = of("chips");
const bits = Number(document.body.dataset.bits);
const largest = Number(document.body.dataset.largest);
const labels = JSON.parse(document.body.dataset.labels);

let picture = null; // {blob, name, labels: of the item it is of, or null, item: its id, or null}
let running = new AbortController();

// What is asked for

const chosenLabels = () =>
  chips ? [...chips.querySelectorAll("[aria-pressed=true]")].map((chip) => chip.textContent) : [];

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// Labels that a text names, as words of their own; null where it names none and nothing can be said of a hit.
function labelsIn(text) {
  const named = labels.filter((label) =>
    new RegExp(`(^|[^\\p{L}\\p{N}])${escaped(label)}(e?s)?($|[^\\p{L}\\p{N}])`, "iu").test(text));
  return named.length ? named : null;
}

function addressOf(query) {
  const found = form.elements.find.value;
  const parameters = new URLSearchParams({ task: (picture ? "i2" : "t2") + found, top: of("top").value });
  if (!picture) parameters.set("q", query);
  for (const label of chosenLabels()) parameters.append("label", label);
  return `search?${parameters}`;
}

async function answerOf(response) {
  const body = await response.json().catch(() => ({ detail: `the service answered ${response.status}` }));
  if (!response.ok) throw new Error(body.detail);
  return body;
}

async function search(remember = true) {
  const query = words.value.trim();
  if (!picture && !query) {
    words.focus();
    return tell("Write what the pictures should show, or give a picture.");
  }
  if (remember) history.pushState(null, "", addressOfPage(query));
  running.abort();
  const mine = (running = new AbortController());
  document.body.classList.add("busy");
  try {
    const options = picture
      ? { method: "POST", body: picture.blob, headers: { "Content-Type": picture.blob.type || "image/*" } }
      : {};
    const start = performance.now();
    const found = await answerOf(await fetch(addressOf(query), { ...options, signal: mine.signal }));
    const wanted = picture ? picture.labels : labelsIn(query);
    show(found, wanted, picture ? `the picture ${picture.name}` : `“${query}”`, performance.now() - start);
  } catch (error) {
    if (mine.signal.aborted) return;
    refuse(error instanceof TypeError ? "The service cannot be reached. Is it still running?" : error.message);
  }
  document.body.classList.remove("busy");
}

// What was found

function tell(text) {
  of("error").hidden = true;
  of("status").textContent = text;
}

// Who has come to a hit by the keyboard stays among the hits.
function replaceHits(...cards) {
  const among = hits.contains(document.activeElement);
  hits.replaceChildren(...cards);
  if (among) (hits.querySelector("button") ?? words).focus({ preventScroll: true });
}

function refuse(reason) {
  replaceHits();
  of("status").textContent = "";
  of("error").textContent = reason;
  of("error").hidden = false;
}

function show(found, wanted, asked, milliseconds) {
  const kind = found.task.endsWith("i") ? "pictures" : "captions";
  const cards = found.hits.map((hit) => card(hit, wanted));
  replaceHits(...cards);
  const by = { hamming: " by Hamming distance", asymmetric: " by asymmetric distance" }[found.ordered_by] ?? "";
  const sentences = [`The ${cards.length} ${kind} nearest to ${asked}${by}, in ${Math.round(milliseconds)} ms.`];
  if (wanted && cards.length) {
    const right = cards.filter((one) => one.className === "hit").length;
    sentences.push(`${right} of them share a label with it (${wanted.join(", ")}).`);
  }
  if (found.unknown_words.length) sentences.push(`Words unknown to the model: ${found.unknown_words.join(", ")}.`);
  tell(cards.length ? sentences.join(" ") : `No ${kind} were found.`);
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function card(hit, wanted) {
  const entry = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.title = "Search for what is like this";
  if (hit.picture) {
    const image = new Image();
    image.loading = "lazy";
    image.alt = "";
    image.addEventListener("error", () => image.remove());
    image.src = hit.picture;
    button.append(image);
  }
  const body = element("span", "body", "");
  body.append(element("span", "caption", hit.caption || hit.id));
  if (hit.labels.length) {
    const shared = wanted && hit.labels.some((label) => wanted.includes(label));
    if (wanted) entry.className = shared ? "hit" : "miss";
    const mark = wanted ? (shared ? "✓ " : "✗ ") : "";
    body.append(element("span", "labels", mark + hit.labels.join(", ")));
  }
  body.append(figures(hit));
  button.append(body);
  button.addEventListener("click", () => searchLike(hit));
  entry.append(button);
  return entry;
}

function figures(hit) {
  if (hit.distance === null) return element("span", "figures", `score ${hit.score.toFixed(2)}`);
  const line = element("span", "figures", "");
  const bar = document.createElement("progress");
  bar.max = bits;
  bar.value = bits - hit.distance;
  bar.setAttribute("aria-hidden", "true");
  const score = hit.score === null ? "" : `, score ${hit.score.toFixed(2)}`;
  line.append(bar, `distance ${hit.distance} of ${bits}${score}`);
  return line;
}

// A picture as the query

async function take(blob, name, { item = null, itsLabels = null, remember = true } = {}) {
  if (blob.type && !blob.type.startsWith("image/"))
    return refuse(`${name} is not a picture. Choose a JPEG, PNG, WebP, GIF, TIFF or BMP file.`);
  if (blob.size > largest) return refuse(`This picture is larger than ${largest / 1e6} MB, the most that is taken.`);
  picture = { blob, name, item, labels: itsLabels };
  words.value = "";
  of("named").textContent = name;
  markPicture();
  search(remember);
  await preview(blob);
}

async function preview(blob) {
  const canvas = of("shown");
  try {
    const bitmap = await createImageBitmap(blob, { resizeHeight: 160, resizeQuality: "high" });
    if (!picture || picture.blob !== blob) return;
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.hidden = false;
  } catch {
    canvas.hidden = true; // the service says what is wrong with it
  }
}

function forget() {
  picture = null;
  markPicture();
}

function markPicture() {
  of("shown").hidden = true;
  of("named").hidden = of("forget").hidden = !picture;
  of("asks").hidden = Boolean(picture);
}

async function searchLike(hit, remember = true) {
  if (!hit.picture) {
    forget();
    words.value = hit.caption;
    return search(remember);
  }
  try {
    const response = await fetch(hit.picture);
    if (!response.ok) await answerOf(response);
    const known = { item: hit.id, itsLabels: hit.labels.length ? hit.labels : null, remember };
    await take(await response.blob(), `“${hit.caption || hit.id}”`, known);
    scrollTo({ top: 0, behavior: "instant" });
  } catch (error) {
    refuse(error.message);
  }
}

// The address of the page holds the query, unless it is a file of the visitor's

function addressOfPage(query) {
  const parameters = new URLSearchParams();
  if (picture?.item) parameters.set("item", picture.item);
  else if (!picture) parameters.set("q", query);
  parameters.set("find", form.elements.find.value);
  for (const label of chosenLabels()) parameters.append("label", label);
  return `?${parameters}`;
}

async function follow() {
  const parameters = new URLSearchParams(location.search);
  forget();
  form.elements.find.value = parameters.get("find") === "t" ? "t" : "i";
  for (const chip of chips?.children ?? []) press(chip, parameters.getAll("label").includes(chip.textContent));
  words.value = parameters.get("q") ?? "";
  if (parameters.has("item")) {
    try {
      const item = await answerOf(await fetch(`items/${encodeURIComponent(parameters.get("item"))}`));
      await searchLike(item, false);
    } catch (error) {
      refuse(error.message);
    }
  } else if (words.value) {
    search(false);
  } else {
    hits.replaceChildren();
    tell("");
  }
}

// What the visitor does

function press(chip, pressed) {
  chip.setAttribute("aria-pressed", pressed);
  const chosen = chosenLabels();
  of("chosen").textContent = chosen.length ? `: ${chosen.join(", ")}` : "";
}

function again() {
  if (picture || words.value.trim()) search();
}

for (const label of labels) {
  const chip = element("button", "", label);
  chip.type = "button";
  chip.setAttribute("aria-pressed", "false");
  chip.addEventListener("click", () => {
    press(chip, chip.getAttribute("aria-pressed") === "false");
    again();
  });
  chips.append(chip);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (words.value.trim()) forget();
  search();
});
for (const radio of form.elements.find) radio.addEventListener("change", again);
of("top").addEventListener("change", again);
of("choose").addEventListener("click", () => file.click());
of("forget").addEventListener("click", () => {
  forget();
  hits.replaceChildren();
  tell("");
  words.focus();
});
file.addEventListener("change", () => {
  if (file.files.length) take(file.files[0], file.files[0].name);
  file.value = "";
});

function takeFirst(files) {
  if (files.length) take(files[0], files[0].name);
  else refuse("That was no file. Save the picture first, then drop its file here.");
}

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  takeFirst(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) takeFirst(event.clipboardData.files);
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    words.focus();
    words.select();
  }
  moveAmongHits(event);
});

// Arrow keys go from hit to hit; up and down by rows.
function moveAmongHits(event) {
  const buttons = [...hits.querySelectorAll("button")];
  const here = buttons.indexOf(document.activeElement);
  if (!buttons.length || (here < 0 && !(event.key === "ArrowDown" && event.target === words))) return;
  const columns = getComputedStyle(hits).gridTemplateColumns.split(" ").length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: here < 0 ? 1 : columns, ArrowUp: -columns };
  const step = steps[event.key];
  if (!step) return;
  event.preventDefault();
  (buttons[here + step] ?? (here + step < 0 ? words : buttons[here])).focus();
}

if (chips && innerWidth < 480) of("filter").open = false; // on a phone the hits matter more
addEventListener("popstate", follow);
follow();
