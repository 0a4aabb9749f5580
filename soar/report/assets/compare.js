// Two searches of the same tasks: what one has gained on the other.

function comparedTask(one, [at, bt]) {
  const [a, b] = [index.searches[one.a], index.searches[one.b]];
  const task = b.tasks[bt];
  const [input, output] = task.pair[0] || [null, null];
  return el(
    'li',
    { class: 'card' },
    el(
      'span',
      { class: 'thumbs' },
      thumbnail(input, 60),
      el('span', { 'aria-hidden': 'true' }, '→'),
      thumbnail(output, 60),
    ),
    el('strong', {}, task.id),
    el('span', {}, link(`#/s${one.a}/t${at}`, a.title), ' ', badge(a.tasks[at])),
    el('span', {}, link(`#/s${one.b}/t${bt}`, b.title), ' ', badge(task)),
  );
}

function comparePage(place) {
  const one = index.comparisons[place];
  const names = (each) => `${index.searches[each.a].title} → ${index.searches[each.b].title}`;
  const [a, b] = [index.searches[one.a], index.searches[one.b]];
  const groups = [
    ['gained', `Gained: only ${b.title} solves them`, true],
    ['lost', `Lost: only ${a.title} solves them`, true],
    ['both', 'Solved by both', false],
    ['neither', 'Solved by neither', false],
  ];
  const figures = b.figures
    .filter((figure) => a.figures.some((other) => other.name === figure.name))
    .map((figure) => {
      const other = a.figures.find((each) => each.name === figure.name);
      const change = figure.value - other.value;
      return [
        figure.title,
        interval(other),
        interval(figure),
        `${change >= 0 ? '+' : '−'}${figure.percent ? percent(Math.abs(change)) : number(Math.abs(change))}`,
      ];
    });
  const curve = (search) => search.curve.map((point) => [point[0], point[1]]);
  return [
    choice(
      'Compare',
      index.comparisons.map((each, order) => [order, names(each)]),
      place,
      (value) => {
        goTo(`#/c${value}`);
      },
    ),
    el(
      'p',
      {},
      `${one.gained.length} gained, ${one.lost.length} lost, ${one.both.length} solved by both, ${one.neither.length} by neither; McNemar's exact p = ${one.p.toPrecision(3)}`,
      one.left_out
        ? `; ${plural(one.left_out, 'task')} left out: only one search has them, or their answers are unknown`
        : '',
    ),
    lineChart({
      title: 'Solved by completions, by the vote',
      x: 'completions a task',
      y: 'share of test inputs',
      asPercent: true,
      doubling: true,
      series: [
        { name: a.title, points: curve(a) },
        { name: b.title, points: curve(b) },
      ],
    }),
    groups.map(([name, title, open]) =>
      folded(
        `${title} (${one[name].length})`,
        () =>
          one[name].length
            ? el(
                'ul',
                { class: 'gallery' },
                one[name].map((places) => comparedTask(one, places)),
              )
            : el('p', { class: 'faint' }, 'None.'),
        open,
      ),
    ),
    section('Figures, with 95% intervals', table(['figure', a.title, b.title, 'difference'], figures)),
  ];
}
