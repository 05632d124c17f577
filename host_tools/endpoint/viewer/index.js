// Keeps the list of plots fresh: fetches its own page again and takes the list out of it.

import { ago } from "./ago.js";

const EVERY_MS = 3000;
const trouble = document.querySelector("header .state");
let behind = 0; // milliseconds that this machine's clock is behind the endpoint's

function showAges() {
  for (const cell of document.querySelectorAll("[data-last]")) {
    const { last } = cell.dataset;
    cell.textContent = last ? ago(Date.now() + behind - Number(last)) : "no point yet";
  }
}

function show(page) {
  const main = document.querySelector("main");
  const focused = document.activeElement?.getAttribute("href");
  main.replaceWith(page.querySelector("main"));
  if (focused) document.querySelector(`main a[href="${CSS.escape(focused)}"]`)?.focus();
  showAges();
}

async function refresh() {
  if (document.hidden) return;
  try {
    const response = await fetch(location.href, { cache: "no-store" });
    if (!response.ok) throw new Error(response.status);
    behind = Date.parse(response.headers.get("date")) + 500 - Date.now() || 0; // HTTP dates drop the fraction
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
    trouble.hidden = true;
  } catch {
    trouble.hidden = false;
  }
}

showAges();
setInterval(showAges, 1000);
setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
refresh();
