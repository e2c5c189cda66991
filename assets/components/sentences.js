// Sentences one under the other, each a button: a number, and the words coloured by what one of them gives to the others.
import { colours, css, ink, make, theme } from './shared.js';

export function sentences(root, { tell = () => {} } = {}) {
  const holder = make('div', { className: 'sentences', role: 'group' });
  root.replaceChildren(holder);

  function word(text, share, ramp, strongest) {
    const span = make('span', { textContent: text, className: strongest ? 'strongest' : '' });
    const colour = ramp[share];
    span.style.background = css(colour);
    span.style.color = ink(colour);
    return span;
  }

  function sentence(one, ramp) {
    const words = one.words.map((text, i) => word(text, one.row[i], ramp, i === one.key));
    const number = make('strong', { textContent: one.value });
    const link = make('small', { textContent: one.link });
    const button = make('button', { type: 'button' }, number, make('span', { className: 'row' }, ...words), link);
    button.setAttribute('aria-label', one.label);
    button.onclick = () => tell('chosen', { id: one.id });
    return button;
  }

  return {
    update({ meta }) {
      const ramp = colours(theme(root).dark ? meta.dark : meta.light);
      holder.setAttribute('aria-label', meta.name);
      holder.replaceChildren(...meta.sentences.map((one) => sentence(one, ramp)));
    },
  };
}
