"use strict";
// Draws the figures in the page's own colours: each when it comes into sight, again when the reader's scheme changes.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const drawn = new Set();
  const coloured = (node, style) => {
    if (typeof node === "string") {
      const name = /^var\((--[a-z0-9-]+)\)$/.exec(node);
      return name ? style.getPropertyValue(name[1]).trim() : node;
    }
    if (Array.isArray(node)) return node.map((item) => coloured(item, style));
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, coloured(item, style)]));
  };
  const draw = (place) => {
    const { data, layout } = coloured(figures[place.dataset.figure], getComputedStyle(document.documentElement));
    Plotly.react(place, data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
    drawn.add(place);
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll("[data-figure]").forEach((place) => seen.observe(place));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));
  addEventListener("beforeprint", () => document.querySelectorAll("[data-figure]").forEach(draw));
})();
