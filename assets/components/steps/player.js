// The walk: a sentence, fourteen stages, the picture of one step, and a player. Every number drawn was given; time is the browser's own.
import { make, onKeys, onResize, pointer, sharpen, theme, tip, write } from '../shared.js';
import { painterOf } from './painters.js';
import { scene } from './scene.js';

const SECONDS = 4.5; // a step at full speed, and how long it stands when it is done
const HOLD = 0.8;
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const PATIENT = 4000; // milliseconds to wait for an answer before asking again
const SHORTEST = 388; // pixels: no picture is lower, or the page would jump
const FIELD = { query: 'query', key: 'key', head: 'dim', model: 'column', embed: 'column', wide: 'unit' };
const TYPED = '[role=combobox],[role=listbox],[role=slider],[role=spinbutton],[role=tablist],[role=dialog],[role=menu]';

const still = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

// Everything that stands on the screen, by name.
function theatre(root) {
  const button = (name, textContent) => make('button', { type: 'button', textContent, name });
  const el = {
    queryName: make('span', { className: 'role' }),
    queries: make('div', { className: 'chips', role: 'group' }),
    keyName: make('span', { className: 'role' }),
    keys: make('div', { className: 'chips', role: 'group' }),
    rail: make('div', { className: 'rail', role: 'navigation' }),
    parts: make('div', { className: 'parts' }),
    canvas: make('canvas', { tabIndex: 0, role: 'img' }),
    tip: make('div', { className: 'tip' }),
    controls: make('div', { className: 'controls' }),
    hint: make('p', { className: 'hint' }),
    live: make('output', { className: 'hint', ariaLive: 'polite' }),
    first: button('first', '|◀'),
    back: button('back', '◀'),
    play: button('play', '▶'),
    next: button('next', '▶'),
    last: button('last', '▶|'),
    scrub: make('input', { type: 'range', min: '0', step: '0.01' }),
    speed: make('select', {}, ...SPEEDS.map((x) => make('option', { value: String(x), textContent: `${x}×` }))),
    drawn: make('select'),
    digits: make('select'),
  };
  for (const each of [el.first, el.back, el.play, el.next, el.last]) each.dataset.name = each.name;
  el.play.className = 'main';
  el.speed.value = '1';
  el.scroll = make('div', { className: 'scroll' }, el.canvas);
  el.box = make('div', { className: 'stagebox' }, el.scroll, el.tip);
  const words = make('div', { className: 'sentence' }, el.queryName, el.queries, el.keyName, el.keys);
  root.replaceChildren(words, el.rail, el.parts, el.controls, el.box, el.live, el.hint);
  root.classList.add('walk', 'steps');
  return el;
}

// Children are kept as they are, so that the focus stays where it is.
function children(box, count, create) {
  while (box.children.length > count) box.lastChild.remove();
  while (box.children.length < count) box.append(create());
  return [...box.children];
}

// One question at a time: while the other side answers, later moves are gathered, or a fast walker would keep it from ever finishing.
// A question that got lost is asked again, each time after twice the patience.
function questions(tell) {
  let [number, flight, patience, pending] = [0, 0, PATIENT, null];
  let [asked, again] = [null, 0];
  function ask() {
    number = Math.max(Date.now(), number + 1);
    [flight, asked, pending] = [number, { ...asked, ...pending }, null];
    again = setTimeout(ask, patience);
    patience *= 2;
    tell('go', { seq: number, ...asked });
  }
  return {
    say(changes) {
      pending = { ...pending, ...changes };
      if (!flight) ask();
    },
    heading: (place) => ({ ...place, ...asked, ...pending }), // where the newest question leads, though nobody has answered yet
    isOld: (seq) => seq < number || pending !== null,
    answered(seq) {
      if (!flight || seq < flight) return;
      clearTimeout(again);
      [flight, asked, patience] = [0, null, PATIENT];
      if (pending) ask();
    },
  };
}

