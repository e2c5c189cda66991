// A class on phones and on the teacher's screen: the step that is on, its map, what is asked, and what everybody answered.
import { bars } from './bars.js';
import { matrix } from './matrix.js';
import { prose } from './prose.js';
import { make } from './shared.js';

const boot = JSON.parse(document.getElementById('boot').textContent);
const { words, mode } = boot;
const base = location.pathname.replace(/\/(teach|notes)\/?$/, '').replace(/\/$/, '');
const main = document.querySelector('main');
const owner = mode !== 'follow';
const secret = decodeURIComponent(location.hash.slice(1));
const STALE = 40000; // milliseconds without a sign of life after which a stream is opened again
const DRAG = 60; // pixels of a swipe
const LEGEND = 64; // pixels of a map's title and legend

const percent = (x) => `${Math.round(100 * x)}%`;
const say = (text, facts) => Object.entries(facts).reduce((line, [name, value]) => line.replace(`{${name}}`, value), text);

// What the server keeps, as this window last heard it.
let state = null;
let own = {};
let seat = 0;
let heard = Date.now();
let stream = null;
let over = false;
let drawn = {};

// ---- Talking to the server

async function post(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  if (owner) headers.Authorization = `Bearer ${secret}`;
  try {
    const answer = await fetch(`${base}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    const told = await answer.json();
    notice(answer.ok ? '' : told.error);
    return answer.ok ? told : null;
  } catch {
    notice(words.offline);
    return null;
  }
}

const command = (action, value) =>
  post('control', { do: action, value, version: action === 'next' || action === 'back' ? state?.version : undefined });

function take(next) {
  heard = Date.now();
  connected(true);
  if (state && next.version < state.version && !owner) return;
  state = next;
  render();
}

function know(you) {
  seat = you.seat;
  own = { ...own, ...you.answers };
}

function follow() {
  stream?.close();
  heard = Date.now();
  const source = new EventSource(`${base}/events`);
  stream = source;
  source.onmessage = (event) => take(JSON.parse(event.data));
  source.addEventListener('alive', () => {
    heard = Date.now();
  });
  source.addEventListener('you', (event) => know(JSON.parse(event.data)));
  source.addEventListener('end', finish);
  source.onerror = () => {
    connected(false);
    if (source.readyState === EventSource.CLOSED && !over) setTimeout(again, 1000);
  };
}

// After an answer that was no stream: the room is over, or the server is not back yet.
async function again() {
  try {
    const answer = await fetch(base, { cache: 'no-store' });
    if (answer.status === 404) return finish();
  } catch {
    // not back yet
  }
  return setTimeout(listen, 1000);
}

// The owner's stream carries the secret in a header, which EventSource cannot.
async function watch() {
  heard = Date.now();
  const stop = new AbortController();
  stream = { close: () => stop.abort() };
  try {
    const answer = await fetch(`${base}/events`, {
      headers: { Authorization: `Bearer ${secret}` },
      signal: stop.signal,
      cache: 'no-store',
    });
    if (answer.status === 404) return finish();
    if (!answer.ok) return notice((await answer.json()).error);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      heard = Date.now();
      text += value;
      const parts = text.split('\n\n');
      text = parts.pop();
      for (const part of parts) {
        if (part.startsWith('event: end')) return finish();
        const line = part.startsWith('data: ') ? part.slice(6) : null; // a sign of life is no state
        if (line) take(JSON.parse(line));
      }
    }
  } catch {
    // the network went; it is tried again below
  }
  if (!over) {
    connected(false);
    setTimeout(watch, 1000);
  }
  return null;
}

const listen = () => (over ? null : owner ? watch() : follow());

function connected(yes) {
  document.body.classList.toggle('lost', !yes);
  part('status').textContent = yes ? '' : words.lost;
}

function finish() {
  over = true;
  stream?.close();
  document.body.classList.remove('black', 'lost');
  document.body.classList.add('over');
  main.replaceChildren(make('h1', { textContent: words.over }), make('p', { textContent: words.over_more }));
  part('status').textContent = '';
}

// A phone that slept: its stream may look open and be dead.
const awake = () => {
  if (!over && document.visibilityState === 'visible' && Date.now() - heard > 5000) {
    stream?.close();
    if (!owner) listen();
  }
};
document.addEventListener('visibilitychange', awake);
window.addEventListener('online', awake);
setInterval(() => {
  if (!over && Date.now() - heard > STALE) {
    stream?.close();
    if (!owner) listen();
  }
}, 5000);

// ---- Parts of the page

const part = (name) => document.getElementById(name);

function notice(text) {
  part('notice').textContent = text || '';
}

function mark() {
  const asked = state.question;
  const mine = own[state.vote];
  if (!asked || mine === undefined) return [];
  if (asked.kind === 'cell') return mine;
  return asked.kind === 'word' ? [asked.row, mine] : [];
}

function maps(parent) {
  const live = [];
  const mine = extra();
  const data = mine.length ? mine : state.pictures;
  parent.classList.toggle('many', data.length > 1);
  for (const [i, picture] of data.entries()) {
    const root = parent.appendChild(make('div', { className: 'map-root' }));
    const chosen = i === 0 ? mark() : [];
    const keep = (name, value) => name === 'cell' && clicked(i, value);
    const component = matrix(root, { keep });
    const rows = picture.queries.length;
    const columns = picture.keys.length;
    const values = new Float32Array(rows * columns).fill(Number.NaN);
    picture.values?.forEach((row, r) => {
      row?.forEach((x, c) => {
        values[r * columns + c] = x ?? Number.NaN;
      });
    });
    const signed = picture.signed;
    const meta = {
      queries: picture.queries,
      keys: picture.keys,
      low: signed ? -1 : 0,
      high: 1,
      pinned: chosen,
      title: picture.title,
      note: '',
      link: `live ${i}`,
      height: mode === 'teach' ? stage(parent, data.length) : null,
      largest: mode === 'teach' ? 90 : 56,
      letters: mode === 'teach' ? 0.75 * Number.parseFloat(getComputedStyle(document.body).fontSize) : undefined, // a room reads them
      square: true,
      numbers: true,
      exact: false,
      words: { ...words, masked: picture.values ? words.masked : words.curtain, value: words.weight },
      ...boot.palette[signed ? 'signed' : 'weights'],
      inks: boot.palette.inks,
    };
    component.update({ values, meta });
    live.push(component);
  }
  return live;
}

// Pixels between the top of the pictures and what the teacher has below them, less a title and a legend. Three maps leave room for words.
const stage = (parent, count) => {
  const room = document.querySelector('footer').offsetTop - parent.getBoundingClientRect().top - scrollY - LEGEND;
  return Math.max(240, count > 2 ? 0.55 * room : room);
};

// A class as a head: its own map, the nearest head's, and their difference. A mean row stands in its place in the map of the class.
function extra() {
  const { question: asked, tallies } = state;
  const last = tallies?.at(-1);
  if (!asked || !last?.rows) return [];
  const best = last.nearest[0];
  const sides = { queries: asked.queries, keys: asked.labels };
  const made = [{ ...sides, values: last.rows, title: words.class_map }];
  if (!best) return made;
  const name = `L${best.layer}H${best.head}`;
  const gap = last.rows.map((row, r) => row?.map((x, c) => x - last.map[r][c]) ?? null);
  return [
    ...made,
    { ...sides, values: last.map, title: name },
    { ...sides, values: gap, title: `${words.class_map} − ${name}`, signed: true },
  ];
}

function clicked(picture, cell) {
  if (owner) {
    command('point', cell[0] < 0 ? null : [picture, cell[0], cell[1]]);
    document.activeElement?.blur();
  } else if (state.question?.kind === 'cell' && !state.open && cell[0] >= 0 && own[state.vote] === undefined) {
    choice = [cell[0], cell[1]];
    part('chosen').textContent = `${state.question.queries[cell[0]]} → ${state.question.labels[cell[1]]}`;
    part('send').disabled = false;
  }
}

// Where the teacher points, shown in the map as a linked hover.
function point() {
  const at = state.pointer;
  for (const i of state.pictures.keys()) {
    const detail = { group: `live ${i}`, self: null, row: -1, column: -1 };
    if (at && at[0] === i) Object.assign(detail, { row: at[1], column: at[2] });
    window.dispatchEvent(new CustomEvent('attnlab-hover', { detail }));
  }
}

// ---- What is asked

let choice = null;

function ask(parent) {
  const asked = state.question;
  const box = parent.appendChild(make('section', { className: 'ask' }));
  const query = asked.kind === 'head' ? seat % asked.queries.length : asked.row;
  box.append(
    make('h2', { textContent: state.round > 1 ? words.again_title : words.predict }),
    make('p', { className: 'question', textContent: asked.question }),
  );
  if (query !== undefined && asked.kind !== 'bet')
    box.append(
      make(
        'p',
        { className: 'query' },
        `${asked.kind === 'head' ? words.your_query : words.query}: `,
        make('b', { textContent: asked.queries[query] }),
      ),
    );
  if (owner) {
    if (asked.options) box.append(make('ul', {}, ...asked.options.map((text) => make('li', { textContent: text }))));
    return;
  }
  choice = null;
  if (own[state.vote] !== undefined && asked.kind !== 'bet') {
    box.append(make('p', { className: 'done', textContent: say(words.answered, { answer: told(own[state.vote]) }) }));
    return;
  }
  const send = make('button', { id: 'send', type: 'button', className: 'main', textContent: words.send, disabled: true });
  const chosen = (value) => {
    choice = value;
    send.disabled = value === null;
  };
  box.append(WIDGETS[asked.kind](asked, chosen), send);
  send.onclick = async () => {
    send.disabled = true;
    const vote = state.vote;
    const given = choice;
    if (asked.kind === 'bet') notice(words.computing);
    const answer = await post('answers', { vote, answer: given });
    if (answer) {
      own[vote] = answer.answer;
      drawn = {};
      render();
    } else send.disabled = false;
  };
}

const WIDGETS = {
  word: (asked, chosen) => buttons(asked.labels, chosen),
  choice: (asked, chosen) => buttons(asked.options, chosen, 'tall'),
  cell: () => make('p', {}, `${words.tap_cell} `, make('b', { id: 'chosen' })),
  row,
  head: row,
  number: scale,
  order,
  bet,
};

// One of several: a group of radio buttons that look like buttons.
function buttons(labels, chosen, shape = '') {
  const group = make('div', { className: `options ${shape}` });
  group.setAttribute('role', 'radiogroup');
  labels.forEach((text, i) => {
    const input = make('input', { type: 'radio', name: 'option', onchange: () => chosen(i) });
    group.append(make('label', {}, input, make('span', { textContent: text })));
  });
  return group;
}

function row(asked, chosen) {
  const root = make('div');
  bars(root, { keep: (_name, shares) => chosen(shares) }).update({ meta: { labels: asked.labels, words } });
  return root;
}

function scale(asked, chosen) {
  const middle = (asked.low + asked.high) / 2;
  const step = (asked.high - asked.low) / 100;
  const input = make('input', { type: 'range', min: asked.low, max: asked.high, step, value: middle });
  input.setAttribute('aria-label', asked.question);
  const out = make('output', { textContent: '–' });
  input.oninput = () => {
    out.textContent = Number(input.value).toFixed(2);
    chosen(Number(input.value));
  };
  return make('div', { className: 'scale' }, input, out);
}

function order(asked, chosen) {
  const list = make('ol', { className: 'order' });
  let places = asked.options.map((_, i) => i);
  const swap = (at, step) => {
    const to = at + step;
    if (to < 0 || to >= places.length) return;
    [places[at], places[to]] = [places[to], places[at]];
    places = [...places];
    show();
  };
  function show() {
    const arrow = (at, step, sign, name) => {
      const button = make('button', { type: 'button', textContent: sign, onclick: () => swap(at, step) });
      button.setAttribute('aria-label', `${name} ${asked.options[places[at]]}`);
      return button;
    };
    list.replaceChildren(
      ...places.map((i, at) =>
        make('li', {}, make('span', { textContent: asked.options[i] }), arrow(at, -1, '↑', words.up), arrow(at, 1, '↓', words.down)),
      ),
    );
    chosen([...places]);
  }
  show();
  return make('div', {}, make('p', { className: 'hint', textContent: words.order_hint }), list);
}

function bet(asked, chosen) {
  let word = null;
  const into = make('input', { type: 'text', maxLength: 24, placeholder: words.bet_into });
  into.setAttribute('aria-label', words.bet_into);
  const look = () => chosen(word !== null && into.value.trim() ? { word, into: into.value.trim() } : null);
  into.oninput = look;
  const group = buttons(asked.labels, (i) => {
    word = i;
    look();
  });
  const mine = own[state.vote];
  const best = mine
    ? [make('p', { className: 'done', textContent: say(words.bet_mine, { answer: told(mine), moved: mine.moved.toFixed(3) }) })]
    : [];
  return make('div', {}, make('p', { className: 'hint', textContent: words.bet_hint }), group, into, ...best);
}

// An answer in words.
function told(answer) {
  const asked = state.question;
  if (asked.kind === 'word') return asked.labels[answer];
  if (asked.kind === 'choice') return asked.options[answer];
  if (asked.kind === 'cell') return `${asked.queries[answer[0]]} → ${asked.labels[answer[1]]}`;
  if (asked.kind === 'number') return answer.toFixed(2);
  if (asked.kind === 'order') return answer.map((i) => asked.options[i]).join(' > ');
  if (asked.kind === 'bet') return `${asked.labels[answer.word]} → ${answer.into}`;
  const shares = answer.map((x, i) => [asked.labels[i], x]).filter(([, x]) => x >= 0.005);
  return shares.map(([name, x]) => `${name} ${percent(x)}`).join(', ');
}

// ---- What came out

function reveal(parent) {
  const { question: asked, answer, tallies } = state;
  const box = parent.appendChild(make('section', { className: 'reveal' }));
  const mine = own[state.vote] ?? own[`${state.vote.slice(0, -1)}1`];
  box.append(make('h2', { textContent: words.result }));
  if (mine !== undefined) box.append(make('p', {}, `${words.you_said}: `, make('b', { textContent: told(mine) })));
  const right = { word: () => asked.labels[answer.best], choice: () => asked.options[answer.best], number: () => answer.value.toFixed(2) };
  right.cell = () => told(answer.best);
  right.order = () => told(answer.order);
  if (right[asked.kind]) box.append(make('p', {}, `${words.model_says}: `, make('b', { textContent: right[asked.kind]() })));
  if (state.explain && mode !== 'notes') box.append(prose(state.explain));
  box.append(make('h3', { textContent: words.class_said }), ...RESULTS[asked.kind](asked, answer, tallies, mine));
}

// Every vote that was held, the last one in the class's colour, and what else has a bar: [class name, words] each.
function keys(tallies, ...more) {
  const names = tallies.length > 1 ? [words.first_vote, words.second_vote] : [words.class_said];
  const votes = tallies.map(({ n }, i) => [vote(tallies, i), `${names[i]} (${say(words.count, { n })})`]);
  const every = [...votes, ...more].map(([kind, text]) => make('span', { className: `key ${kind}`, textContent: text }));
  return make('p', { className: 'keys' }, ...every);
}

const vote = (tallies, i) => (i < tallies.length - 1 ? 'first' : 'class');
const table = (rows, shape = '') => make('div', { className: `tally ${shape}` }, ...rows);

// A line with bars: [class name, share, label] each.
function line(name, shares, { right = false, mine = false } = {}) {
  const row = make(
    'div',
    { className: `line${right ? ' right' : ''}${mine ? ' mine' : ''}` },
    make('span', { className: 'name', textContent: name }),
  );
  const side = make('div', { className: 'side' });
  for (const [kind, share, text] of shares) {
    const bar = make('div', { className: `share ${kind}` });
    bar.style.width = `${100 * Math.min(1, share)}%`;
    side.append(make('div', { className: 'slot' }, bar), make('small', { textContent: text }));
  }
  row.append(side);
  return row;
}

// How many chose one thing, in each vote.
const counted = (tallies, of) => tallies.map((tally, i) => [vote(tallies, i), tally.n ? of(tally) / tally.n : 0, `${of(tally)}`]);

// Only lines in which there is something; the others would push these off the screen, off a stage sooner than off a phone.
const least = mode === 'teach' ? 0.02 : 0.005;
const filled = (rows) => rows.filter(({ shares, right, mine }) => right || mine || shares.some(([, share]) => share >= least));
const drawnLines = (rows) => rows.map(({ name, shares, ...flags }) => line(name, shares, flags));

// Whatever somebody chose in any vote, with how often; the commonest of the last vote first.
function chosenBy(tallies, read, most) {
  const found = new Map();
  tallies.forEach((tally, i) => {
    for (const [what, n] of read(tally)) {
      const key = JSON.stringify(what);
      if (!found.has(key)) found.set(key, { what, counts: tallies.map(() => 0) });
      found.get(key).counts[i] = n;
    }
  });
  const last = tallies.length - 1;
  return [...found.values()].sort((a, b) => b.counts[last] - a.counts[last] || b.counts[0] - a.counts[0]).slice(0, most);
}

const RESULTS = {
  word(asked, answer, tallies, mine) {
    const rows = asked.labels.map((name, i) => {
      const shares = [...counted(tallies, ({ counts }) => counts[i]), ['model', answer.row[i], answer.row[i].toFixed(2)]];
      return { name, shares, right: i === answer.best, mine: i === mine };
    });
    return [keys(tallies, ['model', words.model_says]), table(drawnLines(filled(rows)))];
  },
  choice(asked, answer, tallies, mine) {
    const rows = asked.options.map((name, i) => {
      return { name, shares: counted(tallies, ({ counts }) => counts[i]), right: i === answer.best, mine: i === mine };
    });
    return [keys(tallies), table(drawnLines(rows), 'wide')];
  },
  cell(asked, answer, tallies, mine) {
    const rows = chosenBy(tallies, ({ cells }) => cells.map(([row, column, n]) => [[row, column], n]), 6).map(({ what, counts }) => ({
      name: `${asked.queries[what[0]]} → ${asked.labels[what[1]]}`,
      shares: tallies.map((tally, i) => [vote(tallies, i), tally.n ? counts[i] / tally.n : 0, `${counts[i]}`]),
      right: String(what) === String(answer.best),
      mine: String(what) === String(mine),
    }));
    return [keys(tallies), table(drawnLines(rows))];
  },
  row(asked, answer, tallies, mine) {
    const rows = asked.labels.map((name, i) => {
      const means = tallies.map(({ row }, v) => [vote(tallies, v), row?.[i] ?? 0, row ? row[i].toFixed(2) : '–']);
      const last = means.at(-1);
      if (tallies.at(-1).row) last[2] += ` (${signed(last[1] - answer.row[i])})`;
      const own = mine ? [['own', mine[i], mine[i].toFixed(2)]] : [];
      return { name, shares: [['model', answer.row[i], answer.row[i].toFixed(2)], ...means, ...own] };
    });
    const more = [['model', words.model_says], ...(mine ? [['own', words.you_said]] : [])];
    return [keys(tallies, ...more), table(drawnLines(filled(rows)))];
  },
  number(asked, answer, tallies, mine) {
    const bins = tallies[0].counts.length;
    const width = (asked.high - asked.low) / bins;
    const rows = tallies[0].counts.map((_, i) => {
      const low = asked.low + i * width;
      const here = (x) => x >= low && (x < low + width || i === bins - 1);
      const right = here(answer.value);
      return {
        name: `${low.toFixed(2)} – ${(low + width).toFixed(2)}`,
        shares: counted(tallies, ({ counts }) => counts[i]),
        right,
        mine: here(mine),
      };
    });
    return [keys(tallies), table(drawnLines(rows))];
  },
  order(_asked, answer, tallies, mine) {
    const rows = chosenBy(tallies, ({ orders }) => orders, 5).map(({ what, counts }) => ({
      name: told(what),
      shares: tallies.map((tally, i) => [vote(tallies, i), tally.n ? counts[i] / tally.n : 0, `${counts[i]}`]),
      right: String(what) === String(answer.order),
      mine: String(what) === String(mine),
    }));
    return [keys(tallies), table(drawnLines(rows), 'wide')];
  },
  head(_asked, _answer, tallies) {
    const { n, nearest } = tallies.at(-1);
    if (!nearest.length) return [make('p', { textContent: words.nobody })];
    const rows = nearest.map(({ layer, head, distance }) => line(`L${layer}H${head}`, [['class', 1 - distance, distance.toFixed(3)]]));
    const like = say(words.like, { head: `L${nearest[0].layer}H${nearest[0].head}` });
    return [
      make('p', { className: 'like', textContent: like }),
      make('p', { className: 'keys', textContent: `${say(words.count, { n })} · ${words.distance}` }),
      table(rows),
    ];
  },
  bet(asked, _answer, tallies) {
    const { n, board } = tallies.at(-1);
    if (!board.length) return [make('p', { textContent: words.nobody })];
    const rows = board.map((one) => line(`${asked.labels[one.word]} → ${one.into}`, [['class', one.moved, one.moved.toFixed(3)]]));
    return [make('p', { className: 'keys', textContent: `${say(words.count, { n })} · ${words.distance}` }), table(rows)];
  },
};

const signed = (x) => (Math.abs(x) < 0.005 ? '0' : `${x < 0 ? '−' : '+'}${Math.abs(x).toFixed(2)}`);
// ---- The page

function render() {
  document.body.classList.toggle('black', Boolean(state.black));
  document.body.classList.toggle('frozen', Boolean(state.frozen));
  document.title = `${state.title} · ${boot.code}`;
  part('place').textContent = `${state.step + 1} / ${state.steps}`;
  // Only what changed is drawn again: an answer that is being thought about stays.
  const shape = JSON.stringify([
    state.step,
    state.vote,
    state.open,
    own[state.vote],
    state.open ? state.tallies : 0,
    state.explain?.length,
  ]);
  if (shape !== drawn.shape) {
    drawn.shape = shape;
    main.replaceChildren();
    notice('');
    VIEWS[mode](main);
  }
  if (mode !== 'notes') point();
  if (owner) panel();
}

function step(parent) {
  parent.append(make('h1', { textContent: state.title }));
  if (state.html) parent.append(prose(state.html));
  const side = parent.appendChild(make('div', { className: 'two' }));
  const asking = state.question && !state.open;
  const pictures = make('div', { className: 'maps' });
  const text = make('div', { className: 'said' });
  side.append(pictures, text);
  if (asking) ask(text);
  else if (state.question) reveal(text);
  else if (state.explain) text.append(prose(state.explain));
  if (!text.childNodes.length) side.classList.add('alone');
  maps(pictures);
}

const VIEWS = {
  follow(parent) {
    step(parent);
    if (state.link) {
      const address = new URL(`../${state.link}${state.link.includes('?') ? '&' : '?'}live=${boot.code}`, location.href.replace(/\/$/, ''));
      parent.append(make('p', { className: 'roam' }, make('a', { href: address.href, textContent: words.roam })));
    }
  },
  teach: step,
  notes(parent) {
    parent.append(make('h1', { textContent: state.title }), prose(state.notes || `<p>${words.no_notes}</p>`));
    if (state.open && state.tallies) reveal(parent);
  },
};

// What only the teacher sees: who is here, who has answered, what can be done.
function panel() {
  const asked = state.question;
  part('counts').textContent = say(words.here, { n: state.here }) + (asked ? ` · ${say(words.answers, { n: state.answered })}` : '');
  part('coming').textContent = state.next ? `${words.next_step}: ${state.next}` : words.last_step;
  part('held').textContent = state.frozen ? say(words.frozen_at, { step: state.followed + 1 }) : '';
  for (const button of document.querySelectorAll('[data-do]')) {
    const action = button.dataset.do;
    button.disabled =
      (['open', 'again'].includes(action) && !asked) || (action === 'open' && state.open) || (action === 'second' && !state.second);
    if (action === 'again') button.disabled ||= state.round > 1 && !state.open;
    if (action === 'freeze' || action === 'black') button.setAttribute('aria-pressed', state[action === 'freeze' ? 'frozen' : 'black']);
  }
}

// ---- The teacher's hands

const KEYS = {
  ArrowRight: 'next',
  PageDown: 'next',
  ' ': 'next',
  ArrowLeft: 'back',
  PageUp: 'back',
  o: 'open',
  v: 'again',
  s: 'second',
  f: 'freeze',
  b: 'black',
  '.': 'black',
};

function run(action) {
  if (action === 'end' && !confirm(words.end_sure)) return;
  if (action === 'join') part('join').hidden = !part('join').hidden;
  else if (action === 'full') document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
  else if (action === 'window') open(`${base}/notes#${secret}`, `notes ${boot.code}`, 'width=900,height=700');
  else if (action === 'export') save();
  else command(action);
}

async function save() {
  const answer = await fetch(`${base}/results.zip`, { headers: { Authorization: `Bearer ${secret}` } });
  if (!answer.ok) return notice((await answer.json()).error);
  const link = make('a', { href: URL.createObjectURL(await answer.blob()), download: `class-${boot.code}.zip` });
  link.click();
}

if (mode === 'teach')
  window.addEventListener('resize', () => {
    drawn = {};
    if (state && !over) render();
  });

if (owner) {
  for (const button of document.querySelectorAll('[data-do]')) {
    button.onclick = () => {
      run(button.dataset.do);
      button.blur();
    };
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || ['INPUT', 'TEXTAREA'].includes(event.target.tagName)) return;
    if (event.target.tagName === 'CANVAS' && event.key.startsWith('Arrow')) return;
    const action = event.key === 'c' ? 'join' : KEYS[event.key];
    if (!action) return;
    event.preventDefault();
    run(action);
  });
  let start = null;
  document.addEventListener('touchstart', (event) => {
    start = event.touches.length === 1 && event.target.tagName !== 'CANVAS' ? event.touches[0].clientX : null;
  });
  document.addEventListener('touchend', (event) => {
    const moved = start === null ? 0 : event.changedTouches[0].clientX - start;
    if (Math.abs(moved) > DRAG) run(moved < 0 ? 'next' : 'back');
  });
  if (mode === 'notes') {
    const begun = Date.now();
    const two = (x) => String(x).padStart(2, '0');
    const tick = () => {
      const gone = Math.floor((Date.now() - begun) / 1000);
      const now = new Date();
      part('clock').textContent = `${two(now.getHours())}:${two(now.getMinutes())} · ${Math.floor(gone / 60)}:${two(gone % 60)}`;
    };
    tick();
    setInterval(tick, 1000);
  }
}

if (part('address')) part('address').textContent = location.origin + base;
if (boot.now) {
  know(boot.now.you);
  take(boot.now.state);
}
if (owner && !secret) notice(words.no_owner);
else listen();
