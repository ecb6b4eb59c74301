// Searches page by page: the first one replaces the hits, the next ones follow as the visitor scrolls.

import { addressOfPage, question, setPicture, words } from "./asked.js";
import { answerOf, complain, of, reasonOf, tell } from "./dom.js";
import { buttons, card, replaceHits } from "./hits.js";

const hits = of("hits"), more = of("more"), reach = Number(document.body.dataset.reach);
const BY = { hamming: " by Hamming distance", asymmetric: " by asymmetric distance" };

let running = new AbortController();
let current = null; // {asked, count: of hits shown, state: digests of what found them, busy}

export async function search(remember = true) {
  const asked = question();
  if (!asked) {
    words.focus();
    return tell("Write what the pictures should show, or give a picture.");
  }
  if (remember) history.pushState(null, "", addressOfPage());
  clear();
  const mine = (current = { asked, count: 0, state: null, busy: false });
  document.body.classList.add("busy");
  await page(mine);
  if (mine === current) document.body.classList.remove("busy");
}

// Forget the question; its answer, if it still comes, is not shown.
export function clear() {
  running.abort();
  running = new AbortController();
  current = null;
  foot("", false);
}

export function nothing() {
  clear();
  document.body.classList.remove("busy");
  hits.replaceChildren();
  tell("");
}

async function page(mine) {
  const { asked, count } = mine, { signal } = running;
  mine.busy = true;
  hits.setAttribute("aria-busy", "true");
  try {
    const size = Math.min(asked.size, reach - count);
    const parameters = new URLSearchParams(asked.parameters);
    parameters.set("top", size);
    parameters.set("offset", count);
    const start = performance.now();
    const found = await answerOf(await fetch(`search?${parameters}`, { ...asked.options, signal }));
    const state = `${found.model} ${found.index}`;
    if (mine.state !== null && mine.state !== state) return search(false); // pages of two indexes do not join
    mine.state = state;
    show(mine, found, size, performance.now() - start);
  } catch (error) {
    if (signal.aborted) return;
    if (mine.count) return foot(reasonOf(error), true, false); // where the visitor is; who presses the button tries again
    replaceHits();
    const file = asked.options.body && !asked.parameters.has("q");
    if (file && !(error instanceof TypeError)) setPicture(null); // it is no picture: words shall not stand beside it
    complain(reasonOf(error));
  } finally {
    mine.busy = false;
    if (!signal.aborted) hits.removeAttribute("aria-busy");
  }
}

function show(mine, found, size, milliseconds) {
  const cards = found.hits.map((hit) => card(hit, mine.asked.wanted));
  const kind = found.task.endsWith("i") ? "pictures" : "captions";
  if (mine.count) hits.append(...cards);
  else {
    replaceHits(...cards);
    tell(cards.length ? summary(mine.asked, found, cards, kind, milliseconds) : `No ${kind} were found.`);
  }
  mine.count += cards.length;
  const ended = cards.length < size, far = mine.count >= reach;
  if (!mine.count) foot("", false);
  else if (ended) foot(`These are all ${mine.count} ${kind}.`, false);
  else if (far) foot(`These are the first ${mine.count} ${kind}, the most that are shown.`, false);
  else foot(`${mine.count} ${kind} so far.`, true);
}

function summary(asked, found, cards, kind, milliseconds) {
  const by = BY[found.ordered_by] ?? "";
  const sentences = [`The ${cards.length} ${kind} nearest to ${asked.told}${by}, in ${Math.round(milliseconds)} ms.`];
  if (asked.wanted) {
    const right = cards.filter((one) => one.className === "hit").length;
    sentences.push(`${right} of them share a label with it (${asked.wanted.join(", ")}).`);
  }
  if (found.unknown_words.length) sentences.push(`Words unknown to the model: ${found.unknown_words.join(", ")}.`);
  return sentences.join(" ");
}

// What stands below the hits; with a button where there may be more, pressed by itself where it comes into view.
function foot(text, goesOn, byItself = goesOn) {
  of("shown-so-far").textContent = text;
  more.hidden = !goesOn;
  observer?.unobserve(more); // seen anew, it is told of again if it still is in view
  if (byItself) observer?.observe(more);
}

async function next() {
  if (!current || current.busy || more.hidden) return;
  const mine = current, before = mine.count, pressed = document.activeElement === more;
  await page(mine);
  if (pressed && mine === current) (buttons()[before] ?? buttons().at(-1))?.focus();
}

const observer =
  "IntersectionObserver" in window
    ? new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && next(), { rootMargin: "200px" })
    : null;
more.addEventListener("click", next);
