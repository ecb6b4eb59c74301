// The search page: puts its parts together, and reads the question from its address.

import { chosenLabels, labels, setPicture, showWeight, thePicture, words } from "./asked.js";
import { answerOf, complain, element, of, reasonOf } from "./dom.js";
import { moveAmongHits } from "./hits.js";
import "./model.js";
import { searchLike } from "./picture.js";
import { nothing, search } from "./search.js";

const form = of("search"), chips = of("chips");

async function follow() {
  const parameters = new URLSearchParams(location.search), text = parameters.get("q") ?? "";
  setPicture(null);
  form.elements.find.value = parameters.get("find") === "t" ? "t" : "i";
  for (const chip of chips?.children ?? []) press(chip, parameters.getAll("label").includes(chip.textContent));
  of("weight").value = parameters.get("weight") ?? 0.5;
  words.value = text;
  if (parameters.has("item")) {
    try {
      const item = await answerOf(await fetch(`items/${encodeURIComponent(parameters.get("item"))}`));
      searchLike(item, text, false);
    } catch (error) {
      nothing();
      complain(reasonOf(error));
    }
  } else if (text) {
    search(false);
  } else {
    nothing();
  }
}

function press(chip, pressed) {
  chip.setAttribute("aria-pressed", pressed);
  const chosen = chosenLabels();
  of("chosen").textContent = chosen.length ? `: ${chosen.join(", ")}` : "";
}

function again() {
  if (thePicture() || words.value.trim()) search();
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
  search();
});
words.addEventListener("input", showWeight);
for (const radio of form.elements.find) radio.addEventListener("change", again);
for (const id of ["top", "weight"]) of(id).addEventListener("change", again);

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea") || of("model").open;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    words.focus();
    words.select();
  }
  moveAmongHits(event);
});

if (chips && innerWidth < 480) of("filter").open = false; // on a phone the hits matter more
addEventListener("popstate", follow);
follow();
