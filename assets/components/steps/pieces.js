// What the pictures of the walk are put together from: a matrix with its labels, a name with its index, a card that travels.
// s: the scene. A piece draws with the pen where it is told to, and leaves the pen opaque.
import { cells, css, fit, hairlines } from '../shared.js';

const SIGN = 13; // pixels of a label's letters

export function lettering(s, pen, text, x, y, { font, align = 'left', colour = s.look.text, base = 'middle' }) {
  pen.font = `${font} ${s.look.font}`;
  pen.textAlign = align;
  pen.textBaseline = base;
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

// A symbol such as W_Q, the part behind the underscore lowered.
export function symbol(s, pen, text, x, y, { colour, size = 15, align = 'left' }) {
  const [main, low] = text.split('_');
  const fonts = [`600 ${size}px`, `600 ${size * 0.72}px`];
  pen.font = `${fonts[0]} ${s.look.font}`;
  const wide = pen.measureText(main).width;
  pen.font = `${fonts[1]} ${s.look.font}`;
  const more = low ? pen.measureText(low).width : 0;
  const left = align === 'center' ? x - (wide + more) / 2 : align === 'right' ? x - wide - more : x;
  if (low) lettering(s, pen, low, left + wide, y + 3, { font: fonts[1], colour, base: 'alphabetic' });
  lettering(s, pen, main, left, y, { font: fonts[0], colour, base: 'alphabetic' });
  return wide + more;
}

// box: { x, y, cw, ch }, the corner and the size of a cell. shown(i, j): how visible a cell is, 0 to 1.
export function matrix(s, pen, m, box, options = {}) {
  const { shown = () => 1, rowLabels = true, columnLabels = true, left = 84 } = options;
  const { x, y, cw, ch } = box;
  const top = s.most(m);
  const fine = cw * ch < 30 || m.r * m.c > 6000; // too fine for single cells
  const picture = cells(m.c, m.r, (i, j) => {
    const colour = s.colour(m.ramp, s.at(m, i, j), top);
    return colour ? [...colour, Math.round(255 * shown(i, j))] : [0, 0, 0, 0];
  });
  pen.imageSmoothingEnabled = cw < 1 || ch < 1;
  pen.drawImage(picture, x, y, m.c * cw, m.r * ch);
  if (!fine) {
    hairlines(pen, { x, y, wide: cw, high: ch, columns: m.c, rows: m.r }, s.look.background);
    numbers(s, pen, m, box, top, shown);
  }
  pen.strokeStyle = s.look.line;
  pen.lineWidth = 1;
  pen.strokeRect(x - 0.5, y - 0.5, m.c * cw, m.r * ch);
  if (rowLabels) labelRows(s, pen, m, box, left);
  if (columnLabels) labelColumns(s, pen, m, box);
  heading(s, pen, m, x, y - (columnLabels ? 21 : 7), m.c * cw);
  s.rects.push({ m, x, y, cw, ch });
}

function numbers(s, pen, m, { x, y, cw, ch }, top, shown) {
  if (cw < 27 || ch < 13) return;
  const font = `${Math.min(ch - 4, cw < 33 ? 11 : 13)}px`;
  for (let i = 0; i < m.r; i++) {
    for (let j = 0; j < m.c; j++) {
      const value = s.at(m, i, j);
      pen.globalAlpha = shown(i, j);
      if (pen.globalAlpha <= 0) continue;
      pen.font = `${font} ${s.look.font}`;
      const text = s.fitting(pen, m.columns === 'id' ? String(value) : value, cw - 1.5);
      const colour = s.letters(s.colour(m.ramp, value, top));
      lettering(s, pen, text, x + (j + 0.5) * cw, y + (i + 0.53) * ch, { font, align: 'center', colour });
    }
  }
  pen.globalAlpha = 1;
}

// The symbol, the size of the whole matrix, and how far its colours go.
function heading(s, pen, m, x, y, wide) {
  const used = symbol(s, pen, m.symbol, x, y, { colour: s.tint(m.role), size: 16 });
  const kind = m.ramp === 'signed' ? ` · ±${s.short(s.most(m, 0))}` : m.ramp === 'weights' ? ' · 0–1' : '';
  pen.font = `${SIGN - 1}px ${s.look.font}`;
  const text = fit(pen, `${m.size[0]}×${m.size[1]}${kind}`, Math.max(wide - used - 8, 110));
  pen.globalAlpha = 0.75;
  lettering(s, pen, text, x + used + 8, y, { font: `${SIGN - 1}px`, base: 'alphabetic' });
  pen.globalAlpha = 1;
}

function put(s, pen, text, x, y, { chosen, role, align, space }) {
  const font = `${chosen ? '700 ' : ''}${SIGN}px`;
  pen.font = `${font} ${s.look.font}`;
  const colour = chosen ? s.tint(role) || s.look.accent : s.look.text;
  lettering(s, pen, fit(pen, text, space), x, y, { font, align, colour });
}

// Every n-th label, but none that would touch the chosen one.
function eachLabel(count, chosen, size, least, every, draw) {
  for (let i = 0; i < count; i++) {
    const hidden = i % every || (chosen >= 0 && Math.abs(i - chosen) * size < least);
    if (i === chosen || !hidden) draw(i, i === chosen);
  }
}

function labelRows(s, pen, m, { x, y, ch }, space) {
  const role = m.rows === 'key' || m.rows === 'query' ? m.rows : '';
  eachLabel(m.r, m.pin[0], ch, 13, Math.ceil(13 / ch), (i, chosen) => {
    const text = s.axisLabel(m.rows, m.row_index ? m.row_index[i] : i);
    put(s, pen, text, x - 5, y + (i + 0.5) * ch, { chosen, role, align: 'right', space });
  });
}

function labelColumns(s, pen, m, { x, y, cw }) {
  if (m.columns === 'stats' || m.columns === 'id') return;
  const tokens = m.columns === 'key';
  const every = Math.ceil((tokens ? 22 : 24) / cw);
  eachLabel(m.c, m.pin[1], cw, 24, every, (j, chosen) => {
    const text = s.axisLabel(m.columns, m.index ? m.index[j] : j);
    const how = { chosen, role: tokens ? 'key' : '', align: 'center', space: Math.max(cw * every - 3, 22) };
    put(s, pen, text, x + (j + 0.5) * cw, y - 8, how);
  });
}

// The pinned row, column or cell of a matrix.
export function pin(s, pen, m, { x, y, cw, ch }) {
  const [i, j] = m.pin;
  pen.lineWidth = 2;
  if (i >= 0 && j >= 0) {
    pen.strokeStyle = s.look.text;
    pen.lineWidth = 2.5;
    pen.strokeRect(x + j * cw - 1.5, y + i * ch - 1.5, cw + 2, ch + 2);
  } else if (i >= 0) {
    pen.strokeStyle = s.tint('query');
    pen.strokeRect(x - 1, y + i * ch - 1, m.c * cw + 1, ch + 1);
  } else if (j >= 0) {
    pen.strokeStyle = s.tint('key');
    pen.strokeRect(x + j * cw - 1, y - 1, cw + 1, m.r * ch + 1);
  }
}

// A number, or a word, that travels: a little card around its middle. Without room for letters it is a bar of colour.
export function card(s, pen, x, y, w, h, text, { role = '', alpha = 1, colour = null } = {}) {
  if (alpha <= 0) return;
  pen.globalAlpha = alpha;
  pen.fillStyle = colour ? css(colour) : s.look.second;
  if (w < 9) pen.fillRect(x - w / 2, y - h / 2, Math.max(w, 1), h);
  else {
    pen.strokeStyle = s.tint(role);
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.roundRect(x - w / 2 + 0.5, y - h / 2 + 0.5, w - 1.5, h - 1.5, Math.min(5, h / 4));
    pen.fill();
    pen.stroke();
    const font = `${Math.min(13, h - 5)}px`;
    pen.font = `${font} ${s.look.font}`;
    lettering(s, pen, s.fitting(pen, text, w - 2), x, y + 1, { font, align: 'center', colour: s.letters(colour) });
  }
  pen.globalAlpha = 1;
}
