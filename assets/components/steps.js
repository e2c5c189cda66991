// The walk: a sentence, fourteen stages, the picture of one step, and a player. Every number drawn came from Python; time is the browser's own.
const SECONDS = 4.5, HOLD = 0.8, LABEL = 13, states = new WeakMap();
const FIELD = { query: 'query', key: 'key', head: 'dim', model: 'column', embed: 'column', wide: 'unit' };

const make = (tag, more = {}, ...children) => { const e = Object.assign(document.createElement(tag), more); e.append(...children); return e; };
const ease = (x) => { const t = Math.min(1, Math.max(0, x)); return t * t * (3 - 2 * t); };
const between = (t, from, to) => ease((t - from) / (to - from));

// A number as the visitor wants to read it; the same everywhere on the page.
function write(x, places, words) {
  if (Number.isNaN(x)) return '–';
  if (!Number.isFinite(x)) return x < 0 ? '−∞' : '∞';
  const text = places ? x.toFixed(places) : x.toExponential(3);
  return (Number(text) === 0 && places ? text.replace('-', '') : text).replace('-', '−');
}

function build(root) {
  const s = { t: 1, playing: false, speed: 1, seq: 0, step: 0, rects: [] };
  const el = {
    queries: make('div', { className: 'chips', role: 'group' }), keys: make('div', { className: 'chips', role: 'group' }),
    queryName: make('span', { className: 'role' }), keyName: make('span', { className: 'role' }),
    rail: make('div', { className: 'rail', role: 'navigation' }), parts: make('div', { className: 'parts' }),
    canvas: make('canvas', { tabIndex: 0 }), tip: make('div', { className: 'tip' }), controls: make('div', { className: 'controls' }),
    hint: make('p', { className: 'hint' }), live: make('output', { className: 'hint' }),
  };
  el.live.setAttribute('aria-live', 'polite');
  const button = (name, sign) => { const b = make('button', { type: 'button', textContent: sign }); b.dataset.name = name; return b; };
  Object.assign(el, { first: button('first', '|◀'), back: button('back', '◀'), play: button('play', '▶'), next: button('next', '▶'), last: button('last', '▶|') });
  el.play.className = 'main';
  el.scrub = make('input', { type: 'range', min: '0', step: '0.01' });
  el.speed = make('select'); el.drawn = make('select'); el.digits = make('select');
  for (const x of [0.25, 0.5, 1, 2, 4]) el.speed.append(make('option', { value: String(x), textContent: `${x}×` }));
  el.speed.value = '1';
  const box = make('div', { className: 'stagebox' }, el.canvas, el.tip);
  root.replaceChildren(make('div', { className: 'sentence' }, el.queryName, el.queries, el.keyName, el.keys), el.rail, el.parts, box, el.controls, el.hint, el.live);
  return Object.assign(s, { root, el, box });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector('.walk');
  const s = states.get(root) ?? build(root);
  states.set(root, s);
  s.abort?.abort();
  s.abort = new AbortController();
  const { meta } = data, { words, roles } = meta, el = s.el;
  const drawn = data.drawn.getChildAt(0).toArray(), exact = data.terms.getChildAt(0).toArray(), row = data.row.getChildAt(0).toArray();
  const look = theme(root), ramps = Object.fromEntries(Object.entries(meta.ramps).map(([kind, pair]) => [kind, colours(pair[look.dark ? 1 : 0])]));
  const on = (target, type, f) => target.addEventListener(type, f, { signal: s.abort.signal });
  const still = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
  const place = meta.place, fresh = meta.seq >= s.seq;
  if (fresh) s.step = Math.max(0, meta.steps.findIndex((x) => x.stage === place.stage && x.part === place.part));
  s.step = Math.min(s.step, meta.steps.length - 1);
  const fmt = (x) => write(x, place.digits, words), places = Math.min(place.digits, 2), short = (x) => write(x, places, words);
  // A text, or a number with as many decimals as there is room for; nothing where not even one fits.
  const fitting = (pen, what, room) => {
    const texts = typeof what === 'string' ? [what] : [short(what), write(what, Math.min(places, 1), words)];
    return texts.find((text) => pen.measureText(text).width <= room) ?? '';
  };
  const axisLabel = (axis, i) => (axis === 'query' ? meta.queries[i] : axis === 'key' ? meta.keys[i] : String(i));
  const picture = () => meta.pictures[meta.steps[s.step].part];

  // One question at a time: while the server answers, later moves are gathered, or a fast walker would keep it from ever finishing.
  function say(changes) {
    s.seq = Math.max(Date.now(), s.seq + 1);
    s.pending = { ...s.pending, ...changes };
    if (s.flight && Date.now() - s.asked < 4000) return;
    s.flight = s.seq;
    s.asked = Date.now();
    const all = s.pending;
    s.pending = null;
    setTriggerValue('go', { seq: s.seq, ...all });
  }
  function answered() {
    if (!s.flight || meta.seq < s.flight) return;
    s.flight = 0;
    if (s.pending) { const rest = s.pending; s.pending = null; say(rest); }
  }
  function go(step, t, { quiet = false } = {}) {
    const to = Math.min(Math.max(step, 0), meta.steps.length - 1);
    s.t = t;
    if (to !== s.step || meta.steps[to].stage !== place.stage || meta.steps[to].part !== place.part) {
      s.step = to;
      clearTimeout(s.later);
      const tell = () => say({ stage: meta.steps[to].stage, part: meta.steps[to].part });
      if (quiet) s.later = setTimeout(tell, 140); else tell();
    }
    render();
  }

  // One matrix: where it lies, and its cells.
  const at = (m, i, j) => drawn[m.o + i * m.c + j];
  function most(m, none = 1) {
    let top = 0;
    for (let i = m.o; i < m.o + m.r * m.c; i++) { const x = Math.abs(drawn[i]); if (Number.isFinite(x) && x > top) top = x; }
    return top || none;
  }
  function colour(m, x, top) {
    if (m.ramp === 'none') return null;
    if (!Number.isFinite(x)) return look.dark ? [70, 76, 84] : [200, 200, 205];
    const share = m.ramp === 'weights' ? x : 0.5 + x / top / 2;
    return ramps[m.ramp][Math.min(255, Math.max(0, Math.round(share * 255)))];
  }
  const css = (c) => `rgb(${c[0]},${c[1]},${c[2]})`;
  const ink = (c) => (c === null ? look.text : 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2] > 140 ? '#111' : '#fff');

  function name(pen, text, x, y, colour, size = 15, align = 'left') {
    pen.fillStyle = colour;
    pen.textBaseline = 'alphabetic';
    pen.textAlign = 'left';
    const [main, low] = text.split('_');
    pen.font = `600 ${size}px ${look.font}`;
    const wide = pen.measureText(main).width;
    pen.font = `600 ${size * 0.72}px ${look.font}`;
    const more = low ? pen.measureText(low).width : 0;
    const left = align === 'center' ? x - (wide + more) / 2 : align === 'right' ? x - wide - more : x;
    if (low) pen.fillText(low, left + wide, y + 3);
    pen.font = `600 ${size}px ${look.font}`;
    pen.textAlign = 'left';
    pen.fillText(main, left, y);
    return wide + more;
  }
  const tint = (role) => (role ? (look.dark ? lighter(roles[role]) : roles[role]) : look.text);
  function lighter(hex) { const c = colours(hex.slice(1))[0]; return css(c.map((x) => Math.round(x + (255 - x) * 0.45))); }

  // shown(i, j): how visible a cell is, 0 to 1. A matrix too fine for single cells is drawn as one image.
  function matrix(pen, m, x, y, cw, ch, { shown = () => 1, rowLabels = true, columnLabels = true, title = true, left = null } = {}) {
    const top = most(m), wide = m.c * cw, high = m.r * ch, fine = cw * ch < 30 || m.r * m.c > 6000;
    if (fine) {
      const image = new ImageData(m.c, m.r);
      for (let i = 0; i < m.r; i++) for (let j = 0; j < m.c; j++) image.data.set([...(colour(m, at(m, i, j), top) ?? [0, 0, 0]), Math.round(255 * shown(i, j))], 4 * (i * m.c + j));
      const small = make('canvas', { width: m.c, height: m.r });
      small.getContext('2d').putImageData(image, 0, 0);
      pen.imageSmoothingEnabled = cw < 1 || ch < 1;
      pen.drawImage(small, x, y, wide, high);
    } else {
      const room = Math.min(ch - 4, 13, cw < 33 ? 11 : 13), numbers = cw >= 27 && ch >= 13;
      pen.textAlign = 'center';
      pen.textBaseline = 'middle';
      for (let i = 0; i < m.r; i++) for (let j = 0; j < m.c; j++) {
        const value = at(m, i, j), c = colour(m, value, top), seen = shown(i, j);
        if (seen <= 0) continue;
        pen.globalAlpha = seen;
        if (c) { pen.fillStyle = css(c); pen.fillRect(x + j * cw, y + i * ch, cw - 0.75, ch - 0.75); }
        if (numbers) {
          pen.font = `${room}px ${look.font}`;
          pen.fillStyle = ink(c);
          pen.fillText(fitting(pen, m.columns === 'id' ? String(value) : value, cw - 1.5), x + (j + 0.5) * cw, y + (i + 0.53) * ch);
        }
      }
      pen.globalAlpha = 1;
    }
    pen.strokeStyle = look.line;
    pen.lineWidth = 1;
    pen.strokeRect(x - 0.5, y - 0.5, wide, high);
    labels(pen, m, x, y, cw, ch, rowLabels, columnLabels, left);
    if (title) {
      const used = name(pen, m.symbol, x, y - (columnLabels ? 21 : 7), tint(m.role), 16);
      pen.font = `${LABEL - 1}px ${look.font}`;
      pen.textAlign = 'left';
      pen.fillStyle = look.text;
      pen.globalAlpha = 0.75;
      const kind = m.ramp === 'signed' ? ` · ±${short(most(m, 0))}` : m.ramp === 'weights' ? ' · 0–1' : '';
      pen.fillText(fit(pen, `${m.size[0]}×${m.size[1]}${kind}`, Math.max(wide - used - 8, 110)), x + used + 8, y - (columnLabels ? 21 : 7));
      pen.globalAlpha = 1;
    }
    s.rects.push({ m, x, y, cw, ch });
  }
  function labels(pen, m, x, y, cw, ch, rows, columns, left) {
    pen.textBaseline = 'middle';
    const put = (text, px, py, chosen, role, align, room) => {
      pen.font = `${chosen ? '700 ' : ''}${LABEL}px ${look.font}`;
      pen.textAlign = align;
      pen.fillStyle = chosen ? tint(role) || look.accent : look.text;
      pen.fillText(fit(pen, text, room), px, py);
    };
    if (rows) {
      const every = Math.ceil(13 / ch);
      for (let i = 0; i < m.r; i++) {
        const chosen = i === m.pin[0];
        if (!chosen && (i % every || (m.pin[0] >= 0 && Math.abs(i - m.pin[0]) * ch < 13))) continue;
        put(axisLabel(m.rows, m.row_index ? m.row_index[i] : i), x - 5, y + (i + 0.5) * ch, chosen, m.rows === 'key' ? 'key' : m.rows === 'query' ? 'query' : '', 'right', left ?? 84);
      }
    }
    if (columns) {
      const tokens = m.columns === 'key', every = Math.ceil((tokens ? 22 : 24) / cw);
      for (let j = 0; j < m.c; j++) {
        const chosen = j === m.pin[1];
        if (m.columns === 'stats' || m.columns === 'id') continue;
        if (!chosen && (j % every || (m.pin[1] >= 0 && Math.abs(j - m.pin[1]) * cw < 24))) continue;
        put(axisLabel(m.columns, m.index ? m.index[j] : j), x + (j + 0.5) * cw, y - 8, chosen, tokens ? 'key' : '', 'center', Math.max(cw * every - 3, 22));
      }
    }
  }
  function pin(pen, m, x, y, cw, ch) {
    const [i, j] = m.pin;
    pen.lineWidth = 2;
    pen.strokeStyle = tint('query');
    if (i >= 0 && j < 0) pen.strokeRect(x - 1, y + i * ch - 1, m.c * cw + 1, ch + 1);
    pen.strokeStyle = tint('key');
    if (j >= 0 && i < 0) pen.strokeRect(x + j * cw - 1, y - 1, cw + 1, m.r * ch + 1);
    if (i >= 0 && j >= 0) {
      pen.strokeStyle = look.text;
      pen.lineWidth = 2.5;
      pen.strokeRect(x + j * cw - 1.5, y + i * ch - 1.5, cw + 2, ch + 2);
    }
  }
  // A number, or a word, that travels: a little card.
  function card(pen, x, y, w, h, text, role, alpha = 1, c = null) {
    if (alpha <= 0) return;
    pen.globalAlpha = alpha;
    pen.fillStyle = c ? css(c) : look.second;
    if (w < 9) { pen.fillRect(x - w / 2, y - h / 2, Math.max(w, 1), h); pen.globalAlpha = 1; return; }
    pen.strokeStyle = tint(role);
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.roundRect(x - w / 2 + 0.5, y - h / 2 + 0.5, w - 1.5, h - 1.5, Math.min(5, h / 4));
    pen.fill();
    pen.stroke();
    pen.font = `${Math.min(13, h - 5)}px ${look.font}`;
    pen.fillStyle = c ? ink(c) : look.text;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.fillText(fitting(pen, text, w - 2), x, y + 1);
    pen.globalAlpha = 1;
  }
  const revealed = (m, t) => (i, j) => {
    const [r, c] = m.pin;
    if (i === r && j === c) return t >= 0.8 ? 1 : 0.12;
    if (i === r) return Math.max(0.12, between(t, 0.8 + (0.07 * j) / m.c, 0.84 + (0.07 * j) / m.c));
    return Math.max(0.12, between(t, 0.9, 0.98));
  };
  const numbersOf = ([offset, length]) => exact.subarray(offset, offset + length);
  function apartOf(p) {
    const a = p.apart, [value, total] = numbersOf(a.value);
    const facts = Object.fromEntries(Object.entries(a.facts).map(([key, where]) => [key, exact[where[0]]]));
    return { ...a, index: numbersOf(a.index), left: numbersOf(a.left), right: numbersOf(a.right), value, total, facts };
  }

  // A row meets a column: A below left, B above right, the result where they cross; the terms between them.
  function product(pen, p, width, t, measure) {
    const { a, b, c } = p, rowRoom = 92, gap = 60, top = 36;
    const avail = width - rowRoom - gap - 6, share = Math.min(0.64, Math.max(0.36, a.c / (a.c + b.c)));
    const both = (a.c + b.c) * 56 <= avail;
    const cwA = both ? 56 : Math.min(56, (avail * share) / a.c), cwB = both ? 56 : Math.min(56, (avail - cwA * a.c) / b.c);
    const hB = Math.min(Math.max(b.r * 19, 132), 190), hC = Math.min(Math.max(c.r * 19, 60), 330);
    const chB = Math.min(hB / b.r, 22), chC = hC / c.r, x0 = rowRoom, x1 = x0 + a.c * cwA + gap, y0 = top, y1 = y0 + Math.max(b.r * chB, 132) + 42;
    if (measure) return y1 + hC + 6;
    const yB = y1 - 42 - b.r * chB, d = apartOf(p);
    matrix(pen, a, x0, y1, cwA, chC);
    matrix(pen, b, x1, yB, cwB, chB, { left: 54 });
    matrix(pen, c, x1, y1, cwB, chC, { rowLabels: false, shown: revealed(c, t), columnLabels: true });
    pin(pen, a, x0, y1, cwA, chC); pin(pen, b, x1, yB, cwB, chB); pin(pen, c, x1, y1, cwB, chC);
    // the lens
    const lh = Math.min(25, (y1 - 42 - y0 + 14) / 5.1), ly = [0, 1, 2].map((i) => y0 - 14 + (i + 0.5) * lh), n = a.c;
    const mid = (k) => x0 + (k + 0.5) * cwA, yRow = y1 + (a.pin[0] + 0.5) * chC, xCol = x1 + (b.pin[1] + 0.5) * cwB;
    const topA = most(a), topB = most(b), roleA = a.role || 'query', roleB = b.role === a.role ? 'key' : b.role || 'key';
    const topP = Math.max(...p.shown.map((k) => Math.abs(d.left[k] * d.right[k]))) || 1;
    let seenSum = 0;
    for (let k = 0; k < n; k++) {
      const term = p.shown[k], left = d.left[term], right = d.right[term], lag = (0.1 * k) / n, w = Math.max(cwA - 2, 1.5);
      seenSum += left * right;
      const tA = between(t, 0.02 + lag, 0.2 + lag), tB = between(t, 0.2 + lag, 0.42 + lag), tP = between(t, 0.45 + lag, 0.58 + lag);
      if (t > 0.02 + lag) card(pen, mid(k), yRow + (ly[0] - yRow) * tA, w, lh - 3, left, roleA, Math.min(1, tA * 4), colour(a, left, topA));
      if (t > 0.2 + lag) {
        const yFrom = yB + (k + 0.5) * chB;
        card(pen, xCol + (mid(k) - xCol) * tB, yFrom + (ly[1] - yFrom) * tB, w, lh - 3, right, roleB, Math.min(1, tB * 4), colour(b, right, topB));
      }
      if (tP > 0) card(pen, mid(k), ly[1] + (ly[2] - ly[1]) * tP, w, lh - 3, left * right, 'value', tP, w < 9 ? colour({ ramp: 'signed' }, left * right, topP) : null);
    }
    pen.textAlign = 'right';
    ['', '×', '='].forEach((sign, i) => { pen.font = `600 15px ${look.font}`; pen.fillStyle = look.text; pen.textBaseline = 'middle'; pen.fillText(sign, x0 - 6, ly[i]); });
    name(pen, d.labels[0], x0 - 24, ly[0] + 5, tint(roleA), 13, 'right');
    name(pen, d.labels[1] || b.symbol, x0 - 24, ly[1] + 5, tint(roleB), 13, 'right');
    // what is not drawn, the bias, and the sum
    const bias = d.index[d.index.length - 1] === -1 ? d.left[d.left.length - 1] * d.right[d.right.length - 1] : null;
    const hidden = d.left.length - n - (bias === null ? 0 : 1), tS = between(t, 0.66, 0.72), parts = [`${words.sum} ${fmt(seenSum)}`];
    if (hidden) parts.push(words.rest.replace('{n}', hidden).replace('{x}', fmt(d.total - seenSum - (bias ?? 0))));
    if (bias !== null) parts.push(`${words.bias} ${fmt(bias)}`);
    const ys = y0 - 14 + 3.75 * lh;
    if (tS > 0) {
      pen.globalAlpha = tS;
      pen.font = `13.5px ${look.font}`; pen.textAlign = 'left'; pen.textBaseline = 'middle'; pen.fillStyle = look.text;
      const text = parts.join('  +  ').replaceAll('+  −', '−  '), room = Math.max(a.c * cwA - 92, 150);
      const lines = pen.measureText(text).width > room && parts.length > 1 ? [parts.slice(0, -1).join('  +  '), `+  ${parts[parts.length - 1]}`] : [text];
      lines.forEach((line, i) => pen.fillText(fit(pen, line, Math.max(room, x1 - 60 - x0)), x0, ys + i * 17));
      pen.globalAlpha = 1;
      const go = between(t, 0.72, 0.82), xs = x0 + Math.max(Math.min(a.c * cwA, 480) - 38, 60), yS = ys + (lines.length - 1) * 17 + (lines.length > 1 ? 0 : 20);
      const xc = x1 + (c.pin[1] + 0.5) * cwB, yc = y1 + (c.pin[0] + 0.5) * chC;
      pen.globalAlpha = tS; pen.font = `600 15px ${look.font}`; pen.fillStyle = look.text; pen.textAlign = 'right'; pen.textBaseline = 'middle'; pen.fillText('=', xs - 44, yS); pen.globalAlpha = 1;
      card(pen, xs, yS, 76, 22, fmt(d.total), c.role || 'output', tS);
      if (go > 0 && go < 1) card(pen, xs + (xc - xs) * go, yS + (yc - yS) * go, 76 + (cwB - 76) * go, 22, fmt(d.total), c.role || 'output');
    }
    return 0;
  }

  // What happens to the pinned cell, as words of a formula: cards and signs. [text, label, role, part it comes from] or a sign.
  function sentence(p) {
    const d = apartOf(p), f = d.facts, left = (i) => fmt(d.left[i]), out = [fmt(d.value), p.c.symbol, p.c.role || 'output', -1];
    const part = (i) => p.parts[i]?.symbol ?? '';
    switch (p.kind) {
      case 'add': return [...p.parts.flatMap((m, i) => [...(i ? ['+'] : []), [left(i), part(i), m.role || 'query', i]]), '=', out];
      case 'multiply': return [[left(0), part(0), 'query', 0], '×', [fmt(d.right[0]), words.scale_note, 'key', null], '=', out];
      case 'cap': return [[fmt(d.right[0]), '', 'key', null], '× tanh(', [fmt(Math.atanh(d.left[0]) * d.right[0]), part(0), 'query', 0], `÷ ${fmt(d.right[0])} ) =`, out];
      case 'norm': return ['(', [fmt(f.x), part(0), 'query', 0], '−', [fmt(f.mean), words.mean, 'key', 'stats'], ') ÷', [fmt(f.spread), words.spread, 'key', 'stats'], '×', [fmt(f.gain), words.gain, 'value', null], '+', [fmt(f.shift), words.shift, 'value', null], '=', out];
      case 'activate': return [[left(0), part(0), 'query', 0], '×', [fmt(d.right[0]), p.curve, 'key', null], '=', out];
      case 'turn': return [[left(0), `[${d.index[0]}]`, 'query', 0], '×', [fmt(d.right[0]), '', 'key', null], '+', [left(1), `[${d.index[1]}]`, 'query', 0], '×', [fmt(d.right[1]), '', 'key', null], '=', out];
      case 'exponentials': return ['exp(', [fmt(f.score), words.score, 'query', 0], '−', [fmt(f.top), words.top, 'key', null], f.temperature === 1 ? ') =' : `) ÷ ${fmt(f.temperature)} =`, out];
      case 'quotients': return [[fmt(f.own), words.exponential, 'query', 0], '÷', [fmt(f.sum), words.sum_of_row, 'key', 'stats'], '=', out];
      case 'look_up': return [[String(f.id), words.id, 'query', 0], '→', [left(0), words.table, 'key', null], ...(d.right[0] === 1 ? [] : ['×', [fmt(d.right[0]), '', 'key', null]]), '=', out];
      case 'alibi': return [[left(0), '−slope', 'query', null], '×', [String(d.right[0]), '|i−j|', 'key', null], '=', out];
      case 'same': case 'join': return [[left(0), part(0), 'query', 0], '→', out];
      default: return [out];
    }
  }

  // Matrices of one shape beside each other, and above them what happens to the pinned cell.
  function beside(pen, p, width, t, measure) {
    const signs = { add: '+', multiply: '→', norm: '→', quotients: '÷', look_up: '→' }, stats = p.stats ? [p.stats] : [];
    const all = p.kind === 'norm' || p.kind === 'quotients' ? [...p.parts, ...stats, p.c] : [...p.parts, p.c];
    const rowRoom = 76, gap = 30, lens = 78, top = lens + 42, n = p.c.r, statsWide = (m) => (m.columns === 'stats' || m.columns === 'id' ? 60 * m.c : 0);
    const fixed = all.reduce((sum, m) => sum + statsWide(m), 0), cells = all.reduce((sum, m) => sum + (statsWide(m) ? 0 : m.c), 0);
    const avail = width - rowRoom - gap * (all.length - 1) - fixed - 8, cw = Math.min(56, avail / cells), high = Math.min(Math.max(n * 24, 60), 350), ch = high / n;
    if (measure) return top + high + 8;
    let x = rowRoom;
    const spots = [];
    all.forEach((m, i) => {
      const w = statsWide(m) ? 60 : cw, result = m === p.c;
      matrix(pen, m, x, top, w, ch, { rowLabels: i === 0, shown: result && all.length > 1 ? revealed(m, t) : () => 1 });
      pin(pen, m, x, top, w, ch);
      spots.push({ m, x, w });
      x += m.c * w;
      if (i < all.length - 1) {
        const sign = i === all.length - 2 ? (p.kind === 'quotients' || p.kind === 'add' ? '=' : '→') : p.kind === 'quotients' ? '÷' : p.kind === 'norm' ? '' : '+';
        pen.font = `600 20px ${look.font}`; pen.fillStyle = look.text; pen.textAlign = 'center'; pen.textBaseline = 'middle';
        pen.fillText(signs[p.kind] === '÷' && i === 0 ? '÷' : sign, x + gap / 2, top + high / 2);
      }
      x += gap;
    });
    const line = sentence(p), cardWide = (text) => { pen.font = `13px ${look.font}`; return Math.max(58, pen.measureText(text).width + 14); };
    pen.font = `600 17px ${look.font}`;
    const widths = line.map((one) => (typeof one === 'string' ? (pen.font = `600 17px ${look.font}`, pen.measureText(one).width + 12) : cardWide(one[0]) + 4));
    const total = widths.reduce((sum, w) => sum + w, 0), squeeze = Math.min(1, (width - 8) / total);
    pen.save();
    let lx = Math.max(4, Math.min(rowRoom, width - total * squeeze - 4));
    const count = line.filter((one) => typeof one !== 'string').length;
    let seen = 0;
    line.forEach((one, i) => {
      const w = widths[i] * squeeze, middle = lx + w / 2, y = 26;
      if (typeof one === 'string') {
        pen.globalAlpha = between(t, (0.7 * seen) / count, (0.7 * seen) / count + 0.1);
        pen.font = `600 17px ${look.font}`; pen.fillStyle = look.text; pen.textAlign = 'center'; pen.textBaseline = 'middle';
        pen.fillText(one, middle, y);
        pen.globalAlpha = 1;
      } else {
        const [text, label, role, from] = one, start = (0.62 * seen) / count, k = between(t, start, start + 0.26);
        const source = from === 'stats' ? spots[p.parts.length] : typeof from === 'number' && from >= 0 ? spots[from] : null;
        let fx = middle, fy = y;
        if (source && source.m.pin[0] >= 0) {
          fx = source.x + ((source.m.pin[1] < 0 ? 0 : source.m.pin[1]) + 0.5) * source.w;
          fy = top + (source.m.pin[0] + 0.5) * ch;
        }
        card(pen, fx + (middle - fx) * k, fy + (y - fy) * k, w - 4, 26, text, role, Math.min(1, k * 4));
        if (label) { pen.globalAlpha = k; name(pen, label, middle, 56, tint(role), 12.5, 'center'); pen.globalAlpha = 1; }
        if (from === -1 && line.length > 1) {
          const down = between(t, 0.7, 0.8), target = spots[spots.length - 1];
          if (down > 0 && down < 1) {
            const tx = target.x + (target.m.pin[1] + 0.5) * target.w, ty = top + (target.m.pin[0] + 0.5) * ch;
            card(pen, middle + (tx - middle) * down, y + (ty - y) * down, 70, 24, text, role);
          }
        }
        seen++;
      }
      lx += w;
    });
    pen.restore();
    if (p.kind === 'activate') curve(pen, p, Math.max(lx + 26, width - 210), 4, Math.min(200, width - lx - 30), 70);
    if (p.kind === 'turn') circle(pen, p, width - 56, 38, 34, t);
    return 0;
  }
  // The activation's own curve, with the number on it.
  function curve(pen, p, x, y, w, h) {
    if (w < 70) return;
    const d = apartOf(p), v = d.left[0], reach = Math.max(3, Math.abs(v) * 1.15), gate = { relu: (z) => (z > 0 ? 1 : 0), silu: (z) => 1 / (1 + Math.exp(-z)) };
    const f = (z) => z * (gate[p.curve] ?? ((u) => 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (u + 0.044715 * u ** 3)))))(z);
    const px = (z) => x + ((z + reach) / (2 * reach)) * w, py = (z) => y + h - 8 - ((z + 0.3) / (reach + 0.3)) * (h - 12);
    pen.strokeStyle = look.line; pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(x, py(0)); pen.lineTo(x + w, py(0)); pen.moveTo(px(0), y); pen.lineTo(px(0), y + h); pen.stroke();
    pen.strokeStyle = tint('key'); pen.lineWidth = 2; pen.beginPath();
    for (let i = 0; i <= 60; i++) { const z = -reach + (2 * reach * i) / 60; pen[i ? 'lineTo' : 'moveTo'](px(z), py(f(z))); }
    pen.stroke();
    pen.fillStyle = tint('query'); pen.beginPath(); pen.arc(px(v), py(d.value), 5, 0, 7); pen.fill();
    name(pen, p.curve, x + 4, y + 14, tint('key'), 12.5);
  }
  // Rotary positions: the pair as an arrow, turned by its angle.
  function circle(pen, p, x, y, r, t) {
    const d = apartOf(p), [a, b] = d.index[0] % 2 ? [d.left[1], d.left[0]] : [d.left[0], d.left[1]], size = Math.hypot(a, b) || 1, start = Math.atan2(b, a);
    const arrow = (angle, tone, width) => { pen.strokeStyle = tone; pen.lineWidth = width; pen.beginPath(); pen.moveTo(x, y); pen.lineTo(x + (r * Math.cos(angle) * size) / size, y - r * Math.sin(angle)); pen.stroke(); };
    pen.strokeStyle = look.line; pen.lineWidth = 1; pen.beginPath(); pen.arc(x, y, r, 0, 7); pen.stroke();
    arrow(start, tint('query'), 1.5);
    arrow(start + d.facts.angle * between(t, 0.2, 0.75), tint('output'), 3);
    name(pen, `${fmt(d.facts.angle)} rad`, x - r - 6, y + 4, look.text, 12, 'right');
  }
  // The first stage: pieces and their ids, and which of them is a special one.
  function tokens(pen, p, width, t, measure) {
    const ids = p.c, n = ids.r, w = Math.min(104, Math.max(56, (width - 10) / Math.min(n, 16) - 6)), each = Math.max(1, Math.floor((width - 6) / (w + 6))), high = 108;
    const lines = Math.ceil(n / each);
    if (measure) return 14 + lines * (high + 6);
    for (let i = 0; i < n; i++) {
      const x = 4 + (i % each) * (w + 6) + w / 2, y = 12 + Math.floor(i / each) * (high + 6), k = between(t, (0.5 * i) / n, (0.5 * i) / n + 0.4), chosen = i === p.c.pin[0];
      pen.fillStyle = look.second; pen.strokeStyle = chosen ? tint('query') : look.line; pen.lineWidth = chosen ? 3 : 1;
      pen.beginPath(); pen.roundRect(x - w / 2, y, w, 34, 7); pen.fill(); pen.stroke();
      pen.font = `${chosen ? '700 ' : ''}15px ${look.font}`; pen.fillStyle = chosen ? tint('query') : look.text; pen.textAlign = 'center'; pen.textBaseline = 'middle';
      pen.fillText(fit(pen, meta.queries[i], w - 6), x, y + 18);
      pen.globalAlpha = k;
      pen.strokeStyle = look.text; pen.lineWidth = 1.5; pen.beginPath(); pen.moveTo(x, y + 38); pen.lineTo(x, y + 38 + 22 * k); pen.stroke();
      card(pen, x, y + 50 + 27 * k, w - 4, 28, String(at(ids, i, 0)), chosen ? 'query' : '', k);
      pen.globalAlpha = 1;
      s.rects.push({ m: ids, x: x - w / 2, y, cw: w, ch: high - 10, only: i });
    }
    return 0;
  }

  const painters = (p) => (p.kind === 'tokens' ? tokens : p.a ? product : beside);
  function paint() {
    const p = picture(), width = Math.max(320, root.clientWidth);
    s.rects = [];
    if (!p) { el.canvas.style.opacity = '0.35'; return; }
    el.canvas.style.opacity = '1';
    const probe = el.canvas.getContext('2d'), draw = painters(p);
    const high = Math.max(Math.ceil(draw(probe, p, width, 1, true)), 388);
    const pen = sharpen(el.canvas, width, high);
    pen.clearRect(0, 0, width, high);
    draw(pen, p, width, still() ? 1 : s.t, false);
    el.canvas.dataset.part = meta.steps[s.step].part;
    el.canvas.dataset.time = s.t.toFixed(2);
  }

  // Everything that is not canvas. Buttons are kept, so that the focus stays where it is.
  function keep(box, n, create) {
    while (box.children.length > n) box.lastChild.remove();
    while (box.children.length < n) box.append(create(box.children.length));
    return [...box.children];
  }
  const plain = () => make('button', { type: 'button' });
  function render() {
    const here = meta.steps[s.step];
    for (const [box, pieces, chosen, role] of [[el.queries, meta.queries, place.query, 'query'], [el.keys, meta.keys, place.key, 'key']]) {
      keep(box, pieces.length, () => make('button', { type: 'button' }, make('span'), make('i', { className: 'bar' }))).forEach((chip, i) => {
        chip.firstChild.textContent = pieces[i];
        chip.setAttribute('aria-pressed', String(i === chosen));
        chip.style.borderColor = i === chosen ? tint(role) : '';
        chip.style.color = i === chosen ? tint(role) : '';
        if (role === 'key') { chip.lastChild.style.width = `${100 * row[i]}%`; chip.lastChild.style.background = tint('key'); chip.title = `${pieces[i]} · ${fmt(row[i])}`; }
        chip.onclick = () => say({ [role]: i });
      });
    }
    el.queryName.textContent = words.query; el.keyName.textContent = words.key;
    el.queryName.style.color = tint('query'); el.keyName.style.color = tint('key');
    el.queries.setAttribute('aria-label', words.query); el.keys.setAttribute('aria-label', words.key);
    const stages = Object.keys(meta.stages);
    keep(el.rail, stages.length, () => make('button', { type: 'button' }, make('b'), make('span'))).forEach((b, i) => {
      const stage = Number(stages[i]);
      b.firstChild.textContent = stages[i]; b.lastChild.textContent = meta.stages[stages[i]]; b.title = meta.stages[stages[i]];
      b.className = stage < here.stage ? 'done' : '';
      if (stage === here.stage) b.setAttribute('aria-current', 'step'); else b.removeAttribute('aria-current');
      b.onclick = () => { stop(); go(meta.steps.findIndex((x) => x.stage === stage), 1); };
    });
    const parts = meta.steps.map((x, i) => [x, i]).filter(([x]) => x.stage === here.stage);
    keep(el.parts, parts.length + (meta.scratch ? 1 : 0), plain).forEach((b, i) => {
      if (i === parts.length) { b.className = 'mark'; b.textContent = words.scratch; b.disabled = true; return; }
      b.className = ''; b.disabled = false; b.textContent = parts[i][0].symbol;
      b.setAttribute('aria-pressed', String(parts[i][1] === s.step));
      b.onclick = () => { stop(); go(parts[i][1], 1); };
    });
    el.play.textContent = s.playing ? `❚❚ ${words.pause}` : `▶ ${words.play}`;
    for (const [b, word] of [[el.first, 'first'], [el.back, 'back'], [el.next, 'next'], [el.last, 'last']]) { b.title = words[word]; b.setAttribute('aria-label', words[word]); }
    el.next.textContent = '▶'; el.next.disabled = s.step === meta.steps.length - 1; el.back.disabled = s.step === 0;
    el.scrub.max = String(meta.steps.length); el.scrub.value = String(s.step + s.t * 0.999); el.scrub.setAttribute('aria-label', words.scrub);
    el.scrub.setAttribute('aria-valuetext', `${here.stage} ${meta.stages[here.stage]}`);
    el.hint.textContent = words.hint;
    el.canvas.setAttribute('role', 'img');
    const p = picture();
    if (p) { const [value] = numbersOf(p.apart.value); el.canvas.setAttribute('aria-label', words.picture.replace('{stage}', `${here.stage} ${meta.stages[here.stage]}`).replace('{symbol}', here.symbol).replace('{value}', p.c?.columns === 'id' ? String(value) : fmt(value))); }
    paint();
  }
  function chooser(select, label, options, value, change) {
    select.replaceChildren(...options.map(([v, text]) => make('option', { value: String(v), textContent: text })));
    select.value = String(value);
    select.onchange = () => { change(Number(select.value)); };
    return make('label', {}, label, select);
  }
  const speed = make('label', {}, words.speed, el.speed);
  el.speed.onchange = () => { s.speed = Number(el.speed.value); };
  el.controls.replaceChildren(el.first, el.back, el.play, el.next, el.last, el.scrub, speed,
    chooser(el.drawn, words.drawn, meta.drawn.map((x) => [x, x ? String(x) : words.all]), place.drawn, (x) => say({ drawn: x })),
    chooser(el.digits, words.digits, meta.digits.map((x) => [x, x ? `0.${'0'.repeat(x)}` : words.scientific]), place.digits, (x) => say({ digits: x })));

  // Time
  function stop() { s.playing = false; cancelAnimationFrame(s.frame); }
  function play() {
    s.playing = true;
    if (s.t >= 1) { if (s.step === meta.steps.length - 1) s.step = 0; s.t = 0; }
    s.clock = performance.now();
    s.rest = 0;
    cancelAnimationFrame(s.frame);
    s.frame = requestAnimationFrame((now) => s.tick(now));
    render();
  }
  s.tick = (now) => { // the newest call's own: a play goes on when new numbers arrive
    if (!s.playing || !root.isConnected) return;
    const passed = Math.min(0.1, (now - s.clock) / 1000) * s.speed;
    s.clock = now;
    if (!picture()) { s.frame = requestAnimationFrame((later) => s.tick(later)); return; }
    if (s.t < 1) { s.t = Math.min(1, s.t + passed / SECONDS); el.scrub.value = String(s.step + s.t * 0.999); paint(); }
    else {
      s.rest += passed;
      if (s.rest > HOLD) {
        s.rest = 0;
        if (s.step === meta.steps.length - 1) { stop(); render(); return; }
        go(s.step + 1, 0);
      }
    }
    s.frame = requestAnimationFrame((later) => s.tick(later));
  };
  const toggle = () => { if (s.playing) { stop(); render(); } else play(); };
  el.play.onclick = toggle;
  el.next.onclick = () => { stop(); go(s.step + 1, 1); };
  el.back.onclick = () => { stop(); go(s.step - 1, 1); };
  el.first.onclick = () => { stop(); go(0, 1); };
  el.last.onclick = () => { stop(); go(meta.steps.length - 1, 1); };
  el.scrub.oninput = () => { stop(); const x = Math.min(Number(el.scrub.value), meta.steps.length - 0.001), step = Math.floor(x); go(step, Math.min(1, (x - step) / 0.998), { quiet: true }); };

  on(document, 'keydown', (event) => {
    const target = event.composedPath()[0], tag = target.tagName;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if ((tag === 'INPUT' && target !== el.scrub) || tag === 'TEXTAREA' || tag === 'SELECT' || target.isContentEditable) return;
    if (target.closest?.('[role=combobox],[role=listbox],[role=slider],[role=spinbutton],[role=tablist],[role=dialog],[role=menu]')) return;
    const p = picture(), c = p?.c;
    const walkTo = { ArrowRight: s.step + 1, ArrowLeft: s.step - 1, Home: 0, End: meta.steps.length - 1 };
    if (event.key === ' ' && tag === 'BUTTON') return;
    if (event.key === ' ') toggle();
    else if (event.shiftKey && (event.key === 'ArrowLeft' || event.key === 'ArrowRight') && c) {
      const field = FIELD[c.columns] ?? 'dim', limit = c.columns === 'joined' ? meta.d_head : c.size[1];
      const value = place[field] + (event.key === 'ArrowRight' ? 1 : -1);
      if (value >= 0 && value < limit) say({ [field]: value });
    } else if ((event.key === 'ArrowUp' || event.key === 'ArrowDown') && c) {
      const field = c.rows === 'key' ? 'key' : 'query', value = place[field] + (event.key === 'ArrowDown' ? 1 : -1);
      if (value >= 0 && value < (field === 'key' ? meta.keys : meta.queries).length) say({ [field]: value });
    } else if (!event.shiftKey && event.key in walkTo) { stop(); go(walkTo[event.key], 1); }
    else return;
    event.preventDefault();
  });

  // The pointer
  function under(event) {
    const frame = el.canvas.getBoundingClientRect(), x = event.clientX - frame.left, y = event.clientY - frame.top;
    for (const r of s.rects) {
      if (r.only !== undefined) { if (x >= r.x && x < r.x + r.cw && y >= r.y && y < r.y + r.ch) return { m: r.m, i: r.only, j: 0, x, y }; continue; }
      const j = Math.floor((x - r.x) / r.cw), i = Math.floor((y - r.y) / r.ch);
      if (i >= 0 && j >= 0 && i < r.m.r && j < r.m.c) return { m: r.m, i, j, x, y };
    }
    return null;
  }
  on(el.canvas, 'pointermove', (event) => {
    const found = under(event);
    if (!found) { el.tip.style.display = 'none'; return; }
    const { m, i, j } = found, first = axisLabel(m.rows, m.row_index ? m.row_index[i] : i);
    const second = m.columns === 'id' ? '' : m.columns === 'stats' ? '' : `, ${axisLabel(m.columns, m.index ? m.index[j] : j)}`;
    const value = at(m, i, j);
    tip(el.tip, s.box, [`${m.symbol.replace('_', '')} [${first}${second}]`, m.columns === 'id' ? String(value) : write(value, place.digits ? Math.max(place.digits, 4) : 0, words)], found.x, found.y);
  });
  on(el.canvas, 'pointerleave', () => { el.tip.style.display = 'none'; });
  on(el.canvas, 'click', (event) => {
    const found = under(event);
    if (!found) return;
    const { m, i, j } = found, changes = {}, r = m.row_index ? m.row_index[i] : i, c = m.index ? m.index[j] : j;
    const put = (axis, value) => { if (axis === 'joined') changes.joined = value; else if (axis in FIELD) changes[FIELD[axis]] = value; };
    put(m.rows, r); put(m.columns, c);
    if (Object.keys(changes).length) say(changes);
  });
  if (!s.watch) { s.watch = new ResizeObserver(() => s.again()); s.watch.observe(root); }
  s.again = () => { if (root.isConnected && root.clientWidth !== s.wide) { s.wide = root.clientWidth; paint(); } };
  s.wide = root.clientWidth;
  render();
  answered();
  return () => { s.abort.abort(); };
}
