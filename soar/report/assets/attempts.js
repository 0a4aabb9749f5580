// The attempts at a task, as a table.

const PAGE = 100; // rows that are shown at once

function kindOf(data, one) {
  if (!one.program) return one.finish === 'length' ? 'cut' : 'no program';
  const failed = one.program.outcomes.find(Array.isArray);
  if (failed) return failed[0];
  if (one.program.broken.length) return 'not eligible';
  return one.program.accuracy === 1 ? 'solves' : 'wrong';
}

const KINDS = {
  all: ['all', () => true],
  solves: ['solve the examples', (data, one) => one.program && one.program.accuracy === 1],
  right: ['right on the tests', (data, one) => isRight(data, one) === '1'],
  wrong: ['wrong', (data, one) => kindOf(data, one) === 'wrong'],
  failed: ['failed to run', (data, one) => one.program && one.program.outcomes.some(Array.isArray)],
  aside: ['not eligible', (data, one) => one.program && one.program.broken.length > 0],
  none: ['without a program', (data, one) => !one.program],
  cut: ['cut', (data, one) => one.finish === 'length'],
};
const accuracyOf = (one) => (one.program ? one.program.accuracy : -1);
const lengthOf = (one) => (one.program ? one.program.source.length : Infinity);
const better = (a, b) =>
  accuracyOf(b) - accuracyOf(a) ||
  Number(!a.program || a.program.broken.length > 0) - Number(!b.program || b.program.broken.length > 0) ||
  (lengthOf(a) === lengthOf(b) ? 0 : lengthOf(a) - lengthOf(b)) ||
  a.place - b.place;
const BY = {
  best: ['best first', better],
  first: ['as they came', (a, b) => a.created - b.created || a.place - b.place],
  pixels: ['pixel accuracy', (a, b) => (b.program?.pixels ?? -1) - (a.program?.pixels ?? -1)],
  tokens: ['longest reply', (a, b) => b.tokens - a.tokens],
  short: ['shortest program', (a, b) => (lengthOf(a) === lengthOf(b) ? 0 : lengthOf(a) - lengthOf(b))],
};

const allAttempts = (data) => data.attempts.map((_, place) => attemptOf(data, place));
const bestAttempt = (data) => allAttempts(data).sort(better)[0];

const MARKS = { 1: ['✓', 'right'], 0: ['✗', 'wrong'], '?': ['?', 'unknown'] };
const mark = (sign) =>
  el(
    'span',
    { class: `mark${sign === '1' ? ' yes' : sign === '0' ? ' no' : ''}`, role: 'img', 'aria-label': MARKS[sign][1] },
    MARKS[sign][0],
  );
const marks = (data, one) =>
  one.program
    ? [...one.program.right].map((sign, place) => [
        place === data.train.length ? el('span', { class: 'faint' }, ' | ') : '',
        mark(sign),
      ])
    : '';

function attemptRow(data, one, base, chosen) {
  const failure =
    failureOf(data, one) || (one.program?.broken.length ? `not eligible: ${one.program.broken.join(', ')}` : '');
  const head = (one.program ? one.program.source : one.reply).trim().split('\n').slice(-1)[0].slice(0, 60);
  const cells = [
    link(`${base}/a${one.place}`, one.key),
    one.program ? percent(one.program.accuracy, 0) : '–',
    one.program ? percent(one.program.pixels, 0) : '–',
    marks(data, one),
    number(one.tokens),
    one.finish,
    el('td', { class: 'text' }, failure.slice(0, 160)),
    el('td', { class: 'text' }, el('code', {}, head)),
  ];
  return el(
    'tr',
    { 'aria-current': one.place === chosen ? 'true' : null },
    cells.map((cell) => (cell instanceof Node && cell.tagName === 'TD' ? cell : el('td', {}, cell))),
  );
}

const HEADS = ['attempt', 'examples', 'pixels', 'each | tests', 'tokens', 'ended', 'what went wrong', 'last line'];

function attemptTable(data, base, chosen) {
  const wanted = { kind: 'all', by: 'best', find: '', many: PAGE };
  const box = el('div', {});
  const show = () => {
    const needle = wanted.find.toLowerCase();
    const found = allAttempts(data)
      .filter(
        (one) =>
          KINDS[wanted.kind][1](data, one) &&
          (!needle || one.reply.toLowerCase().includes(needle) || failureOf(data, one).toLowerCase().includes(needle)),
      )
      .sort(BY[wanted.by][1]);
    const rows = found.slice(0, wanted.many).map((one) => attemptRow(data, one, base, chosen));
    const more =
      found.length > wanted.many &&
      el(
        'button',
        {
          onclick: () => {
            wanted.many += 10 * PAGE;
            show();
          },
        },
        `Show more of ${plural(found.length, 'attempt')}`,
      );
    const head = el(
      'thead',
      {},
      el(
        'tr',
        {},
        HEADS.map((one) => el('th', { scope: 'col' }, one)),
      ),
    );
    box.replaceChildren(
      el('p', { class: 'faint', role: 'status' }, `${found.length} of ${plural(data.attempts.length, 'attempt')}`),
      el(
        'div',
        { class: 'scroll list', tabindex: '0', 'aria-label': 'attempts' },
        el('table', { class: 'attempts' }, head, el('tbody', {}, rows)),
      ),
      ...(more ? [more] : []),
    );
  };
  const set = (name) => (value) => {
    wanted[name] = value;
    wanted.many = PAGE;
    show();
  };
  show();
  const options = (all) => Object.entries(all).map(([name, [text]]) => [name, text]);
  return [
    el(
      'div',
      { class: 'filters' },
      choice('Show', options(KINDS), 'all', set('kind')),
      choice('Order', options(BY), 'best', set('by')),
      el(
        'label',
        { class: 'choice' },
        'Find in reply or error ',
        el('input', { type: 'search', oninput: (event) => set('find')(event.target.value) }),
      ),
    ),
    box,
  ];
}
