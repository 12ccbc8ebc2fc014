// What is wrong with the page for somebody with a keyboard, a screen reader or weak eyes: a list
// of sentences, empty when nothing is. Called with whether the page is for a thumb.
(isPhone) => {
  const faults = [];
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && !e.closest(".visually-hidden, .skip, [aria-hidden=true]");
  const what = (e) => e.outerHTML.replace(/\s+/g, " ").slice(0, 100);
  const name = (e) => [
    e.getAttribute("aria-label"), e.title, ...[...(e.labels ?? [])].map((l) => l.textContent),
    ...(e.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean)
      .map((id) => document.getElementById(id)?.textContent),
    e.matches("a, button, summary") ? e.textContent : "",
  ].some((text) => text && text.trim());

  if (!document.documentElement.lang) faults.push("html has no lang");
  if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  for (const nav of document.querySelectorAll("nav")) {
    if (!nav.getAttribute("aria-label")) faults.push(`nav without a name: ${what(nav)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) {
    faults.push(`id twice: ${id}`);
  }
  for (const e of document.querySelectorAll("a, button, summary, input:not([type=hidden]), select, [role=img]")) {
    if (!name(e)) faults.push(`without a name: ${what(e)}`);
  }
  for (const e of document.querySelectorAll("img:not([alt])")) faults.push(`img without alt: ${what(e)}`);
  for (const e of document.querySelectorAll("th:not([scope])")) faults.push(`th without scope: ${what(e)}`);
  let level = 1;
  for (const h of document.querySelectorAll("h1, h2, h3, h4")) {
    const own = Number(h.tagName[1]);
    if (own > level + 1) faults.push(`heading skips a level: ${what(h)}`);
    level = own;
  }

  // Contrast of text on what is behind it, where that is a plain colour (WCAG 1.4.3).
  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0.9) return colour;
    }
    return [255, 255, 255, 1];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !shown(e) || e.closest("script, option")) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(rgba(style.color)), light(ground(e))].sort((x, y) => y - x);
    const isLarge = parseFloat(style.fontSize) >= 24
      || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (isLarge ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)}: ${what(e)}`);
  }

  // What can be pressed can be pressed with a thumb, links in running text aside (WCAG 2.5.8).
  if (isPhone) {
    for (const e of document.querySelectorAll("button, select, nav a, .btn, .places a, input:not([type=hidden])")) {
      const box = e.getBoundingClientRect();
      if (shown(e) && box.height && (box.height < 40 || box.width < 40)) {
        faults.push(`${Math.round(box.width)}×${Math.round(box.height)} px: ${what(e)}`);
      }
    }
  }

  // Whoever walks by keyboard sees where they are.
  for (const e of document.querySelectorAll("a[href], button, select, input:not([type=hidden]), summary")) {
    if (!shown(e)) continue;
    e.focus({ focusVisible: true });
    if (document.activeElement !== e) continue;
    const style = getComputedStyle(e);
    const isMarked = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
      || style.boxShadow !== "none";
    if (!isMarked) faults.push(`focus is not seen: ${what(e)}`);
  }
  document.activeElement?.blur();
  return faults;
}
