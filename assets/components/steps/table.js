// A number taken apart: its terms, their sum, and where each factor comes from.
import { make, write } from '../shared.js';

const PARTS = {
  norm: ['x', 'mean', 'variance', 'eps', 'gain', 'shift'],
  exponentials: ['score', 'top'],
  turn: ['angle'],
  look_up: ['id'],
};
const LETTERS = { x: 'x', variance: 'σ²', eps: 'ε' };

const plain = (name) => name.replace('_', '');

export function table(root, { tell = () => {} } = {}) {
  let sorted = true;
  let data;
  root.classList.add('walk', 'steps_table', 'apart');

  const follow = (spot, row, column) => tell('follow', { spot, row, column, seq: Date.now() });

  // The numbers of this table: terms is one array, apart says where each list lies in it.
  function read() {
    const { meta, terms } = data;
    const { apart } = meta;
    const list = ([offset, length]) => Array.from(terms.subarray(offset, offset + length));
    const [index, left, right, [value, total]] = [apart.index, apart.left, apart.right, apart.value].map(list);
    const facts = Object.fromEntries(Object.entries(apart.facts).map(([key, where]) => [key, terms[where[0]]]));
    const product = left.map((x, i) => (Number.isFinite(x) ? x * right[i] : x));
    return { index, left, right, value, total, facts, product, softmax: apart.kind === 'softmax' };
  }

  const fmt = (x) => write(x, data.meta.digits);

  function label(term) {
    const { apart, tokens, d_head } = data.meta;
    const named = apart.names[String(term)];
    if (named !== undefined) return plain(named);
    if (apart.axis === 'key') return tokens.key[term];
    return apart.axis === 'joined' ? `H${Math.floor(term / d_head)} · ${term % d_head}` : String(term);
  }

  // Where the factor of a term was made: [spot, row, column], or null.
  function origin(from, index, i) {
    const one = from.length === 1 && index.length > 1 && index[i] >= 0 ? from[0] : from[i];
    return one && index[i] >= 0 ? [one[0], one[1] ?? index[i], one[2] ?? index[i]] : null;
  }

  function number(x, from) {
    if (!from) return make('td', { textContent: fmt(x) });
    const button = make('button', { type: 'button', className: 'number', textContent: fmt(x), title: data.meta.words.follow });
    button.onclick = () => follow(...from);
    return make('td', {}, button);
  }

  function headings(softmax) {
    const { apart, words } = data.meta;
    if (softmax) return [words.name, words.exponential, words.share];
    const [left, right] = apart.labels.map((name) => (name ? ` ${plain(name)}` : ''));
    return [words.name, `${words.left}${apart.axis === 'part' ? '' : left}`, `${words.right}${right}`, words.product];
  }

  function line(n, i) {
    const { apart } = data.meta;
    const name = label(n.index[i]);
    const own = n.softmax && n.index[i] === n.facts.column;
    const made = make('tr', { className: own ? 'own' : '' }, make('td', { textContent: name, title: name }));
    made.append(number(n.left[i], origin(apart.from, n.index, i)));
    if (!n.softmax) made.append(number(n.right[i], origin(apart.from_right, n.index, i)));
    made.append(make('td', { textContent: fmt(n.product[i]) }));
    made.dataset.product = String(n.product[i]);
    return made;
  }

  function terms(n) {
    const order = n.index.map((_, i) => i);
    if (sorted) order.sort((a, b) => Math.abs(n.product[b]) - Math.abs(n.product[a]));
    const heads = headings(n.softmax).map((text) => make('th', { textContent: text, scope: 'col' }));
    const body = make('tbody', {}, ...order.map((i) => line(n, i)));
    return make('div', { className: 'scroll', tabIndex: 0 }, make('table', {}, make('thead', {}, make('tr', {}, ...heads)), body));
  }

  function title(n) {
    const { words, symbol } = data.meta;
    const sort = make('button', { type: 'button', className: 'sort', textContent: sorted ? words.order : words.by_size });
    sort.onclick = () => {
      sorted = !sorted;
      draw();
    };
    const name = make('h3', { textContent: `${words.apart}: ${plain(symbol)}` });
    return make('div', { className: 'row' }, name, ...(n.index.length > 2 ? [sort] : []));
  }

  // What the formula uses besides the terms: a mean, an angle, the id.
  function facts(n) {
    const { apart, words } = data.meta;
    const one = (key) => (key === 'eps' ? n.facts[key].toExponential(0) : key === 'id' ? String(n.facts[key]) : fmt(n.facts[key]));
    const known = (PARTS[apart.kind] ?? []).filter((key) => key in n.facts);
    const text = known.map((key) => `${words[key] ?? LETTERS[key]} ${one(key)}`).join(' · ');
    return text ? [make('p', { className: 'facts', textContent: text })] : [];
  }

  function sum(n) {
    const { words } = data.meta;
    const text = n.softmax ? `${fmt(n.facts.own)} ÷ ${fmt(n.facts.sum)} = ` : `${words.sum} `;
    const [total, cell] = [n.total, n.value].map((x) => make('b', { textContent: fmt(x) }));
    total.dataset.role = 'sum';
    cell.dataset.role = 'cell';
    const verdict = fmt(n.total) === fmt(n.value) ? `✓ ${words.equal}` : `✗ ${words.differ}`;
    const ok = make('span', { className: 'ok', textContent: verdict });
    return make('p', { className: 'total' }, text, total, ` · ${words.cell} `, cell, ' ', ok);
  }

  function foot(n) {
    const { apart, words } = data.meta;
    if (apart.source) {
      const back = make('button', { type: 'button', className: 'sort', textContent: `← ${words.comes_from} ${apart.source}` });
      back.onclick = () => follow(...apart.cell);
      return [back];
    }
    const single = apart.axis === 'part' && n.index.length === 1;
    return n.index.length > 1 || !single ? [make('p', { className: 'facts', textContent: words.hint_table })] : [];
  }

  function draw() {
    const n = read();
    root.replaceChildren(title(n), ...facts(n), terms(n), sum(n), ...foot(n));
    root.dataset.cell = data.meta.apart.cell.join(' ');
    root.dataset.value = String(n.value);
  }

  return {
    update(next) {
      data = next;
      draw();
    },
  };
}
