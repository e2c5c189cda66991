// A number taken apart: its terms, their sum, and where each factor comes from.
const make = (tag, more = {}, ...children) => { const e = Object.assign(document.createElement(tag), more); e.append(...children); return e; };
const kept = new WeakMap();

function write(x, places) {
  if (Number.isNaN(x)) return '–';
  if (!Number.isFinite(x)) return x < 0 ? '−∞' : '∞';
  const text = places ? x.toFixed(places) : x.toExponential(3);
  return (Number(text) === 0 && places ? text.replace('-', '') : text).replace('-', '−');
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector('.walk'), { meta } = data, { apart, words, tokens } = meta;
  root.classList.add('apart');
  const s = kept.get(root) ?? { sorted: true };
  kept.set(root, s);
  const all = data.terms.getChildAt(0).toArray(), list = ([offset, length]) => Array.from(all.subarray(offset, offset + length));
  const index = list(apart.index), left = list(apart.left), right = list(apart.right), [value, total] = list(apart.value);
  const facts = Object.fromEntries(Object.entries(apart.facts).map(([key, where]) => [key, all[where[0]]]));
  const fmt = (x) => write(x, meta.digits), softmax = apart.kind === 'softmax';
  const product = left.map((x, i) => (Number.isFinite(x) ? x * right[i] : x));
  const label = (i) => {
    const term = index[i], named = apart.names[String(term)];
    if (named !== undefined) return named.replace('_', '');
    if (apart.axis === 'key') return tokens.key[term];
    return apart.axis === 'joined' ? `H${Math.floor(term / meta.d_head)} · ${term % meta.d_head}` : String(term);
  };
  const origin = (from, i) => {
    const one = from.length === 1 && index.length > 1 && index[i] >= 0 ? from[0] : from[i];
    return one && index[i] >= 0 ? [one[0], one[1] ?? index[i], one[2] ?? index[i]] : null;
  };
  const number = (x, from) => {
    if (!from) return make('td', { textContent: fmt(x) });
    const b = make('button', { type: 'button', className: 'number', textContent: fmt(x), title: words.follow });
    b.onclick = () => setTriggerValue('follow', { spot: from[0], row: from[1], column: from[2], seq: Date.now() });
    return make('td', {}, b);
  };
  const single = apart.axis === 'part' && index.length === 1;
  function draw() {
    const order = index.map((_, i) => i);
    if (s.sorted) order.sort((a, b) => Math.abs(product[b]) - Math.abs(product[a]));
    const heads = softmax ? [words.name, words.exponential, words.share]
      : [words.name, `${words.left}${apart.labels[0] && apart.axis !== 'part' ? ` ${apart.labels[0].replace('_', '')}` : ''}`, `${words.right}${apart.labels[1] ? ` ${apart.labels[1].replace('_', '')}` : ''}`, words.product];
    const body = make('tbody');
    for (const i of order) {
      const line = make('tr', { className: softmax && index[i] === facts.column ? 'own' : '' }, make('td', { textContent: label(i), title: label(i) }), number(left[i], origin(apart.from, i)));
      if (!softmax) line.append(number(right[i], origin(apart.from_right, i)));
      line.append(make('td', { textContent: fmt(product[i]) }));
      line.dataset.product = String(product[i]);
      body.append(line);
    }
    const table = make('table', {}, make('thead', {}, make('tr', {}, ...heads.map((text) => make('th', { textContent: text, scope: 'col' })))), body);
    const sort = make('button', { type: 'button', className: 'sort', textContent: s.sorted ? words.order : words.by_size });
    sort.onclick = () => { s.sorted = !s.sorted; draw(); };
    const [spot, row, column] = apart.cell;
    const title = make('h4', { textContent: `${words.apart}: ${meta.symbol.replace('_', '')}` });
    const parts = [make('div', { className: 'row' }, title, ...(index.length > 2 ? [sort] : []))];
    const shown = { norm: ['x', 'mean', 'variance', 'eps', 'gain', 'shift'], exponentials: ['score', 'top'], turn: ['angle'], look_up: ['id'] }[apart.kind] ?? [];
    const said = shown.filter((key) => key in facts).map((key) => `${words[key] ?? { x: 'x', variance: 'σ²', eps: 'ε' }[key]} ${key === 'eps' ? facts[key].toExponential(0) : key === 'id' ? String(facts[key]) : fmt(facts[key])}`);
    if (said.length) parts.push(make('p', { className: 'facts', textContent: said.join(' · ') }));
    parts.push(make('div', { className: 'scroll', tabIndex: 0 }, table));
    const equal = fmt(total) === fmt(value);
    const text = softmax ? `${fmt(facts.own)} ÷ ${fmt(facts.sum)} = ` : `${words.sum} `;
    const sum = make('b', { textContent: fmt(total) }), cell = make('b', { textContent: fmt(value) });
    sum.dataset.role = 'sum'; cell.dataset.role = 'cell';
    const line = make('p', { className: 'total' }, text, sum, ` · ${words.cell} `, cell, ' ', make('span', { className: 'ok', textContent: equal ? `✓ ${words.equal}` : `✗ ${words.differ}` }));
    parts.push(line);
    if (apart.source) {
      const b = make('button', { type: 'button', className: 'sort', textContent: `← ${words.comes_from} ${apart.source}` });
      b.onclick = () => setTriggerValue('follow', { spot, row, column, seq: Date.now() });
      parts.push(b);
    } else if (index.length > 1 || !single) parts.push(make('p', { className: 'facts', textContent: words.hint_table }));
    root.replaceChildren(...parts);
    root.dataset.cell = apart.cell.join(' ');
    root.dataset.value = String(value);
  }
  draw();
}
