// Curves and bars. Series differ by their dashes as well as by colour; the figures are there as a table, too.

const DASHES = ['', '7 4', '2 4', '9 3 2 3'];
const PLOT = { width: 520, height: 260, left: 52, right: 14, top: 12, bottom: 38 };

function ticks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6 || found.length < 2; at += step)
    found.push(Number(at.toPrecision(12)));
  return found;
}

const powers = (low, high) => {
  const found = [];
  for (let at = 2 ** Math.floor(Math.log2(low)); at <= high; at *= 2) if (at >= low) found.push(at);
  return found.length > 8 ? found.filter((_, place) => place % 2 === 0) : found;
};

// series: [{name, points: [[x, y, low, high]]}]; the band from low to high is optional.
function lineChart({ title, x, y, series, asPercent, doubling, whole }) {
  const known = series.filter((one) => one.points.length);
  if (!known.length) return el('p', { class: 'faint' }, `${title}: nothing yet.`);
  const all = known.flatMap((one) => one.points);
  const xs = all.map((one) => one[0]);
  const [low, high] = [Math.min(...xs), Math.max(...xs)];
  const most = Math.max(...all.map((one) => one[3] ?? one[1])) || 1;
  const [rule, next] = ticks(0, asPercent ? Math.max(0.04, most) : most, 5);
  const top = Math.ceil(most / (next - rule) - 1e-9) * (next - rule);
  const { width, height, left, right, top: above, bottom } = PLOT;
  const span = (at) => (doubling ? Math.log2(at) : at);
  const place = {
    x: (at) =>
      high === low
        ? (left + width - right) / 2
        : left + ((span(at) - span(low)) / (span(high) - span(low))) * (width - left - right),
    y: (at) => height - bottom - (at / top) * (height - above - bottom),
  };
  const show = asPercent ? (value) => percent(value) : number;
  const picture = svg('svg', {
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'aria-label': `${title}; ${x} against ${y}`,
  });
  for (const at of ticks(0, top, 5)) {
    picture.append(
      svg('line', { class: 'rule', x1: left, x2: width - right, y1: place.y(at), y2: place.y(at) }),
      svg(
        'text',
        { class: 'tick', x: left - 6, y: place.y(at) + 4, 'text-anchor': 'end' },
        asPercent ? percent(at, 0) : number(at),
      ),
    );
  }
  const across =
    doubling && low > 0 ? powers(low, high) : ticks(low, high, 6).filter((at) => !whole || Number.isInteger(at));
  for (const at of across) {
    picture.append(
      svg('text', { class: 'tick', x: place.x(at), y: height - bottom + 16, 'text-anchor': 'middle' }, number(at)),
    );
  }
  picture.append(svg('text', { class: 'tick', x: (left + width) / 2, y: height - 4, 'text-anchor': 'middle' }, x));
  known.forEach((one, order) => drawSeries(picture, one, order, place));
  const read = el('p', { class: 'readout', 'aria-live': 'polite' }, legend(known));
  watchPointer(
    picture,
    known,
    place,
    (at, found) =>
      read.replaceChildren(
        el('span', {}, `${x} ${number(at)}: `),
        ...found.map(([name, value]) => el('span', {}, `${name} ${show(value)}  `)),
      ),
    () => read.replaceChildren(legend(known)),
  );
  const heads = [x, ...known.map((one) => one.name)];
  const lines = [...new Set(xs)]
    .sort((a, b) => a - b)
    .map((at) => [
      number(at),
      ...known.map((one) => {
        const found = one.points.find((point) => point[0] === at);
        return found ? show(found[1]) : '';
      }),
    ]);
  return el(
    'figure',
    { class: 'chart' },
    el('figcaption', {}, title),
    picture,
    read,
    folded('as a table', () => table(heads, lines)),
  );
}

function drawSeries(picture, one, order, place) {
  const band = one.points.filter((point) => point[2] !== undefined);
  if (band.length > 1) {
    const edge = [
      ...band.map((point) => [point[0], point[3]]),
      ...band
        .slice()
        .reverse()
        .map((point) => [point[0], point[2]]),
    ];
    picture.append(
      svg('polygon', {
        class: `band c${order}`,
        points: edge.map(([a, b]) => `${place.x(a)},${place.y(b)}`).join(' '),
      }),
    );
  }
  const points = one.points.map(([a, b]) => `${place.x(a)},${place.y(b)}`).join(' ');
  picture.append(svg('polyline', { class: `line c${order}`, points, 'stroke-dasharray': DASHES[order % 4] }));
  if (one.points.length <= 12) {
    for (const [a, b] of one.points)
      picture.append(svg('circle', { class: `dot c${order}`, cx: place.x(a), cy: place.y(b), r: 3 }));
  }
}

function legend(series) {
  return el(
    'span',
    {},
    series.map((one, order) =>
      el(
        'span',
        { class: 'key' },
        svg(
          'svg',
          { width: 30, height: 10, 'aria-hidden': 'true' },
          svg('line', { class: `line c${order}`, x1: 1, x2: 29, y1: 5, y2: 5, 'stroke-dasharray': DASHES[order % 4] }),
        ),
        one.name,
      ),
    ),
  );
}

function watchPointer(picture, series, place, show, leave) {
  const mark = svg('line', { class: 'mark', y1: PLOT.top, y2: PLOT.height - PLOT.bottom, x1: -9, x2: -9 });
  picture.append(mark);
  picture.addEventListener('pointermove', (event) => {
    const box = picture.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * PLOT.width;
    const near = (points) =>
      points.reduce((a, b) => (Math.abs(place.x(b[0]) - at) < Math.abs(place.x(a[0]) - at) ? b : a));
    const point = near(series.flatMap((one) => one.points));
    mark.setAttribute('x1', place.x(point[0]));
    mark.setAttribute('x2', place.x(point[0]));
    show(
      point[0],
      series.map((one) => [one.name, near(one.points)[1]]),
    );
  });
  picture.addEventListener('pointerleave', () => {
    mark.setAttribute('x1', -9);
    mark.setAttribute('x2', -9);
    leave();
  });
}

function bars(title, entries, total) {
  if (!entries.length)
    return el('figure', { class: 'chart' }, el('figcaption', {}, title), el('p', { class: 'faint' }, 'None.'));
  const most = Math.max(...entries.map((one) => one[1]));
  const lines = entries.map(([name, count]) => {
    const bar = el('div', { class: 'bar' });
    bar.style.width = `${(100 * count) / most}%`;
    return [
      name,
      el('td', { class: 'bar-cell' }, bar),
      el('td', { class: 'right' }, number(count)),
      el('td', { class: 'right faint' }, total ? percent(count / total) : ''),
    ];
  });
  return el('figure', { class: 'chart' }, el('figcaption', {}, title), table([], lines, { class: 'bars' }));
}
