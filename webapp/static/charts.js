// Draws the charts of a page from the data blocks beside them. `ast: true` makes Vega interpret
// its expressions, so that the page needs no eval; its style sheet is our own.
"use strict";

async function draw(element) {
  const data = document.getElementById(`${element.id}-data`);
  const result = await window.vegaEmbed(element, JSON.parse(data.textContent), {
    actions: false,
    ast: true,
    defaultStyle: false,
    renderer: "canvas",
    tooltip: { disableDefaultStyle: true, theme: "custom" },
  });
  const button = document.querySelector(`[data-png="${element.id}"]`);
  button?.addEventListener("click", async () => {
    const link = document.createElement("a");
    link.download = `${element.id}.png`;
    link.href = await result.view.toImageURL("png", 2);
    link.click();
  });
  element.dataset.drawn = "yes";
}

for (const element of document.querySelectorAll("[data-chart]")) draw(element);

// Chart and table take turns.
for (const button of document.querySelectorAll("[data-table]")) {
  button.addEventListener("click", () => {
    const table = document.getElementById(`${button.dataset.table}-table`);
    const chart = document.getElementById(button.dataset.table);
    table.hidden = !table.hidden;
    chart.hidden = !table.hidden;
    button.setAttribute("aria-pressed", String(!table.hidden));
  });
}
