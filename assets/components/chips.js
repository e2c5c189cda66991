// A sentence of words, each with a colour and numbers under it. Where words can be clicked, a click takes one out or puts it back.
import { colours, css, ink, make, rove, theme } from './shared.js';

export function chips(root, { keep = () => {} } = {}) {
  const holder = make('div', { className: 'chips', role: 'group' });
  const out = make('output');
  let off = [];
  let told = null;
  let id = null;
  const settle = rove(holder);
  root.replaceChildren(holder, out);

  function chip(data, values, ramp, text, i) {
    const share = Math.min(1, Math.max(0, (values[i] - data.low) / (data.high - data.low || 1)));
    const colour = ramp[Math.round(255 * share)];
    const small = data.lines.map((line) => make('small', { textContent: line[i] }));
    const button = make('button', { type: 'button', className: data.clickable ? '' : 'still' }, text, ...small);
    button.style.background = css(colour);
    button.style.color = ink(colour);
    button.setAttribute('aria-label', data.labels[i]);
    button.onmouseenter = button.onfocus = () => {
      out.textContent = data.labels[i];
    };
    if (data.clickable) clickable(button, i);
    return button;
  }

  function clickable(button, i) {
    button.setAttribute('aria-pressed', off.includes(i));
    button.onclick = () => {
      off = off.includes(i) ? off.filter((j) => j !== i) : [...off, i].sort((a, b) => a - b);
      button.setAttribute('aria-pressed', off.includes(i));
      keep('off', [...off]);
    };
  }

  return {
    update({ values, meta }) {
      const ramp = colours(theme(root).dark ? meta.dark : meta.light);
      if (String(meta.off) !== String(told) || meta.id !== id) off = [...meta.off];
      told = meta.off;
      id = meta.id;
      holder.setAttribute('aria-label', meta.name);
      holder.replaceChildren(...meta.texts.map((text, i) => chip(meta, values, ramp, text, i)));
      settle();
      out.textContent = meta.hint;
    },
  };
}
