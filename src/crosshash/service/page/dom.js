// Elements of the page, and what is said beside the hits.

export const of = (id) => document.getElementById(id);

export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

export function tell(text) {
  of("error").hidden = true;
  of("status").textContent = text;
}

export function complain(reason) {
  of("status").textContent = "";
  of("error").textContent = reason;
  of("error").hidden = false;
}

export async function answerOf(response) {
  const body = await response.json().catch(() => ({ detail: `the service answered ${response.status}` }));
  if (!response.ok) throw new Error(body.detail);
  return body;
}

export const reasonOf = (error) =>
  error instanceof TypeError ? "The service cannot be reached. Is it still running?" : error.message;
