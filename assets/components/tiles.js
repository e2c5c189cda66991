// A button a thing: its name, what kind it is, a number with a bar, and more in small letters. One column of the page holds many.
import { make } from './shared.js';

export function tiles(root, { tell = () => {} } = {}) {
  const holder = make('div', { className: 'tiles', role: 'group' });
  root.replaceChildren(holder);

  function tile(one) {
    const bar = make('span', { className: 'share' });
    bar.style.width = `${Math.round(100 * Math.min(1, Math.max(0, one.share)))}%`;
    const lines = one.lines.map((line) => make('small', { textContent: line }));
    const name = make('strong', { textContent: one.name });
    const kind = make('em', { textContent: one.kind });
    const button = make('button', { type: 'button', title: one.title }, name, kind, make('span', { className: 'track' }, bar), ...lines);
    button.setAttribute('aria-label', one.title);
    button.onclick = () => tell('chosen', { id: one.id });
    return button;
  }

  return {
    update({ meta }) {
      holder.setAttribute('aria-label', meta.name);
      holder.replaceChildren(...meta.tiles.map(tile));
    },
  };
}
