// The host of a file that is opened from a disk: everything stands in the page, one picture in each figure, its numbers as base64.
import { typed } from './numbers.js';

function unpacked({ kind, base64 }) {
  return typed(kind, Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer);
}

// data: { common, pictures }; a picture is { values, meta }, and what stands in common.meta is in each of them.
export function mount(component) {
  const { common, pictures } = JSON.parse(document.getElementById('data').textContent);
  const shown = pictures.map(({ values, meta }, i) => {
    const one = component(document.querySelectorAll('figure .frame')[i]);
    const data = { values: unpacked(values), meta: { ...common, ...meta } };
    one.update(data);
    return () => one.update(data);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const again of shown) again();
  });
}
