// A picture as the query: a file that is dropped, pasted or chosen, or an item that was found.

import { setPicture, thePicture, words } from "./asked.js";
import { complain, of } from "./dom.js";
import { replaceHits } from "./hits.js";
import { clear, nothing, search } from "./search.js";

const largest = Number(document.body.dataset.largest), file = of("file");

function refuse(reason) {
  clear();
  replaceHits();
  complain(reason);
}

function take(files) {
  const [blob] = files;
  if (!blob) return refuse("That was no file. Save the picture first, then drop its file here.");
  if (blob.type && !blob.type.startsWith("image/"))
    return refuse(`${blob.name} is not a picture. Choose a JPEG, PNG, WebP, GIF, TIFF or BMP file.`);
  if (blob.size > largest) return refuse(`This picture is larger than ${largest / 1e6} MB, the most that is taken.`);
  words.value = "";
  setPicture({ blob, name: blob.name, labels: null });
  search();
  preview(blob);
}

// hit: an item, with its id, caption, labels and the address of its picture, or null; words may stand beside it.
export function searchLike(hit, beside = "", remember = true) {
  words.value = beside;
  setPicture({ item: hit.id, name: `“${hit.caption || hit.id}”`, labels: hit.labels });
  search(remember);
  if (remember) scrollTo({ top: 0, behavior: "instant" });
  if (hit.picture) previewOf(hit.picture);
}

async function previewOf(address) {
  const asked = thePicture();
  try {
    const response = await fetch(address);
    if (response.ok && asked === thePicture()) await preview(await response.blob());
  } catch {
    // without it the page works as well
  }
}

async function preview(blob) {
  const canvas = of("shown"), asked = thePicture();
  try {
    const bitmap = await createImageBitmap(blob, { resizeHeight: 160, resizeQuality: "high" });
    if (asked !== thePicture()) return;
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.hidden = false;
  } catch {
    canvas.hidden = true; // the service says what is wrong with it
  }
}

of("hits").addEventListener("like", (event) => searchLike(event.detail));
of("choose").addEventListener("click", () => file.click());
file.addEventListener("change", () => {
  if (file.files.length) take(file.files);
  file.value = "";
});
of("forget").addEventListener("click", () => {
  setPicture(null);
  words.focus();
  if (words.value.trim()) search();
  else nothing();
});
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
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take(event.clipboardData.files);
});
