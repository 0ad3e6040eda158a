"use strict";
// Draws the figures in the page's own colours, again when the reader's scheme changes.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const coloured = (node, style) => {
    if (typeof node === "string") {
      const name = /^var\((--[a-z0-9-]+)\)$/.exec(node);
      return name ? style.getPropertyValue(name[1]).trim() : node;
    }
    if (Array.isArray(node)) return node.map((item) => coloured(item, style));
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, coloured(item, style)]));
  };
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    figures.forEach((figure, index) => {
      const { data, layout } = coloured(figure, style);
      const place = document.getElementById(`plot-${index}`);
      Plotly.react(place, data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
    });
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
