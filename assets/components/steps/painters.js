// The pictures of the walk, one a kind of step: a product of two matrices, matrices beside each other, and the tokens at the start.
// Each has a height(s, p, width) and a draw(s, pen, p, width, t): s is the scene, p the picture, t the time from 0 to 1; and least(p),
// the width that leaves every cell room for its number: where the page has less, the picture scrolls in its own box.
import { fit } from '../shared.js';
import { card, lettering, matrix, pin, symbol } from './pieces.js';
import { between } from './scene.js';
import { sentence } from './sentence.js';

const CELL = 29; // pixels across that a number needs
const MANY = 34; // columns: beyond so many the numbers are left out instead
const roomy = (columns, rest) => (columns > MANY ? 0 : columns * CELL + rest);

// A result appears with the sum of its pinned cell: first the cell, then its row, then the rest.
const revealed = (m, t) => (i, j) => {
  const [row, column] = m.pin;
  if (i === row && j === column) return t >= 0.8 ? 1 : 0.12;
  if (i === row) return Math.max(0.12, between(t, 0.8 + (0.07 * j) / m.c, 0.84 + (0.07 * j) / m.c));
  return Math.max(0.12, between(t, 0.9, 0.98));
};

const [MARGIN, GAP] = [92, 60];

// Where a row meets a column: A below left, B above right, the result where they cross; between them the lens, five lines high.
function crossing({ a, b, c }, width) {
  const [left, gap, top] = [MARGIN, GAP, 36];
  const wide = width - left - gap - 6;
  const even = Math.min(0.64, Math.max(0.36, a.c / (a.c + b.c)));
  const share = wide < (a.c + b.c) * 38 ? a.c / (a.c + b.c) : even; // where there is little room, all cells are equally wide
  const both = (a.c + b.c) * 56 <= wide;
  const cwA = both ? 56 : Math.min(56, (wide * share) / a.c);
  const cwB = both ? 56 : Math.min(56, (wide - cwA * a.c) / b.c);
  const chB = Math.min(Math.min(Math.max(b.r * 19, 132), 190) / b.r, 22);
  const high = Math.min(Math.max(c.r * 19, 60), 330);
  const [x, y] = [left + a.c * cwA + gap, top + Math.max(b.r * chB, 132) + 42];
  const line = Math.min(25, (y - 42 - top + 14) / 5.1);
  return {
    left,
    line,
    lines: [0, 1, 2].map((i) => top - 14 + (i + 0.5) * line),
    sums: top - 14 + 3.75 * line,
    boxA: { x: left, y, cw: cwA, ch: high / c.r },
    boxB: { x, y: y - 42 - b.r * chB, cw: cwB, ch: chB },
    boxC: { x, y, cw: cwB, ch: high / c.r },
    high: y + high + 6,
  };
}

const middle = (box, row, column) => [box.x + (column + 0.5) * box.cw, box.y + (row + 0.5) * box.ch];

const product = {
  least: ({ a, b }) => roomy(a.c + b.c, MARGIN + GAP + 6),
  height: (_, p, width) => crossing(p, width).high,
  draw(s, pen, p, width, t) {
    const { a, b, c } = p;
    const at = crossing(p, width);
    const d = s.apartOf(p);
    matrix(s, pen, a, at.boxA);
    matrix(s, pen, b, at.boxB, { left: 54 });
    matrix(s, pen, c, at.boxC, { rowLabels: false, shown: revealed(c, t) });
    pin(s, pen, a, at.boxA);
    pin(s, pen, b, at.boxB);
    pin(s, pen, c, at.boxC);
    const seen = lens(s, pen, p, d, at, t);
    total(s, pen, p, d, at, t, seen);
  },
};

