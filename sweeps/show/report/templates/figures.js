"use strict";
document.documentElement.dataset.scripts = "on";

// A canvas and a chart need colours as values; the style sheet has them by name.
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const onScheme = (redraw) => matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// Draws the charts in the page's own colours: each when it comes into sight, again when the reader's scheme changes.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const places = [...document.querySelectorAll("[data-figure]")];
  const drawn = new Set();
  const coloured = (node) => {
    if (typeof node === "string") {
      const name = /^var\((--[a-z0-9-]+)\)$/.exec(node);
      return name ? colourOf(name[1]) : node;
    }
    if (Array.isArray(node)) return node.map(coloured);
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, coloured(item)]));
  };
  const draw = (place) => {
    const { data, layout } = coloured(figures[place.dataset.figure]);
    Plotly.react(place, data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
    place.dataset.drawn = place.dataset.figure;
    drawn.add(place);
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  places.forEach((place) => seen.observe(place));
  onScheme(() => drawn.forEach(draw));
  addEventListener("beforeprint", () => places.forEach(draw));

  document.querySelectorAll("select[data-pair]").forEach((select) => {
    const place = select.closest("figure").querySelector("[data-figure]");
    select.addEventListener("change", () => {
      place.dataset.figure = select.value;
      place.setAttribute("aria-label", select.selectedOptions[0].textContent);
      draw(place);
    });
  });
})();
