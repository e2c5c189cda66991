// What every component needs, and what a component is.
//
// A component is one function with the name of its file, and knows neither Streamlit nor any other host:
//
//   import { matrix } from './matrix.js';
//   const map = matrix(root, { keep, tell });
//   map.update({ values, meta });
//
// root: an empty element of any width, which the component fills and redraws when its size changes.
// update: draws this data, now and again whenever it or the colours of the page change. Everything that is drawn and written is given:
//   values (the walk has drawn, terms and row instead): a typed array, row after row;
//   meta: plain JSON. Labels and limits, `words` (every sentence the component writes), and the palette: `light` and `dark`, a ramp
//   each of 256 colours in six hexadecimal digits, and `inks`, the hues of roles and heads that can be read on a light page and on
//   a dark one. attnlab/figures/canvases.py makes it, a function a component.
// keep(name, value): a choice that stands until the next one (matrix: cell, lines: heads, overview: at, chips: off, decoder: step).
// tell(name, value): something that happens once (mosaic: head, decoder: force and word, steps: go, table: follow).
// Both are optional. A third option, keys, is the element whose key presses move a player: root itself unless the host says document.
// Colours of the page are CSS properties of root: --ink, --paper, --edge, --accent, --second and --letters, its font.
//
// A host puts a component into a page, and turns its numbers into typed arrays and its choices into what the other side reads:
// hosts/streamlit.js for the app, hosts/notebook.js for Jupyter and marimo, hosts/page.js for a file that is opened from a disk.
// A page that a server sends needs none: these files are modules as they stand, with shared.css and hosts/page.css beside them.
// Where one text is wanted (figures/components.py), the files are put one behind the other and the words import and export go; two
// files that are put together must therefore not declare the same name.

// An element with properties and children. Text only, never markup: tokens are written by strangers.
export function make(tag, more = {}, ...children) {
  const element = Object.assign(document.createElement(tag), more);
  element.append(...children);
  return element;
}

// "0a1b2c…" to [[r, g, b], …]
export function colours(hex) {
  const out = [];
  for (let i = 0; i < hex.length; i += 6) out.push([0, 2, 4].map((j) => parseInt(hex.slice(i + j, i + j + 2), 16)));
  return out;
}

export const css = ([red, green, blue]) => `rgb(${red},${green},${blue})`;

// Letters that can be read on a colour: black or white, whichever is further from it. With these two it is always 4.5 to 1.
const linear = (x) => (x <= 10 ? x / 3294.6 : ((x / 255 + 0.055) / 1.055) ** 2.4);
export const ink = ([red, green, blue]) =>
  0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) > 0.179 ? '#000' : '#fff';

// The page's own colours, and whether they are dark. element: anything inside the component.
export function theme(element) {
  const style = getComputedStyle(element);
  const read = (name, other) => style.getPropertyValue(name).trim() || other;
  const background = read('--paper', '#ffffff');
  const pen = document.createElement('canvas').getContext('2d');
  pen.fillStyle = background; // the browser writes any colour as #rrggbb
  const light = colours(pen.fillStyle.slice(1, 7))[0].reduce((sum, x) => sum + x, 0) / 765;
  return {
    dark: light < 0.5,
    background,
    text: read('--ink', '#1a1a1a'),
    line: read('--edge', '#ccd'),
    accent: read('--accent', '#0072b2'),
    font: read('--letters', 'sans-serif'),
    second: read('--second', '#f3f5f8'),
  };
}

// How many times larger than usual the visitor wants to see this (the property --scale of root).
export const zoomed = (element) => element.currentCSSZoom ?? 1;

// A canvas as sharp as the screen. Drawing goes on in CSS pixels.
export function sharpen(canvas, width, height) {
  const dense = (window.devicePixelRatio || 1) * zoomed(canvas);
  canvas.width = Math.max(1, Math.round(width * dense));
  canvas.height = Math.max(1, Math.round(height * dense));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext('2d');
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  return pen;
}

