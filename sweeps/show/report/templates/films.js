// Samples over training: one slider for all arms; a trial by its role, a seed by its number.
(() => {
  const films = JSON.parse(document.getElementById("films").textContent);
  if (!films) return;
  const at = (id) => document.getElementById(id);
  const [slider, role, seed, play, told] = ["step", "role", "seed", "play", "at"].map((id) => at(`samples-${id}`));
  const figures = document.querySelectorAll("#samples figure.film"); // one an arm, in their order: a name may be anything
  const arms = films.arms.map((arm, k) => ({ ...arm, figure: figures[k] }));
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const pictures = new Map();
  const picture = (uri, use) => {
    if (!pictures.has(uri)) {
      const image = new Image();
      image.src = uri;
      pictures.set(uri, image.decode().then(() => image));
    }
    pictures.get(uri).then(use, () => undefined);
  };
  const decoded = new Map();
  const pointsOf = (text) => {
    if (!decoded.has(text)) decoded.set(text, bytes(text));
    return decoded.get(text);
  };
  const seedsShown = (film) => (seed.value === "" ? film.seeds.map((_, k) => k) : [Math.min(+seed.value, film.seeds.length - 1)]);
  const frameAt = (film, step) => {
    let found = 0;
    film.steps.forEach((own, k) => { if (own <= step) found = k; });
    return found;
  };

  // The data's density as a picture in the ink's colour, made once a scheme.
  let shade = null;
  const density = () => {
    if (shade || !films.density) return shade;
    const { side, cells } = films.density;
    const values = bytes(cells);
    const context = Object.assign(document.createElement("canvas"), { width: side, height: side }).getContext("2d");
    context.fillStyle = colourOf("--ink");
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
    const image = context.createImageData(side, side);
    values.forEach((value, k) => {
      const place = 4 * ((side - 1 - Math.floor(k / side)) * side + (k % side));
      image.data.set([red, green, blue, value * 0.35], place);
    });
    context.putImageData(image, 0, 0);
    shade = context.canvas;
    return shade;
  };

  const drawPoints = (context, colour, text, x, y, size) => {
    context.drawImage(density(), x, y, size, size);
    context.strokeStyle = colourOf("--quiet");
    context.lineWidth = 1;
    context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
    for (const [across, up] of films.density.centres) {
      context.beginPath();
      context.arc(x + across * size, y + (1 - up) * size, Math.max(2, size / 40), 0, 7);
      context.stroke();
    }
    const values = pointsOf(text);
    const dot = Math.min(3, Math.max(0.8, size / films.tile * 0.7)); // a radius
    context.fillStyle = colour;
    for (let k = 0; k < values.length; k += 3) {
      context.globalAlpha = Math.min(1, 0.35 + 0.2 * values[k + 2]);
      context.beginPath();
      context.arc(x + (values[k] + 0.5) / films.tile * size, y + (1 - (values[k + 1] + 0.5) / films.tile) * size, dot, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
  };

  // Pictures: the whole sheet, or one seed's row folded into a square.
  const drawPictures = (canvas, film, frame, chosen) => {
    picture(film.frames[frame], (image) => {
      const high = image.naturalHeight / film.rows;
      const wide = image.naturalWidth / film.columns;
      const folded = chosen.length === 1 ? Math.ceil(Math.sqrt(film.columns)) : film.columns;
      const lines = chosen.length === 1 ? Math.ceil(film.columns / folded) : chosen.length;
      canvas.width = Math.round(folded * wide);
      canvas.height = Math.round(lines * high);
      const context = canvas.getContext("2d");
      if (chosen.length > 1) return context.drawImage(image, 0, 0);
      for (let k = 0; k < film.columns; k += 1) {
        context.drawImage(image, k * wide, chosen[0] * high, wide, high, (k % folded) * wide, Math.floor(k / folded) * high, wide, high);
      }
      return undefined;
    });
  };

  const drawTiles = (canvas, film, frame, chosen, colour, unit) => {
    const columns = Math.min(4, chosen.length);
    const size = unit / columns;
    canvas.width = unit;
    canvas.height = size * Math.ceil(chosen.length / columns);
    const context = canvas.getContext("2d");
    chosen.forEach((k, place) => {
      drawPoints(context, colour, film.frames[frame][k], (place % columns) * size + 2, Math.floor(place / columns) * size + 2, size - 4);
    });
  };

  const drawOrbits = (canvas, film, share, chosen, colour) => {
    const { x, y, arrows, solution } = films.field;
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    const place = ([a, b]) => [(a - x[0]) / (x[1] - x[0]) * width, (1 - (b - y[0]) / (y[1] - y[0])) * height];
    context.clearRect(0, 0, width, height);
    context.strokeStyle = context.fillStyle = colourOf("--quiet");
    context.lineWidth = 1.4;
    context.globalAlpha = 0.7;
    const scale = width / Math.sqrt(arrows.length) * 0.9;
    for (const [a, b, across, up] of arrows) {
      const [px, py] = place([a, b]);
      const length = Math.hypot(across, up);
      if (!(length > 0)) continue;
      const own = scale * (0.35 + 0.65 * length) / length;
      const [ex, ey] = [px + across * own, py - up * own];
      const turn = Math.atan2(ey - py, ex - px);
      context.beginPath();
      context.moveTo(px, py);
      context.lineTo(ex, ey);
      for (const side of [2.6, -2.6]) {
        context.moveTo(ex, ey);
        context.lineTo(ex + 6 * Math.cos(turn + side), ey + 6 * Math.sin(turn + side));
      }
      context.stroke();
    }
    context.globalAlpha = 1;
    if (solution) {
      const [px, py] = place(solution);
      context.lineWidth = 2.5;
      context.strokeStyle = colourOf("--ink");
      context.beginPath();
      context.arc(px, py, 9, 0, 7);
      context.stroke();
    }
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 1.5;
    const last = Math.round(share / 100 * (film.steps.length - 1));
    for (const k of chosen) {
      const path = film.paths[k].slice(0, last + 1).filter((point) => point !== null);
      context.globalAlpha = chosen.length > 1 ? 0.75 : 1;
      context.beginPath();
      path.forEach((point, step) => (step ? context.lineTo(...place(point)) : context.moveTo(...place(point))));
      context.stroke();
      context.beginPath();
      context.arc(...place(path[0]), 5, 0, 7);
      context.stroke();
      context.beginPath();
      context.arc(...place(path[path.length - 1]), 5, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
  };

  const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: 4 });
  const drawArm = (arm) => {
    const film = arm.films.find((each) => each.role === role.value);
    const canvas = arm.figure.querySelector("canvas");
    const caption = arm.figure.querySelector("[data-caption]");
    const strip = arm.figure.querySelector(".strip");
    arm.figure.classList.toggle("none", !film);
    if (!film) {
      caption.textContent = `no ${role.value}`;
      return;
    }
    const chosen = seedsShown(film);
    const colour = colourOf(`--arm-${arm.colour}`);
    const which = chosen.length === 1 ? `seed ${film.seeds[chosen[0]]}` : `${film.seeds.length} of its seeds`;
    let when;
    if (films.kind === "orbits") {
      drawOrbits(canvas, film, +slider.value, chosen, colour);
      when = `step ${number(film.steps[Math.round(slider.value / 100 * (film.steps.length - 1))])} of ${number(film.steps[film.steps.length - 1])}`;
    } else {
      const frame = frameAt(film, films.steps[slider.value]);
      when = `${number(film.steps[frame])} field units${film.told[frame] ? `: ${film.told[frame]}` : ""}`;
      if (films.kind === "points") drawTiles(canvas, film, frame, chosen, colour, 640);
      else drawPictures(canvas, film, frame, chosen);
      drawStrip(arm, film, strip, chosen[0], frame, colour);
    }
    caption.textContent = `${film.trial}, ${which}, ${when}. ${film.setting}`;
    canvas.setAttribute("aria-label", caption.textContent);
  };

  // A small picture a report, of one seed; a click moves the slider there. Buttons stay, whatever they show.
  const frameButton = () => {
    const [item, button, small, label] = ["li", "button", "canvas", "span"].map((tag) => document.createElement(tag));
    button.type = "button";
    button.append(small, label);
    button.addEventListener("click", () => {
      stop();
      slider.value = films.steps.indexOf(Number(button.dataset.step));
      draw();
    });
    item.append(button);
    return item;
  };
  const drawStrip = (arm, film, strip, own, now, colour) => {
    while (strip.children.length < film.steps.length) strip.append(frameButton());
    const key = `${film.trial}/${own}/${colour}`;
    const fresh = strip.dataset.film !== key;
    strip.dataset.film = key;
    [...strip.children].forEach((item, k) => {
      const button = item.firstChild;
      item.hidden = k >= film.steps.length;
      button.setAttribute("aria-current", k === now ? "step" : "false");
      if (item.hidden || !fresh) return;
      button.dataset.step = film.steps[k];
      button.setAttribute("aria-label", `${arm.arm} at ${number(film.steps[k])} field units`);
      button.lastChild.textContent = number(film.steps[k]);
      if (films.kind === "points") drawTiles(button.firstChild, film, k, [own], colour, 96);
      else drawPictures(button.firstChild, film, k, [own]);
    });
  };

  const draw = () => {
    const step = films.steps[slider.value];
    told.textContent = films.kind === "orbits" ? `${step}%` : `${number(step)} field units`;
    slider.setAttribute("aria-valuetext", told.textContent);
    arms.forEach(drawArm);
  };
  let playing = 0;
  const stop = () => {
    clearInterval(playing);
    playing = 0;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  };
  play.addEventListener("click", () => {
    if (playing) return stop();
    if (slider.value === slider.max) slider.value = 0;
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    playing = setInterval(() => {
      slider.stepUp();
      draw();
      if (slider.value === slider.max) stop();
    }, films.kind === "orbits" ? 60 : 500);
    return draw();
  });
  slider.addEventListener("input", () => { stop(); draw(); });
  [role, seed].forEach((control) => control.addEventListener("change", draw));
  role.form.addEventListener("submit", (event) => event.preventDefault());
  onScheme(() => { shade = null; draw(); });
  draw();
})();
