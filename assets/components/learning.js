// A training from its first step to now: curves, and every head's map at the step under the scrubber. Dragging asks nobody.
const TALL = 128, GAP = 30, TOP = 20, FOOT = 18, BIG = 250, PAUSE = 350;

function build(root) {
  const find = (name) => root.querySelector(name);
  const canvas = find('.curves'), slider = find('.where'), said = find('.said'), grid = find('.grid'), one = find('.one'), cell = find('.cell'), bar = find('.bar');
  let data, values, ramp, look, at = 0, follow = true, stack = 0, head = [0, 0], timer = 0, shownGrid = '', panels = [], big = null;

  const last = () => data.snapshots.length - 1;
  const kinds = () => data.stacks;
  const sides = (snap, kind) => [kind === 'encoder' ? snap.source : snap.target ?? snap.source, kind === 'decoder' ? snap.target ?? snap.source : snap.source];
  const size = (snap, kind) => sides(snap, kind).map((s) => s.length);

  // Where one head's map begins in the values, and its size.
  function place(snap, which, layer, h) {
    let start = snap.start;
    for (let i = 0; i < which; i++) { const [n, m] = size(snap, kinds()[i].kind); start += kinds()[i].layers * kinds()[i].heads * n * m; }
    const [n, m] = size(snap, kinds()[which].kind);
    return { start: start + (layer * kinds()[which].heads + h) * n * m, n, m };
  }

  function image(spot) {
    const picture = Object.assign(document.createElement('canvas'), { width: spot.m, height: spot.n });
    const pen = picture.getContext('2d'), pixels = pen.createImageData(spot.m, spot.n);
    for (let i = 0; i < spot.n * spot.m; i++) { pixels.data.set(ramp[values[spot.start + i]], 4 * i); pixels.data[4 * i + 3] = 255; }
    pen.putImageData(pixels, 0, 0);
    return picture;
  }

  function heads() {
    const snap = data.snapshots[at], kind = kinds()[stack], tag = `${stack}/${kind.layers}/${kind.heads}`;
    const side = Math.max(44, Math.min(96, Math.floor((root.clientWidth - 290) / kind.heads) - 12, Math.floor(300 / kind.layers)));
    if (shownGrid !== `${tag}/${side}`) {
      shownGrid = `${tag}/${side}`;
      grid.style.gridTemplateColumns = `repeat(${kind.heads}, auto)`;
      grid.replaceChildren(...Array.from({ length: kind.layers * kind.heads }, (_, i) => {
        const button = Object.assign(document.createElement('button'), { type: 'button' });
        button.append(document.createElement('canvas'), document.createElement('small'));
        button.onclick = () => { head = [Math.floor(i / kinds()[stack].heads), i % kinds()[stack].heads]; paint(); };
        return button;
      }));
    }
    [...grid.children].forEach((button, i) => {
      const layer = Math.floor(i / kind.heads), h = i % kind.heads, spot = place(snap, stack, layer, h);
      const pen = sharpen(button.firstChild, side, Math.max(16, Math.round((side * spot.n) / Math.max(spot.n, spot.m))));
      pen.imageSmoothingEnabled = false;
      pen.drawImage(image(spot), 0, 0, side, Math.round((side * spot.n) / Math.max(spot.n, spot.m)));
      const sharp = snap.sharp[stack][layer][h];
      button.lastChild.textContent = `L${layer}H${h} ${sharp.toFixed(2)}`;
      button.setAttribute('aria-label', `L${layer}H${h}. ${data.words.sharp}: ${sharp.toFixed(2)}`);
      button.setAttribute('aria-pressed', layer === head[0] && h === head[1]);
    });
    large(snap, kind);
  }

  function large(snap, kind) {
    const spot = place(snap, stack, ...head), [queries, keys] = sides(snap, kind.kind);
    find('.large .title').textContent = `${data.words[kind.kind]} L${head[0]}H${head[1]}, ${data.words.at.replace('{n}', snap.step)}`;
    const wide = Math.min(find('.large').clientWidth || 320, 460), left = 66, top = 54;
    const side = Math.max(6, Math.min(26, (wide - left - 20) / spot.m, BIG / spot.n));
    const pen = sharpen(one, left + side * spot.m + 30, top + side * spot.n + 4);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(image(spot), left, top, side * spot.m, side * spot.n);
    pen.fillStyle = look.text;
    pen.font = `13px ${look.font}`;
    pen.textBaseline = 'middle';
    const skip = Math.ceil(14 / side);
    queries.forEach((text, i) => { if (i % skip === 0) { pen.textAlign = 'right'; pen.fillText(fit(pen, text, left - 6), left - 5, top + (i + 0.5) * side); } });
    keys.forEach((text, i) => {
      if (i % skip) return;
      pen.save();
      pen.translate(left + (i + 0.5) * side, top - 5);
      pen.rotate(-Math.PI / 3);
      pen.textAlign = 'left';
      pen.fillText(fit(pen, text, 54), 0, 0);
      pen.restore();
    });
    big = { left, top, side, spot, queries, keys };
    one.setAttribute('aria-label', `${find('.large .title').textContent}. ${data.words.sharp}: ${snap.sharp[stack][head[0]][head[1]].toFixed(2)}`);
  }

  one.addEventListener('pointermove', (event) => {
    if (!big) return;
    const box = one.getBoundingClientRect(), row = Math.floor((event.clientY - box.top - big.top) / big.side), column = Math.floor((event.clientX - box.left - big.left) / big.side);
    const inside = row >= 0 && column >= 0 && row < big.spot.n && column < big.spot.m;
    cell.textContent = inside ? `${big.queries[row]} → ${big.keys[column]}: ${(values[big.spot.start + row * big.spot.m + column] / 255).toFixed(2)}` : '';
  });
  one.addEventListener('pointerleave', () => { cell.textContent = ''; });

  // Four panels on one canvas, with one cursor through all of them.
  function curves() {
    const width = root.clientWidth, wide = (width - 3 * GAP) / 4, step = data.snapshots[at].step;
    const pen = sharpen(canvas, width, TOP + TALL + FOOT);
    const kind = kinds()[stack];
    const sharp = [];
    for (let l = 0; l < kind.layers; l++) for (let h = 0; h < kind.heads; h++) {
      sharp.push({ x: data.snapshots.map((s) => s.step), y: data.snapshots.map((s) => s.sharp[stack][l][h]), colour: data.heads[(l * kind.heads + h) % data.heads.length], thick: l === head[0] && h === head[1] ? 3 : 1, faint: !(l === head[0] && h === head[1]) });
    }
    const drawn = [
      { name: data.words.loss, lines: [{ ...data.loss, colour: data.series[0], thick: 1.5 }, ...(data.held.x.length ? [{ ...data.held, colour: data.series[1], thick: 2 }] : [])] },
      { name: data.words.score, lines: [{ ...data.score, colour: data.series[2], thick: 2 }], low: 0, high: 1 },
      { name: data.words.rate, lines: [{ ...data.rate, colour: data.series[3], thick: 1.5 }], low: 0 },
      { name: data.words.sharp, lines: sharp, low: 0, high: 1 },
    ];
    panels = drawn.map((panel, i) => draw(pen, panel, i * (wide + GAP), wide, step));
    canvas.setAttribute('aria-label', drawn.map((p) => p.name).join(', '));
  }

  const short = (x) => (x === 0 ? '0' : Math.abs(x) < 0.01 ? x.toExponential(1).replace('e-', 'e−') : Number(x.toPrecision(3)).toString());
  function draw(pen, panel, left, wide, step) {
    const all = panel.lines.flatMap((line) => line.y).filter(Number.isFinite);
    const low = panel.low ?? Math.min(0, ...all), high = panel.high ?? (all.length ? Math.max(...all, low + 1e-9) : 1);
    const x = (s) => left + (s / data.steps) * wide, y = (v) => TOP + TALL - ((v - low) / (high - low)) * TALL;
    pen.fillStyle = look.second;
    pen.fillRect(left, TOP, wide, TALL);
    pen.font = `13px ${look.font}`;
    pen.fillStyle = look.text;
    pen.textBaseline = 'alphabetic';
    pen.textAlign = 'left';
    pen.fillText(fit(pen, panel.name, wide - 40), left, TOP - 6);
    pen.textAlign = 'right';
    pen.fillText(short(high), left + wide, TOP - 6);
    pen.fillText(data.steps.toLocaleString(), left + wide, TOP + TALL + 14);
    pen.textAlign = 'left';
    pen.fillText(short(low), left, TOP + TALL + 14);
    pen.save();
    pen.beginPath();
    pen.rect(left, TOP - 1, wide, TALL + 2);
    pen.clip();
    for (const line of [...panel.lines].sort((a, b) => (b.faint ? 1 : 0) - (a.faint ? 1 : 0))) {
      pen.strokeStyle = line.colour;
      pen.globalAlpha = line.faint ? 0.45 : 1;
      pen.lineWidth = line.thick;
      pen.beginPath();
      line.x.forEach((s, i) => (i ? pen.lineTo(x(s), y(line.y[i])) : pen.moveTo(x(s), y(line.y[i]))));
      pen.stroke();
      if (line.x.length === 1) { pen.fillStyle = line.colour; pen.fillRect(x(line.x[0]) - 2, y(line.y[0]) - 2, 4, 4); }
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = look.text;
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(x(step), TOP);
    pen.lineTo(x(step), TOP + TALL);
    pen.stroke();
    pen.restore();
    return { left, wide };
  }

  const near = (line, step) => { let best = -1; line.x.forEach((s, i) => { if (s <= step) best = i; }); return best < 0 ? null : line.y[best]; };
  function paint() {
    const snap = data.snapshots[at];
    slider.value = at;
    const facts = [`${data.words.step} ${snap.step} / ${data.steps}`];
    const loss = near(data.held.x.length ? data.held : data.loss, snap.step), score = near(data.score, snap.step);
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
    const x = event.clientX - canvas.getBoundingClientRect().left;
    const panel = panels.find((p) => x >= p.left - GAP / 2 && x <= p.left + p.wide + GAP / 2) ?? panels[0];
    const step = ((x - panel.left) / panel.wide) * data.steps;
    let best = 0;
    data.snapshots.forEach((snap, i) => { if (Math.abs(snap.step - step) < Math.abs(data.snapshots[best].step - step)) best = i; });
    go(best);
  }
  canvas.addEventListener('pointerdown', (event) => { canvas.setPointerCapture(event.pointerId); drag(event); });
  canvas.addEventListener('pointermove', (event) => { if (event.buttons) drag(event); });
  slider.oninput = () => go(Number(slider.value));

  const play = find('.play');
  function stop() { clearInterval(timer); timer = 0; if (data) play.textContent = `▶ ${data.words.play}`; }
  play.onclick = () => {
    if (timer) return stop();
    if (at === last()) go(0);
    play.textContent = `⏸ ${data.words.pause}`;
    timer = setInterval(() => (!root.isConnected || at >= last() ? stop() : go(at + 1, true)), PAUSE);
  };
  let wide = 0;
  new ResizeObserver(() => { if (data && root.clientWidth !== wide) { wide = root.clientWidth; paint(); } }).observe(root);

  function stacks() {
    const buttons = kinds().length < 2 ? [] : kinds().map((kind, i) => {
      const button = Object.assign(document.createElement('button'), { type: 'button', textContent: data.words[kind.kind] });
      button.setAttribute('aria-pressed', i === stack);
      button.onclick = () => { stack = i; head = [0, 0]; stacks(); paint(); };
      return button;
    });
    find('.stacks').replaceChildren(...buttons);
  }

  return {
    update(next) {
      const same = data?.id === next.meta.id;
      data = next.meta;
      values = next.values.getChildAt(0).toArray();
      look = theme(root);
      ramp = colours(look.dark ? data.dark : data.light);
      if (!same) { stack = Math.max(0, kinds().length - 1); head = [kinds()[stack].layers - 1, 0]; follow = true; stop(); }
      if (follow && !timer) at = last();
      at = Math.min(at, last());
      slider.max = last();
      slider.setAttribute('aria-label', data.words.scrub);
      find('.legend .name').textContent = data.words.weight;
      find('.note').textContent = data.words.note;
      const pen = sharpen(bar, 110, 12);
      ramp.forEach((c, i) => { pen.fillStyle = `rgb(${c})`; pen.fillRect((i * 110) / 256, 0, 1, 12); });
      if (!timer) stop();
      stacks();
      paint();
    },
  };
}

export default function (component) {
  const root = component.parentElement.querySelector('.frame');
  root.attnlab ??= build(root);
  root.attnlab.update(component.data);
}
