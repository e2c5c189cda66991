// What the painters of the walk need to know: numbers, words, colours and where the visitor stands, of one set of data.
import { colours, ink, write } from '../shared.js';

export const ease = (x) => {
  const t = Math.min(1, Math.max(0, x));
  return t * t * (3 - 2 * t);
};
export const between = (t, from, to) => ease((t - from) / (to - from));

// data: drawn (float32), terms (float64, exact), row and meta. look: the page's own colours.
export function scene(data, look) {
  const { drawn, terms, meta } = data;
  const { place, words } = meta;
  const inks = meta.inks[look.dark ? 1 : 0];
  const ramps = Object.fromEntries(Object.entries(meta.ramps).map(([kind, pair]) => [kind, colours(pair[look.dark ? 1 : 0])]));
  const places = Math.min(place.digits, 2);
  const numbersOf = ([offset, length]) => terms.subarray(offset, offset + length);
  const short = (x) => write(x, places);
  const at = (m, i, j) => drawn[m.o + i * m.c + j];

  // The largest size of a number in a matrix; none where there is none.
  function most(m, none = 1) {
    let top = 0;
    for (let i = m.o; i < m.o + m.r * m.c; i++) {
      const size = Math.abs(drawn[i]);
      if (Number.isFinite(size) && size > top) top = size;
    }
    return top || none;
  }

  function colour(kind, x, top) {
    if (kind === 'none') return null;
    if (!Number.isFinite(x)) return look.dark ? [70, 76, 84] : [200, 200, 205];
    const share = kind === 'weights' ? x : 0.5 + x / top / 2;
    return ramps[kind][Math.min(255, Math.max(0, Math.round(share * 255)))];
  }

  // The pinned number of a picture, taken apart.
  function apartOf(picture) {
    const { apart } = picture;
    const [value, total] = numbersOf(apart.value);
    const facts = Object.fromEntries(Object.entries(apart.facts).map(([key, where]) => [key, terms[where[0]]]));
    return {
      ...apart,
      index: numbersOf(apart.index),
      left: numbersOf(apart.left),
      right: numbersOf(apart.right),
      value,
      total,
      facts,
    };
  }

  // A text, or a number with as many decimals as there is room for; nothing where not even one fits.
  function fitting(pen, what, space) {
    if (typeof what === 'string') return pen.measureText(what).width <= space ? what : '';
    const whole = String(Math.round(what)).replace('-', '−');
    const texts = [short(what), write(what, Math.min(places, 1)), ...(Math.abs(what) >= 9.5 ? [whole] : [])];
    return texts.find((text) => pen.measureText(text).width <= space) ?? '';
  }

  return {
    meta,
    words,
    place,
    look,
    at,
    most,
    colour,
    apartOf,
    fitting,
    short,
    fmt: (x) => write(x, place.digits),
    letters: (c) => (c === null ? look.text : ink(c)),
    tint: (role) => (role ? inks[role] : look.text),
    axisLabel: (axis, i) => (axis === 'query' ? meta.queries[i] : axis === 'key' ? meta.keys[i] : String(i)),
  };
}
