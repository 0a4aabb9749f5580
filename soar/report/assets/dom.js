// Whatever comes from a run is put on the page as text; nothing here parses markup.

const SVG = 'http://www.w3.org/2000/svg';
// Control characters, marks that change the direction of text, and characters without width: shown by their number.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;
const LONG = 20000; // characters of a text that are shown at once

function visible(text) {
  return String(text).replace(UNSEEN, (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked') node[name] = value;
    else node.setAttribute(name, name === 'class' || name === 'href' ? value : visible(value));
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : visible(child));
  }
  return node;
}

const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
const link = (href, ...children) => el('a', { href }, ...children);

function table(heads, rows, attributes) {
  const cell = (name) => (one) => (one instanceof Node && one.tagName === 'TD' ? one : el(name, {}, one));
  const head = heads.length
    ? [
        el(
          'thead',
          {},
          el(
            'tr',
            {},
            heads.map((one) => el('th', { scope: 'col' }, one)),
          ),
        ),
      ]
    : [];
  const body = el(
    'tbody',
    {},
    rows.map((row) => el('tr', {}, row.map(cell('td')))),
  );
  return el('div', { class: 'scroll' }, el('table', attributes || {}, head, body));
}

const section = (title, ...children) => el('section', {}, el('h2', {}, title), ...children);

function choice(label, options, chosen, changed) {
  const items = options.map(([value, text]) => el('option', { value: String(value) }, text));
  const select = el('select', { onchange: (event) => changed(event.target.value) }, items);
  select.value = String(chosen);
  return el('label', { class: 'choice' }, label, ' ', select);
}

function longText(text, name, attributes) {
  const box = el('pre', { tabindex: '0', 'aria-label': name, ...attributes });
  if (text.length <= LONG) return fill(box, {}, [text]);
  const more = el(
    'button',
    {
      onclick: () => {
        box.textContent = visible(text);
        more.remove();
      },
    },
    `Show all ${text.length.toLocaleString('en')} characters`,
  );
  return el('div', {}, fill(box, {}, [text.slice(0, LONG), ' …']), more);
}

function folded(title, make, open) {
  const body = el('div', {});
  const fold = el(
    'details',
    {
      ontoggle: () => {
        if (fold.open && !body.firstChild) body.append(...[make()].flat());
      },
    },
    el('summary', {}, title),
    body,
  );
  fold.open = Boolean(open);
  return fold;
}

const percent = (value, digits) =>
  value === null || value === undefined ? '?' : `${(100 * value).toFixed(digits ?? 1)}%`;
const digitsOf = (value) => (Math.abs(value) < 1 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 2 });
const number = (value) => (value === null || value === undefined ? '?' : value.toLocaleString('en', digitsOf(value)));
const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many || `${one}s`}`;

// A page in a notebook may have no storage: then settings last as long as the page.
const held = {};
const store = {
  get(name, usual) {
    try {
      return localStorage.getItem(`soar-report-${name}`) ?? held[name] ?? usual;
    } catch {
      return held[name] ?? usual;
    }
  },
  set(name, value) {
    held[name] = value;
    try {
      localStorage.setItem(`soar-report-${name}`, value);
    } catch {
      /* it lasts as long as the page */
    }
  },
};