export function player(root, { tell = () => {}, keys = root } = {}) {
  const el = theatre(root);
  const { say, heading, isOld, answered } = questions(tell);
  let [meta, words, place] = [null, null, null];
  let s; // the scene of the newest data
  let row; // how much each key gets from the chosen query
  let step = 0;
  let t = 1;
  let playing = false;
  let [clock, rest, waiting, later] = [0, 0, 0, 0];

  const picture = () => meta.pictures[meta.steps[step].part];
  const last = () => meta.steps.length - 1;

  function go(to, time, { quiet = false } = {}) {
    t = time;
    step = Math.min(Math.max(to, 0), last());
    const { stage, part } = meta.steps[step];
    const there = heading(place);
    clearTimeout(later);
    if (stage !== there.stage || part !== there.part) {
      if (quiet) later = setTimeout(() => say({ stage, part }), 140);
      else say({ stage, part });
    }
    render();
  }

  function paint() {
    const p = picture();
    s.rects = [];
    el.canvas.style.opacity = p ? '1' : '0.35'; // its numbers are still on their way
    if (!p) return;
    const painter = painterOf(p);
    const width = Math.max(320, root.clientWidth, painter.least(p));
    const high = Math.max(Math.ceil(painter.height(s, p, width)), SHORTEST);
    const pen = sharpen(el.canvas, width, high);
    pen.clearRect(0, 0, width, high);
    painter.draw(s, pen, p, width, still() ? 1 : t);
    el.canvas.dataset.part = meta.steps[step].part;
    el.canvas.dataset.time = t.toFixed(2);
  }

  function chips(box, pieces, chosen, role) {
    const create = () => make('button', { type: 'button' }, make('span'), make('i', { className: 'bar' }));
    children(box, pieces.length, create).forEach((chip, i) => {
      chip.firstChild.textContent = pieces[i];
      chip.setAttribute('aria-pressed', String(i === chosen));
      chip.setAttribute('aria-label', `${pieces[i]}, ${words[role]}`);
      chip.tabIndex = i === chosen ? 0 : -1; // one stop for the whole row; arrows move in it
      chip.style.borderColor = chip.style.color = i === chosen ? s.tint(role) : '';
      chip.onclick = () => say({ [role]: i });
      if (role === 'query') return;
      chip.lastChild.style.width = `${100 * row[i]}%`;
      chip.lastChild.style.background = s.tint('key');
      chip.title = `${pieces[i]} · ${s.fmt(row[i])}`;
    });
    box.setAttribute('aria-label', words[role]);
    box.onkeydown = (event) => {
      const all = [...box.children];
      const here = all.indexOf(event.target);
      if (event.shiftKey) return; // from dimension to dimension, as everywhere on the walk
      const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: all.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation(); // outside a row the arrows walk from step to step
      all[Math.min(Math.max(to, 0), all.length - 1)].focus();
    };
  }

  function sentences() {
    chips(el.queries, meta.queries, place.query, 'query');
    chips(el.keys, meta.keys, place.key, 'key');
    el.queryName.textContent = words.query;
    el.keyName.textContent = words.key;
    el.queryName.style.color = s.tint('query');
    el.keyName.style.color = s.tint('key');
  }

  function rail(here) {
    const stages = Object.keys(meta.stages);
    children(el.rail, stages.length, () => make('button', { type: 'button' }, make('b'), make('span'))).forEach((button, i) => {
      const stage = Number(stages[i]);
      button.firstChild.textContent = stages[i];
      button.lastChild.textContent = button.title = meta.stages[stages[i]];
      button.className = stage < here.stage ? 'done' : '';
      if (stage === here.stage) button.setAttribute('aria-current', 'step');
      else button.removeAttribute('aria-current');
      button.onclick = () => halt(meta.steps.findIndex((one) => one.stage === stage));
    });
  }

  // The steps of this stage; behind them a mark where numbers are the visitor's own.
  function parts(here) {
    const these = meta.steps.map((one, i) => [one, i]).filter(([one]) => one.stage === here.stage);
    children(el.parts, these.length + (meta.scratch ? 1 : 0), () => make('button', { type: 'button' })).forEach((button, i) => {
      const mark = i === these.length;
      button.className = mark ? 'mark' : '';
      button.disabled = mark;
      button.textContent = mark ? words.scratch : these[i][0].symbol;
      button.setAttribute('aria-pressed', String(!mark && these[i][1] === step));
      button.onclick = mark ? null : () => halt(these[i][1]);
    });
  }

  function transport(here) {
    el.play.textContent = playing ? `❚❚ ${words.pause}` : `▶ ${words.play}`;
    for (const each of [el.first, el.back, el.next, el.last]) {
      each.title = words[each.name];
      each.setAttribute('aria-label', words[each.name]);
    }
    el.next.disabled = step === last();
    el.back.disabled = step === 0;
    el.scrub.max = String(meta.steps.length);
    el.scrub.value = String(step + t * 0.999);
    el.scrub.setAttribute('aria-label', words.scrub);
    el.scrub.setAttribute('aria-valuetext', `${here.stage} ${meta.stages[here.stage]}`);
    el.hint.textContent = words.hint;
  }

  function describe(here, p) {
    const { value } = s.apartOf(p);
    const number = p.c?.columns === 'id' ? String(value) : s.fmt(value);
    const text = words.picture.replace('{stage}', `${here.stage} ${meta.stages[here.stage]}`);
    const tokens = { '{query}': meta.queries[place.query], '{key}': meta.keys[place.key] };
    const facts = { '{symbol}': here.symbol, '{value}': number, ...tokens };
    const said = text.replace(/\{\w+\}/g, (name) => facts[name] ?? name);
    el.canvas.setAttribute('aria-label', said);
    if (el.live.textContent !== said) el.live.textContent = said;
  }

  function render() {
    const here = meta.steps[step];
    sentences();
    rail(here);
    parts(here);
    transport(here);
    if (picture()) describe(here, picture());
    paint();
  }

  function chooser(select, name, options, value, field) {
    select.replaceChildren(...options.map(([each, text]) => make('option', { value: String(each), textContent: text })));
    select.value = String(value);
    select.onchange = () => say({ [field]: Number(select.value) });
    return make('label', {}, name, select);
  }

  function controls() {
    const drawn = meta.drawn.map((x) => [x, x ? String(x) : words.all]);
    const digits = meta.digits.map((x) => [x, x ? `0.${'0'.repeat(x)}` : words.scientific]);
    el.controls.replaceChildren(
      ...[el.first, el.back, el.play, el.next, el.last, el.scrub],
      make('label', {}, words.speed, el.speed),
      chooser(el.drawn, words.drawn, drawn, place.drawn, 'drawn'),
      chooser(el.digits, words.digits, digits, place.digits, 'digits'),
    );
  }

  function stop() {
    playing = false;
    cancelAnimationFrame(waiting);
  }

  function halt(to) {
    stop();
    go(to, 1);
  }

  function play() {
    playing = true;
    if (t >= 1) {
      if (step === last()) step = 0;
      t = 0;
    }
    [clock, rest] = [performance.now(), 0];
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(tick);
    render();
  }

  function toggle() {
    if (!playing) return play();
    stop();
    render();
  }

  function tick(now) {
    if (!playing || !root.isConnected) return;
    const passed = Math.min(0.1, (now - clock) / 1000) * Number(el.speed.value);
    clock = now;
    waiting = requestAnimationFrame(tick);
    if (!picture()) return;
    if (t < 1) {
      t = Math.min(1, t + passed / SECONDS);
      el.scrub.value = String(step + t * 0.999);
      paint();
      return;
    }
    rest += passed;
    if (rest <= HOLD) return;
    rest = 0;
    if (step < last()) go(step + 1, 0);
    else toggle();
  }

  el.play.onclick = toggle;
  el.next.onclick = () => halt(step + 1);
  el.back.onclick = () => halt(step - 1);
  el.first.onclick = () => halt(0);
  el.last.onclick = () => halt(last());
  el.scrub.oninput = () => {
    stop();
    const x = Math.min(Number(el.scrub.value), meta.steps.length - 0.001);
    go(Math.floor(x), Math.min(1, (x - Math.floor(x)) / 0.998), { quiet: true });
  };

  // Whether a key press belongs to something else on the page.
  function isTyped(event) {
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
    if (target.tagName === 'INPUT' && target !== el.scrub) return true;
    if (event.key === ' ' && target.tagName === 'BUTTON') return true;
    return ['TEXTAREA', 'SELECT'].includes(target.tagName) || target.isContentEditable || Boolean(target.closest?.(TYPED));
  }

  // Space plays, arrows walk; with Shift they go from dimension to dimension, up and down from token to token.
  function key(event) {
    if (!meta || isTyped(event)) return;
    const to = { ArrowRight: step + 1, ArrowLeft: step - 1, Home: 0, End: last() }[event.key];
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    const c = picture()?.c;
    if (event.key === ' ') toggle();
    else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      if (!c) return;
      const field = c.rows === 'key' ? 'key' : 'query';
      within(field, place[field] + by, (field === 'key' ? meta.keys : meta.queries).length);
    } else if (event.shiftKey) {
      if (!c || by === undefined) return;
      const field = FIELD[c.columns] ?? 'dim';
      within(field, place[field] + by, c.columns === 'joined' ? meta.d_head : c.size[1]);
    } else if (to !== undefined) halt(to);
    else return;
    event.preventDefault();
  }

  function within(field, value, limit) {
    if (value >= 0 && value < limit) say({ [field]: value });
  }

  // Which cell of which matrix is under the pointer. A tile of the first stage is one cell.
  function under(event) {
    const [x, y] = pointer(event, el.canvas);
    for (const { m, x: left, y: top, cw, ch, only } of s.rects) {
      const [i, j] = [Math.floor((y - top) / ch), Math.floor((x - left) / cw)];
      const one = only !== undefined;
      if (i >= 0 && j >= 0 && i < (one ? 1 : m.r) && j < (one ? 1 : m.c)) return { m, i: one ? only : i, j };
    }
    return null;
  }

  function point(event) {
    const found = s && under(event);
    el.tip.style.display = 'none';
    if (!found) return;
    const { m, i, j } = found;
    const plain = m.columns === 'id' || m.columns === 'stats';
    const second = plain ? '' : `, ${s.axisLabel(m.columns, m.index ? m.index[j] : j)}`;
    const name = `${m.symbol.replace('_', '')} [${s.axisLabel(m.rows, m.row_index ? m.row_index[i] : i)}${second}]`;
    const value = s.at(m, i, j);
    const number = m.columns === 'id' ? String(value) : write(value, place.digits ? Math.max(place.digits, 4) : 0);
    tip(el.tip, el.box, [name, number], ...pointer(event, el.box));
  }

  function choose(event) {
    const found = s && under(event);
    if (!found) return;
    const { m, i, j } = found;
    const changes = {};
    for (const [axis, value] of [
      [m.rows, m.row_index ? m.row_index[i] : i],
      [m.columns, m.index ? m.index[j] : j],
    ]) {
      if (axis === 'joined') changes.joined = value;
      else if (axis in FIELD) changes[FIELD[axis]] = value;
    }
    if (Object.keys(changes).length) say(changes);
  }

  onKeys(root, keys, key);
  onResize(root, () => {
    if (meta) paint();
  });
  el.canvas.addEventListener('pointermove', point);
  el.canvas.addEventListener('click', choose);
  el.canvas.addEventListener('pointerleave', () => {
    el.tip.style.display = 'none';
  });

  return {
    update(data) {
      meta = data.meta;
      ({ words, place } = meta);
      row = data.row;
      s = scene(data, theme(root));
      const here = meta.steps.findIndex((one) => one.stage === place.stage && one.part === place.part);
      if (!isOld(meta.seq)) step = Math.max(0, here);
      step = Math.min(step, last());
      controls();
      render();
      answered(meta.seq);
    },
  };
}
