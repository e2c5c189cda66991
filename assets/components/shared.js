// What every canvas component needs. Put in front of each component's own file, so there is nothing to build.

// float16 comes as raw 16-bit words: sign, 5 bits of exponent, 10 of fraction.
function half(words) {
  const out = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) {
    const w = words[i], sign = w & 0x8000 ? -1 : 1, power = (w >> 10) & 31, rest = w & 1023;
    out[i] = power === 31 ? (rest ? NaN : sign * Infinity) : power ? sign * 2 ** (power - 15) * (1 + rest / 1024) : sign * 2 ** -24 * rest;
  }
  return out;
}

// One column of an Arrow table as numbers. kind says how Python packed them.
function numbers(table, kind) {
  const raw = table.getChildAt(0).toArray();
  return kind === 'f16' ? half(raw) : raw;
}

// "0a1b2c…" to [[r, g, b], …]
function colours(hex) {
  const out = [];
  for (let i = 0; i < hex.length; i += 6) out.push([0, 2, 4].map((j) => parseInt(hex.slice(i + j, i + j + 2), 16)));
  return out;
}

// The page's own colours, and whether they are dark. element: anything inside the component.
function theme(element) {
  const style = getComputedStyle(element);
  const read = (name, other) => style.getPropertyValue(name).trim() || other;
  const background = read('--st-background-color', '#ffffff');
  const hex = /^#([0-9a-f]{6})/i.exec(background);
  const light = hex ? [0, 2, 4].reduce((sum, i) => sum + parseInt(hex[1].slice(i, i + 2), 16), 0) / 765 : 1;
  return { dark: light < 0.5, background, text: read('--st-text-color', '#1a1a1a'), line: read('--st-border-color', '#ccd'),
    accent: read('--st-primary-color', '#0072b2'), font: read('--st-font', 'sans-serif'), second: read('--st-secondary-background-color', '#f3f5f8') };
}

// A canvas as sharp as the screen. Drawing goes on in CSS pixels.
function sharpen(canvas, width, height) {
  const dense = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * dense));
  canvas.height = Math.max(1, Math.round(height * dense));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext('2d');
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  return pen;
}

// The text, or as much of it as fits with an ellipsis. Whole characters only.
function fit(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  const letters = Array.from(text);
  let low = 0, high = letters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(letters.slice(0, middle).join('') + '…').width <= width) low = middle; else high = middle - 1;
  }
  return letters.slice(0, low).join('') + '…';
}

// Exactly as many digits as are worth reading: 4 decimals up to 1, 4 significant digits beyond or far below.
function digits(x, words) {
  if (Number.isNaN(x)) return words.masked;
  if (!Number.isFinite(x)) return x < 0 ? `−∞ (${words.masked})` : '∞';
  const size = Math.abs(x);
  const text = size !== 0 && (size < 0.0001 || size >= 1e5) ? x.toExponential(2) : size >= 10 ? x.toPrecision(5) : x.toFixed(4);
  return text.replace('-', '−');
}

// Components that name the same group hear each other's hover. Nothing of it goes to the server.
function hear(group, self, listener) {
  if (!group) return { tell() {}, stop() {} };
  const handler = (event) => { if (event.detail.group === group && event.detail.self !== self) listener(event.detail); };
  window.addEventListener('attnlab-hover', handler);
  return {
    tell: (row, column, side) => window.dispatchEvent(new CustomEvent('attnlab-hover', { detail: { group, self, row, column, side } })),
    stop: () => window.removeEventListener('attnlab-hover', handler),
  };
}

// A little box beside the pointer. Text only, never markup: tokens are written by strangers.
function tip(box, frame, lines, x, y) {
  box.replaceChildren(...lines.map((line) => Object.assign(document.createElement('div'), { textContent: line })));
  box.style.display = 'block';
  const wide = frame.clientWidth, w = box.offsetWidth, h = box.offsetHeight;
  box.style.left = `${Math.max(0, x + 16 + w > wide ? x - w - 12 : x + 16)}px`;
  box.style.top = `${Math.max(0, y - h - 10 < 0 ? y + 18 : y - h - 10)}px`;
}

// How tall a picture may be: what Python says, else what leaves room for the controls above and the readout below it.
const room = (height, rest) => height ?? Math.max(280, window.innerHeight - rest);
