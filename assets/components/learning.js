// A training from its first step to now: curves, and every head's map at the step under the scrubber. Dragging asks nobody.
import { cells, colours, fit, make, onResize, pointer, rove, sharpen, strip, theme } from './shared.js';

const TALL = 128;
const APART = 30;
const ABOVE = 20;
const FOOT = 18;
const BIG = 250;
const LEFT = 66; // pixels for the labels of the large map, and above it
const OVER = 54;
const NARROW = 820; // pixels: four panels beside each other would cut their names
const SLOW = 350; // milliseconds a snapshot stays while it plays

const DASHES = [
  [5, 3],
  [2, 3],
]; // of the first and the second fork

// Everything that stands on the screen, by name.
function stage(root) {
  const parts = {
    canvas: make('canvas', { className: 'curves' }),
    play: make('button', { className: 'play', type: 'button' }),
    slider: make('input', { className: 'where', type: 'range', min: '0', step: '1' }),
    said: make('output', { className: 'said', ariaLive: 'polite' }),
    births: make('div', { className: 'births', role: 'group' }),
    stacks: make('div', { className: 'stacks', role: 'group' }),
    grid: make('div', { className: 'grid' }),
    pair: make('div', { className: 'pair' }),
    title: make('div', { className: 'title' }),
    one: make('canvas', { className: 'one' }),
    cell: make('output', { className: 'cell' }),
    name: make('span', { className: 'name' }),
    bar: make('canvas', { className: 'bar', ariaHidden: 'true' }),
    note: make('span', { className: 'note' }),
  };
  parts.canvas.setAttribute('role', 'img');
  parts.one.setAttribute('role', 'img');
  parts.large = make('div', { className: 'large' }, parts.title, parts.one, parts.cell);
  const scale = make('span', { className: 'legend' }, parts.name, make('span', { textContent: '0' }), parts.bar);
  scale.append(make('span', { textContent: '1' }));
  root.replaceChildren(
    make('div', { className: 'scroll' }, parts.canvas),
    make('div', { className: 'scrub' }, parts.play, parts.slider, parts.said),
    parts.births,
    parts.stacks,
    make('div', { className: 'maps' }, parts.grid, parts.large),
    parts.pair,
    make('div', { className: 'foot' }, scale, parts.note),
  );
  parts.sides = ['student', 'teacher'].map(() => {
    const side = { title: make('div', { className: 'title' }), map: make('canvas', { className: 'one' }) };
    side.map.setAttribute('role', 'img');
    parts.pair.append(make('div', { className: 'large' }, side.title, side.map));
    return side;
  });
  root.classList.add('learning');
  return parts;
}

const short = (x) => (x === 0 ? '0' : Math.abs(x) < 0.01 ? x.toExponential(1).replace('e-', 'e−') : Number(x.toPrecision(3)).toString());

// The last point of a curve up to this step.
function near(line, step) {
  const best = line.x.findLastIndex((x) => x <= step);
  return best < 0 ? null : line.y[best];
}

