// The small behaviours of every page. Pages work without it, but for charts.
"use strict";

const sidebar = document.getElementById("navigation");
const menuButton = document.getElementById("menu-button");

function showMenu(open) {
  sidebar.classList.toggle("is-open", open);
  menuButton.setAttribute("aria-expanded", String(open));
}

if (sidebar && menuButton) {
  menuButton.addEventListener("click", () => showMenu(!sidebar.classList.contains("is-open")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") showMenu(false);
  });
  document.addEventListener("click", (event) => {
    const inside = sidebar.contains(event.target) || menuButton.contains(event.target);
    if (!inside && sidebar.classList.contains("is-open")) showMenu(false);
  });
}

// A chosen filter applies at once; empty controls stay out of the address.
for (const form of document.querySelectorAll("form[data-filters]")) {
  form.addEventListener("change", (event) => {
    if (event.target.matches("select, input[data-date]")) form.requestSubmit();
  });
  form.addEventListener("submit", () => {
    for (const control of form.elements) {
      if (control.name && !control.value) control.disabled = true;
    }
  });
}

for (const control of document.querySelectorAll("select[data-submit]")) {
  control.addEventListener("change", () => control.form.requestSubmit());
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  button.addEventListener("click", async () => {
    field.select();
    // Without https the browser has no clipboard for pages; then the key stays selected.
    if (!navigator.clipboard) return;
    await navigator.clipboard.writeText(field.value);
    button.textContent = button.dataset.copied;
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}

// Of the metrics those that a device of the chosen kind measures.
const kindOfDevice = document.querySelector("form #kind");
const metricRows = document.querySelectorAll(".metric[data-kinds]");
if (kindOfDevice && metricRows.length) {
  const showMetrics = () => {
    for (const row of metricRows) {
      row.hidden = !row.dataset.kinds.split(" ").includes(kindOfDevice.value);
    }
  };
  kindOfDevice.addEventListener("change", showMetrics);
  showMetrics();
}

for (const box of document.querySelectorAll("[data-check-all]")) {
  box.addEventListener("change", () => {
    for (const one of document.querySelectorAll(`input[name="${box.dataset.checkAll}"]`)) {
      one.checked = box.checked;
    }
  });
}

// A variable goes where somebody was writing last.
let writing = document.querySelector(".side textarea");
for (const field of document.querySelectorAll(".side input, .side textarea")) {
  field.addEventListener("focus", () => (writing = field));
}
for (const button of document.querySelectorAll("[data-insert]")) {
  button.addEventListener("click", () => {
    writing.setRangeText(button.dataset.insert, writing.selectionStart, writing.selectionEnd, "end");
    writing.focus();
  });
}

// Work in steps goes on by itself while the page is looked at.
const steps = document.querySelector("form[data-go-on]");
if (steps) {
  const goOn = () => (document.hidden ? undefined : steps.requestSubmit());
  setTimeout(goOn, 400);
  document.addEventListener("visibilitychange", goOn, { once: true });
}

// What is left of a unit's area while it is given to its parts.
for (const parts of document.querySelectorAll("[data-parts]")) {
  const rest = parts.querySelector("[data-rest]");
  const cents = (text) => Math.round(Number(text) * 100) || 0;
  const show = () => {
    let left = cents(parts.dataset.parts);
    for (const field of parts.querySelectorAll("[data-part]")) left -= cents(field.value);
    rest.textContent = left ? rest.dataset.words.replace("{rest}", (left / 100).toFixed(2)) : "";
  };
  parts.addEventListener("input", show);
  show();
}
