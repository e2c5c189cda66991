// Tokens on two sides and a line for each weight: queries left, keys right. Several heads at once, each in its own colour.
import { digits, fit, frame, hear, label, make, onResize, pointer, room, rove, sharpen, theme, widest } from './shared.js';

const ROW = 27;
const LEAST = 19;
const TOKEN = 14; // pixels of a letter
const BUCKETS = 16;
const AROUND = 330; // pixels of the window that are not the lines'

export function lines(root, { keep = () => {} } = {}) {
  const buttons = make('div', { className: 'heads', role: 'group' });
  const scroll = make('div', { className: 'scroll' });
  const parts = frame(root, { above: [buttons], scroll, legend: false });
  const { canvas, out } = parts;
  const settle = rove(buttons);
  const self = {};
  let data;
  let values;
  let look;
  let inks;
  let place;
  let active = [];
  let told = null;
  let hover = null;
  let pin = null;
  let link = hear(null);
  let group = null;
  let far = null;
  let dataset = '';

  // Only some heads are sent when there are many tokens.
  const weight = (h, row, column) => {
    const slot = data.slots.indexOf(h);
    return slot < 0 ? 0 : values[(slot * data.queries.length + row) * data.keys.length + column];
  };
  const shown = () => active.filter((h) => data.slots.includes(h));
  const colour = (h) => inks.heads[h % inks.heads.length];
  const texts = (side) => (side === 'query' ? data.queries : data.keys);
  const other = (side) => (side === 'query' ? 'key' : 'query');
  const joined = (h, side, index, i) => (side === 'query' ? weight(h, index, i) : weight(h, i, index));

  function layout() {
    const n = Math.max(data.queries.length, data.keys.length);
    const width = root.clientWidth - (n * LEAST + 26 > room(root, data.height, AROUND) ? 12 : 0);
    const pen = canvas.getContext('2d');
    pen.font = `${TOKEN}px ${look.font}`;
    const longest = (all) => Math.min(130, width * 0.3, Math.max(30, widest(pen, all))) + 12;
    const row = Math.max(LEAST, Math.min(ROW + 8, (room(root, data.height, AROUND) - 26) / n));
    const [left, right] = [longest([...data.queries, data.words.query]), longest([...data.keys, data.words.key])];
    place = { width, row, left, right: width - right, top: 24, height: 26 + n * row };
  }

  const y = (i) => place.top + (i + 0.5) * place.row;
  const focus = () => hover ?? pin ?? far;

  // Which lines are drawn while a token, or the cell of a linked map, is chosen.
  function kept(chosen, row, column) {
    if (!chosen) return true;
    const [side, first, second] = chosen;
    if (side === 'cell') return row === first && column === second;
    return side === 'query' ? row === first : column === first;
  }

  // Lines of one strength share one path: thousands of lines are drawn in a few strokes.
  function strokes(pen, chosen) {
    for (const h of shown()) {
      strength(h, chosen).forEach((path, slot) => {
        if (!path) return;
        pen.globalAlpha = (slot + 0.6) / BUCKETS;
        pen.strokeStyle = colour(h);
        pen.lineWidth = 1 + (2.2 * slot) / BUCKETS;
        pen.stroke(path);
      });
      pen.globalAlpha = 1;
    }
  }

  function strength(h, chosen) {
    const { left, right } = place;
    const middle = (left + right) / 2;
    const paths = Array.from({ length: BUCKETS }, () => null);
    for (let r = 0; r < data.queries.length; r++) {
      for (let c = 0; c < data.keys.length; c++) {
        if (!kept(chosen, r, c)) continue;
        const w = weight(h, r, c);
        if (!(w >= data.threshold) || w <= 0) continue;
        const slot = Math.min(BUCKETS - 1, Math.floor((w / data.high) * BUCKETS));
        paths[slot] ??= new Path2D();
        paths[slot].moveTo(left, y(r));
        paths[slot].bezierCurveTo(middle, y(r), middle, y(c), right, y(c));
      }
    }
    return paths;
  }

  // How much each token of the other side gets from the chosen one: a strip of each head's colour behind it.
  function strips(pen, [side, index]) {
    const heads = shown();
    const [x, wide] = side === 'query' ? [place.right + 2, place.width - place.right - 2] : [0, place.left - 2];
    texts(other(side)).forEach((_, i) => {
      heads.forEach((h, slot) => {
        pen.globalAlpha = Math.min(1, Math.max(0, joined(h, side, index, i) / data.high)) * 0.75;
        pen.fillStyle = colour(h);
        pen.fillRect(x + (slot * wide) / heads.length, y(i) - place.row / 2 + 1, wide / heads.length, place.row - 2);
      });
    });
    pen.globalAlpha = 1;
  }

  function column(pen, side, chosen) {
    const query = side === 'query';
    const x = query ? place.left - 8 : place.right + 8;
    const space = query ? place.left - 10 : place.width - place.right - 10;
    pen.textAlign = query ? 'right' : 'left';
    pen.font = `600 ${TOKEN}px ${look.font}`;
    pen.fillStyle = inks[side];
    pen.fillText(data.words[side], x, 11);
    pen.fillStyle = look.text;
    texts(side).forEach((text, i) => {
      const strong = chosen && (chosen[0] === 'cell' ? chosen[query ? 1 : 2] === i : chosen[0] === side && chosen[1] === i);
      pen.font = `${strong ? 'bold ' : ''}${TOKEN}px ${look.font}`;
      pen.fillText(fit(pen, text, space), x, y(i));
      if (strong) pen.fillRect(query ? place.left - 5 : place.right + 2, y(i) - place.row / 2 + 2, 3, place.row - 4);
    });
  }

  function draw() {
    if (!data || !root.clientWidth) return;
    layout();
    const pen = sharpen(canvas, place.width, Math.ceil(place.height) + 4);
    const chosen = focus();
    strokes(pen, chosen);
    if (chosen && chosen[0] !== 'cell') strips(pen, chosen);
    pen.textBaseline = 'middle';
    column(pen, 'query', chosen);
    column(pen, 'key', chosen);
  }

  // The strongest partners of the chosen token, as text: what the colours say, in numbers.
  function readout(loud) {
    const chosen = hover ?? pin;
    out.setAttribute('aria-live', loud ? 'polite' : 'off');
    if (!chosen) {
      out.textContent = data.words.lines_hint;
      return;
    }
    const [side, index] = chosen;
    const strongest = (h) =>
      texts(other(side))
        .map((text, i) => [joined(h, side, index, i), text])
        .sort((a, b) => b[0] - a[0])
        .slice(0, 3)
        .map(([w, text]) => `${text} ${digits(w, data.words)}`)
        .join(', ');
    const said = shown()
      .slice(0, 3)
      .map((h) => `${data.names[h]}: ${strongest(h)}`);
    out.textContent = `${texts(side)[index]} ${side === 'query' ? '→' : '←'} ${said.join(' | ')}`;
  }

  function move(next, loud) {
    if (String(next) === String(hover)) return;
    hover = next;
    far = null;
    link.tell(next && next[0] === 'query' ? next[1] : -1, next && next[0] === 'key' ? next[1] : -1);
    readout(loud);
    draw();
  }

  function fix(token) {
    pin = token;
    hover = null;
    readout(true);
    draw();
  }

  function under(event) {
    const [x, top] = pointer(event, canvas);
    const i = Math.floor((top - place.top) / place.row);
    const side = x < place.left + 24 ? 'query' : x > place.right - 24 ? 'key' : null;
    return side && i >= 0 && i < texts(side).length ? [side, i] : null;
  }

  function key(event) {
    const [side, i] = hover ?? pin ?? ['query', -1];
    const within = (which) => Math.min(Math.max(i, 0), texts(which).length - 1);
    if (event.key === 'ArrowDown') move([side, Math.min(texts(side).length - 1, i + 1)], true);
    else if (event.key === 'ArrowUp') move([side, Math.max(0, i - 1)], true);
    else if (event.key === 'ArrowLeft') move(['query', within('query')], true);
    else if (event.key === 'ArrowRight') move(['key', within('key')], true);
    else if (event.key === 'Enter' || event.key === ' ') {
      pin = hover;
      readout(true);
      draw();
    } else if (event.key === 'Escape') {
      pin = null;
      move(null, true);
    } else return;
    if (hover) scroll.scrollTo({ top: y(hover[1]) - scroll.clientHeight / 2 });
    event.preventDefault();
  }

  canvas.addEventListener('pointermove', (event) => {
    const token = under(event);
    canvas.style.cursor = token ? 'pointer' : 'default';
    move(token, false);
  });
  canvas.addEventListener('pointerleave', () => move(null, false));
  canvas.addEventListener('blur', () => move(null, false));
  canvas.addEventListener('keydown', key);
  canvas.addEventListener('click', (event) => {
    const token = under(event);
    fix(token && String(token) !== String(pin) ? token : null);
  });
  onResize(root, draw);

  function choose(next) {
    active = next;
    told = String(next);
    keep('heads', next);
    squares();
    readout(true);
    draw();
  }

  // One click switches a head on or off, but the last one stays on; two show it alone, or all of them.
  function square(h) {
    const button = make('button', { type: 'button' });
    button.addEventListener('click', (event) => {
      if (event.detail > 1) return;
      const on = active.includes(h);
      if (on && active.length === 1) return;
      choose(on ? active.filter((x) => x !== h) : [...active, h].sort((a, b) => a - b));
    });
    button.addEventListener('dblclick', () => choose(active.length === 1 && active[0] === h ? data.names.map((_, i) => i) : [h]));
    return button;
  }

  function squares() {
    while (buttons.children.length > data.names.length) buttons.lastChild.remove();
    data.names.forEach((name, h) => {
      const button = buttons.children[h] ?? buttons.appendChild(square(h));
      button.textContent = name;
      button.setAttribute('aria-pressed', String(active.includes(h)));
      button.style.setProperty('--own', colour(h));
      button.title = data.words.heads_hint;
    });
    settle();
    buttons.style.display = data.names.length > 1 ? '' : 'none';
    buttons.setAttribute('aria-label', data.words.heads);
  }

  function listen() {
    if (group === data.link) return;
    link.stop();
    group = data.link;
    link = hear(group, self, ({ row, column: at }) => {
      far = row >= 0 && at >= 0 ? ['cell', row, at] : row >= 0 ? ['query', row] : at >= 0 ? ['key', at] : null;
      draw();
    });
  }

  return {
    update(next) {
      look = theme(root);
      data = next.meta;
      inks = look.dark ? data.inks.dark : data.inks.light;
      values = next.values;
      listen();
      if (String(data.active) !== told || !active.length) active = [...data.active];
      told = String(active);
      const now = `${data.queries.join('\n')}\0${data.keys.join('\n')}`;
      if (now !== dataset) pin = null; // a pinned token belongs to its text
      dataset = now;
      hover = null;
      label(parts.title, data.title);
      label(parts.note, data.note);
      scroll.style.maxHeight = `${room(root, data.height, AROUND) + 8}px`;
      canvas.setAttribute('aria-label', `${data.title || data.words.lines}. ${data.words.keys}`);
      squares();
      draw();
      readout(false);
    },
  };
}
