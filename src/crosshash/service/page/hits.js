// Hits as cards, in the order they were found.

import { element, of } from "./dom.js";

const hits = of("hits"), bits = Number(document.body.dataset.bits);

// A press of its button is told to the list, as the event "like" with the hit.
export function card(hit, wanted) {
  const entry = document.createElement("li");
  if (hit.picture) {
    const image = new Image();
    image.loading = "lazy";
    image.alt = ""; // its caption stands below
    image.addEventListener("error", () => image.remove());
    image.src = hit.picture;
    entry.append(image);
  }
  const name = hit.caption || hit.id;
  const body = element("div", "body", "");
  body.append(element("p", "caption", name));
  if (hit.labels.length) {
    const shared = wanted && hit.labels.some((label) => wanted.includes(label));
    if (wanted) entry.className = shared ? "hit" : "miss";
    const mark = wanted ? (shared ? "✓ " : "✗ ") : "";
    body.append(element("p", "labels", mark + hit.labels.join(", ")));
  }
  const button = element("button", "link", "More like this");
  button.type = "button";
  button.setAttribute("aria-label", `More like this: ${name}`);
  button.addEventListener("click", () => hits.dispatchEvent(new CustomEvent("like", { detail: hit })));
  body.append(figures(hit), button);
  entry.append(body);
  return entry;
}

function figures(hit) {
  if (hit.distance === null) return element("p", "figures", `score ${hit.score.toFixed(2)}`);
  const line = element("p", "figures", "");
  const bar = document.createElement("progress");
  bar.max = bits;
  bar.value = bits - hit.distance;
  bar.setAttribute("aria-hidden", "true");
  const score = hit.score === null ? "" : `, score ${hit.score.toFixed(2)}`;
  line.append(bar, `distance ${hit.distance} of ${bits}${score}`);
  return line;
}

// Who has come to a hit by the keyboard stays among the hits.
export function replaceHits(...cards) {
  const among = hits.contains(document.activeElement);
  hits.replaceChildren(...cards);
  if (among) (hits.querySelector("button") ?? of("q")).focus({ preventScroll: true });
}

export const buttons = () => [...hits.querySelectorAll("button")];

// Arrow keys go from hit to hit; up and down by rows.
export function moveAmongHits(event) {
  const all = buttons(), here = all.indexOf(document.activeElement), words = of("q");
  if (!all.length || (here < 0 && !(event.key === "ArrowDown" && event.target === words))) return;
  const columns = getComputedStyle(hits).gridTemplateColumns.split(" ").length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: here < 0 ? 1 : columns, ArrowUp: -columns };
  const step = steps[event.key];
  if (!step) return;
  event.preventDefault();
  (all[here + step] ?? (here + step < 0 ? words : all[here])).focus();
}
