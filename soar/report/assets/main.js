// Which page is shown, and what keys and switches do.

const app = document.getElementById('app');
const RENEWED = 10000; // milliseconds between two loads of a page that is renewed

// In a notebook the page has no address of its own: then the place in it is remembered here alone.
const framed = location.protocol === 'about:';
let place = framed ? '' : location.hash;

function goTo(href) {
  if (framed) moved(href);
  else location.hash = href;
}

function remember(href) {
  place = href;
  if (!framed) history.replaceState(null, '', href);
}

async function moved(to) {
  const page = place.split('/a')[0];
  place = to;
  await show();
  if (place.split('/a')[0] !== page && !/\/a\d+$/.test(place)) globalThis.scrollTo(0, 0);
}

document.addEventListener('click', (event) => {
  const href = framed && event.target.closest('a[href^="#"]')?.getAttribute('href');
  if (!href) return;
  event.preventDefault();
  moved(href);
});

const queryText = (wanted) => {
  const text = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value)).toString();
  return text ? `?${text}` : '';
};

function route() {
  const [path, query] = place.replace(/^#\/?/, '').split('?');
  const wanted = Object.fromEntries(new URLSearchParams(query || ''));
  const [first, second, third] = path.split('/');
  const read = (text, letter) => (new RegExp(`^${letter}\\d+$`).test(text || '') ? Number(text.slice(1)) : null);
  const within = (place, list) => place !== null && place < list.length;
  const [loop, pair, search] = [read(first, 'l'), read(first, 'c'), read(first, 's') ?? 0];
  if (within(loop, index.loops)) return { page: 'loop', place: loop };
  if (within(pair, index.comparisons)) return { page: 'compare', place: pair };
  const chosen = within(search, index.searches) ? search : 0;
  const task = read(second, 't');
  if (second === 'tasks') return { page: 'tasks', place: chosen, wanted };
  if (chosen === search && within(task, index.searches[chosen].tasks))
    return { page: 'task', place: chosen, task, attempt: read(third, 'a') };
  return first || !index.loops.length ? { page: 'overview', place: chosen } : { page: 'loop', place: 0 };
}

function contents(to) {
  if (to.page === 'loop') return loopPage(to.place);
  if (to.page === 'compare') return comparePage(to.place);
  if (to.page === 'tasks') return galleryPage(to.place, to.wanted);
  if (to.page === 'task') return taskPage(to.place, to.task, to.attempt);
  return overviewPage(to.place);
}

function navigation(to) {
  const search = ['loop', 'compare'].includes(to.page) ? 0 : to.place;
  const item = (href, text, key, here) =>
    el('a', { href, 'data-key': key, 'aria-current': here ? 'page' : null, title: `key ${key}` }, text);
  const items = [
    ...index.loops.map((loop, order) =>
      item(
        `#/l${order}`,
        index.loops.length > 1 ? `Loop ${loop.title}` : 'Loop',
        order ? null : 'l',
        to.page === 'loop' && to.place === order,
      ),
    ),
    item(`#/s${search}`, 'Overview', 'o', to.page === 'overview'),
    item(`#/s${search}/tasks`, 'Tasks', 't', ['tasks', 'task'].includes(to.page)),
    index.comparisons.length ? item('#/c0', 'Compare', 'c', to.page === 'compare') : null,
  ];
  const searches =
    index.searches.length > 1 &&
    !['loop', 'compare'].includes(to.page) &&
    choice(
      'Search',
      index.searches.map((one, order) => [order, one.title]),
      search,
      (value) => {
        goTo(to.page === 'overview' ? `#/s${value}` : `#/s${value}/tasks`);
      },
    );
  return el('nav', { 'aria-label': 'pages' }, items, searches || null);
}

function toggle(name, text, changed) {
  const box = el('input', {
    type: 'checkbox',
    checked: store.get(name, '') === 'on',
    onchange: () => {
      store.set(name, box.checked ? 'on' : '');
      changed();
    },
  });
  return el('label', { class: 'choice' }, box, ` ${text}`);
}

function settle() {
  palette = store.get('safe', '') === 'on' ? index.safe : index.palette;
  digits = store.get('digits', '') === 'on';
  document.documentElement.dataset.theme = store.get('theme', 'auto');
}

function switches() {
  const live = index.live && toggle('paused', 'stay as it is', () => {});
  return el(
    'div',
    { class: 'switches' },
    choice(
      'Theme',
      [
        ['auto', 'as the system'],
        ['light', 'light'],
        ['dark', 'dark'],
      ],
      store.get('theme', 'auto'),
      (value) => {
        store.set('theme', value);
        settle();
      },
    ),
    toggle('safe', 'colour-blind-safe', show),
    toggle('digits', 'digits', show),
    live || null,
    el('button', { onclick: help, 'data-key': '?', title: 'key ?' }, 'Keys'),
  );
}

function help() {
  const keys = [
    ['o', 'overview'],
    ['t', 'tasks'],
    ['l', 'loop'],
    ['c', 'compare'],
    ['j, k', 'next, previous task'],
    ['u', 'all tasks'],
    ['/', 'find'],
    ['?', 'this list'],
  ];
  const close = el('button', { onclick: () => box.close() }, 'Close');
  const box = el('dialog', { onclose: () => box.remove() }, table(['key', 'what it does'], keys), close);
  document.body.append(box);
  box.showModal();
}

let turn = 0;
async function show() {
  const mine = ++turn;
  settle();
  const to = route();
  const made = new Date(1000 * index.made).toLocaleString();
  const title = ['loop', 'compare'].includes(to.page) ? index.title : index.searches[to.place].title;
  let parts;
  try {
    parts = await contents(to);
  } catch (error) {
    parts = [el('p', { class: 'failure' }, error.message)];
  }
  if (mine !== turn) return; // another page was asked for meanwhile
  const main = el('main', { id: 'main', tabindex: '-1' }, parts);
  app.replaceChildren(
    el('header', {}, el('h1', {}, title), navigation(to), switches()),
    main,
    el('footer', { class: 'faint' }, `Made ${made}${index.live ? ', renewed while the run goes on' : ''}`),
  );
  document.title = visible(title);
  main.querySelectorAll('.tree').forEach((box) => box.centre());
  if (to.attempt !== null && to.attempt !== undefined) document.getElementById('attempt')?.scrollIntoView();
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (document.querySelector('dialog[open]')) return;
  const goal =
    event.key === '/'
      ? document.querySelector('input[type=search]')
      : [...document.querySelectorAll('[data-key]')].find((one) => one.dataset.key === event.key);
  if (!goal) return;
  event.preventDefault();
  if (event.key === '/') goal.focus();
  else goal.click();
});

if (!framed) globalThis.addEventListener('hashchange', () => moved(location.hash));

unpack(document.getElementById('index').textContent).then((found) => {
  index = found;
  if (index.live)
    setInterval(() => {
      if (store.get('paused', '') !== 'on' && !document.hidden && !document.querySelector('input:focus, dialog[open]'))
        location.reload();
    }, RENEWED);
  return show();
});
