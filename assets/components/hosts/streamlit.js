// Streamlit's host: numbers come as Arrow columns; a kept choice becomes a state, a told one a trigger.
import { half } from './numbers.js';

const mounted = new WeakMap();

function column(table) {
  const vector = table.getChildAt(0);
  return String(vector.type) === 'Float16' ? half(vector.toArray()) : vector.toArray();
}

export const mount =
  (component) =>
  ({ data, parentElement, setStateValue, setTriggerValue }) => {
    const root = parentElement.querySelector('.frame');
    let one = mounted.get(root);
    if (!one) {
      one = {};
      const host = { keep: (name, value) => one.keep(name, value), tell: (name, value) => one.tell(name, value), keys: document };
      one.component = component(root, host);
      mounted.set(root, one);
      const dress = root.getRootNode().host?.parentElement; // another theme is another class of it
      if (dress) new MutationObserver(() => one.draw()).observe(dress, { attributes: true, attributeFilter: ['class'] });
    }
    one.keep = setStateValue;
    one.tell = setTriggerValue;
    const isTable = (value) => typeof value?.getChildAt === 'function';
    const given = Object.fromEntries(Object.entries(data).map(([name, value]) => [name, isTable(value) ? column(value) : value]));
    root.style.setProperty('--scale', given.meta.scale ?? 1);
    one.draw = () => one.component.update(given);
    one.draw();
  };
