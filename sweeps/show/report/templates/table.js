// The table of trials: sorted by any column, filtered by words, bounds and what a trial is.
(() => {
  const table = document.getElementById("trial-table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const seen = (row) => [...row.cells].map((cell) => (cell.querySelector("details") ? "" : cell.textContent)).join(" ");
  const texts = new Map(rows.map((row) => [row, seen(row).toLowerCase()])); // not what is folded: a spec has every word
  const count = document.getElementById("trials-count");
  const filter = document.getElementById("trials-filter");
  const selects = ["arm", "kind", "state"].map((name) => [name, document.getElementById(`trials-${name}`)]).filter(([, select]) => select);
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value === undefined) return cell.textContent.trim().toLowerCase();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };

  // `lr < 0.001` compares with the column of that name; every other word must be somewhere in the row.
  const bound = /([^\s<>=]+)\s*(<=|>=|<|>|=)\s*(-?[\d.]+(?:e[-+]?\d+)?%?)/gi;
  const named = new Map(heads.map((head, column) => [head.textContent.trim().toLowerCase(), column]));
  const holds = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "=": (a, b) => a === b };
  const asked = () => {
    const bounds = [];
    const words = filter.value.toLowerCase().replace(bound, (all, name, sign, value) => {
      if (!named.has(name)) return all;
      bounds.push([named.get(name), sign, value.endsWith("%") ? parseFloat(value) / 100 : parseFloat(value)]);
      return " ";
    }).split(/\s+/).filter(Boolean);
    return (row) => words.every((word) => texts.get(row).includes(word)) && bounds.every(([column, sign, value]) => {
      const own = valueOf(row, column);
      return typeof own === "number" && holds[sign](own, value);
    });
  };
  const show = () => {
    const fits = asked();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !(selects.every(([name, select]) => !select.value || row.dataset[name] === select.value) && fits(row));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length} trials`;
  };
  const sort = (column) => {
    const up = heads[column].getAttribute("aria-sort") !== "ascending";
    heads.forEach((head, k) => (k === column ? head.setAttribute("aria-sort", up ? "ascending" : "descending") : head.removeAttribute("aria-sort")));
    const keyed = rows.map((row, k) => [valueOf(row, column), k, row]);
    keyed.sort(([a, i], [b, j]) => {
      if (a === null || b === null) return (a === null) - (b === null) || i - j; // what has no value comes last
      const order = typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
      return (up ? order : -order) || i - j;
    });
    body.append(...keyed.map(([, , row]) => row));
  };
  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => sort(column)));
  // What a row unfolds is wider than what shows of the table: it is brought into sight.
  body.addEventListener("click", ({ target }) => {
    const folded = target.closest("summary")?.parentElement;
    if (folded) setTimeout(() => folded.open && folded.scrollIntoView({ block: "nearest", inline: "nearest" }));
  });
  filter.addEventListener("input", show);
  selects.forEach(([, select]) => select.addEventListener("change", show));
  filter.form.addEventListener("submit", (event) => event.preventDefault());
})();
