// A long text, pooled in blocks, with a frame that says where the exact lens is. Hover moves the lens, click leaves it there.
const QUIET = 70; // milliseconds: a pointer on its way asks for nothing

function build(root) {
  const find = (name) => root.querySelector(name);
  const canvas = find('canvas.map'), bar = find('canvas.bar'), out = find('output'), title = find('.title'), note = find('.note');
  let data, values, ramp, look, place, picture, send, at = [0, 0], home = [0, 0], told = '', timer = 0;

  function paint() {
    picture = Object.assign(document.createElement('canvas'), { width: data.across, height: data.down });
    const pen = picture.getContext('2d'), image = pen.createImageData(data.across, data.down);
    for (let i = 0; i < data.across * data.down; i++) {
      image.data.set(ramp[values[i]], 4 * i);
      image.data[4 * i + 3] = 255;
    }
    pen.putImageData(image, 0, 0);
  }

  function draw() {
    if (!data || !root.clientWidth) return;
    const scale = Math.min(root.clientWidth / data.n_k, room(data.height, 340) / data.n_q);
    place = { scale, wide: data.n_k * scale, high: data.n_q * scale };
    const pen = sharpen(canvas, place.wide, place.high);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, 0, 0, place.wide, place.high);
    const x = at[1] * scale, y = at[0] * scale, w = Math.max(6, Math.min(data.window, data.n_k) * scale), h = Math.max(6, Math.min(data.window, data.n_q) * scale);
    pen.lineWidth = 4;
    pen.strokeStyle = look.background;
    pen.strokeRect(x, y, w, h);
    pen.lineWidth = 2;
    pen.strokeStyle = data.roles.key;
    pen.strokeRect(x, y, w, h);
  }

  function legend() {
    const wide = Math.min(160, root.clientWidth * 0.3), pen = sharpen(bar, wide, 12);
    for (let x = 0; x < wide; x++) {
      pen.fillStyle = `rgb(${ramp[Math.min(255, Math.floor((x / wide) * 256))]})`;
      pen.fillRect(x, 0, 1.5, 12);
    }
    find('.name').textContent = data.words.value;
    find('.low').textContent = '0';
    find('.high').textContent = digits(data.high, data.words);
  }

  const clamp = ([row, column]) => [Math.max(0, Math.min(data.n_q - data.window, Math.round(row))), Math.max(0, Math.min(data.n_k - data.window, Math.round(column)))];
  function go(cell, quick) {
    at = clamp(cell);
    out.textContent = `${data.words.query} ${at[0]}–${Math.min(data.n_q, at[0] + data.window) - 1}, ${data.words.key} ${at[1]}–${Math.min(data.n_k, at[1] + data.window) - 1}`;
    draw();
    clearTimeout(timer);
    timer = setTimeout(() => { if (String(at) !== told) { told = String(at); send('at', at); } }, quick ? 0 : QUIET);
  }

  const under = (event) => {
    const edge = canvas.getBoundingClientRect();
    return [(event.clientY - edge.top) / place.scale - data.window / 2, (event.clientX - edge.left) / place.scale - data.window / 2];
  };
  canvas.addEventListener('pointermove', (event) => go(under(event), false));
  canvas.addEventListener('pointerleave', () => go(home, false));
  canvas.addEventListener('click', (event) => { home = clamp(under(event)); go(home, true); });
  canvas.addEventListener('keydown', (event) => {
    const half = Math.ceil(data.window / 2), step = { ArrowUp: [-half, 0], ArrowDown: [half, 0], ArrowLeft: [0, -half], ArrowRight: [0, half] }[event.key];
    if (step) home = clamp([at[0] + step[0], at[1] + step[1]]);
    else if (event.key === 'Home') home = [0, 0];
    else if (event.key === 'End') home = clamp([data.n_q, data.n_k]);
    else return;
    out.setAttribute('aria-live', 'polite');
    go(home, true);
    event.preventDefault();
  });
  new ResizeObserver(() => { if (data) { draw(); legend(); } }).observe(root);

  return {
    update(next, setState) {
      send = setState;
      look = theme(root);
      data = next.meta;
      values = numbers(next.values, 'u8');
      ramp = colours(look.dark ? data.dark : data.light);
      if (String(data.at) !== told && !timer) home = at = data.at;
      told ||= String(data.at);
      title.textContent = data.title;
      note.textContent = data.note;
      canvas.setAttribute('aria-label', `${data.title}. ${data.words.keys_lens}`);
      paint();
      draw();
      legend();
      out.textContent ||= data.words.lens_hint;
    },
  };
}

export default function (component) {
  const root = component.parentElement.querySelector('.frame');
  root.attnlab ??= build(root);
  root.attnlab.update(component.data, component.setStateValue);
}