// The terms: a number comes down from the row, one over from the column, and their product. Returns the sum of those that are drawn.
function lens(s, pen, p, d, at, t) {
  const { a, b } = p;
  const roleA = a.role || 'query';
  const roleB = b.role === a.role ? 'key' : b.role || 'key';
  const largest = Math.max(...p.shown.map((k) => Math.abs(d.left[k] * d.right[k]))) || 1;
  const [w, h] = [Math.max(at.boxA.cw - 2, 1.5), at.line - 3];
  const [topA, topB] = [s.most(a), s.most(b)];
  let sum = 0;
  p.shown.forEach((term, k) => {
    const [left, right, lag] = [d.left[term], d.right[term], (0.1 * k) / a.c];
    const times = [between(t, 0.02 + lag, 0.2 + lag), between(t, 0.2 + lag, 0.42 + lag), between(t, 0.45 + lag, 0.58 + lag)];
    const [x, yA] = middle(at.boxA, a.pin[0], k);
    const [xB, yB] = middle(at.boxB, k, b.pin[1]);
    const [first, second, third] = at.lines;
    const fly = (from, to, i) => from + (to - from) * times[i];
    const alpha = (i) => Math.min(1, times[i] * 4);
    const tone = w < 9 ? s.colour('signed', left * right, largest) : null;
    sum += left * right;
    card(s, pen, x, fly(yA, first, 0), w, h, left, { role: roleA, alpha: alpha(0), colour: s.colour(a.ramp, left, topA) });
    card(s, pen, fly(xB, x, 1), fly(yB, second, 1), w, h, right, { role: roleB, alpha: alpha(1), colour: s.colour(b.ramp, right, topB) });
    card(s, pen, x, fly(second, third, 2), w, h, left * right, { role: 'value', alpha: times[2], colour: tone });
  });
  ['', '×', '='].forEach((sign, i) => {
    lettering(s, pen, sign, at.left - 6, at.lines[i], { font: '600 15px', align: 'right' });
  });
  const name = { size: 13, align: 'right' };
  symbol(s, pen, d.labels[0], at.left - 24, at.lines[0] + 5, { ...name, colour: s.tint(roleA) });
  symbol(s, pen, d.labels[1] || b.symbol, at.left - 24, at.lines[1] + 5, { ...name, colour: s.tint(roleB) });
  return sum;
}

// The sum, what of it is not drawn, the bias; then the total on its way to the pinned cell.
function total(s, pen, p, d, at, t, seen) {
  const alpha = between(t, 0.66, 0.72);
  if (alpha <= 0) return;
  const { a, c } = p;
  const wide = a.c * at.boxA.cw;
  const lines = sumLines(s, pen, p, d, seen, Math.max(wide - 92, 150));
  const space = Math.max(wide - 92, 150, at.boxC.x - 60 - at.left);
  pen.globalAlpha = alpha;
  lines.forEach((line, i) => {
    pen.font = `13.5px ${s.look.font}`;
    lettering(s, pen, fit(pen, line, space), at.left, at.sums + i * 17, { font: '13.5px' });
  });
  const x = at.left + Math.max(Math.min(wide, 480) - 38, 60);
  const taken = pen.measureText(fit(pen, lines[lines.length - 1], space)).width;
  const beside = lines.length > 1 && at.left + taken < x - 66; // the total stands behind the last line, or under it
  const y = at.sums + lines.length * 17 + (beside ? -17 : 4);
  lettering(s, pen, '=', x - 44, y, { font: '600 15px', align: 'right' });
  pen.globalAlpha = 1;
  const role = c.role || 'output';
  card(s, pen, x, y, 76, 22, s.fmt(d.total), { role, alpha });
  const go = between(t, 0.72, 0.82);
  if (go <= 0 || go >= 1) return;
  const [toX, toY] = middle(at.boxC, ...c.pin);
  card(s, pen, x + (toX - x) * go, y + (toY - y) * go, 76 + (at.boxC.cw - 76) * go, 22, s.fmt(d.total), { role });
}

function sumLines(s, pen, p, d, seen, space) {
  const { words, fmt } = s;
  const end = d.left.length - 1;
  const bias = d.index[d.index.length - 1] === -1 ? d.left[end] * d.right[end] : null;
  const hidden = d.left.length - p.a.c - (bias === null ? 0 : 1);
  const parts = [`${words.sum} ${fmt(seen)}`];
  if (hidden) parts.push(words.rest.replace('{n}', hidden).replace('{x}', fmt(d.total - seen - (bias ?? 0))));
  if (bias !== null) parts.push(`${words.bias} ${fmt(bias)}`);
  const text = parts.join('  +  ').replaceAll('+  −', '−  ');
  pen.font = `13.5px ${s.look.font}`;
  if (pen.measureText(text).width <= space || parts.length === 1) return [text];
  return [parts.slice(0, -1).join('  +  '), `+  ${parts[parts.length - 1]}`];
}

const PLAIN = ['stats', 'id']; // columns without colours, of one width
const [SIDE, BETWEEN] = [76, 30];
const wide = (m) => (PLAIN.includes(m.columns) ? 60 * m.c : 0);

const shownOf = (p) => (p.kind === 'norm' || p.kind === 'quotients' ? [...p.parts, ...(p.stats ? [p.stats] : []), p.c] : [...p.parts, p.c]);

