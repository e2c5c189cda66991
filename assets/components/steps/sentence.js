// What happens to the pinned cell, as the words of a formula: signs, and cards [number, label, role, part of the picture it comes from].
// The part is its number, 'stats' for the columns of means and sums, -1 for what comes out, null for what is in no matrix on screen.
export function sentence(s, picture) {
  const { words, fmt } = s;
  const d = s.apartOf(picture);
  const f = d.facts;
  const left = (i) => fmt(d.left[i]);
  const part = (i) => picture.parts[i]?.symbol ?? '';
  const first = [left(0), part(0), 'query', 0];
  const factor = (i, label = '') => [fmt(d.right[i]), label, 'key', null];
  const out = [fmt(d.value), picture.c.symbol, picture.c.role || 'output', -1];
  switch (picture.kind) {
    case 'add':
      return [...picture.parts.flatMap((m, i) => [...(i ? ['+'] : []), [left(i), part(i), m.role || 'query', i]]), '=', out];
    case 'multiply':
      return [first, '×', factor(0, words.scale_note), '=', out];
    case 'cap': {
      const before = [fmt(Math.atanh(d.left[0]) * d.right[0]), part(0), 'query', 0];
      return [factor(0), '× tanh(', before, `÷ ${fmt(d.right[0])} ) =`, out];
    }
    case 'norm': {
      const middle = ['(', [fmt(f.x), part(0), 'query', 0], '−', [fmt(f.mean), words.mean, 'key', 'stats']];
      const scale = [') ÷', [fmt(f.spread), words.spread, 'key', 'stats'], '×', [fmt(f.gain), words.gain, 'value', null]];
      return [...middle, ...scale, '+', [fmt(f.shift), words.shift, 'value', null], '=', out];
    }
    case 'activate':
      return [first, '×', factor(0, picture.curve), '=', out];
    case 'turn': {
      const pair = (i) => [[left(i), `[${d.index[i]}]`, 'query', 0], '×', factor(i)];
      return [...pair(0), '+', ...pair(1), '=', out];
    }
    case 'exponentials': {
      const close = f.temperature === 1 ? ') =' : `) ÷ ${fmt(f.temperature)} =`;
      return ['exp(', [fmt(f.score), words.score, 'query', 0], '−', [fmt(f.top), words.top, 'key', null], close, out];
    }
    case 'quotients':
      return [[fmt(f.own), words.exponential, 'query', 0], '÷', [fmt(f.sum), words.sum_of_row, 'key', 'stats'], '=', out];
    case 'look_up': {
      const scaled = d.right[0] === 1 ? [] : ['×', factor(0)];
      return [[String(f.id), words.id, 'query', 0], '→', [left(0), words.table, 'key', null], ...scaled, '=', out];
    }
    case 'alibi':
      return [[left(0), '−slope', 'query', null], '×', [String(d.right[0]), '|i−j|', 'key', null], '=', out];
    case 'same':
    case 'join':
      return [first, '→', out];
    default:
      return [out];
  }
}
