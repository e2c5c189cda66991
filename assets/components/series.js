// The numbers of one curve as a table: hover or the arrow keys read a row.
import { make } from './shared.js';

export function series(root) {
  const table = make('table');
  const out = make('output', { ariaLive: 'polite' });
  root.replaceChildren(table, out);

  function line(name, texts) {
    const row = make('tr', { tabIndex: 0 }, ...texts.map((textContent) => make('td', { textContent })));
    row.onfocus = row.onpointerenter = () => {
      out.textContent = `${name}: ${texts.filter(Boolean).join(' · ')}`;
    };
    row.onkeydown = (event) => {
      const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
      if (!next) return;
      event.preventDefault();
      next.focus();
    };
    return row;
  }

  return {
    update({ meta }) {
      const head = make('tr', {}, ...meta.headings.map((textContent) => make('th', { textContent, scope: 'col' })));
      const body = make('tbody', {}, ...meta.rows.map((texts) => line(meta.name, texts)));
      table.replaceChildren(make('caption', { textContent: meta.name }), make('thead', {}, head), body);
    },
  };
}
