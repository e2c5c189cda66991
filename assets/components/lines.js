// Tokens on two sides and a line for each weight: queries left, keys right. Several heads at once, each in its own colour.
const ROW = 27, LEAST = 19, FONT = 14, BUCKETS = 16;

function build(root) {
  const find = (name) => root.querySelector(name);
  const canvas = find('canvas.map'), out = find('output'), title = find('.title'), note = find('.note'), buttons = find('.heads'), scroll = find('.scroll');
  const self = {};
  let data, values, look, place, send, active = [], told = null, hover = null, pin = null, link = hear(null), group = null, far = null, dataset = '';

  const weight = (h, row, column) => {
    const slot = data.slots.indexOf(h); // only some heads are sent when there are many tokens
    return slot < 0 ? 0 : values[(slot * data.queries.length + row) * data.keys.length + column];
  };
  const shown = () => active.filter((h) => data.slots.includes(h));
  const paint = (h) => data.heads[h % data.heads.length];

  function layout() {
    const n = Math.max(data.queries.length, data.keys.length), width = root.clientWidth - (n * LEAST + 26 > room(data.height, 330) ? 12 : 0);
    const pen = canvas.getContext('2d');
    pen.font = `${FONT}px ${look.font}`;
    const longest = (texts) => Math.min(130, width * 0.3, texts.reduce((most, text) => Math.max(most, pen.measureText(text.slice(0, 40)).width), 30)) + 12;
    const row = Math.max(LEAST, Math.min(ROW + 8, (room(data.height, 330) - 26) / n));
    place = { width, row, left: longest(data.queries), right: width - longest(data.keys), top: 24, height: 26 + n * row };
  }

  const y = (i) => place.top + (i + 0.5) * place.row;
  const focus = () => hover ?? pin ?? far;

  // Lines of one strength share one path: thousands of lines are drawn in a few strokes.
  function strokes(pen, keep, from, to) {
    const mid = (from + to) / 2;
    for (const h of shown()) {
      const paths = Array.from({ length: BUCKETS }, () => null);
      for (let r = 0; r < data.queries.length; r++) {
        for (let c = 0; c < data.keys.length; c++) {
          if (!keep(r, c)) continue;
          const w = weight(h, r, c);
          if (!(w >= data.threshold) || w <= 0) continue;
          const slot = Math.min(BUCKETS - 1, Math.floor((w / data.high) * BUCKETS));
          const path = (paths[slot] ??= new Path2D());
          path.moveTo(from, y(r));
          path.bezierCurveTo(mid, y(r), mid, y(c), to, y(c));
        }
      }
      paths.forEach((path, slot) => {
        if (!path) return;
        pen.globalAlpha = (slot + 0.6) / BUCKETS;
        pen.strokeStyle = paint(h);
        pen.lineWidth = 1 + (2.2 * slot) / BUCKETS;
        pen.stroke(path);
      });
      pen.globalAlpha = 1;
    }
  }

  function strips(pen, chosen, from, to) {
    const [side, index] = chosen, heads = shown(), other = side === 'query' ? data.keys : data.queries;
    const wide = side === 'query' ? place.width - to - 2 : from - 2, x = side === 'query' ? to + 2 : 0;
    for (let i = 0; i < other.length; i++) {
      heads.forEach((h, slot) => {
        const w = side === 'query' ? weight(h, index, i) : weight(h, i, index);
        pen.globalAlpha = Math.min(1, Math.max(0, w / data.high)) * 0.75;
        pen.fillStyle = paint(h);
        pen.fillRect(x + (slot * wide) / heads.length, y(i) - place.row / 2 + 1, wide / heads.length, place.row - 2);
      });
    }
    pen.globalAlpha = 1;
  }

  function draw() {
    if (!data || !root.clientWidth) return;
    layout();
    const pen = sharpen(canvas, place.width, Math.ceil(place.height) + 4);
    const from = place.left, to = place.right, chosen = focus();
    strokes(pen, (r, c) => !chosen || (chosen[0] === 'query' ? r === chosen[1] : chosen[0] === 'key' ? c === chosen[1] : r === chosen[1] && c === chosen[2]), from, to);
    if (chosen && chosen[0] !== 'cell') strips(pen, chosen, from, to);
    pen.textBaseline = 'middle';
    pen.font = `600 ${FONT}px ${look.font}`;
    pen.textAlign = 'right';
    pen.fillStyle = look.dark ? look.text : data.roles.query;
    pen.fillText(data.words.query, from - 8, 11);
    pen.textAlign = 'left';
    pen.fillStyle = look.dark ? look.text : data.roles.key;
    pen.fillText(data.words.key, to + 8, 11);
    const strong = (side, i) => chosen && ((chosen[0] === side && chosen[1] === i) || (chosen[0] === 'cell' && chosen[side === 'query' ? 1 : 2] === i));
    for (const [side, texts, x, align, room] of [['query', data.queries, from - 8, 'right', from - 10], ['key', data.keys, to + 8, 'left', place.width - to - 10]]) {
      pen.textAlign = align;
      for (let i = 0; i < texts.length; i++) {
        pen.font = `${strong(side, i) ? 'bold ' : ''}${FONT}px ${look.font}`;
        pen.fillStyle = look.text;
        pen.fillText(fit(pen, texts[i], room), x, y(i));
        if (strong(side, i)) { pen.fillRect(side === 'query' ? from - 5 : to + 2, y(i) - place.row / 2 + 2, 3, place.row - 4); }
      }
    }
  }

  // The strongest partners of the chosen token, as text: what the colours say, in numbers.
  function readout(loud) {
    const chosen = hover ?? pin;
    out.setAttribute('aria-live', loud ? 'polite' : 'off');
    if (!chosen) { out.textContent = data.words.lines_hint; return; }
    const [side, index] = chosen, other = side === 'query' ? data.keys : data.queries, parts = [];
    for (const h of shown().slice(0, 3)) {
      const all = other.map((text, i) => [side === 'query' ? weight(h, index, i) : weight(h, i, index), text]).sort((a, b) => b[0] - a[0]);
      parts.push(`${data.names[h]}: ${all.slice(0, 3).map(([w, text]) => `${text} ${digits(w, data.words)}`).join(', ')}`);
    }
    const own = side === 'query' ? data.queries[index] : data.keys[index];
    out.textContent = `${own} ${side === 'query' ? '→' : '←'} ${parts.join(' | ')}`;
  }

  function move(next, loud) {
    if (String(next) === String(hover)) return;
    hover = next;
    far = null;
    link.tell(next && next[0] === 'query' ? next[1] : -1, next && next[0] === 'key' ? next[1] : -1);
    readout(loud);
    draw();
  }

  const under = (event) => {
    const edge = canvas.getBoundingClientRect(), x = event.clientX - edge.left, i = Math.floor((event.clientY - edge.top - place.top) / place.row);
    const side = x < place.left + 24 ? 'query' : x > place.right - 24 ? 'key' : null;
    return side && i >= 0 && i < (side === 'query' ? data.queries : data.keys).length ? [side, i] : null;
  };
  canvas.addEventListener('pointermove', (event) => { const token = under(event); canvas.style.cursor = token ? 'pointer' : 'default'; move(token, false); });
  canvas.addEventListener('pointerleave', () => move(null, false));
  canvas.addEventListener('click', (event) => { const token = under(event); pin = token && String(token) !== String(pin) ? token : null; hover = null; readout(true); draw(); });
  canvas.addEventListener('keydown', (event) => {
    const [side, i] = hover ?? pin ?? ['query', -1], last = (side === 'query' ? data.queries : data.keys).length - 1;
    if (event.key === 'ArrowDown') move([side, Math.min(last, i + 1)], true);
    else if (event.key === 'ArrowUp') move([side, Math.max(0, i - 1)], true);
    else if (event.key === 'ArrowLeft') move(['query', Math.min(Math.max(i, 0), data.queries.length - 1)], true);
    else if (event.key === 'ArrowRight') move(['key', Math.min(Math.max(i, 0), data.keys.length - 1)], true);
    else if (event.key === 'Enter' || event.key === ' ') { pin = hover; readout(true); draw(); }
    else if (event.key === 'Escape') { pin = null; move(null, true); }
    else return;
    if (hover) scroll.scrollTo({ top: y(hover[1]) - scroll.clientHeight / 2 });
    event.preventDefault();
  });
  canvas.addEventListener('blur', () => move(null, false));
  new ResizeObserver(draw).observe(root);

  function choose(next) {
    active = next;
    told = String(next);
    send('heads', next);
    squares();
    readout(true);
    draw();
  }

  function squares() {
    while (buttons.children.length > data.names.length) buttons.lastChild.remove();
    data.names.forEach((name, h) => {
      let button = buttons.children[h];
      if (!button) {
        button = buttons.appendChild(document.createElement('button'));
        button.type = 'button';
        button.addEventListener('click', (event) => {
          if (event.detail > 1) return; // the second click of a double click
          const on = active.includes(h);
          if (on && active.length === 1) return; // the last head stays on
          choose(on ? active.filter((x) => x !== h) : [...active, h].sort((a, b) => a - b));
        });
        button.addEventListener('dblclick', () => choose(active.length === 1 && active[0] === h ? data.names.map((_, i) => i) : [h]));
      }
      button.textContent = name;
      button.setAttribute('aria-pressed', String(active.includes(h)));
      button.style.setProperty('--own', paint(h));
      button.title = data.words.heads_hint;
    });
    buttons.style.display = data.names.length > 1 ? '' : 'none';
    buttons.setAttribute('aria-label', data.words.heads);
  }

  return {
    update(next, setState) {
      send = setState;
      look = theme(root);
      data = next.meta;
      values = numbers(next.values, data.kind);
      if (group !== data.link) {
        link.stop();
        group = data.link;
        link = hear(group, self, ({ row, column }) => {
          far = row >= 0 && column >= 0 ? ['cell', row, column] : row >= 0 ? ['query', row] : column >= 0 ? ['key', column] : null;
          draw();
        });
      }
      if (String(data.active) !== told || !active.length) active = [...data.active];
      told = String(active);
      const now = `${data.queries.join('\n')}\0${data.keys.join('\n')}`;
      if (now !== dataset) pin = null; // a pinned token belongs to its text
      dataset = now;
      hover = null;
      title.textContent = data.title;
      title.style.display = data.title ? '' : 'none';
      note.textContent = data.note;
      note.style.display = data.note ? '' : 'none';
      scroll.style.maxHeight = `${room(data.height, 330) + 8}px`;
      canvas.setAttribute('aria-label', `${data.title || data.words.lines}. ${data.words.keys}`);
      squares();
      draw();
      readout(false);
    },
  };
}

export default function (component) {
  const root = component.parentElement.querySelector('.frame');
  root.attnlab ??= build(root);
  root.attnlab.update(component.data, component.setStateValue);
}
