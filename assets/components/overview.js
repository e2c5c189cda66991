// A long text, pooled in blocks, with a frame that says where the exact lens is. Hover moves the lens, click leaves it there.
import { cells, colours, digits, frame, label, legend, onResize, pointer, room, sharpen, theme } from './shared.js';

const QUIET = 70; // milliseconds: a pointer on its way asks for nothing

export function overview(root, { keep = () => {} } = {}) {
  const parts = frame(root);
  const { canvas, out } = parts;
  let data;
  let values;
  let ramp;
  let look;
  let place;
  let picture;
  let at = [0, 0];
  let home = [0, 0];
  let told = '';
  let timer = 0;

  const paint = () => {
    picture = cells(data.across, data.down, (row, column) => ramp[values[row * data.across + column]]);
  };

  function draw() {
    if (!data || !root.clientWidth) return;
    const scale = Math.min(root.clientWidth / data.n_k, room(root, data.height, 340) / data.n_q);
    place = { scale, wide: data.n_k * scale, high: data.n_q * scale };
    const pen = sharpen(canvas, place.wide, place.high);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, 0, 0, place.wide, place.high);
    const size = (n) => Math.max(6, Math.min(data.window, n) * scale);
    const lens = [at[1] * scale, at[0] * scale, size(data.n_k), size(data.n_q)];
    pen.lineWidth = 4;
    pen.strokeStyle = look.background;
    pen.strokeRect(...lens);
    pen.lineWidth = 2;
    pen.strokeStyle = (look.dark ? data.inks.dark : data.inks.light).key;
    pen.strokeRect(...lens);
  }

  const scaleBar = () => legend(root, parts, ramp, { name: data.words.value, low: '0', high: digits(data.high, data.words) });

  const bounded = (x, n) => Math.max(0, Math.min(n - data.window, Math.round(x)));
  const clamp = ([row, column]) => [bounded(row, data.n_q), bounded(column, data.n_k)];
  const range = (from, n) => `${from}–${Math.min(n, from + data.window) - 1}`;

  function go(cell, quick) {
    at = clamp(cell);
    out.textContent = `${data.words.query} ${range(at[0], data.n_q)}, ${data.words.key} ${range(at[1], data.n_k)}`;
    draw();
    clearTimeout(timer);
    timer = setTimeout(ask, quick ? 0 : QUIET);
  }

  function ask() {
    if (String(at) === told) return;
    told = String(at);
    keep('at', at);
  }

  const under = (event) =>
    pointer(event, canvas)
      .map((x) => x / place.scale - data.window / 2)
      .reverse();

  function key(event) {
    const half = Math.ceil(data.window / 2);
    const step = { ArrowUp: [-half, 0], ArrowDown: [half, 0], ArrowLeft: [0, -half], ArrowRight: [0, half] }[event.key];
    if (step) home = clamp([at[0] + step[0], at[1] + step[1]]);
    else if (event.key === 'Home') home = [0, 0];
    else if (event.key === 'End') home = clamp([data.n_q, data.n_k]);
    else return;
    out.setAttribute('aria-live', 'polite');
    go(home, true);
    event.preventDefault();
  }

  canvas.addEventListener('pointermove', (event) => go(under(event), false));
  canvas.addEventListener('pointerleave', () => go(home, false));
  canvas.addEventListener('keydown', key);
  canvas.addEventListener('click', (event) => {
    home = clamp(under(event));
    go(home, true);
  });
  onResize(root, () => {
    if (!data) return;
    draw();
    scaleBar();
  });

  return {
    update(next) {
      look = theme(root);
      data = next.meta;
      values = next.values;
      ramp = colours(look.dark ? data.dark : data.light);
      if (String(data.at) !== told && !timer) home = at = data.at;
      told ||= String(data.at);
      label(parts.title, data.title);
      label(parts.note, data.note);
      canvas.setAttribute('aria-label', `${data.title || data.words.map}. ${data.words.keys_lens}`);
      paint();
      draw();
      scaleBar();
      out.textContent ||= data.words.lens_hint;
    },
  };
}