// Where matrices of one shape stand beside each other, below the sentence of what happens to the pinned cell.
function row(p, width) {
  const all = shownOf(p);
  const [left, gap, y] = [SIDE, BETWEEN, 120];
  const fixed = all.reduce((sum, m) => sum + wide(m), 0);
  const columns = all.reduce((sum, m) => sum + (wide(m) ? 0 : m.c), 0);
  const cw = Math.min(56, (width - left - gap * (all.length - 1) - fixed - 8) / columns);
  const high = Math.min(Math.max(p.c.r * 24, 60), 350);
  let x = left;
  const spots = all.map((m) => {
    const box = { x, y, cw: wide(m) ? 60 : cw, ch: high / p.c.r };
    x += m.c * box.cw + gap;
    return { m, box };
  });
  return { spots, left, gap, high: y + high + 8, centre: y + high / 2 };
}

// The sign behind the i-th of `count` matrices.
function signAfter(kind, i, count) {
  if (kind === 'quotients' && i === 0) return '÷';
  if (i === count - 2) return kind === 'quotients' || kind === 'add' ? '=' : '→';
  return kind === 'quotients' ? '÷' : kind === 'norm' ? '' : '+';
}

const beside = {
  least(p) {
    const all = shownOf(p);
    const fixed = all.reduce((sum, m) => sum + wide(m), SIDE + 8 + BETWEEN * (all.length - 1));
    return roomy(
      all.reduce((sum, m) => sum + (wide(m) ? 0 : m.c), 0),
      fixed,
    );
  },
  height: (_, p, width) => row(p, width).high,
  draw(s, pen, p, width, t) {
    const at = row(p, width);
    const count = at.spots.length;
    at.spots.forEach(({ m, box }, i) => {
      const shown = m === p.c && count > 1 ? revealed(m, t) : () => 1;
      matrix(s, pen, m, box, { rowLabels: i === 0, shown });
      pin(s, pen, m, box);
      if (i === count - 1) return;
      const x = box.x + m.c * box.cw + at.gap / 2;
      lettering(s, pen, signAfter(p.kind, i, count), x, at.centre, { font: '600 20px', align: 'center' });
    });
    const end = formula(s, pen, p, at, width, t);
    if (p.kind === 'activate') curve(s, pen, p, Math.max(end + 26, width - 210), 4, Math.min(200, width - end - 30), 70);
    if (p.kind === 'turn') circle(s, pen, p, width - 56, 38, 34, t);
  },
};

// The sentence: each card comes from the matrix it is read from, the last one goes down into the result. Returns where it ends.
function formula(s, pen, p, at, width, t) {
  const line = sentence(s, p);
  const widths = line.map((one) => {
    pen.font = `${typeof one === 'string' ? '600 17px' : '13px'} ${s.look.font}`;
    return typeof one === 'string' ? pen.measureText(one).width + 12 : Math.max(58, pen.measureText(one[0]).width + 14) + 4;
  });
  const all = widths.reduce((sum, w) => sum + w, 0);
  const squeeze = Math.min(1, (width - 8) / all);
  const count = line.filter((one) => typeof one !== 'string').length;
  let x = Math.max(4, Math.min(at.left, width - all * squeeze - 4));
  let seen = 0;
  line.forEach((one, i) => {
    const w = widths[i] * squeeze;
    if (typeof one === 'string') {
      pen.globalAlpha = between(t, (0.7 * seen) / count, (0.7 * seen) / count + 0.1);
      lettering(s, pen, one, x + w / 2, 26, { font: '600 17px', align: 'center' });
      pen.globalAlpha = 1;
    } else {
      const start = (0.62 * seen++) / count;
      term(s, pen, p, at, one, x + w / 2, w - 4, between(t, start, start + 0.26));
      if (one[3] === -1 && line.length > 1) descend(s, pen, at, one, x + w / 2, between(t, 0.7, 0.8));
    }
    x += w;
  });
  return x;
}

function term(s, pen, p, at, [text, label, role, from], x, w, k) {
  const source = from === 'stats' ? at.spots[p.parts.length] : typeof from === 'number' && from >= 0 ? at.spots[from] : null;
  let [fromX, fromY] = [x, 26];
  if (source && source.m.pin[0] >= 0) [fromX, fromY] = middle(source.box, source.m.pin[0], Math.max(0, source.m.pin[1]));
  card(s, pen, fromX + (x - fromX) * k, fromY + (26 - fromY) * k, w, 26, text, { role, alpha: Math.min(1, k * 4) });
  if (!label) return;
  pen.globalAlpha = k;
  symbol(s, pen, label, x, 56, { colour: s.tint(role), size: 12.5, align: 'center' });
  pen.globalAlpha = 1;
}

function descend(s, pen, at, [text, , role], x, down) {
  if (down <= 0 || down >= 1) return;
  const { m, box } = at.spots[at.spots.length - 1];
  const [toX, toY] = middle(box, ...m.pin);
  card(s, pen, x + (toX - x) * down, 26 + (toY - 26) * down, 70, 24, text, { role });
}

