// Writing token by token: what the new token looks at, what could have come instead, and the tree of the beam. Stepping asks nobody.
const COLUMN = 104, LINE = 28, LEFT = 62, BOX = 88, PAUSE = 900, SETTLED = 300, SVG = 'http://www.w3.org/2000/svg';

function build(root) {
  const find = (name) => root.querySelector(name);
  const parts = Object.fromEntries(['first', 'back', 'play', 'next', 'final', 'where', 'said', 'source', 'target', 'links', 'note', 'list', 'other', 'tree', 'about', 'scrolls', 'sentences'].map((n) => [n, find(`.${n}`)]));
  let data, values, ramp, look, send, trigger, step = 0, told = null, timer = 0, settle = 0, nodes = [], band;

  const percent = (p) => (p >= 0.9995 ? '100 %' : p < 0.0005 ? '< 0.1 %' : `${(100 * p).toPrecision(p < 0.1 ? 2 : 3)} %`);
  const cross = (t, k) => values[t * data.source.length + k];
  const own = (t, k) => values[data.read.length * data.source.length + t * data.read.length + k];
  const fill = (template, facts) => template.replace(/\{(\w+)\}/g, (_, name) => facts[name]);
  const make = (tag, cls, text) => Object.assign(document.createElement(tag), { className: cls, textContent: text ?? '' });
  const draw = (tag, attributes) => { const e = document.createElementNS(SVG, tag); for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v); return e; };

  function ink([r, g, b]) { return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? '#111' : '#fff'; }
  function shade(chip, weight, text) {
    const colour = ramp[Math.round(255 * Math.min(1, Math.max(0, weight)))];
    chip.style.background = `rgb(${colour})`;
    chip.style.color = ink(colour);
    chip.lastChild.textContent = text;
  }
  function chip(text) {
    const e = make('span', 'chip', '');
    e.append(text, make('small', '', ' '));
    return e;
  }

  // Both sentences once; colours change with the step.
  function sentences() {
    parts.source.replaceChildren(...data.source.map(chip));
    parts.target.replaceChildren(...[data.read[0], ...data.written].map(chip));
  }

  function paint() {
    const t = step;
    [...parts.source.children].forEach((e, k) => shade(e, cross(t, k), cross(t, k).toFixed(2)));
    [...parts.target.children].forEach((e, k) => {
      e.className = `chip${k > t + 1 ? ' later' : ''}${k === t + 1 ? ' new' : ''}${k === t ? ' asks' : ''}`;
      if (k <= t) shade(e, own(t, k), own(t, k).toFixed(2));
      else { e.style.background = e.style.color = ''; e.lastChild.textContent = k === t + 1 ? percent(data.steps[t].p) : ' '; }
    });
    links();
    const now = data.steps[t];
    parts.said.textContent = fill(data.words.step, { n: t + 1, of: data.written.length, token: data.written[t] }) + ` (${percent(now.p)})`;
    parts.where.value = t;
    parts.where.setAttribute('aria-valuetext', parts.said.textContent);
    parts.first.disabled = parts.back.disabled = t === 0;
    parts.next.disabled = parts.final.disabled = t === data.written.length - 1;
    list(now);
    mark();
  }

  function links() {
    const frame = parts.sentences.getBoundingClientRect();
    const from = parts.target.children[step + 1]?.getBoundingClientRect();
    parts.links.replaceChildren();
    if (!from || !frame.width) return;
    [...parts.source.children].forEach((e, k) => {
      const w = cross(step, k), to = e.getBoundingClientRect();
      if (w < 0.02) return;
      const x1 = from.left + from.width / 2 - frame.left, y1 = from.top - frame.top, x2 = to.left + to.width / 2 - frame.left, y2 = to.bottom - frame.top;
      const mid = (y1 + y2) / 2;
      parts.links.append(draw('path', { d: `M${x1},${y1}C${x1},${mid} ${x2},${mid} ${x2},${y2}`, fill: 'none', stroke: data.roles.output, 'stroke-width': 1 + 7 * w, 'stroke-opacity': 0.25 + 0.7 * w }));
    });
  }

  function list(now) {
    const several = now.alive.length > 1;
    parts.list.replaceChildren(...now.candidates.map((c, i) => {
      const row = make('button', `row ${c.kept ? 'kept' : 'out'}`);
      row.type = 'button';
      const word = make('span', 'word');
      if (several) word.append(make('span', 'before', `${now.alive[c.parent]} `));
      word.append(c.token);
      const bar = make('span', 'bar'), inside = make('span', '');
      inside.style.width = `${100 * c.p}%`;
      if (i === now.chosen) inside.style.background = data.roles.output;
      bar.append(inside);
      row.append(word, bar, make('span', 'number', percent(c.p)));
      row.disabled = i === now.chosen;
      row.style.opacity = i === now.chosen ? 1 : '';
      row.setAttribute('aria-label', `${c.token}, ${percent(c.p)}, ${data.words.why[c.why]}`);
      row.onmouseenter = row.onfocus = () => { parts.about.textContent = about(c, now); };
      row.onclick = () => trigger('force', { step, candidate: i, at: Date.now() });
      row.title = i === now.chosen ? '' : data.words.instead;
      return row;
    }));
  }

  function about(c, now) {
    const facts = { token: c.token, p: percent(c.p), total: c.total.toFixed(3), score: c.score.toFixed(3), before: now.alive[c.parent] };
    return `${fill(data.words.about, facts)} ${data.words.why[c.why]}`.replaceAll('-', '−');
  }

  // The tree once; the step only moves a band and the scroll.
  function tree() {
    const width = LEFT + data.steps.length * COLUMN + 8;
    const tall = Math.max(...data.steps.map((s) => s.tree.length), 1);
    const height = 22 + tall * LINE;
    parts.tree.replaceChildren();
    parts.tree.setAttribute('width', width);
    parts.tree.setAttribute('height', height);
    parts.tree.setAttribute('aria-label', data.words.tree);
    band = draw('rect', { class: 'band', y: 0, width: COLUMN, height, rx: 6 });
    parts.tree.append(band);
    const edges = draw('g', {}), boxes = draw('g', {});
    parts.tree.append(edges, boxes);
    const start = box(boxes, 0, 20, LEFT - 16, data.read[0], '', 'kept best');
    start.addEventListener('click', () => go(0));
    nodes = data.steps.map((now, t) => now.tree.map((i, line) => {
      const c = now.candidates[i], best = i === now.chosen;
      const x = LEFT + t * COLUMN + 8, y = 20 + line * LINE;
      const parent = t === 0 ? { x: LEFT - 16, y: 20 } : { x: LEFT + (t - 1) * COLUMN + 8 + BOX, y: 20 + now.lines[c.parent] * LINE };
      const cls = `${c.kept ? 'kept' : 'out'}${best ? ' best' : ''}${c.why === 'finished' ? ' done' : ''}`;
      edges.append(draw('path', { class: cls, d: `M${parent.x},${parent.y + 11}C${parent.x + 10},${parent.y + 11} ${x - 10},${y + 11} ${x},${y + 11}` }));
      const node = box(boxes, x, y, BOX, c.token, percent(c.p).replace(' ', ''), `node ${cls}`);
      node.addEventListener('click', () => go(t));
      node.addEventListener('mouseenter', () => { parts.about.textContent = about(c, now); });
      return node;
    }));
    data.steps.forEach((_, t) => {
      const n = draw('text', { x: LEFT + t * COLUMN + 8 + BOX / 2, y: 13, 'text-anchor': 'middle', class: 'share' });
      n.textContent = t + 1;
      boxes.append(n);
    });
  }

  function box(group, x, y, w, text, share, cls) {
    const g = draw('g', { class: cls });
    const label = Array.from(text), room = share ? 7 : 6;
    const name = draw('text', { x: x + 5, y: y + 16 }), p = draw('text', { x: x + w - 4, y: y + 16, 'text-anchor': 'end', class: 'share' });
    name.textContent = label.length > room ? label.slice(0, room - 1).join('') + '…' : text;
    p.textContent = share;
    const title = draw('title', {});
    title.textContent = `${text} ${share}`;
    g.append(draw('rect', { x, y, width: w, height: 22, rx: 5 }), name, p, title);
    group.append(g);
    return g;
  }

  function mark() {
    const x = LEFT + step * COLUMN + 2;
    band.setAttribute('x', x - 2);
    const view = parts.scrolls;
    if (x < view.scrollLeft + 40 || x + COLUMN * 2 > view.scrollLeft + view.clientWidth) view.scrollLeft = Math.max(0, x - view.clientWidth / 2);
    const now = data.steps[step], c = now.candidates[now.chosen];
    parts.about.textContent = c ? about(c, now) : '';
  }

  function go(t, playing = false) {
    if (!playing) stop();
    step = Math.max(0, Math.min(data.written.length - 1, t));
    paint();
    clearTimeout(settle);
    settle = setTimeout(() => { if (told !== step) { told = step; send('step', step); } }, SETTLED);
  }
  function stop() { clearInterval(timer); timer = 0; parts.play.textContent = `▶ ${data.words.play}`; }
  function play() {
    if (timer) return stop();
    if (step === data.written.length - 1) go(0);
    parts.play.textContent = `⏸ ${data.words.pause}`;
    timer = setInterval(() => {
      if (!root.isConnected || step >= data.written.length - 1) return stop();
      go(step + 1, true);
    }, PAUSE);
  }

  parts.first.onclick = () => go(0);
  parts.back.onclick = () => go(step - 1);
  parts.next.onclick = () => go(step + 1);
  parts.final.onclick = () => go(data.written.length - 1);
  parts.play.onclick = play;
  parts.where.oninput = () => go(Number(parts.where.value));
  parts.other.onsubmit = (event) => {
    event.preventDefault();
    const text = parts.other.firstElementChild.value.trim();
    if (text) trigger('word', { step, text, at: Date.now() });
  };
  function key(event) {
    const path = event.composedPath()[0];
    if (path.tagName === 'INPUT' && (path.type === 'text' || event.key !== ' ')) return;
    const moves = { ArrowRight: step + 1, ArrowLeft: step - 1, Home: 0, End: data.written.length - 1 };
    if (event.key in moves) go(moves[event.key]);
    else if (event.key === ' ' && path.tagName !== 'BUTTON') play();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  root.addEventListener('keydown', key);
  const anywhere = (event) => {
    if (!root.isConnected) return document.removeEventListener('keydown', anywhere);
    if (document.activeElement === document.body && !event.altKey && !event.ctrlKey && !event.metaKey) key(event);
  };
  document.addEventListener('keydown', anywhere);
  new ResizeObserver(() => { if (data) links(); }).observe(root);

  return {
    update(next, setState, setTrigger) {
      send = setState;
      trigger = setTrigger;
      const before = data?.id;
      data = next.meta;
      values = numbers(next.values, data.kind);
      look = theme(root);
      ramp = colours(look.dark ? data.dark : data.light);
      root.style.setProperty('--new', data.roles.output);
      root.style.setProperty('--asks', data.roles.query);
      const words = { '.source-name': 'source', '.target-name': 'target', '.candidates-name': 'candidates', '.tree-name': 'tree' };
      for (const [name, word] of Object.entries(words)) find(name).textContent = data.words[word];
      for (const name of ['first', 'back', 'next', 'final']) parts[name].setAttribute('aria-label', parts[name].title = data.words[name]);
      parts.where.setAttribute('aria-label', data.words.where);
      root.setAttribute('aria-label', data.words.keys);
      parts.other.firstElementChild.placeholder = data.words.other;
      parts.other.firstElementChild.setAttribute('aria-label', data.words.other);
      parts.other.lastElementChild.textContent = data.words.write;
      parts.note.textContent = data.note;
      parts.where.max = data.written.length - 1;
      if (before !== data.id) { stop(); step = data.step; told = step; parts.other.firstElementChild.value = ''; sentences(); tree(); }
      step = Math.min(step, data.written.length - 1);
      if (!timer) stop();
      paint();
    },
  };
}

export default function (component) {
  const root = component.parentElement.querySelector('.frame');
  root.attnlab ??= build(root);
  root.attnlab.update(component.data, component.setStateValue, component.setTriggerValue);
}
