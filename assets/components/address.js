// Writes the choices of the page into the address in place, without a step in the browser's history, tells the document its
// language, and the server which page was clicked in the bar.
export default function ({ data, setTriggerValue }) {
  pages(data.page, (page) => setTriggerValue('go', page));
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

// The bar of pages: a plain click goes on with the visit, any other is the browser's. On a phone the line scrolls to the open page.
function pages(open, go) {
  const frame = document.querySelector('.st-key-frame');
  if (!frame) return;
  frame.onclick = (event) => {
    const link = event.target.closest('nav.pages a');
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.dataset.page);
  };
  if (frame.dataset.shown !== open) frame.querySelector('nav.pages [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  frame.dataset.shown = open;
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
  const watch = () => {
    for (const each of document.querySelectorAll('.katex-display:not([data-watched])')) {
      each.dataset.watched = 'true';
      sizes.observe(each);
    }
  };
  watch(); // those that were drawn before this
  new MutationObserver(watch).observe(document.body, { childList: true, subtree: true });
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