const GATES = {
  relu: (z) => (z > 0 ? 1 : 0),
  silu: (z) => 1 / (1 + Math.exp(-z)),
  gelu: (z) => 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3))),
};

// The activation's own curve, with the number on it.
function curve(s, pen, p, x, y, w, h) {
  if (w < 70) return;
  const { value, left } = s.apartOf(p);
  const reach = Math.max(3, Math.abs(left[0]) * 1.15);
  const gate = GATES[p.curve] ?? GATES.gelu;
  const px = (z) => x + ((z + reach) / (2 * reach)) * w;
  const py = (z) => y + h - 8 - ((z + 0.3) / (reach + 0.3)) * (h - 12);
  const line = (points, colour, width) => {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    points.forEach(([a, b], i) => {
      pen[i ? 'lineTo' : 'moveTo'](a, b);
    });
    pen.stroke();
  };
  line(
    [
      [x, py(0)],
      [x + w, py(0)],
    ],
    s.look.line,
    1,
  );
  line(
    [
      [px(0), y],
      [px(0), y + h],
    ],
    s.look.line,
    1,
  );
  const along = Array.from({ length: 61 }, (_, i) => -reach + (2 * reach * i) / 60);
  line(
    along.map((z) => [px(z), py(z * gate(z))]),
    s.tint('key'),
    2,
  );
  pen.fillStyle = s.tint('query');
  pen.beginPath();
  pen.arc(px(left[0]), py(value), 5, 0, 7);
  pen.fill();
  symbol(s, pen, p.curve, x + 4, y + 14, { colour: s.tint('key'), size: 12.5 });
}

// Rotary positions: the pair as an arrow, turned by its angle.
function circle(s, pen, p, x, y, radius, t) {
  const d = s.apartOf(p);
  const [a, b] = d.index[0] % 2 ? [d.left[1], d.left[0]] : [d.left[0], d.left[1]];
  const start = Math.atan2(b, a);
  const arrow = (angle, colour, width) => {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(x + radius * Math.cos(angle), y - radius * Math.sin(angle));
    pen.stroke();
  };
  pen.strokeStyle = s.look.line;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.stroke();
  arrow(start, s.tint('query'), 1.5);
  arrow(start + d.facts.angle * between(t, 0.2, 0.75), s.tint('output'), 3);
  symbol(s, pen, `${s.fmt(d.facts.angle)} rad`, x - radius - 6, y + 4, { colour: s.look.text, size: 12, align: 'right' });
}

// The first stage: pieces and their ids, and which of them is chosen.
function tiles(n, width) {
  const w = Math.min(104, Math.max(56, (width - 10) / Math.min(n, 16) - 6));
  return { w, high: 108, each: Math.max(1, Math.floor((width - 6) / (w + 6))) };
}

const tokens = {
  least: () => 0,
  height(_, p, width) {
    const { each, high } = tiles(p.c.r, width);
    return 14 + Math.ceil(p.c.r / each) * (high + 6);
  },
  draw(s, pen, p, width, t) {
    const { w, high, each } = tiles(p.c.r, width);
    for (let i = 0; i < p.c.r; i++) {
      const [x, y] = [4 + (i % each) * (w + 6) + w / 2, 12 + Math.floor(i / each) * (high + 6)];
      const start = (0.5 * i) / p.c.r;
      tile(s, pen, p.c, i, x, y, w, between(t, start, start + 0.4));
      s.rects.push({ m: p.c, x: x - w / 2, y, cw: w, ch: high - 10, only: i });
    }
  },
};

function tile(s, pen, ids, i, x, y, w, k) {
  const chosen = i === ids.pin[0];
  const colour = chosen ? s.tint('query') : s.look.text;
  const font = `${chosen ? '700 ' : ''}15px`;
  pen.fillStyle = s.look.second;
  pen.strokeStyle = chosen ? colour : s.look.line;
  pen.lineWidth = chosen ? 3 : 1;
  pen.beginPath();
  pen.roundRect(x - w / 2, y, w, 34, 7);
  pen.fill();
  pen.stroke();
  pen.font = `${font} ${s.look.font}`;
  lettering(s, pen, fit(pen, s.meta.queries[i], w - 6), x, y + 18, { font, align: 'center', colour });
  pen.globalAlpha = k;
  pen.strokeStyle = s.look.text;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(x, y + 38);
  pen.lineTo(x, y + 38 + 22 * k);
  pen.stroke();
  card(s, pen, x, y + 50 + 27 * k, w - 4, 28, String(s.at(ids, i, 0)), { role: chosen ? 'query' : '', alpha: k });
}

export const painterOf = (p) => (p.kind === 'tokens' ? tokens : p.a ? product : beside);
