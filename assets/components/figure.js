// Heat maps of a saved figure. Numbers come as float32 in base64, so what is read is exactly what was drawn.
"use strict";
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const source = document.getElementById("data");
const place = document.getElementById("maps");
const readout = document.getElementById("readout");

function element(kind, text, parent) {
  const made = document.createElement(kind);
  made.textContent = text;
  parent.appendChild(made);
  return made;
}

function heatMap(panel, small) {
  const values = new Float32Array(bytes(panel.values).buffer);
  const colours = bytes(panel.colours);
  const [rows, columns] = [panel.queries.length, panel.keys.length];
  const cell = Math.max(small ? 2 : 4, Math.min(40, Math.floor((small ? 110 : 620) / Math.max(rows, columns))));
  const named = cell >= 12;
  const figure = element("figure", "", place);
  if (panel.name) element("figcaption", panel.name, figure);
  const canvas = element("canvas", "", figure);
  const pen = canvas.getContext("2d");
  const font = `${Math.min(14, Math.max(11, cell - 2))}px system-ui, sans-serif`;
  pen.font = font;
  const widest = (names) => Math.min(160, Math.max(...names.map((name) => pen.measureText(name).width)) + 8);
  const left = named ? widest(panel.queries) : 0;
  const top = named ? widest(panel.keys) : 0;
  const [width, height] = [left + columns * cell + 2, top + rows * cell + 2];
  const sharp = window.devicePixelRatio || 1;
  canvas.width = width * sharp;
  canvas.height = height * sharp;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${panel.name || document.title}: ${panel.legend}, ${rows} × ${columns}`);
  let at = null;

  function colour(value) {
    if (!Number.isFinite(value)) return "#d9d9d9";
    const share = Math.min(1, Math.max(0, (value - panel.low) / (panel.high - panel.low)));
    const i = 3 * Math.round(share * 255);
    return `rgb(${colours[i]},${colours[i + 1]},${colours[i + 2]})`;
  }

  function draw() {
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.clearRect(0, 0, width, height);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) {
        pen.fillStyle = colour(values[r * columns + c]);
        pen.fillRect(left + c * cell, top + r * cell, cell - (named ? 1 : 0), cell - (named ? 1 : 0));
      }
    if (named) {
      pen.font = font;
      pen.fillStyle = getComputedStyle(document.body).color;
      pen.textBaseline = "middle";
      pen.textAlign = "right";
      panel.queries.forEach((name, r) => pen.fillText(name, left - 6, top + (r + 0.5) * cell, left - 8));
      pen.textAlign = "left";
      panel.keys.forEach((name, c) => {
        pen.save();
        pen.translate(left + (c + 0.5) * cell, top - 6);
        pen.rotate(-Math.PI / 2);
        pen.fillText(name, 0, 0, top - 8);
        pen.restore();
      });
    }
    if (at) {
      pen.strokeStyle = "#d55e00";
      pen.lineWidth = 2;
      pen.strokeRect(left + at[1] * cell, top + at[0] * cell, cell, cell);
    }
  }

  function go(row, column) {
    at = [Math.min(rows - 1, Math.max(0, row)), Math.min(columns - 1, Math.max(0, column))];
    const value = values[at[0] * columns + at[1]];
    const shown = Number.isFinite(value) ? String(Number(value.toPrecision(7))) : "–";
    const which = `${place.dataset.query} ${panel.queries[at[0]]} → ${place.dataset.key} ${panel.keys[at[1]]}`;
    readout.textContent = `${panel.name ? panel.name + ": " : ""}${which}: ${shown}`;
    draw();
  }

  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top - top) / cell);
    const column = Math.floor((event.clientX - box.left - left) / cell);
    if (row >= 0 && column >= 0 && row < rows && column < columns) go(row, column);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    at ? go(at[0] + step[0], at[1] + step[1]) : go(0, 0);
  });
  if (!small) {
    const bar = element("div", "", figure);
    bar.className = "bar";
    element("span", `${panel.legend} ${Number(panel.low.toPrecision(3))}`, bar);
    const ramp = element("i", "", bar);
    const stops = [0, 32, 64, 96, 128, 160, 192, 224, 255].map((i) => `rgb(${colours.slice(3 * i, 3 * i + 3).join(",")})`);
    ramp.style.background = `linear-gradient(to right, ${stops.join(",")})`;
    element("span", String(Number(panel.high.toPrecision(3))), bar);
  }
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

if (source) {
  const { panels } = JSON.parse(source.textContent);
  panels.forEach((panel) => heatMap(panel, panels.length > 3));
}
