// A row drawn with a finger: a bar for each word, whose shares always sum to 1. One sweep may pass over all bars.
import { make } from './shared.js';

const PAUSE = 400; // milliseconds without a key after which a row moved by keys is given

// meta: labels, words (draw_hint). keep('row', shares): null before anything is drawn.
// start: a row that is there already; each change of it is told. whole false: its numbers stay as drawn, whatever they sum to.
export function bars(root, { keep, tell }) {
  const hint = root.appendChild(make('p', { className: 'hint' }));
  const box = root.appendChild(make('div', { className: 'bars' }));
  let labels = [];
  let heights = [];
  let columns = [];
  let sweeping = false;
  let start = null;
  let whole = true;
  let waiting = 0; // for another key

  const shares = () => {
    const total = whole ? heights.reduce((sum, x) => sum + x, 0) : 1;
    return total ? heights.map((x) => x / total) : null;
  };

  function give() {
    clearTimeout(waiting);
    waiting = 0;
    if (start) tell('row', shares());
    else keep('row', shares());
  }

  function begin(row) {
    start = row;
    heights = row ? row.map((x) => Math.min(1, Math.max(0, x))) : labels.map(() => 0);
  }

  function show() {
    const now = shares();
    columns.forEach(({ track, fill, share }, i) => {
      const part = Math.round(100 * (now?.[i] ?? 0));
      fill.style.height = `${100 * heights[i]}%`;
      share.textContent = `${part}%`;
      track.setAttribute('aria-valuenow', part);
    });
  }

  function set(i, x) {
    heights[i] = Math.min(1, Math.max(0, x));
    show();
  }

  function column(text, i) {
    const fill = make('div', { className: 'fill' });
    const track = make('div', { className: 'track', tabIndex: 0 }, fill);
    for (const [name, value] of Object.entries({ role: 'slider', 'aria-label': text, 'aria-valuemin': 0, 'aria-valuemax': 100 }))
      track.setAttribute(name, value);
    track.onkeydown = (event) => {
      const step = { ArrowUp: 0.05, ArrowRight: 0.05, ArrowDown: -0.05, ArrowLeft: -0.05 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      set(i, heights[i] + step);
      if (!start) return give();
      clearTimeout(waiting);
      waiting = setTimeout(give, PAUSE);
    };
    const share = make('small');
    box.append(make('div', { className: 'bar' }, share, track, make('span', { textContent: text, title: text })));
    return { track, fill, share };
  }

  const sweep = (event) => {
    columns.forEach(({ track }, i) => {
      const edge = track.getBoundingClientRect();
      if (event.clientX >= edge.left && event.clientX < edge.right) set(i, (edge.bottom - event.clientY) / edge.height);
    });
    event.preventDefault();
  };
  box.onpointerdown = (event) => {
    sweeping = true;
    sweep(event);
  };
  box.onpointermove = (event) => sweeping && sweep(event);
  const stop = () => {
    if (sweeping) give();
    sweeping = false;
  };
  box.onpointerup = stop;
  box.onpointercancel = stop;
  box.onpointerleave = stop;

  return {
    update({ meta }) {
      hint.textContent = meta.words.draw_hint;
      whole = meta.whole ?? true;
      const other = JSON.stringify(meta.labels) !== JSON.stringify(labels);
      if (other) {
        ({ labels } = meta);
        box.replaceChildren();
        columns = labels.map(column);
      }
      const moved = !sweeping && !waiting && JSON.stringify(meta.start ?? null) !== JSON.stringify(start);
      if (other || moved) begin(meta.start ?? null); // what was drawn stays
      show();
    },
  };
}
