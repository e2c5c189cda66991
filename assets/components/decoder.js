// Writing token by token: what the new token looks at, what could have come instead, and the tree of the beam. Stepping asks nobody.
import { colours, css, ink, label, make, onKeys, onResize, rove, theme, zoomed } from './shared.js';

const COLUMN = 104;
const LINE = 28;
const LEFT = 62;
const BOX = 88;
const PAUSE = 900;
const SETTLED = 300;
const SVG = 'http://www.w3.org/2000/svg';

const percent = (p) => (p > 0 && p < 0.0005 ? '<0.1%' : `${(100 * p).toFixed(1)}%`);
const fill = (template, facts) => template.replace(/\{(\w+)\}/g, (_, name) => facts[name]);

function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// Everything that stands on the screen, by name: transport, both sentences with the links between them, candidates and tree.
function skeleton(root) {
  const part = (tag, className, more = {}, ...children) => make(tag, { className, ...more }, ...children);
  const button = (className, textContent) => part('button', className, { type: 'button', textContent });
  const parts = {
    first: button('first', '«'),
    back: button('back', '‹'),
    play: button('play', '▶'),
    next: button('next', '›'),
    final: button('final', '»'),
    where: part('input', 'where', { type: 'range', min: '0', step: '1' }),
    said: part('output', 'said', { ariaLive: 'polite' }),
    links: draw('svg', { class: 'links', 'aria-hidden': 'true' }),
    sourceName: part('span', 'name source-name'),
    source: part('div', 'chips source'),
    targetName: part('span', 'name target-name'),
    target: part('div', 'chips target'),
    note: part('p', 'note'),
    candidates: part('div', 'title candidates-name'),
    list: part('div', 'list'),
    word: make('input', { type: 'text', maxLength: 60, autocomplete: 'off' }),
    write: make('button', { type: 'submit' }),
    branches: part('div', 'title tree-name'),
    tree: draw('svg', { class: 'tree', role: 'img' }),
    about: part('output', 'about', { ariaLive: 'polite' }),
  };
  const { first, back, play, next, final, where, said, links, sourceName, source, targetName, target, tree } = parts;
  parts.other = part('form', 'other', {}, parts.word, parts.write);
  parts.scrolls = part('div', 'scrolls', { tabIndex: 0, role: 'group' }, tree);
  const sides = [part('div', 'side', {}, sourceName, source), part('div', 'side', {}, targetName, target)];
  parts.sentences = part('div', 'sentences', {}, links, ...sides);
  const choices = part('div', 'choices', {}, parts.candidates, parts.list, parts.other);
  const branches = part('div', 'branches', {}, parts.branches, parts.scrolls, parts.about);
  root.replaceChildren(
    part('div', 'transport', {}, first, back, play, next, final, where, said),
    parts.sentences,
    parts.note,
    part('div', 'search', {}, choices, branches),
  );
  root.classList.add('decoder');
  root.tabIndex = 0;
  root.setAttribute('role', 'group');
  return parts;
}

