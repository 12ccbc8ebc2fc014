// The editor of clauses: fields of the chosen kind, buttons in place, the schedule while one types.
// The form works without this file: its buttons then send the whole page.
"use strict";

const editor = document.querySelector("form[data-editor]");

function showKinds(within) {
  for (const card of within.querySelectorAll(".clause-card")) {
    const kind = card.querySelector("[data-kind]").value;
    for (const group of card.querySelectorAll("[data-kinds]")) {
      group.hidden = !group.dataset.kinds.split(" ").includes(kind);
    }
    const charge = card.querySelector("[data-charge]").value;
    const taxes = JSON.parse(editor.dataset.usualTaxes);
    card.querySelector("input[name$='-tax_rate']").placeholder = taxes[charge] ?? "";
  }
}

if (editor) {
  const parts = document.getElementById("editor");
  const preview = document.getElementById("preview");
  const state = document.getElementById("preview-state");
  let waiting = 0;
  let newest = 0;

  async function ask(url, headers, submitter) {
    const body = new FormData(editor);
    if (submitter) body.set(submitter.name, submitter.value);
    const answer = await fetch(url, { method: "POST", body, headers });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    return answer.text();
  }

  async function draw() {
    const mine = ++newest;
    editor.setAttribute("aria-busy", "true");
    try {
      const text = await ask(editor.dataset.preview, {});
      if (mine !== newest) return; // a later one is on its way
      preview.innerHTML = text;
      state.textContent = "";
    } catch {
      // The last schedule stays; saving and the Preview button say what is wrong.
    } finally {
      if (mine === newest) editor.removeAttribute("aria-busy");
    }
  }

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(draw, 350);
  }

  editor.addEventListener("input", soon);
  editor.addEventListener("change", (event) => {
    if (event.target.matches("[data-kind], [data-charge]")) showKinds(parts);
    soon();
  });

  async function press(button) {
    const before = parts.querySelectorAll(".clause-card").length;
    try {
      parts.innerHTML = await ask(editor.action || location.href, { "X-Part": "editor" }, button);
    } catch {
      // Without an answer in place the whole page is asked for, with all that was typed.
      button.removeAttribute("data-inplace");
      editor.requestSubmit(button.isConnected ? button : null);
      return;
    }
    for (const field of parts.querySelectorAll("input[data-date]")) new Calendar(field);
    showKinds(parts);
    const cards = parts.querySelectorAll(".clause-card");
    const at = button.value.match(/^(?:copy|tier|untier)-(\d+)/);
    const card = button.value === "add" ? cards[cards.length - 1] : at && cards[Number(at[1])];
    const wrong = parts.querySelector("[role=alert]");
    if (wrong && ["steps", "free", "index"].includes(button.value)) wrong.scrollIntoView({ block: "center" });
    else if (card && cards.length >= before) card.querySelector("input:not([type=hidden]), select").focus();
    draw();
  }

  // One after the other: a second press begins with what the first one made of the form.
  let pressed = Promise.resolve();
  editor.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || !button.matches("[data-inplace]")) return;
    event.preventDefault();
    pressed = pressed.then(() => press(button));
  });

  showKinds(parts);
  // What was typed before this file came, or stands there again after going back.
  if ([...editor.elements].some((one) => "defaultValue" in one && one.value !== one.defaultValue)) soon();
}
