// What is asked for: words, a picture, an item of the index, or words beside one of both.

import { of } from "./dom.js";

const form = of("search"), chips = of("chips");
export const words = of("q");
export const labels = JSON.parse(document.body.dataset.labels);

let picture = null; // {name, labels: of the item it is of, or null} and blob, a visitor's file, or item, an id

export const thePicture = () => picture;

export function setPicture(given) {
  picture = given;
  of("named").textContent = given?.name ?? "";
  of("shown").hidden = true;
  of("named").hidden = of("forget").hidden = !given;
  of("asks").hidden = Boolean(given);
  words.placeholder = given ? "Add words: at night" : "What should it show?";
  showWeight();
}

// How much the words weigh is of interest only beside a picture.
export function showWeight() {
  of("mix").hidden = !(picture && words.value.trim());
}

export const chosenLabels = () =>
  chips ? [...chips.querySelectorAll("[aria-pressed=true]")].map((chip) => chip.textContent) : [];

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

const labelsIn = (text) =>
  labels.filter((label) => new RegExp(`(^|[^\\p{L}\\p{N}])${escaped(label)}(e?s)?($|[^\\p{L}\\p{N}])`, "iu").test(text));

// A question as it is now: later changes of the form do not reach it. wanted: labels that a hit should share one
// of, those of the item and those that the words name; null where nothing can be said of a hit.
export function question() {
  const text = words.value.trim(), found = form.elements.find.value;
  if (!picture && !text) return null;
  const asks = picture ? "i2" : "t2";
  const parameters = new URLSearchParams({ task: asks + found });
  if (text) parameters.set("q", text);
  if (picture?.item) parameters.set("like", picture.item);
  if (picture && text) parameters.set("weight", of("weight").value);
  for (const label of chosenLabels()) parameters.append("label", label);
  const wanted = [...new Set([...(picture?.labels ?? []), ...labelsIn(text)])];
  const told = [picture && `the picture ${picture.name}`, text && `“${text}”`].filter(Boolean).join(" and ");
  const body = picture?.blob;
  const options = body ? { method: "POST", body, headers: { "Content-Type": body.type || "image/*" } } : {};
  return { parameters, options, told, size: Number(of("top").value), wanted: wanted.length ? wanted : null };
}

// The address of the page holds the question, but a file of the visitor's
export function addressOfPage() {
  const parameters = new URLSearchParams();
  const text = words.value.trim();
  if (picture?.item) parameters.set("item", picture.item);
  if (text && !picture?.blob) parameters.set("q", text);
  if (picture?.item && text) parameters.set("weight", of("weight").value);
  parameters.set("find", form.elements.find.value);
  for (const label of chosenLabels()) parameters.append("label", label);
  return `?${parameters}`;
}
