// The notebook's host (anywidget): numbers come as bytes, a choice goes to Python as a message and is answered by its number.
// Python's side is attnlab/widgets/widget.py: `_views`, the data of each component; `_now`, choices that change what stands in it.
import { typed } from './numbers.js';

const PATIENCE = 6000; // milliseconds until it is said that nobody answers

function array({ kind, bytes }) {
  return typed(kind, bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function unpacked({ meta, ...arrays }, now) {
  const numbers = Object.entries(arrays).map(([name, packed]) => [name, array(packed)]);
  return { ...Object.fromEntries(numbers), meta: { ...meta, ...now } };
}

// Colours of JupyterLab, VS Code or the page, whichever is there, as the browser would paint them.
function dress(element) {
  const style = getComputedStyle(element);
  const first = (...names) => names.map((name) => style.getPropertyValue(name).trim()).find(Boolean);
  const dark = matchMedia('(prefers-color-scheme: dark)').matches && !style.getPropertyValue('--jp-layout-color0');
  const paper = first('--jp-layout-color0', '--vscode-editor-background', '--background') ?? (dark ? '#14171a' : '#ffffff');
  const ink = first('--jp-ui-font-color0', '--vscode-editor-foreground', '--foreground') ?? (dark ? '#e8eaed' : '#1a1a1a');
  const second = first('--jp-layout-color2', '--vscode-editorWidget-background') ?? (dark ? '#263038' : '#eef2f6');
  const edge = first('--jp-border-color2', '--vscode-widget-border') ?? (dark ? '#44505a' : '#ccccdd');
  const letters = first('--jp-ui-font-family', '--vscode-font-family') ?? 'system-ui, sans-serif';
  const all = { '--paper': paper, '--ink': ink, '--second': second, '--edge': edge, '--letters': letters, '--accent': '#2e8bc0' };
  for (const [name, value] of Object.entries(all)) element.style.setProperty(name, value);
}

function show(components, styles, { model, el }) {
  const holder = document.createElement('div');
  holder.className = 'attnlab';
  holder.dataset.lmSuppressShortcuts = 'true'; // arrow keys are the picture's own while it has the focus
  const shadow = holder.attachShadow({ mode: 'open' });
  const sheet = document.createElement('style');
  sheet.textContent = styles;
  const silence = document.createElement('p');
  silence.className = 'note silence';
  silence.setAttribute('role', 'status');
  const roots = components.map(() => document.createElement('div'));
  for (const root of roots) root.className = 'frame';
  shadow.append(sheet, ...roots, silence);
  el.append(holder);
  dress(holder);
  let sent = Number(model.get('_answered') ?? 0);
  let waiting = 0;

  function say(name, value) {
    sent += 1;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      silence.textContent = model.get('_views')[0].meta.words.nobody;
    }, PATIENCE);
    try {
      model.send({ name, value, number: sent });
      model.set('_question', sent);
      model.save_changes();
    } catch {
      // a closed kernel: the picture stays as it is
    }
  }

  const made = components.map((component, i) => component(roots[i], { keep: say, tell: say }));

  function update() {
    const views = model.get('_views');
    const now = model.get('_now');
    made.forEach((one, i) => {
      roots[i].style.display = views[i] ? '' : 'none';
      if (views[i]) one.update(unpacked(views[i], now[i]));
    });
  }

  function answered() {
    sent = Math.max(sent, model.get('_answered'));
    clearTimeout(waiting);
    silence.textContent = '';
  }

  function again() {
    dress(holder);
    update();
  }

  model.on('change:_views', update);
  model.on('change:_now', update);
  model.on('change:_answered', answered);
  const watch = new MutationObserver(again); // another theme
  watch.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'data-jp-theme-name', 'class'] });
  requestAnimationFrame(update); // the width is known once it stands in the page
  return () => {
    watch.disconnect();
    clearTimeout(waiting);
    model.off('change:_views', update);
    model.off('change:_now', update);
    model.off('change:_answered', answered);
  };
}

export const mount = (components, styles) => ({ render: (given) => show(components, styles, given) });
