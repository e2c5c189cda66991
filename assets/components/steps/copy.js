// A button that copies a text. Without a secure connection browsers have no clipboard, so an old way is kept.
import { make } from '../shared.js';

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make('textarea', { value: text });
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

export function copy(root) {
  const button = make('button', { type: 'button', className: 'copy' });
  root.classList.add('walk');
  root.replaceChildren(button);
  return {
    update({ meta: { text, words } }) {
      button.textContent = words.copy;
      button.onclick = async () => {
        await toClipboard(text);
        button.textContent = words.copied;
        setTimeout(() => {
          button.textContent = words.copy;
        }, 2000);
      };
    },
  };
}
