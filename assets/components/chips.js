// A sentence of words, each with a colour and numbers under it. Where words can be clicked, a click takes one out or puts it back.
function build(root) {
  const holder = root.querySelector('.chips'), out = root.querySelector('output');
  let off = [], told = null;
  return {
    update(next, setState) {
      const data = next.meta, values = numbers(next.values, data.kind), look = theme(root), ramp = colours(look.dark ? data.dark : data.light);
      if (String(data.off) !== String(told) || data.id !== root.attnlabId) off = [...data.off];
      told = data.off;
      root.attnlabId = data.id;
      holder.setAttribute('aria-label', data.name);
      holder.replaceChildren(...data.texts.map((text, i) => {
        const share = Math.min(1, Math.max(0, (values[i] - data.low) / (data.high - data.low || 1)));
        const colour = ramp[Math.round(255 * share)];
        const chip = Object.assign(document.createElement('button'), { type: 'button', className: data.clickable ? '' : 'still' });
        chip.append(text, ...data.lines.map((line) => Object.assign(document.createElement('small'), { textContent: line[i] })));
        chip.style.background = `rgb(${colour})`;
        chip.style.color = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 140 ? '#111' : '#fff';
        chip.setAttribute('aria-label', data.labels[i]);
        chip.onmouseenter = chip.onfocus = () => { out.textContent = data.labels[i]; };
        if (data.clickable) {
          chip.setAttribute('aria-pressed', off.includes(i));
          chip.onclick = () => {
            off = off.includes(i) ? off.filter((j) => j !== i) : [...off, i].sort((a, b) => a - b);
            chip.setAttribute('aria-pressed', off.includes(i));
            setState('off', [...off]);
          };
        }
        return chip;
      }));
      out.textContent = data.hint;
    },
  };
}

export default function (component) {
  const root = component.parentElement.querySelector('.frame');
  root.attnlab ??= build(root);
  root.attnlab.update(component.data, component.setStateValue);
}