export function learning(root) {
  const parts = stage(root);
  const { canvas, slider, said, grid, one, cell, play } = parts;
  const settle = rove(grid, () => data.stacks[stack].heads);
  let data;
  let values;
  let ramp;
  let inks;
  let look;
  let at = 0;
  let follow = true;
  let stack = 0;
  let head = [0, 0];
  let timer = 0;
  let shownGrid = '';
  let panels = [];
  let big = null;

  const last = () => data.snapshots.length - 1;
  const sides = (snap, kind) => [
    kind === 'encoder' ? snap.source : (snap.target ?? snap.source),
    kind === 'decoder' ? (snap.target ?? snap.source) : snap.source,
  ];
  const size = (snap, kind) => sides(snap, kind).map((side) => side.length);
  const isHead = (layer, h) => layer === head[0] && h === head[1];

  // Where one head's map begins in the values, and its size.
  function place(snap, which, layer, h) {
    let start = snap.start;
    for (let i = 0; i < which; i++) {
      const [n, m] = size(snap, data.stacks[i].kind);
      start += data.stacks[i].layers * data.stacks[i].heads * n * m;
    }
    const [n, m] = size(snap, data.stacks[which].kind);
    return { start: start + (layer * data.stacks[which].heads + h) * n * m, n, m };
  }

  const image = (spot) => cells(spot.m, spot.n, (row, column) => ramp[values[spot.start + row * spot.m + column]]);

  function heads() {
    const snap = data.snapshots[at];
    const kind = data.stacks[stack];
    const side = Math.max(44, Math.min(96, Math.floor((root.clientWidth - 290) / kind.heads) - 12, Math.floor(300 / kind.layers)));
    const tag = `${stack}/${kind.layers}/${kind.heads}/${side}`;
    if (shownGrid !== tag) {
      shownGrid = tag;
      grid.style.gridTemplateColumns = `repeat(${kind.heads}, auto)`;
      grid.replaceChildren(...Array.from({ length: kind.layers * kind.heads }, (_, i) => headButton(i)));
    }
    [...grid.children].forEach((button, i) => {
      thumbnail(button, snap, Math.floor(i / kind.heads), i % kind.heads, side);
    });
    settle();
    large(snap, kind);
    pair(snap, kind);
  }

  function headButton(i) {
    const button = make('button', { type: 'button' }, make('canvas'), make('small'));
    button.onclick = () => {
      head = [Math.floor(i / data.stacks[stack].heads), i % data.stacks[stack].heads];
      paint();
    };
    return button;
  }

  function thumbnail(button, snap, layer, h, side) {
    const spot = place(snap, stack, layer, h);
    const tall = Math.round((side * spot.n) / Math.max(spot.n, spot.m));
    const pen = sharpen(button.firstChild, side, Math.max(16, tall));
    pen.imageSmoothingEnabled = false;
    pen.drawImage(image(spot), 0, 0, side, tall);
    const sharp = snap.sharp[stack][layer][h].toFixed(2);
    button.lastChild.textContent = `L${layer}H${h} ${sharp}`;
    button.setAttribute('aria-label', `L${layer}H${h}. ${data.words.sharp}: ${sharp}`);
    button.setAttribute('aria-pressed', isHead(layer, h));
  }

  function large(snap, kind) {
    const spot = place(snap, stack, ...head);
    const [queries, keys] = sides(snap, kind.kind);
    parts.title.textContent = `${data.words[kind.kind]} L${head[0]}H${head[1]}, ${data.words.at.replace('{n}', snap.step)}`;
    big = { side: map(one, spot, queries, keys), spot, queries, keys };
    one.setAttribute('aria-label', `${parts.title.textContent}. ${data.words.sharp}: ${snap.sharp[stack][head[0]][head[1]].toFixed(2)}`);
  }

  // A map with its tokens; how wide a cell is.
  function map(target, spot, queries, keys) {
    const wide = Math.min(target.parentElement.clientWidth || 320, 460);
    const side = Math.max(2, Math.min(26, (wide - LEFT - 20) / spot.m, BIG / spot.n));
    const pen = sharpen(target, LEFT + side * spot.m + 30, OVER + side * spot.n + 4);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(image(spot), LEFT, OVER, side * spot.m, side * spot.n);
    pen.fillStyle = look.text;
    pen.font = `13px ${look.font}`;
    pen.textBaseline = 'middle';
    tokens(pen, queries, keys, side);
    return side;
  }

  // What a student learns: the mean of the heads of its last layer, beside its teacher's.
  function pair(snap, kind) {
    parts.pair.hidden = data.taught === null;
    if (data.taught === null) return;
    const [queries, keys] = sides(snap, kind.kind);
    const [n, m] = size(snap, kind.kind);
    const words = [data.words.student.replace('{n}', snap.step).replace('{far}', snap.far.toFixed(2)), data.words.teacher];
    parts.sides.forEach((side, i) => {
      side.title.textContent = words[i];
      side.map.setAttribute('aria-label', words[i]);
      map(side.map, { start: i ? data.taught : snap.mean, n, m }, queries, keys);
    });
  }

  function tokens(pen, queries, keys, side) {
    const skip = Math.ceil(14 / side);
    pen.textAlign = 'right';
    queries.forEach((text, i) => {
      if (i % skip === 0) pen.fillText(fit(pen, text, LEFT - 6), LEFT - 5, OVER + (i + 0.5) * side);
    });
    pen.textAlign = 'left';
    keys.forEach((text, i) => {
      if (i % skip) return;
      pen.save();
      pen.translate(LEFT + (i + 0.5) * side, OVER - 5);
      pen.rotate(-Math.PI / 3);
      pen.fillText(fit(pen, text, 54), 0, 0);
      pen.restore();
    });
  }

  // Four panels on one canvas, with one cursor through all of them.
  function curves() {
    const width = root.clientWidth;
    const across = width < NARROW ? 2 : 4;
    const wide = (width - (across - 1) * APART) / across;
    const line = ABOVE + TALL + FOOT;
    const pen = sharpen(canvas, width, (4 / across) * line);
    const held = data.held.x.length ? [{ ...data.held, colour: inks.heads[1], thick: 2 }] : [];
    const other = (line) => data.forks.map((fork, i) => ({ ...fork[line], colour: look.text, thick: 1.5, dash: DASHES[i % 2] }));
    const drawn = [
      { name: data.words.loss, lines: [{ ...data.loss, colour: inks.heads[0], thick: 1.5 }, ...held, ...other('loss')] },
      { name: data.words.score, lines: [{ ...data.score, colour: inks.heads[2], thick: 2 }, ...other('score')], low: 0, high: 1 },
      { name: data.words.rate, lines: [{ ...data.rate, colour: inks.heads[3], thick: 1.5 }], low: 0 },
      { name: data.words.sharp, lines: sharpness(), low: 0, high: 1 },
    ];
    panels = drawn.map((panel, i) => {
      const top = Math.floor(i / across) * line;
      pen.save();
      pen.translate(0, top);
      const edge = draw(pen, panel, (i % across) * (wide + APART), wide, data.snapshots[at].step);
      pen.restore();
      return { ...edge, top, line };
    });
    canvas.setAttribute('aria-label', drawn.map((panel) => panel.name).join(', '));
  }

  // A line a head; the chosen one stands out.
  function sharpness() {
    const kind = data.stacks[stack];
    return Array.from({ length: kind.layers * kind.heads }, (_, i) => {
      const [layer, h] = [Math.floor(i / kind.heads), i % kind.heads];
      return {
        x: data.snapshots.map((snap) => snap.step),
        y: data.snapshots.map((snap) => snap.sharp[stack][layer][h]),
        colour: inks.heads[i % inks.heads.length],
        thick: isHead(layer, h) ? 3 : 1,
        faint: !isHead(layer, h),
      };
    });
  }

  function draw(pen, panel, left, wide, step) {
    const all = panel.lines.flatMap((line) => line.y).filter(Number.isFinite);
    const low = panel.low ?? Math.min(0, ...all);
    const high = panel.high ?? (all.length ? Math.max(...all, low + 1e-9) : 1);
    const x = (at) => left + (at / data.steps) * wide;
    const y = (value) => ABOVE + TALL - ((value - low) / (high - low)) * TALL;
    pen.fillStyle = look.second;
    pen.fillRect(left, ABOVE, wide, TALL);
    headings(pen, panel.name, left, wide, low, high);
    pen.save();
    pen.beginPath();
    pen.rect(left, ABOVE - 1, wide, TALL + 2);
    pen.clip();
    for (const line of [...panel.lines].sort((a, b) => Number(b.faint ?? 0) - Number(a.faint ?? 0))) curve(pen, line, x, y);
    pen.globalAlpha = 1;
    pen.setLineDash([]);
    pen.strokeStyle = inks.heads[1];
    pen.lineWidth = 1;
    for (const birth of new Set(data.births.map((one) => one.step))) {
      pen.beginPath();
      pen.moveTo(x(birth), ABOVE);
      pen.lineTo(x(birth), ABOVE + TALL);
      pen.stroke();
    }
    pen.strokeStyle = look.text;
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(x(step), ABOVE);
    pen.lineTo(x(step), ABOVE + TALL);
    pen.stroke();
    pen.restore();
    return { left, wide };
  }

  function headings(pen, name, left, wide, low, high) {
    pen.font = `13px ${look.font}`;
    pen.fillStyle = look.text;
    pen.textBaseline = 'alphabetic';
    pen.textAlign = 'left';
    pen.fillText(fit(pen, name, wide + APART / 2), left, ABOVE - 6);
    pen.fillText(short(low), left, ABOVE + TALL + 14);
    pen.textAlign = 'right';
    pen.fillText(short(high), left + wide - 3, ABOVE + 13);
    pen.fillText(data.steps.toLocaleString(), left + wide, ABOVE + TALL + 14);
  }

  function curve(pen, line, x, y) {
    pen.strokeStyle = pen.fillStyle = line.colour;
    pen.globalAlpha = line.faint ? 0.45 : 1;
    pen.lineWidth = line.thick;
    pen.setLineDash(line.dash ?? []);
    pen.beginPath();
    line.x.forEach((at, i) => {
      pen[i ? 'lineTo' : 'moveTo'](x(at), y(line.y[i]));
    });
    pen.stroke();
    if (line.x.length === 1) pen.fillRect(x(line.x[0]) - 2, y(line.y[0]) - 2, 4, 4);
  }

  function paint() {
    const snap = data.snapshots[at];
    slider.value = at;
    const facts = [`${data.words.step} ${snap.step} / ${data.steps}`];
    const loss = near(data.held.x.length ? data.held : data.loss, snap.step);
    const score = near(data.score, snap.step);
    if (loss !== null) facts.push(`${data.words.held} ${loss.toFixed(3)}`);
    if (score !== null) facts.push(`${data.words.score} ${score.toFixed(3)}`);
    said.textContent = facts.join(' · ');
    slider.setAttribute('aria-valuetext', said.textContent);
    curves();
    heads();
  }

  function go(i, playing = false) {
    if (!playing) stop();
    at = Math.max(0, Math.min(last(), i));
    follow = at === last();
    paint();
  }

  function drag(event) {
    const [x, y] = pointer(event, canvas);
    const within = (one) => x >= one.left - APART / 2 && x <= one.left + one.wide + APART / 2 && y >= one.top && y < one.top + one.line;
    const panel = panels.find(within) ?? panels[0];
    const step = ((x - panel.left) / panel.wide) * data.steps;
    const far = data.snapshots.map((snap) => Math.abs(snap.step - step));
    go(far.indexOf(Math.min(...far)));
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    if (data) play.textContent = `▶ ${data.words.play}`;
  }

  play.onclick = () => {
    if (timer) return stop();
    if (at === last()) go(0);
    play.textContent = `⏸ ${data.words.pause}`;
    timer = setInterval(() => (!root.isConnected || at >= last() ? stop() : go(at + 1, true)), SLOW);
  };
  slider.oninput = () => go(Number(slider.value));
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    drag(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (event.buttons) drag(event);
  });
  one.addEventListener('pointermove', (event) => {
    if (!big) return;
    const [x, y] = pointer(event, one);
    const [row, column] = [Math.floor((y - OVER) / big.side), Math.floor((x - LEFT) / big.side)];
    const inside = row >= 0 && column >= 0 && row < big.spot.n && column < big.spot.m;
    const value = values[big.spot.start + row * big.spot.m + column] / 255;
    cell.textContent = inside ? `${big.queries[row]} → ${big.keys[column]}: ${value.toFixed(2)}` : '';
  });
  one.addEventListener('pointerleave', () => {
    cell.textContent = '';
  });
  onResize(root, () => {
    if (data) paint();
  });

  function stacks() {
    const buttons = data.stacks.map((kind, i) => {
      const button = make('button', { type: 'button', textContent: data.words[kind.kind] });
      button.setAttribute('aria-pressed', i === stack);
      button.onclick = () => {
        stack = i;
        head = [0, 0];
        stacks();
        paint();
      };
      return button;
    });
    parts.stacks.replaceChildren(...(buttons.length < 2 ? [] : buttons));
  }

  // Each head that was born, as a way to the step where it was; and what the dashed line is.
  function births() {
    const buttons = data.births.map((birth) => {
      const button = make('button', { type: 'button' });
      button.textContent = `${data.words.step} ${birth.step}: L${birth.layer}H${birth.head} ${birth.says}`;
      button.onclick = () => {
        head = [birth.layer, birth.head];
        const there = data.snapshots.findIndex((snap) => snap.step >= birth.step);
        go(there < 0 ? last() : there);
      };
      return button;
    });
    const name = buttons.length ? [make('span', { textContent: data.words.born })] : [];
    const dashes = ['– –', '· · ·'];
    const forks = data.forks.map((fork, i) => make('span', { className: 'fork', textContent: `${dashes[i % 2]} ${fork.name}` }));
    parts.births.replaceChildren(...name, ...buttons, ...forks);
  }

  return {
    update(next) {
      const same = data?.id === next.meta.id;
      data = next.meta;
      values = next.values;
      look = theme(root);
      ramp = colours(look.dark ? data.dark : data.light);
      inks = look.dark ? data.inks.dark : data.inks.light;
      if (!same) {
        stack = Math.max(0, data.stacks.length - 1);
        head = [data.stacks[stack].layers - 1, 0];
        follow = true;
        stop();
      }
      if (follow && !timer) at = last();
      at = Math.min(at, last());
      slider.max = last();
      slider.setAttribute('aria-label', data.words.scrub);
      parts.name.textContent = data.words.weight;
      parts.note.textContent = data.words.note;
      strip(parts.bar, ramp, 110);
      if (!timer) stop();
      births();
      stacks();
      paint();
    },
  };
}
