// Text of a lesson as elements: what the server made of Markdown is read without being shown, and only what stands in these lists is
// made anew. So no element, address or style that is not here can come onto the page, whatever a lesson holds.
import { make } from './shared.js';

const HTML = [
  'P',
  'EM',
  'STRONG',
  'CODE',
  'PRE',
  'UL',
  'OL',
  'LI',
  'BLOCKQUOTE',
  'BR',
  'HR',
  'H1',
  'H2',
  'H3',
  'H4',
  'H5',
  'H6',
  'SPAN',
  'A',
];
const TABLE = ['TABLE', 'THEAD', 'TBODY', 'TR', 'TH', 'TD'];
const DRAWN = ['svg', 'path'];
const KEPT = { svg: ['viewBox', 'role', 'aria-label'], path: ['d', 'fill'], OL: ['start'] };
const SIZES = ['width', 'height', 'verticalAlign']; // of a formula, in em
const SVG = 'http://www.w3.org/2000/svg';

export function prose(html) {
  const read = new DOMParser().parseFromString(html, 'text/html'); // a document of its own: nothing in it runs or is fetched
  return make('div', { className: 'prose' }, ...copies(read.body));
}

const copies = (parent) => [...parent.childNodes].flatMap(copy);

function copy(node) {
  if (node.nodeType === Node.TEXT_NODE) return [node.data];
  if (node.nodeType !== Node.ELEMENT_NODE) return [];
  const drawn = node.namespaceURI === SVG && DRAWN.includes(node.nodeName);
  if (!drawn && !(node instanceof HTMLElement && [...HTML, ...TABLE].includes(node.nodeName))) return [];
  const made = drawn ? document.createElementNS(SVG, node.nodeName) : document.createElement(node.nodeName);
  for (const name of KEPT[node.nodeName] ?? []) if (node.hasAttribute(name)) made.setAttribute(name, node.getAttribute(name));
  if (node.nodeName === 'svg') {
    made.setAttribute('class', 'formula');
    for (const side of SIZES) if (/^-?[\d.]+em$/.test(node.style[side])) made.style[side] = node.style[side];
  }
  if (node.nodeName === 'SPAN' && node.className === 'display') made.className = 'display';
  if (node.nodeName === 'A' && /^https?:\/\//.test(node.getAttribute('href')))
    Object.assign(made, { href: node.getAttribute('href'), target: '_blank', rel: 'noopener noreferrer nofollow' });
  made.append(...copies(node));
  return [made];
}
