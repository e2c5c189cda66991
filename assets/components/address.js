// Writes the choices of the page into the address in place, without a step in the browser's history, and marks in the
// document what Streamlit does not: its language, the bar of pages, the page that is open.
export default function ({ data }) {
  const bar = document.querySelector('.st-key-pages');
  bar?.setAttribute('role', 'navigation');
  bar?.setAttribute('aria-label', data.pages);
  for (const link of bar?.querySelectorAll('a') ?? []) {
    if (link.getAttribute('href') === data.page) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (bar && bar.dataset.shown !== data.page) bar.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  if (bar) bar.dataset.shown = data.page; // on a phone the line of pages scrolls: the open one is in view
  skip(data.skip);
  reach();
  ask();
  document.documentElement.lang = { zh: 'zh-CN' }[data.language] || data.language;
  const address = new URL(window.location.href);
  for (const [name, value] of Object.entries(data.put)) {
    if (value === null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  if (address.href !== window.location.href) window.history.replaceState(window.history.state, '', address);
}

// The first stop of the keyboard: over the line of pages to what the page is about.
function skip(words) {
  let link = document.getElementById('skip');
  if (!link) {
    link = document.createElement('button');
    link.id = 'skip';
    link.onclick = () => {
      const main = document.querySelector('.st-key-heading h1');
      main?.setAttribute('tabindex', '-1');
      main?.focus();
    };
    document.body.prepend(link);
  }
  link.textContent = words;
}

// A formula that is wider than its place scrolls, so the keyboard has to get there. Formulas are drawn after the run.
function reach() {
  if (document.body.dataset.formulas) return;
  document.body.dataset.formulas = 'true';
  const stop = (each) => {
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
    else each.removeAttribute('tabindex');
  };
  const sizes = new ResizeObserver((all) => {
    for (const { target } of all) stop(target);
  });
  new MutationObserver(() => {
    for (const each of document.querySelectorAll('.katex-display:not([data-watched])')) {
      each.dataset.watched = 'true';
      sizes.observe(each);
    }
  }).observe(document.body, { childList: true, subtree: true });
}

// A question mark anywhere but in a field shows which keys there are.
function ask() {
  if (document.body.dataset.keys) return; // each page brings this file anew, and the document stays
  document.body.dataset.keys = 'true';
  document.addEventListener('keydown', (event) => {
    const target = event.composedPath()[0];
    const typed = ['TEXTAREA', 'SELECT'].includes(target.tagName) || target.isContentEditable;
    if (event.key !== '?' || typed || (target.tagName === 'INPUT' && !['range', 'checkbox', 'radio'].includes(target.type))) return;
    document.querySelector('.st-key-screen button')?.click();
  });
}
