// A calendar for date fields in the page's own language. The field itself stays plain text
// (2026-03-01), so that it can be typed, pasted and read without this file.
"use strict";

const language = document.documentElement.lang;
const monthWords = new Intl.DateTimeFormat(language, { year: "numeric", month: "long", timeZone: "UTC" });
const dayWords = new Intl.DateTimeFormat(language, { weekday: "narrow", timeZone: "UTC" });
const fullWords = new Intl.DateTimeFormat(language, { dateStyle: "full", timeZone: "UTC" });

const iso = (day) => day.toISOString().slice(0, 10);
const parse = (text) => (/^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : null);
const plus = (day, count) => new Date(day.getTime() + count * 86400000);
const monthFirst = (day, shift) => new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + shift, 1));

function button(text, label, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

class Calendar {
  constructor(field) {
    this.field = field;
    this.box = document.createElement("div");
    this.box.className = "calendar";
    this.box.hidden = true;
    this.box.setAttribute("role", "dialog");
    field.parentElement.classList.add("has-calendar");
    field.after(this.box);
    field.addEventListener("focus", () => this.open());
    field.addEventListener("click", () => this.open());
    field.addEventListener("keydown", (event) => this.key(event));
    field.addEventListener("input", () => this.open());
    document.addEventListener("pointerdown", (event) => {
      if (!this.box.contains(event.target) && event.target !== field) this.close();
    });
    // A click in the calendar leaves the focus where it is; whoever goes on to another field
    // leaves the calendar too.
    this.box.addEventListener("mousedown", (event) => event.preventDefault());
    for (const part of [this.box, field]) {
      part.addEventListener("focusout", (event) => {
        if (!this.box.contains(event.relatedTarget) && event.relatedTarget !== field) this.close();
      });
    }
  }

  open() {
    const chosen = parse(this.field.value);
    this.shown = monthFirst(chosen ?? new Date(), 0);
    this.box.hidden = false;
    this.draw();
    // Where there is no room below, above: a page that grows for it would jump when it closes.
    const place = this.field.getBoundingClientRect();
    const height = this.box.offsetHeight + 8;
    const isAbove = innerHeight - place.bottom < height && place.top > height;
    this.box.classList.toggle("is-above", isAbove);
  }

  close() {
    this.box.hidden = true;
  }

  key(event) {
    if (event.key === "Escape") this.close();
    const chosen = parse(this.field.value);
    const steps = { ArrowUp: 1, ArrowDown: -1 };
    if (chosen && event.key in steps) {
      event.preventDefault();
      this.field.value = iso(plus(chosen, steps[event.key]));
      this.open();
    }
  }

  choose(day) {
    this.field.value = iso(day);
    this.field.focus();
    this.close();
    this.field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  draw() {
    const head = document.createElement("div");
    head.className = "calendar-head";
    const title = document.createElement("span");
    title.textContent = monthWords.format(this.shown);
    const turn = (shift) => () => {
      this.shown = monthFirst(this.shown, shift);
      this.draw();
    };
    head.append(
      button("‹", monthWords.format(monthFirst(this.shown, -1)), turn(-1)),
      title,
      button("›", monthWords.format(monthFirst(this.shown, 1)), turn(1)),
    );
    const grid = document.createElement("div");
    grid.className = "calendar-days";
    const first = plus(this.shown, -((this.shown.getUTCDay() + 6) % 7));
    for (let at = 0; at < 7; at += 1) {
      const name = document.createElement("span");
      name.textContent = dayWords.format(plus(first, at));
      grid.append(name);
    }
    for (let at = 0; at < 42; at += 1) {
      const day = plus(first, at);
      const cell = button(String(day.getUTCDate()), fullWords.format(day), () => this.choose(day));
      if (day.getUTCMonth() !== this.shown.getUTCMonth()) cell.className = "outside";
      if (iso(day) === this.field.value) cell.setAttribute("aria-current", "date");
      grid.append(cell);
    }
    this.box.replaceChildren(head, grid);
  }
}

for (const field of document.querySelectorAll("input[data-date]")) new Calendar(field);
