// A heat map on a canvas: hover reads a number, click pins a cell, arrow keys move, and nothing asks the server but a pin.
const TALLEST = 34, SMALLEST_LABEL = 15, FONT = 14;

function build(root) {
  const find = (name) => root.querySelector(name);
  const canvas = find('canvas.map'), bar = find('canvas.bar'), box = find('.tip'), out = find('output'), title = find('.title'), note = find('.note');
  const self = {};
  let data, values, ramp, look, place, picture, send, cursor = null, pin = null, told = null, link = hear(null), group = null, far = null;

  const scale = (x) => Math.min(255, Math.max(0, Math.round(((x - data.low) / (data.high - data.low || 1)) * 255)));
  const at = (row, column) => values[row * data.keys.length + column];

  // The cells once, one pixel a cell; scaled without smoothing when drawn.
  function paint() {
    const n = data.queries.length, m = data.keys.length;
    picture = Object.assign(document.createElement('canvas'), { width: m, height: n });
    const pen = picture.getContext('2d'), image = pen.createImageData(m, n);
    const absent = look.dark ? [52, 58, 64] : [217, 217, 217];
    for (let i = 0; i < n * m; i++) {
      const colour = Number.isFinite(values[i]) ? ramp[scale(values[i])] : absent;
      image.data.set(colour, 4 * i);
      image.data[4 * i + 3] = 255;
    }
    pen.putImageData(image, 0, 0);
  }

  function layout() {
    const n = data.queries.length, m = data.keys.length, width = root.clientWidth;
    const pen = canvas.getContext('2d');
    pen.font = `${FONT}px ${look.font}`;
    const longest = (texts) => Math.min(110, texts.reduce((most, text) => Math.max(most, pen.measureText(text.slice(0, 40)).width), 0));
    const left = Math.min(longest(data.queries) + 10, width * 0.3), tall = longest(data.keys);
    let cell = Math.min((width - left - 8) / m, (room(data.height, 310) - 30) / n, data.largest);
    const flat = tall + 6 <= cell; // short labels stand upright
    const top = flat ? FONT + 10 : tall * 0.87 + 16;
    const right = flat ? 4 : Math.min(tall * 0.5 + 8, 64);
    let wide = Math.min((width - left - right) / m, data.largest), high = Math.min((room(data.height, 310) - top - 4) / n, data.largest);
    if (data.square) wide = high = Math.min(wide, high);
    else high = Math.min(high, TALLEST);
    place = { left, top, wide, high, flat, right: left + m * wide, bottom: top + n * high, tall };
  }

  function labels(pen, texts, across) {
    const size = across ? place.wide : place.high, step = Math.ceil(SMALLEST_LABEL / size);
    const current = cursor ?? pin ?? far;
    const chosen = current ? current[across ? 1 : 0] : -1;
    pen.font = `${FONT}px ${look.font}`;
    pen.textBaseline = 'middle';
    for (let i = 0; i < texts.length; i++) {
      if (i !== chosen && (i % step || (chosen >= 0 && Math.abs(i - chosen) * size < SMALLEST_LABEL))) continue;
      const middle = (i + 0.5) * size;
      pen.fillStyle = i === chosen ? (across ? data.roles.key : data.roles.query) : look.text;
      if (look.dark && i === chosen) pen.fillStyle = look.accent;
      pen.font = `${i === chosen ? 'bold ' : ''}${FONT}px ${look.font}`;
      if (!across) {
        pen.textAlign = 'right';
        pen.fillText(fit(pen, texts[i], place.left - 8), place.left - 6, place.top + middle);
      } else if (place.flat) {
        pen.textAlign = 'center';
        pen.fillText(texts[i], place.left + middle, place.top - 10);
      } else {
        pen.save();
        pen.translate(place.left + middle, place.top - 6);
        pen.rotate(-Math.PI / 3);
        pen.textAlign = 'left';
        pen.fillText(fit(pen, texts[i], place.tall + 2), 0, 0);
        pen.restore();
      }
    }
  }

  function frame(pen, cell, colour, thick) {
    const x = place.left + cell[1] * place.wide, y = place.top + cell[0] * place.high;
    const w = Math.max(place.wide, 5), h = Math.max(place.high, 5);
    pen.lineWidth = thick + 2;
    pen.strokeStyle = look.background;
    pen.strokeRect(x, y, w, h);
    pen.lineWidth = thick;
    pen.strokeStyle = colour;
    pen.strokeRect(x, y, w, h);
  }

  function written(pen) {
    if (!data.numbers || place.wide < 38 || place.high < 20) return;
    pen.font = `14px ${look.font}`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    for (let row = 0; row < data.queries.length; row++) {
      for (let column = 0; column < data.keys.length; column++) {
        const x = at(row, column);
        if (!Number.isFinite(x)) continue;
        const [r, g, b] = ramp[scale(x)];
        pen.fillStyle = 0.3 * r + 0.59 * g + 0.11 * b > 140 ? '#111' : '#fff';
        const text = Math.abs(x) >= 100 ? x.toFixed(0) : Math.abs(x) >= 10 ? x.toFixed(1) : x.toFixed(2);
        pen.fillText(text.replace('-', '−'), place.left + (column + 0.5) * place.wide, place.top + (row + 0.5) * place.high);
      }
    }
  }

  function draw() {
    if (!data || !root.clientWidth) return;
    layout();
    const pen = sharpen(canvas, root.clientWidth, Math.ceil(place.bottom) + 4);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, place.left, place.top, place.right - place.left, place.bottom - place.top);
    if (Math.min(place.wide, place.high) >= 8) { // a hairline between cells, so that they can be counted
      pen.strokeStyle = look.background;
      pen.lineWidth = 0.5;
      pen.beginPath();
      for (let c = 0; c <= data.keys.length; c++) { pen.moveTo(place.left + c * place.wide, place.top); pen.lineTo(place.left + c * place.wide, place.bottom); }
      for (let r = 0; r <= data.queries.length; r++) { pen.moveTo(place.left, place.top + r * place.high); pen.lineTo(place.right, place.top + r * place.high); }
      pen.stroke();
    }
    written(pen);
    if (far && !cursor) { // what is under the pointer in the linked view
      pen.strokeStyle = look.accent;
      pen.lineWidth = 2;
      if (far[0] >= 0) pen.strokeRect(place.left, place.top + far[0] * place.high, place.right - place.left, Math.max(place.high, 2));
      if (far[1] >= 0) pen.strokeRect(place.left + far[1] * place.wide, place.top, Math.max(place.wide, 2), place.bottom - place.top);
    }
    if (pin) frame(pen, pin, look.dark ? '#ffffff' : '#000000', 3);
    if (cursor) frame(pen, cursor, look.accent, 2);
    labels(pen, data.queries, false);
    labels(pen, data.keys, true);
  }

  function legend() {
    const wide = Math.min(180, root.clientWidth * 0.3), pen = sharpen(bar, wide, 12);
    for (let x = 0; x < wide; x++) {
      pen.fillStyle = `rgb(${ramp[Math.min(255, Math.floor((x / wide) * 256))]})`;
      pen.fillRect(x, 0, 1.5, 12);
    }
    const short = (x) => (Number.isInteger(x) ? String(x) : Math.abs(x) >= 100 ? x.toFixed(0) : x.toPrecision(3)).replace('-', '−');
    find('.low').textContent = short(data.low);
    find('.high').textContent = short(data.high);
    find('.name').textContent = data.words.value;
  }

  const sentence = (cell) => `${data.queries[cell[0]]} → ${data.keys[cell[1]]}: ${digits(at(...cell), data.words)}`;
  function readout(loud) {
    const cell = cursor ?? pin;
    const text = cell ? `${sentence(cell)}${pin && !cursor ? ` (${data.words.pinned})` : ''}` : data.words.nothing;
    out.setAttribute('aria-live', loud ? 'polite' : 'off'); // a pointer passing over cells is not read aloud
    out.textContent = text;
  }

  function move(cell, loud) {
    if (String(cell) === String(cursor)) return;
    cursor = cell;
    far = null;
    link.tell(cell ? cell[0] : -1, cell ? cell[1] : -1);
    readout(loud);
    draw();
  }

  function fix(cell) {
    pin = pin && cell && String(pin) === String(cell) ? null : cell;
    told = pin ? [...pin] : [];
    send('cell', [...(pin ?? [-1, -1]), Date.now()]);
    readout(true);
    draw();
  }

  const under = (event) => {
    const edge = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - edge.left - place.left) / place.wide), row = Math.floor((event.clientY - edge.top - place.top) / place.high);
    return row >= 0 && column >= 0 && row < data.queries.length && column < data.keys.length ? [row, column] : null;
  };

  canvas.addEventListener('pointermove', (event) => {
    const cell = under(event), edge = root.getBoundingClientRect();
    move(cell, false);
    canvas.style.cursor = cell ? 'crosshair' : 'default';
    if (!cell) { box.style.display = 'none'; return; }
    tip(box, root, [`${data.words.query}: ${data.queries[cell[0]]}`, `${data.words.key}: ${data.keys[cell[1]]}`, `${data.words.value}: ${digits(at(...cell), data.words)}`],
      event.clientX - edge.left, event.clientY - edge.top);
  });
  canvas.addEventListener('pointerleave', () => { box.style.display = 'none'; move(null, false); });
  canvas.addEventListener('click', (event) => { const cell = under(event); if (cell) fix(cell); });
  canvas.addEventListener('keydown', (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const here = cursor ?? pin ?? [0, 0];
    const last = [data.queries.length - 1, data.keys.length - 1];
    if (event.key in steps) move(here.map((x, i) => Math.min(last[i], Math.max(0, x + (cursor || pin ? steps[event.key][i] : 0)))), true);
    else if (event.key === 'Home') move([here[0], 0], true);
    else if (event.key === 'End') move([here[0], last[1]], true);
    else if (event.key === 'Enter' || event.key === ' ') fix(here);
    else if (event.key === 'Escape') { cursor = null; box.style.display = 'none'; if (pin) fix(null); else draw(); readout(true); }
    else return;
    event.preventDefault();
  });
  canvas.addEventListener('blur', () => move(null, false));
  new ResizeObserver(() => { if (data) { draw(); legend(); } }).observe(root);

  return {
    update(next, setState) {
      send = setState;
      look = theme(root);
      data = next.meta;
      values = numbers(next.values, data.kind);
      ramp = colours(look.dark ? data.dark : data.light);
      if (group !== data.link) { link.stop(); group = data.link; link = hear(group, self, (said) => { far = said.row < 0 && said.column < 0 ? null : [said.row, said.column]; draw(); }); }
      // Python's pin is followed when Python has changed its mind, not when it only repeats what it was told.
      if (String(data.pinned) !== String(told)) pin = data.pinned.length ? data.pinned : null;
      told = data.pinned;
      cursor = null;
      if (pin && (pin[0] >= data.queries.length || pin[1] >= data.keys.length)) pin = null;
      title.textContent = data.title;
      title.style.display = data.title ? '' : 'none';
      note.textContent = data.note;
      note.style.display = data.note ? '' : 'none';
      canvas.setAttribute('aria-label', `${data.title || data.words.map}. ${data.words.keys}`);
      root.style.setProperty('--hint', look.text);
      paint();
      draw();
      legend();
      readout(false);
    },
  };
}

export default function (component) {
  const root = component.parentElement.querySelector('.frame');
  root.attnlab ??= build(root);
  root.attnlab.update(component.data, component.setStateValue);
}
