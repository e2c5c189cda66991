// A heat map on a canvas: hover reads a number, click pins a cell, arrow keys move, and nothing is asked but a pin.
import {
  cells,
  colours,
  digits,
  exactDigits,
  fit,
  frame,
  hairlines,
  hear,
  ink,
  label,
  legend,
  onResize,
  pointer,
  room,
  sharpen,
  theme,
  tip,
  widest,
  write,
} from './shared.js';
import { playRow } from './sound.js';

const TALLEST = 34;
const LETTERS = 14; // pixels, unless data.letters says otherwise; what follows is for letters of this size
const WIDEST_LABEL = 110;
const SMALLEST_LABEL = 15;
const NUMBER = [38, 20]; // pixels that a number needs at least, across and down
const REST = 310; // pixels of the window that are not the map's
const ABSENT = { light: [217, 217, 217], dark: [52, 58, 64] };
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function matrix(root, { keep = () => {} } = {}) {
  const parts = frame(root);
  const { canvas, box, out } = parts;
  const self = {};
  let data;
  let values;
  let ramp;
  let inks;
  let look;
  let place;
  let picture;
  let cursor = null;
  let pin = null;
  let told = null;
  let link = hear(null);
  let group = null;
  let far = null;

  const scale = (x) => Math.min(255, Math.max(0, Math.round(((x - data.low) / (data.high - data.low || 1)) * 255)));
  const at = (row, column) => values[row * data.keys.length + column];
  const grown = (pixels) => (pixels * (data.letters ?? LETTERS)) / LETTERS;
  const number = (x) => (data.exact ? exactDigits : digits)(x, data.words);

  function paint() {
    const absent = look.dark ? ABSENT.dark : ABSENT.light;
    picture = cells(data.keys.length, data.queries.length, (row, column) => {
      const x = at(row, column);
      return Number.isFinite(x) ? ramp[scale(x)] : absent;
    });
  }

  function layout() {
    const [n, m, width] = [data.queries.length, data.keys.length, root.clientWidth];
    const pen = canvas.getContext('2d');
    pen.font = `${grown(LETTERS)}px ${look.font}`;
    const left = Math.min(Math.min(grown(WIDEST_LABEL), widest(pen, data.queries)) + 10, width * 0.3);
    const tall = Math.min(grown(WIDEST_LABEL), widest(pen, data.keys));
    const cell = Math.min((width - left - 8) / m, (room(root, data.height, REST) - 30) / n, data.largest);
    const flat = tall + 6 <= cell; // short labels stand upright
    const top = flat ? grown(LETTERS) + 10 : tall * 0.87 + 16;
    const right = flat ? 4 : Math.min(tall * 0.5 + 8, 64);
    let wide = Math.min((width - left - right) / m, data.largest);
    let high = Math.min((room(root, data.height, REST) - top - 4) / n, data.largest);
    if (data.square) {
      const most = data.numbers && high >= NUMBER[1] ? Math.max(high, NUMBER[0]) : high; // as wide as a number needs, if it can be
      [wide, high] = wide >= NUMBER[0] ? [Math.min(wide, most), Math.min(wide, high)] : [Math.min(wide, high), Math.min(wide, high)];
    } else high = Math.min(high, TALLEST);
    place = { left, top, wide, high, flat, right: left + m * wide, bottom: top + n * high, tall };
  }

  function labels(pen, texts, across) {
    const size = across ? place.wide : place.high;
    const least = grown(SMALLEST_LABEL);
    const step = Math.ceil(least / size);
    const current = cursor ?? pin ?? far;
    const chosen = current ? current[across ? 1 : 0] : -1;
    pen.textBaseline = 'middle';
    for (let i = 0; i < texts.length; i++) {
      if (i !== chosen && (i % step || (chosen >= 0 && Math.abs(i - chosen) * size < least))) continue;
      pen.fillStyle = i !== chosen ? look.text : inks[across ? 'key' : 'query'];
      pen.font = `${i === chosen ? 'bold ' : ''}${grown(LETTERS)}px ${look.font}`;
      if (across) columnLabel(pen, texts[i], place.left + (i + 0.5) * size);
      else {
        pen.textAlign = 'right';
        pen.fillText(fit(pen, texts[i], place.left - 8), place.left - 6, place.top + (i + 0.5) * size);
      }
    }
  }

  function columnLabel(pen, text, x) {
    if (place.flat) {
      pen.textAlign = 'center';
      pen.fillText(text, x, place.top - 10);
      return;
    }
    pen.save();
    pen.translate(x, place.top - 6);
    pen.rotate(-Math.PI / 3);
    pen.textAlign = 'left';
    pen.fillText(fit(pen, text, place.tall + 2), 0, 0);
    pen.restore();
  }

  function outline(pen, cell, colour, thick) {
    const [x, y] = [place.left + cell[1] * place.wide, place.top + cell[0] * place.high];
    const [w, h] = [Math.max(place.wide, 5), Math.max(place.high, 5)];
    pen.lineWidth = thick + 2;
    pen.strokeStyle = look.background;
    pen.strokeRect(x, y, w, h);
    pen.lineWidth = thick;
    pen.strokeStyle = colour;
    pen.strokeRect(x, y, w, h);
  }

  function numbers(pen) {
    if (!data.numbers || place.wide < NUMBER[0] || place.high < NUMBER[1]) return;
    const fitting = LETTERS * Math.min(place.wide / NUMBER[0], place.high / NUMBER[1]);
    pen.font = `${Math.min(grown(LETTERS), fitting)}px ${look.font}`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    for (let row = 0; row < data.queries.length; row++) {
      for (let column = 0; column < data.keys.length; column++) {
        const x = at(row, column);
        if (!Number.isFinite(x)) continue;
        pen.fillStyle = ink(ramp[scale(x)]);
        const text = Math.abs(x) >= 100 ? write(Math.round(x), 1).slice(0, -2) : write(x, Math.abs(x) >= 10 ? 1 : 2);
        pen.fillText(text, place.left + (column + 0.5) * place.wide, place.top + (row + 0.5) * place.high);
      }
    }
  }

  // What is under the pointer in a linked view.
  function band(pen) {
    if (!far || cursor) return;
    const { left, top, wide, high, right, bottom } = place;
    pen.strokeStyle = look.accent;
    pen.lineWidth = 2;
    if (far[0] >= 0) pen.strokeRect(left, top + far[0] * high, right - left, Math.max(high, 2));
    if (far[1] >= 0) pen.strokeRect(left + far[1] * wide, top, Math.max(wide, 2), bottom - top);
  }

  function draw() {
    if (!data || !root.clientWidth) return;
    layout();
    const pen = sharpen(canvas, root.clientWidth, Math.ceil(place.bottom) + 4);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, place.left, place.top, place.right - place.left, place.bottom - place.top);
    if (Math.min(place.wide, place.high) >= 8) {
      const { left: x, top: y, wide, high } = place;
      hairlines(pen, { x, y, wide, high, columns: data.keys.length, rows: data.queries.length }, look.background);
    }
    numbers(pen);
    band(pen);
    if (pin) outline(pen, pin, look.dark ? '#ffffff' : '#000000', 3);
    if (cursor) outline(pen, cursor, look.accent, 2);
    labels(pen, data.queries, false);
    labels(pen, data.keys, true);
  }

  function scaleBar() {
    const short = (x) => (Number.isInteger(x) ? String(x) : Math.abs(x) >= 100 ? x.toFixed(0) : x.toPrecision(3)).replace('-', '−');
    legend(root, parts, ramp, { name: data.words.value, low: short(data.low), high: short(data.high) });
  }

  function readout(loud) {
    const cell = cursor ?? pin;
    out.setAttribute('aria-live', loud ? 'polite' : 'off'); // a pointer passing over cells is not read aloud
    const joint = data.words.joint ?? '→';
    const sentence = cell && `${data.queries[cell[0]]} ${joint} ${data.keys[cell[1]]}: ${number(at(...cell))}`;
    out.textContent = cell ? `${sentence}${pin && !cursor ? ` (${data.words.pinned})` : ''}` : data.words.nothing;
  }

  function move(cell, loud) {
    if (String(cell) === String(cursor)) return;
    cursor = cell;
    far = null;
    link.tell(cell ? cell[0] : -1, cell ? cell[1] : -1);
    readout(loud);
    draw();
  }

  // With listening on, a row that is newly chosen is played.
  function play(row) {
    const numbers = data.keys.map((_, column) => at(row, column));
    if (data.listen) playRow(numbers, data.low, data.high);
  }

  function fix(cell) {
    if (cell) play(cell[0]);
    pin = pin && cell && String(pin) === String(cell) ? null : cell;
    told = pin ? [...pin] : [];
    keep('cell', [...(pin ?? [-1, -1]), Date.now()]);
    readout(true);
    draw();
  }

  function release() {
    move(null, false); // the linked views let go too
    box.style.display = 'none';
    if (pin) fix(null);
    else draw();
    readout(true);
  }

  function under(event) {
    const [x, y] = pointer(event, canvas);
    const [row, column] = [Math.floor((y - place.top) / place.high), Math.floor((x - place.left) / place.wide)];
    return row >= 0 && column >= 0 && row < data.queries.length && column < data.keys.length ? [row, column] : null;
  }

  function point(event) {
    const cell = under(event);
    move(cell, false);
    canvas.style.cursor = cell ? 'crosshair' : 'default';
    if (!cell) {
      box.style.display = 'none';
      return;
    }
    const { words, queries, keys } = data;
    const lines = [`${words.query}: ${queries[cell[0]]}`, `${words.key}: ${keys[cell[1]]}`, `${words.value}: ${number(at(...cell))}`];
    tip(box, root, lines, ...pointer(event, root));
  }

  function key(event) {
    const here = cursor ?? pin ?? [0, 0];
    const last = [data.queries.length - 1, data.keys.length - 1];
    const by = cursor || pin ? ARROWS[event.key] : [0, 0]; // the first arrow only enters the map
    const bounded = (i) => Math.min(last[i], Math.max(0, here[i] + by[i]));
    if (event.key in ARROWS) {
      if (!cursor || bounded(0) !== here[0]) play(bounded(0));
      move([bounded(0), bounded(1)], true);
    } else if (event.key === 'm' && !event.ctrlKey && !event.metaKey) play(here[0]);
    else if (event.key === 'Home') move([here[0], 0], true);
    else if (event.key === 'End') move([here[0], last[1]], true);
    else if (event.key === 'Enter' || event.key === ' ') fix(here);
    else if (event.key === 'Escape') release();
    else return;
    event.preventDefault();
  }

  function leave() {
    box.style.display = 'none';
    move(null, false);
  }

  canvas.addEventListener('pointermove', point);
  canvas.addEventListener('pointerleave', leave);
  canvas.addEventListener('blur', () => move(null, false));
  canvas.addEventListener('keydown', key);
  canvas.addEventListener('click', (event) => {
    const cell = under(event);
    if (cell) fix(cell);
  });
  onResize(root, () => {
    if (!data) return;
    draw();
    scaleBar();
  });

  function listen() {
    if (group === data.link) return;
    link.stop();
    group = data.link;
    link = hear(group, self, ({ row, column }) => {
      far = row < 0 && column < 0 ? null : [row, column];
      draw();
    });
  }

  return {
    update(next) {
      look = theme(root);
      data = next.meta;
      values = next.values;
      ramp = colours(look.dark ? data.dark : data.light);
      inks = look.dark ? data.inks.dark : data.inks.light;
      listen();
      // The given pin is followed when the other side has changed its mind, not when it only repeats what it was told.
      if (String(data.pinned) !== String(told)) pin = data.pinned.length ? data.pinned : null;
      told = data.pinned;
      cursor = null;
      if (pin && (pin[0] >= data.queries.length || pin[1] >= data.keys.length)) pin = null;
      label(parts.title, data.title);
      label(parts.note, data.note);
      canvas.setAttribute('aria-label', `${data.title || data.words.map}. ${data.words.keys}`);
      paint();
      draw();
      scaleBar();
      readout(false);
    },
  };
}