export function decoder(root, { keep = () => {}, tell = () => {}, keys = root } = {}) {
  const parts = skeleton(root);
  const settled = rove(parts.list);
  let branch = -1; // of the tree, where the keyboard is
  let data;
  let values;
  let ramp;
  let inks;
  let step = 0;
  let told = null;
  let timer = 0;
  let settle = 0;
  let band;

  const cross = (t, k) => values[t * data.source.length + k];
  const own = (t, k) => values[data.read.length * data.source.length + t * data.read.length + k];

  function shade(chip, weight, text) {
    const colour = ramp[Math.round(255 * Math.min(1, Math.max(0, weight)))];
    chip.style.background = css(colour);
    chip.style.color = ink(colour);
    chip.lastChild.textContent = text;
  }

  const chip = (text) => make('span', { className: 'chip' }, text, make('small', { textContent: ' ' }));

  // Both sentences once; colours change with the step.
  function sentences() {
    parts.source.replaceChildren(...data.source.map(chip));
    parts.target.replaceChildren(...[data.read[0], ...data.written].map(chip));
  }

  function paint() {
    const now = data.steps[step];
    for (const [k, element] of [...parts.source.children].entries()) shade(element, cross(step, k), cross(step, k).toFixed(2));
    for (const [k, element] of [...parts.target.children].entries()) target(element, k, now);
    links();
    const facts = { n: step + 1, of: data.written.length, token: data.written[step] };
    parts.said.textContent = `${fill(data.words.step, facts)} (${percent(now.p)})`;
    parts.where.value = step;
    parts.where.setAttribute('aria-valuetext', parts.said.textContent);
    parts.first.disabled = parts.back.disabled = step === 0;
    parts.next.disabled = parts.final.disabled = step === data.written.length - 1;
    list(now);
    mark();
  }

  function target(element, k, now) {
    element.className = `chip${k > step + 1 ? ' later' : ''}${k === step + 1 ? ' new' : ''}${k === step ? ' asks' : ''}`;
    if (k <= step) return shade(element, own(step, k), own(step, k).toFixed(2));
    element.style.background = element.style.color = '';
    element.lastChild.textContent = k === step + 1 ? percent(now.p) : ' ';
  }

  function links() {
    const edge = parts.sentences.getBoundingClientRect();
    const from = parts.target.children[step + 1]?.getBoundingClientRect();
    parts.links.replaceChildren();
    if (!from || !edge.width) return;
    const size = zoomed(parts.sentences);
    const [x1, y1] = [from.left + from.width / 2 - edge.left, from.top - edge.top].map((x) => x / size);
    [...parts.source.children].forEach((element, k) => {
      const weight = cross(step, k);
      if (weight < 0.02) return;
      const to = element.getBoundingClientRect();
      const [x2, y2] = [to.left + to.width / 2 - edge.left, to.bottom - edge.top].map((x) => x / size);
      const middle = (y1 + y2) / 2;
      const d = `M${x1},${y1}C${x1},${middle} ${x2},${middle} ${x2},${y2}`;
      const strength = { 'stroke-width': 1 + 7 * weight, 'stroke-opacity': 0.25 + 0.7 * weight };
      parts.links.append(draw('path', { d, fill: 'none', stroke: inks.output, ...strength }));
    });
  }

  function list(now) {
    const { listed, rest } = now.next ?? { listed: [], rest: null };
    const rows = listed.map((one) => row(one, 'button', one.token));
    if (rest) rows.push(row({ p: rest.p, chosen: false }, 'div', fill(data.words.rest, rest)));
    parts.list.replaceChildren(...rows);
    settled();
  }

  // One of the tokens that could come next, which a click writes; or all that are not listed, together.
  function row(one, tag, text) {
    const inside = make('span');
    inside.style.width = `${100 * one.p}%`;
    if (one.chosen) inside.style.background = inks.output;
    const made = make(tag, { className: `row ${one.chosen ? 'kept' : ''}` });
    made.append(
      make('span', { className: 'word', textContent: text }),
      make('span', { className: 'bar' }, inside),
      make('span', { className: 'number', textContent: percent(one.p) }),
    );
    if (tag !== 'button') return made;
    made.type = 'button';
    made.disabled = one.chosen;
    made.title = one.chosen ? '' : data.words.instead;
    made.setAttribute('aria-label', `${text}, ${percent(one.p)}`);
    made.onclick = () => tell('force', { step, token: one.id, at: Date.now() });
    return made;
  }

  function about(candidate, now) {
    const { token, p, total, score, parent, why } = candidate;
    const facts = { token, p: percent(p), total: total.toFixed(3), score: score.toFixed(3), before: now.alive[parent] };
    return `${fill(data.words.about, facts)} ${data.words.why[why]}`.replaceAll('-', '−');
  }

  // The tree once; the step only moves a band and the scroll.
  function tree() {
    const width = LEFT + data.steps.length * COLUMN + 8;
    const height = 22 + Math.max(...data.steps.map((now) => now.tree.length), 1) * LINE;
    parts.tree.replaceChildren();
    parts.tree.setAttribute('width', width);
    parts.tree.setAttribute('height', height);
    parts.tree.setAttribute('aria-label', data.words.tree);
    band = draw('rect', { class: 'band', y: 0, width: COLUMN, height, rx: 6 });
    const [edges, boxes] = [draw('g', {}), draw('g', {})];
    parts.tree.append(band, edges, boxes);
    const start = box(boxes, 0, 20, LEFT - 16, data.read[0], '', 'kept best');
    start.addEventListener('click', () => go(0));
    data.steps.forEach((now, t) => {
      for (const [line, i] of now.tree.entries()) node(edges, boxes, now, t, line, i);
      const number = draw('text', { x: LEFT + t * COLUMN + 8 + BOX / 2, y: 13, 'text-anchor': 'middle', class: 'share' });
      number.textContent = t + 1;
      boxes.append(number);
    });
  }

  function node(edges, boxes, now, t, line, i) {
    const candidate = now.candidates[i];
    const done = candidate.why === 'finished' ? ' done' : '';
    const look = `${candidate.kept ? 'kept' : 'out'}${i === now.chosen ? ' best' : ''}${done}`;
    const [x, y] = [LEFT + t * COLUMN + 8, 20 + line * LINE + 11];
    const [fromX, fromY] = t ? [x - COLUMN + BOX, 20 + now.lines[candidate.parent] * LINE + 11] : [LEFT - 16, 31];
    edges.append(draw('path', { class: look, d: `M${fromX},${fromY}C${fromX + 10},${fromY} ${x - 10},${y} ${x},${y}` }));
    const made = box(boxes, x, y - 11, BOX, candidate.token, percent(candidate.p), `node ${look}`);
    made.dataset.at = `${t} ${line}`;
    made.addEventListener('click', () => go(t));
    made.addEventListener('mouseenter', () => {
      parts.about.textContent = about(candidate, now);
    });
  }

  function box(group, x, y, width, text, share, className) {
    const letters = Array.from(text);
    const most = share ? 7 : 6;
    const name = draw('text', { x: x + 5, y: y + 16 });
    const number = draw('text', { x: x + width - 4, y: y + 16, 'text-anchor': 'end', class: 'share' });
    const title = draw('title', {});
    name.textContent = letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : text;
    number.textContent = share;
    title.textContent = `${text} ${share}`;
    const made = draw('g', { class: className });
    made.append(draw('rect', { x, y, width, height: 22, rx: 5 }), name, number, title);
    group.append(made);
    return made;
  }

  function mark() {
    const x = LEFT + step * COLUMN + 2;
    const view = parts.scrolls;
    band.setAttribute('x', x - 2);
    const outside = x < view.scrollLeft + 40 || x + COLUMN * 2 > view.scrollLeft + view.clientWidth;
    if (outside) view.scrollLeft = Math.max(0, x - view.clientWidth / 2);
    const now = data.steps[step];
    const candidate = now.candidates[now.chosen];
    parts.about.textContent = candidate ? about(candidate, now) : '';
  }

  // In the tree up and down go from branch to branch of the step; what is told of a branch is read aloud.
  function climb(by) {
    const now = data.steps[step];
    const here = branch < 0 ? now.tree.indexOf(now.chosen) : branch;
    branch = Math.min(Math.max(here + by, 0), now.tree.length - 1);
    point();
    const candidate = now.candidates[now.tree[branch]];
    if (candidate) parts.about.textContent = about(candidate, now);
  }

  function point() {
    for (const each of parts.tree.querySelectorAll('g.node')) each.classList.toggle('at', each.dataset.at === `${step} ${branch}`);
  }

  function go(t, playing = false) {
    if (!playing) stop();
    branch = -1;
    point();
    step = Math.max(0, Math.min(data.written.length - 1, t));
    paint();
    clearTimeout(settle);
    settle = setTimeout(() => {
      if (told === step) return;
      told = step;
      keep('step', step);
    }, SETTLED);
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    parts.play.textContent = `▶ ${data.words.play}`;
  }

  function play() {
    if (timer) return stop();
    if (step === data.written.length - 1) go(0);
    parts.play.textContent = `⏸ ${data.words.pause}`;
    timer = setInterval(() => {
      if (!root.isConnected || step >= data.written.length - 1) stop();
      else go(step + 1, true);
    }, PAUSE);
  }

  function key(event) {
    const target = event.composedPath()[0];
    if (target.tagName === 'INPUT' && (target.type === 'text' || event.key !== ' ')) return;
    const moves = { ArrowRight: step + 1, ArrowLeft: step - 1, Home: 0, End: data.written.length - 1 };
    const climbs = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key in moves) go(moves[event.key]);
    else if (climbs && target === parts.scrolls) climb(climbs);
    else if (event.key === ' ' && target.tagName !== 'BUTTON') play();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  parts.first.onclick = () => go(0);
  parts.back.onclick = () => go(step - 1);
  parts.next.onclick = () => go(step + 1);
  parts.final.onclick = () => go(data.written.length - 1);
  parts.play.onclick = play;
  parts.where.oninput = () => go(Number(parts.where.value));
  parts.other.onsubmit = (event) => {
    event.preventDefault();
    const text = parts.word.value.trim();
    if (text) tell('word', { step, text, at: Date.now() });
  };
  root.addEventListener('keydown', key);
  if (keys !== root) {
    onKeys(root, keys, (event) => {
      if (document.activeElement === document.body && !event.altKey && !event.ctrlKey && !event.metaKey) key(event);
    });
  }
  onResize(root, () => {
    if (data) links();
  });

  function words() {
    const { words: said } = data;
    parts.sourceName.textContent = said.source;
    parts.targetName.textContent = said.target;
    parts.candidates.textContent = said.candidates;
    parts.branches.textContent = said.tree;
    for (const name of ['first', 'back', 'next', 'final']) {
      parts[name].title = said[name];
      parts[name].setAttribute('aria-label', said[name]);
    }
    parts.where.setAttribute('aria-label', said.where);
    parts.scrolls.setAttribute('aria-label', said.tree);
    root.setAttribute('aria-label', said.keys);
    parts.word.placeholder = said.other;
    parts.word.setAttribute('aria-label', said.other);
    parts.write.textContent = said.write;
    label(parts.note, data.note);
  }

  return {
    update(next) {
      const before = data?.id;
      data = next.meta;
      values = next.values;
      const { dark } = theme(root);
      ramp = colours(dark ? data.dark : data.light);
      inks = dark ? data.inks.dark : data.inks.light;
      root.style.setProperty('--new', inks.output);
      root.style.setProperty('--asks', inks.query);
      words();
      parts.where.max = data.written.length - 1;
      if (before !== data.id) {
        stop();
        step = told = data.step;
        parts.word.value = '';
        sentences();
        tree();
      }
      step = Math.min(step, data.written.length - 1);
      if (!timer) stop();
      paint();
    },
  };
}
