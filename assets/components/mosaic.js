// Every layer and head as one canvas. Hover enlarges, click opens, arrow keys walk from head to head.
import { cells, colours, digits, fit, frame, label, legend, make, onResize, pointer, room, sharpen, theme } from './shared.js';

const BETWEEN = 4;
const SIGNS = 14;
const ZOOM = 280;

export function mosaic(root, { tell = () => {} } = {}) {
  const caption = make('div', { className: 'words' });
  const zoom = make('canvas', { className: 'zoom' });
  const parts = frame(root, { inBox: [caption, zoom] });
  const { canvas, box, out } = parts;
  let data;
  let values;
  let ramp;
  let look;
  let place;
  let picture;
  let cursor = -1;

  const many = () => data.order.length;
  const name = (i) => `L${data.order[i][0]}H${data.order[i][1]}`;

  // All heads side by side, one pixel a cell; drawn by slices later. Each head on its own scale, or all from 0 to 1.
  function paint() {
    const { rows, columns, heads_n: across, layers_n: down } = data;
    picture = cells(columns * across, rows * down, (y, x) => {
      const [layer, head] = [Math.floor(y / rows), Math.floor(x / columns)];
      const value = values[((layer * across + head) * rows + (y % rows)) * columns + (x % columns)];
      return ramp[Math.min(255, Math.round(value * (data.own ? 1 : data.most[layer][head])))];
    });
  }

  function layout() {
    const across = data.heads_n;
    const down = Math.ceil(many() / across);
    const [left, top] = data.sorted ? [0, 0] : [34, 24];
    const under = (data.sorted ? 20 : 0) + (data.bars ? 8 : 0);
    const wide = (root.clientWidth - left) / across - BETWEEN;
    const high = Math.max((room(root, data.height, 240) - top) / down - BETWEEN - under, Math.min(wide, 64));
    const size = Math.max(20, Math.min(wide, high));
    const tall = Math.min(size * Math.max(0.5, Math.min(1.6, data.rows / data.columns)), size * 1.6);
    const line = tall + BETWEEN + under;
    place = { left, top, size, tall, across, under, line, step: size + BETWEEN, width: root.clientWidth, height: top + down * line };
  }

  const corner = (i) => [place.left + (i % place.across) * place.step, place.top + Math.floor(i / place.across) * place.line];

  function small(pen, i, x, y, wide, tall) {
    const [layer, head] = data.order[i];
    pen.drawImage(picture, head * data.columns, layer * data.rows, data.columns, data.rows, x, y, wide, tall);
  }

  function headings(pen) {
    if (data.sorted) return;
    for (let h = 0; h < data.heads_n; h++) {
      pen.fillText(place.size > 30 ? `H${h}` : h, place.left + h * place.step + place.size / 2, 11);
    }
    for (let l = 0; l < data.layers_n; l++) pen.fillText(`L${l}`, 15, place.top + l * place.line + place.tall / 2);
  }

  function bar(pen, share, x, y) {
    pen.fillStyle = look.second;
    pen.fillRect(x, y, place.size, 5);
    pen.fillStyle = look.accent;
    pen.fillRect(x, y, place.size * Math.min(1, Math.max(0, share)), 5);
  }

  function draw() {
    if (!data || !root.clientWidth) return;
    layout();
    const pen = sharpen(canvas, place.width, Math.ceil(place.height) + 2);
    pen.imageSmoothingEnabled = data.columns > place.size;
    pen.font = `${SIGNS}px ${look.font}`;
    pen.fillStyle = look.text;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    headings(pen);
    for (let i = 0; i < many(); i++) {
      const [x, y] = corner(i);
      const [layer, head] = data.order[i];
      small(pen, i, x, y, place.size, place.tall);
      if (data.bars) bar(pen, data.bars[layer][head], x, y + place.tall + 2);
      pen.fillStyle = look.text;
      if (data.sorted) pen.fillText(fit(pen, name(i), place.step), x + place.size / 2, y + place.tall + place.under - 9);
    }
    if (cursor < 0) return;
    const [x, y] = corner(cursor);
    pen.strokeStyle = look.accent;
    pen.lineWidth = 3;
    pen.strokeRect(x - 1.5, y - 1.5, place.size + 3, place.tall + 3);
  }

  const scaleBar = () => legend(root, parts, ramp, { name: data.words.value, low: '0', high: data.own ? data.words.own_most : '1' });

  function enlarge(loud) {
    out.setAttribute('aria-live', loud ? 'polite' : 'off');
    if (cursor < 0) {
      box.style.display = 'none';
      out.textContent = data.words.mosaic_hint;
      return;
    }
    const [layer, head] = data.order[cursor];
    const about = data.captions ? data.captions[layer][head] : '';
    out.textContent = `${name(cursor)}: ${data.words.most} ${digits(data.most[layer][head], data.words)}${about ? `. ${about}` : ''}`;
    caption.textContent = about ? `${name(cursor)} · ${about}` : name(cursor);
    const tall = (ZOOM * place.tall) / place.size;
    const pen = sharpen(zoom, ZOOM, tall);
    pen.imageSmoothingEnabled = false;
    small(pen, cursor, 0, 0, ZOOM, tall);
    beside();
  }

  function beside() {
    box.style.display = 'block';
    const [x, y] = corner(cursor);
    const [w, h] = [box.offsetWidth, box.offsetHeight];
    const right = x + place.size + 10;
    box.style.left = `${right + w < place.width ? right : Math.max(0, x - w - 10)}px`;
    box.style.top = `${Math.max(0, Math.min(y + place.tall / 2 - h / 2, Math.max(place.height, h) - h))}px`;
  }

  function move(i, loud) {
    if (i === cursor) return;
    cursor = i;
    draw();
    enlarge(loud);
  }

  function open() {
    if (cursor >= 0) tell('head', { layer: data.order[cursor][0], head: data.order[cursor][1] });
  }

  function under(event) {
    const [x, y] = pointer(event, canvas);
    const [column, row] = [Math.floor((x - place.left) / place.step), Math.floor((y - place.top) / place.line)];
    const i = row * place.across + column;
    return column >= 0 && row >= 0 && column < place.across && i < many() ? i : -1;
  }

  function key(event) {
    const step = { ArrowUp: -place.across, ArrowDown: place.across, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      const next = cursor < 0 ? 0 : cursor + step;
      if (next >= 0 && next < many()) move(next, true);
    } else if (event.key === 'Enter' || event.key === ' ') open();
    else if (event.key === 'Escape') move(-1, true);
    else return;
    event.preventDefault();
  }

  const isTouch = (event) => event.pointerType === 'touch'; // a first tap enlarges, a second one opens
  canvas.addEventListener('pointermove', (event) => {
    if (isTouch(event)) return;
    const i = under(event);
    canvas.style.cursor = i < 0 ? 'default' : 'pointer';
    move(i, false);
  });
  canvas.addEventListener('pointerleave', (event) => {
    if (!isTouch(event)) move(-1, false);
  });
  canvas.addEventListener('blur', () => move(-1, false));
  canvas.addEventListener('keydown', key);
  canvas.addEventListener('click', (event) => {
    const i = under(event);
    const again = i === cursor;
    move(i, false);
    if (again || !isTouch(event)) open();
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
      label(parts.title, data.title ?? '');
      label(parts.note, data.note);
      canvas.setAttribute('aria-label', `${data.words.mosaic}. ${data.words.keys_open}`);
      cursor = -1;
      paint();
      draw();
      scaleBar();
      enlarge(false);
    },
  };
}
