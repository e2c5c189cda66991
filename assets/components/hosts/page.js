// The host of a file that is opened from a disk: everything stands in the page, one picture in each figure, its numbers as base64.
import { typed } from './numbers.js';

function unpacked({ kind, base64 }) {
  return typed(kind, Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer);
}

// #data: { common, pictures }; a picture is { component, values, meta }, and what stands in common is in the meta of each of them.
export function mount(...components) {
  const { common, pictures } = JSON.parse(document.getElementById('data').textContent);
  const roots = document.querySelectorAll('figure > .frame');
  const updates = pictures.map(({ component, values, meta }, i) => {
    const one = components.find((each) => each.name === component)(roots[i]);
    const data = { values: values && unpacked(values), meta: { ...common, ...meta } };
    return () => one.update(data);
  });
  const draw = () => {
    for (const update of updates) update();
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  draw();
}
