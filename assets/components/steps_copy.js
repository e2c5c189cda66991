// A button that copies a text. Without a secure connection browsers have no clipboard, so an old way is kept.
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector('button'), { text, words } = data;
  button.textContent = words.copy;
  button.onclick = async () => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = Object.assign(document.createElement('textarea'), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    button.textContent = words.copied;
    setTimeout(() => { button.textContent = words.copy; }, 2000);
  };
}
