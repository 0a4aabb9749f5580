// How programs came about: lines of ancestors with what each step changed, and all lines of a task as a tree.

const CROWD = 150; // nodes above which only the lines to the best are drawn
const BEST = 25;
const STEP = { x: 190, y: 26 };
const LABEL = { long: 108, short: 52 }; // pixels that a node's label takes, right of its middle

function ancestorsOf(data, place, found = new Set()) {
  for (const parent of data.requests[data.attempts[place][0]][1])
    if (!found.has(parent)) ancestorsOf(data, parent, found);
  return found.add(place);
}

// Lines of two texts: [sign, line], by the longest common subsequence.
function lineDiff(before, after) {
  const [a, b] = [before.split('\n'), after.split('\n')];
  if (a.length * b.length > 4e6) return [...a.map((one) => ['-', one]), ...b.map((one) => ['+', one])];
  const best = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--)
      best[i][j] = a[i] === b[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
  }
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push([' ', a[i++]]);
      j++;
    } else if (i < a.length && (j === b.length || best[i + 1][j] >= best[i][j + 1])) lines.push(['-', a[i++]]);
    else lines.push(['+', b[j++]]);
  }
  return lines;
}

function diffText(before, after) {
  if (before === after) return el('p', { class: 'faint' }, 'The same program again.');
  const lines = lineDiff(before, after).map(([sign, line]) =>
    el('span', { class: `line ${sign === '+' ? 'added' : sign === '-' ? 'gone' : ''}` }, `${sign} ${line}\n`),
  );
  return el('pre', { class: 'source', tabindex: '0', 'aria-label': 'what changed' }, lines);
}

const sourceOf = (one) => (one.program ? one.program.source.replace(/\n$/, '') : '');

function lineage(data, place, base) {
  const line = [...ancestorsOf(data, place)].map((each) => attemptOf(data, each));
  if (line.length === 1) return el('p', { class: 'faint' }, 'It was sampled: nothing came before it.');
  return el(
    'ol',
    { class: 'lineage' },
    line.map((one) => {
      const parent = one.parents.length ? attemptOf(data, one.parents[0]) : null;
      const head = [
        link(`${base}/a${one.place}`, one.key),
        ` ${one.program ? percent(one.program.accuracy, 0) : 'no program'} of the examples`,
      ];
      return el(
        'li',
        {},
        el('p', {}, head),
        parent
          ? diffText(sourceOf(parent), sourceOf(one))
          : el('pre', { class: 'source' }, sourceOf(one).slice(0, LONG)),
      );
    }),
  );
}

// Attempts that are in the picture: those with a parent or a child; of a crowd, the lines to the best.
function inTree(data) {
  const related = data.attempts
    .map((row, place) => place)
    .filter((place) => data.children[place].length || data.requests[data.attempts[place][0]][1].length);
  if (related.length <= CROWD) return [new Set(related), related.length];
  const best = related
    .map((place) => attemptOf(data, place))
    .sort(better)
    .slice(0, BEST);
  const kept = new Set();
  for (const one of best) ancestorsOf(data, one.place, kept);
  return [kept, related.length];
}

function layout(data, kept) {
  const spots = new Map();
  let row = 0;
  const put = (place, depth) => {
    const own = data.children[place].filter(
      (child) => kept.has(child) && !spots.has(child) && data.requests[data.attempts[child][0]][1][0] === place,
    );
    spots.set(place, null);
    const rows = own.map((child) => put(child, depth + 1));
    const at = rows.length ? (rows[0] + rows[rows.length - 1]) / 2 : row++;
    spots.set(place, [depth, at]);
    return at;
  };
  for (const place of kept)
    if (!spots.has(place) && !data.requests[data.attempts[place][0]][1].some((parent) => kept.has(parent)))
      put(place, 0);
  return [spots, row];
}

function treeNode(data, place, [depth, row], base, chosen) {
  const one = attemptOf(data, place);
  const accuracy = one.program ? one.program.accuracy : 0;
  const kind = one.program === null ? 'none' : accuracy === 1 ? 'solved' : accuracy > 0 ? 'part' : 'zero';
  const node = svg(
    'a',
    {
      class: `node ${kind}${place === chosen ? ' chosen' : ''}`,
      href: `${base}/a${place}`,
      'aria-label': `attempt ${one.key}, ${percent(accuracy, 0)} of the examples`,
    },
    svg(
      'title',
      {},
      `${one.key}: ${percent(accuracy, 0)} of the examples, pixels ${percent(one.program?.pixels ?? 0, 0)}; ${failureOf(data, one) || 'ran'}`,
    ),
    svg('circle', { cx: 14 + depth * STEP.x, cy: 14 + row * STEP.y, r: 8 }),
    svg(
      'text',
      { x: 27 + depth * STEP.x, y: 18 + row * STEP.y },
      one.program ? percent(accuracy, 0) : 'none',
      one.program && accuracy < 1
        ? svg('tspan', { class: 'pixels' }, ` pixels ${percent(one.program.pixels, 0)}`)
        : null,
    ),
  );
  return node;
}

function tree(data, base, chosen) {
  const [kept, related] = inTree(data);
  if (!kept.size) return el('p', { class: 'faint' }, 'Nothing was refined: there are no lines to draw.');
  const [spots, rows] = layout(data, kept);
  const depth = Math.max(...[...spots.values()].map((spot) => spot[0]));
  const size = { width: depth * STEP.x + 150, height: rows * STEP.y + 8 };
  const picture = svg('svg', {
    ...size,
    viewBox: `0 0 ${size.width} ${size.height}`,
    role: 'group',
    'aria-label': 'lineage of the attempts',
  });
  for (const [place, [at, row]] of spots) {
    for (const parent of data.requests[data.attempts[place][0]][1].filter((each) => spots.has(each))) {
      const [from, above] = spots.get(parent);
      const label = attemptOf(data, parent).program?.accuracy < 1 ? LABEL.long : LABEL.short;
      const [x, y, x2, y2] = [14 + from * STEP.x, 14 + above * STEP.y, 14 + at * STEP.x, 14 + row * STEP.y];
      const start = x + label;
      picture.append(
        svg('path', { class: 'edge', d: `M${start} ${y}C${start + 40} ${y} ${x2 - 40} ${y2} ${x2 - 9} ${y2}` }),
      );
    }
  }
  for (const [place, spot] of spots) picture.append(treeNode(data, place, spot, base, chosen));
  const left =
    related > kept.size
      ? el('p', { class: 'faint' }, `The lines to the best ${BEST} of ${related} attempts that refine or were refined.`)
      : null;
  const box = el('div', { class: 'scroll tree', tabindex: '0' }, picture);
  box.centre = () => {
    box.scrollTop = spots.has(chosen) ? spots.get(chosen)[1] * STEP.y - box.clientHeight / 2 : 0;
  };
  return el('div', {}, left, box);
}