// Cells as a small canvas, one pixel each, to be drawn at any size without smoothing. colour(row, column): [red, green, blue] and,
// where it is not opaque, alpha, each up to 255.
export function cells(columns, rows, colour) {
  const picture = make('canvas', { width: columns, height: rows });
  const pen = picture.getContext('2d');
  const image = pen.createImageData(columns, rows);
  const pixels = image.data;
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [red, green, blue, alpha = 255] = colour(row, column);
      pixels[at++] = red;
      pixels[at++] = green;
      pixels[at++] = blue;
      pixels[at++] = alpha;
    }
  }
  pen.putImageData(image, 0, 0);
  return picture;
}

// Lines between cells, so that they can be counted. at: x, y of the first, wide and high of each, columns and rows.
export function hairlines(pen, { x, y, wide, high, columns, rows }, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = 0.5;
  pen.beginPath();
  for (let column = 0; column <= columns; column++) {
    pen.moveTo(x + column * wide, y);
    pen.lineTo(x + column * wide, y + rows * high);
  }
  for (let row = 0; row <= rows; row++) {
    pen.moveTo(x, y + row * high);
    pen.lineTo(x + columns * wide, y + row * high);
  }
  pen.stroke();
}

// The text, or as much of it as fits with an ellipsis. Whole characters only.
export function fit(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  const letters = Array.from(text);
  let low = 0;
  let high = letters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(`${letters.slice(0, middle).join('')}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return `${letters.slice(0, low).join('')}…`;
}

// The widest of some labels, in pixels.
export const widest = (pen, texts) => texts.reduce((most, text) => Math.max(most, pen.measureText(text.slice(0, 40)).width), 0);

// Exactly as many digits as are worth reading: 4 decimals up to 1, 4 significant digits beyond or far below.
export function digits(x, words) {
  if (Number.isNaN(x)) return words.masked;
  if (!Number.isFinite(x)) return x < 0 ? `−∞ (${words.masked})` : '∞';
  const size = Math.abs(x);
  const text = size !== 0 && (size < 0.0001 || size >= 1e5) ? x.toExponential(2) : size >= 10 ? x.toPrecision(5) : x.toFixed(4);
  return text.replace('-', '−');
}

// The shortest digits that are this float32 and no other.
export function exactDigits(x, words) {
  if (!Number.isFinite(x)) return digits(x, words);
  let places = 1;
  while (places < 9 && Math.fround(Number(x.toPrecision(places))) !== Math.fround(x)) places++;
  return String(Number(x.toPrecision(places))).replaceAll('-', '−');
}

// A number with so many decimals, 0 meaning scientific; nothing is minus zero.
export function write(x, places) {
  if (Number.isNaN(x)) return '–';
  if (!Number.isFinite(x)) return x < 0 ? '−∞' : '∞';
  const text = places ? x.toFixed(places) : x.toExponential(3);
  return (Number(text) === 0 && places ? text.replace('-', '') : text).replace('-', '−');
}

// Components that name the same group hear each other's hover. Nothing of it leaves the page.
export function hear(group, self, listener) {
  if (!group) return { tell() {}, stop() {} };
  const handler = (event) => {
    if (event.detail.group === group && event.detail.self !== self) listener(event.detail);
  };
  window.addEventListener('attnlab-hover', handler);
  return {
    tell: (row, column) => window.dispatchEvent(new CustomEvent('attnlab-hover', { detail: { group, self, row, column } })),
    stop: () => window.removeEventListener('attnlab-hover', handler),
  };
}

// Key presses, wherever they are listened for, until the component has left the page.
export function onKeys(root, element, listener) {
  const handler = (event) => (root.isConnected ? listener(event) : element.removeEventListener('keydown', handler));
  element.addEventListener('keydown', handler);
}

// Buttons of one box as one stop of the keyboard; arrow keys, Home and End move in it. columns: how many stand in a line. Returns what
// is to be called when the buttons have changed.
export function rove(box, columns = () => 1) {
  const all = () => [...box.querySelectorAll('button:not(:disabled)')];
  function settle(chosen) {
    const buttons = all();
    const stop = buttons.includes(chosen) ? chosen : (buttons.find((one) => one.getAttribute('aria-pressed') === 'true') ?? buttons[0]);
    for (const each of buttons) each.tabIndex = each === stop ? 0 : -1;
  }
  box.addEventListener('focusin', (event) => settle(event.target));
  box.addEventListener('keydown', (event) => {
    const buttons = all();
    const here = buttons.indexOf(event.target);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns(), Home: -here, End: buttons.length }[event.key];
    if (here < 0 || by === undefined || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation(); // outside the box the same keys may do something else
    buttons[Math.min(Math.max(here + by, 0), buttons.length - 1)].focus();
  });
  return settle;
}

// Calls draw whenever the component has another width.
export function onResize(root, draw) {
  let width = root.clientWidth;
  new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    draw();
  }).observe(root);
}

// The parts that a picture stands in: title, canvas, legend and readout, note, and a box beside the pointer. more: what else, by place.
export function frame(root, { above = [], scroll = null, legend = true, inBox = null } = {}) {
  const parts = {
    title: make('div', { className: 'title' }),
    canvas: make('canvas', { className: 'map', tabIndex: 0 }),
    name: make('span', { className: 'name' }),
    low: make('span', { className: 'low' }),
    bar: make('canvas', { className: 'bar', ariaHidden: 'true' }),
    high: make('span', { className: 'high' }),
    out: make('output'),
    note: make('p', { className: 'note' }),
    box: make('div', { className: inBox ? 'tip large' : 'tip' }, ...(inBox ?? [])),
  };
  parts.canvas.setAttribute('role', 'application');
  const scale = make('span', { className: 'legend' }, parts.name, parts.low, parts.bar, parts.high);
  const foot = make('div', { className: 'foot' }, ...(legend ? [scale] : []), parts.out);
  if (scroll) scroll.append(parts.canvas);
  root.classList.add('frame');
  root.replaceChildren(parts.title, ...above, scroll ?? parts.canvas, foot, parts.note, parts.box);
  return parts;
}

// A line of text that is not there when it is empty.
export function label(element, text) {
  element.textContent = text;
  element.style.display = text ? '' : 'none';
}

// The colours from low to high, with what one number is called.
export function legend(root, parts, ramp, { name, low, high }) {
  const wide = Math.min(180, root.clientWidth * 0.3);
  strip(parts.bar, ramp, wide);
  parts.name.textContent = name;
  parts.low.textContent = low;
  parts.high.textContent = high;
}

export function strip(bar, ramp, wide) {
  const pen = sharpen(bar, wide, 12);
  pen.drawImage(
    cells(256, 1, (_, i) => ramp[i]),
    0,
    0,
    wide,
    12,
  );
}

// A little box beside the pointer.
export function tip(box, frame, lines, x, y) {
  box.replaceChildren(...lines.map((line) => make('div', { textContent: line })));
  box.style.display = 'block';
  const wide = frame.clientWidth;
  const w = box.offsetWidth;
  const h = box.offsetHeight;
  box.style.left = `${Math.max(0, x + 16 + w > wide ? x - w - 12 : x + 16)}px`;
  box.style.top = `${Math.max(0, y - h - 10 < 0 ? y + 18 : y - h - 10)}px`;
}

// How tall a picture may be: what the data says, else what leaves room for the controls above and the readout below it.
export const room = (root, height, rest) => height ?? Math.max(280, window.innerHeight / zoomed(root) - rest);

// Where the pointer is in an element, in its own pixels.
export function pointer(event, element) {
  const edge = element.getBoundingClientRect();
  return [event.clientX - edge.left, event.clientY - edge.top].map((x) => x / zoomed(element));
}
