// What is searched, one click away: the card of the model and its index.

import { answerOf, element, of, reasonOf } from "./dom.js";

const dialog = of("model"), facts = of("facts");
const TASKS = { t2i: "text to picture", i2t: "picture to text", i2i: "picture to picture", t2t: "text to text" };
const BY = { hamming: "Hamming distance", asymmetric: "asymmetric distance" };
const SHOWN = 12; // digits of a digest

function fact(name, value, title = "") {
  const told = element("dd", "", value);
  if (title) told.title = title;
  facts.append(element("dt", "", name), told);
}

const digest = (name, value) => (value ? fact(name, value.slice(0, SHOWN), value) : fact(name, "in a store"));

function fill(card) {
  fact("Method", card.method);
  fact("Data set", card.dataset);
  fact("Codes", `${card.bits} bits`);
  fact("Ordered by", BY[card.distance] ?? "Hamming distance, the first anew by their vectors");
  fact("Items", `${card.items.image.toLocaleString("en")} pictures, ${card.items.text.toLocaleString("en")} captions`);
  for (const [task, name] of Object.entries(TASKS)) {
    const score = card.scores[task];
    if (!score) continue;
    const [mean, low, high] = [score.mAP, score.mAP_low, score.mAP_high].map((one) => one.toFixed(3));
    fact(`mAP, ${name}`, `${mean} (95 % interval ${low} to ${high})`);
  }
  if (card.warning) fact("Warning", card.warning);
  digest("Model", card.model);
  digest("Index", card.index);
}

of("about").addEventListener("click", async () => {
  facts.replaceChildren();
  dialog.showModal();
  try {
    fill(await answerOf(await fetch("card")));
  } catch (error) {
    fact("Unknown", reasonOf(error));
  }
});
of("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
