// Every layer and head as one canvas. Hover enlarges, click opens, arrow keys walk from head to head.
const GAP = 4, FONT = 14, ZOOM = 280;

function build(root) {
  const find = (name) => root.querySelector(name);
  const canvas = find('canvas.map'), bar = find('canvas.bar'), box = find('.tip'), zoom = find('canvas.zoom'), out = find('output'), note = find('.note');
  let data, values, ramp, look, place, picture, send, cursor = -1;

  const many = () => data.order.length;
  const name = (i) => `L${data.order[i][0]}H${data.order[i][1]}`;

  // All heads side by side, one pixel a cell; drawn by slices later.
  function paint() {
    const n = data.rows, m = data.columns;
    picture = Object.assign(document.createElement('canvas'), { width: m * data.heads_n, height: n * data.layers_n });
    const pen = picture.getContext('2d'), image = pen.createImageData(picture.width, picture.height), across = picture.width;
    for (let l = 0; l < data.layers_n; l++) {
      for (let h = 0; h < data.heads_n; h++) {
        const top = data.own ? 1 : data.most[l][h]; // each head's own scale, or 0 to 1 for all
        const from = (l * data.heads_n + h) * n * m;
        for (let r = 0; r < n; r++) {
          for (let c = 0; c < m; c++) {
            const at = 4 * ((l * n + r) * across + h * m + c);
            image.data.set(ramp[Math.min(255, Math.round(values[from + r * m + c] * top))], at);
            image.data[at + 3] = 255;
          }
        }
      }
    }
    pen.putImageData(image, 0, 0);
  }

  function layout() {
    const across = data.heads_n, down = Math.ceil(many() / across), width = root.clientWidth;
    const left = data.sorted ? 0 : 34, top = data.sorted ? 0 : 24;
    const under = (data.sorted ? 20 : 0) + (data.bars ? 8 : 0);
    const wide = (width - left) / across - GAP;
    const size = Math.max(20, Math.min(wide, Math.max((room(data.height, 240) - top) / down - GAP - under, Math.min(wide, 64))));
    const tall = Math.min(size * Math.max(0.5, Math.min(1.6, data.rows / data.columns)), size * 1.6);
    place = { left, top, size, tall, across, under, width, height: top + down * (tall + GAP + under) };
  }

  const corner = (i) => [place.left + (i % place.across) * (place.size + GAP), place.top + Math.floor(i / place.across) * (place.tall + GAP + place.under)];

  function draw() {
    if (!data || !root.clientWidth) return;
    layout();
    const pen = sharpen(canvas, place.width, Math.ceil(place.height) + 2);
    pen.imageSmoothingEnabled = data.columns > place.size;
    pen.font = `${FONT}px ${look.font}`;
    pen.fillStyle = look.text;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    if (!data.sorted) {
      for (let h = 0; h < data.heads_n; h++) pen.fillText(place.size > 30 ? `H${h}` : h, place.left + h * (place.size + GAP) + place.size / 2, 11);
      for (let l = 0; l < data.layers_n; l++) pen.fillText(`L${l}`, 15, place.top + l * (place.tall + GAP + place.under) + place.tall / 2);
    }
    for (let i = 0; i < many(); i++) {
      const [x, y] = corner(i), [l, h] = data.order[i];
      pen.drawImage(picture, h * data.columns, l * data.rows, data.columns, data.rows, x, y, place.size, place.tall);
      if (data.bars) {
        pen.fillStyle = look.second;
        pen.fillRect(x, y + place.tall + 2, place.size, 5);
        pen.fillStyle = look.accent;
        pen.fillRect(x, y + place.tall + 2, place.size * Math.min(1, Math.max(0, data.bars[l][h])), 5);
      }
      if (data.sorted) {
        pen.fillStyle = look.text;
        pen.fillText(fit(pen, name(i), place.size + GAP), x + place.size / 2, y + place.tall + place.under - 9);
      }
    }
    if (cursor >= 0) {
      const [x, y] = corner(cursor);
      pen.strokeStyle = look.accent;
      pen.lineWidth = 3;
      pen.strokeRect(x - 1.5, y - 1.5, place.size + 3, place.tall + 3);
    }
  }

  function legend() {
    const wide = Math.min(180, root.clientWidth * 0.3), pen = sharpen(bar, wide, 12);
    for (let x = 0; x < wide; x++) {
      pen.fillStyle = `rgb(${ramp[Math.min(255, Math.floor((x / wide) * 256))]})`;
      pen.fillRect(x, 0, 1.5, 12);
    }
    find('.name').textContent = data.words.value;
    find('.low').textContent = '0';
    find('.high').textContent = data.own ? data.words.own_most : '1';
  }

  function enlarge(loud) {
    out.setAttribute('aria-live', loud ? 'polite' : 'off');
    if (cursor < 0) { box.style.display = 'none'; out.textContent = data.words.mosaic_hint; return; }
    const [l, h] = data.order[cursor], said = data.captions ? data.captions[l][h] : '';
    out.textContent = `${name(cursor)}: ${data.words.most} ${digits(data.most[l][h], data.words)}${said ? `. ${said}` : ''}`;
    const tall = (ZOOM * place.tall) / place.size, pen = sharpen(zoom, ZOOM, tall);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, h * data.columns, l * data.rows, data.columns, data.rows, 0, 0, ZOOM, tall);
    find('.words').textContent = said ? `${name(cursor)} · ${said}` : name(cursor);
    box.style.display = 'block';
    const [x, y] = corner(cursor), w = box.offsetWidth, height = box.offsetHeight;
    box.style.left = `${x + place.size + 10 + w < place.width ? x + place.size + 10 : Math.max(0, x - w - 10)}px`;
    box.style.top = `${Math.max(0, Math.min(y + place.tall / 2 - height / 2, Math.max(place.height, height) - height))}px`;
  }

  function move(i, loud) {
    if (i === cursor) return;
    cursor = i;
    draw();
    enlarge(loud);
  }

  const open = () => { if (cursor >= 0) send('head', { layer: data.order[cursor][0], head: data.order[cursor][1] }); };
  const under = (event) => {
    const edge = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - edge.left - place.left) / (place.size + GAP));
    const row = Math.floor((event.clientY - edge.top - place.top) / (place.tall + GAP + place.under));
    const i = row * place.across + column;
    return column >= 0 && row >= 0 && column < place.across && i < many() ? i : -1;
  };
  canvas.addEventListener('pointermove', (event) => { const i = under(event); canvas.style.cursor = i < 0 ? 'default' : 'pointer'; move(i, false); });
  canvas.addEventListener('pointerleave', () => move(-1, false));
  canvas.addEventListener('click', (event) => { move(under(event), false); open(); });
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowUp: -place.across, ArrowDown: place.across, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { const next = cursor < 0 ? 0 : cursor + step; if (next >= 0 && next < many()) move(next, true); }
    else if (event.key === 'Enter' || event.key === ' ') open();
    else if (event.key === 'Escape') move(-1, true);
    else return;
    event.preventDefault();
  });
  canvas.addEventListener('blur', () => move(-1, false));
  new ResizeObserver(() => { if (data) { draw(); legend(); } }).observe(root);

  return {
    update(next, setTrigger) {
      send = setTrigger;
      look = theme(root);
      data = next.meta;
      values = numbers(next.values, 'u8');
      ramp = colours(look.dark ? data.dark : data.light);
      note.textContent = data.note;
      note.style.display = data.note ? '' : 'none';
      canvas.setAttribute('aria-label', `${data.words.mosaic}. ${data.words.keys_open}`);
      cursor = -1;
      paint();
      draw();
      legend();
      enlarge(false);
    },
  };
}

export default function (component) {
  const root = component.parentElement.querySelector('.frame');
  root.attnlab ??= build(root);
  root.attnlab.update(component.data, component.setTriggerValue);
}
