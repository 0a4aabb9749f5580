// What a search has brought, in figures and curves.

const STATES = [
  ['solved', 'solved', '✓'],
  ['near', 'near', '≈'],
  ['failed', 'failed', '✗'],
  ['unknown', 'answers unknown', '?'],
  ['waiting', 'waiting', '…'],
  ['skipped', 'not searched', '–'],
];
const HEADLINE = ['tasks_solved', 'mean_solved', 'oracle', 'examples_solved'];

const countStates = (search) => STATES.map(([state]) => search.tasks.filter((task) => task.state === state).length);

function interval(figure) {
  const show = (value) => (figure.percent ? percent(value) : number(value));
  return `${show(figure.value)} [${show(figure.low)}, ${show(figure.high)}]`;
}

function cards(search) {
  const graded = search.tasks.filter((task) => task.test_correct);
  const solved = graded.filter((task) => task.state === 'solved').length;
  const of = (name) => search.figures.find((figure) => figure.name === name);
  const share = (name) => (of(name) ? percent(of(name).value) : '?');
  const { completions, programs, tokens, prompt_tokens: read, cost } = search.counts;
  const items = [
    ['tasks solved', graded.length ? `${solved} of ${graded.length}` : 'answers unknown'],
    ['by the vote', share('mean_solved')],
    ['oracle', share('oracle')],
    ['attempts', number(completions)],
    ['different programs', number(programs)],
    ['tokens written', number(tokens)],
    ['tokens read', number(read)],
    cost === null ? null : ['US dollars', number(cost)],
  ];
  return el(
    'dl',
    { class: 'cards' },
    items.filter(Boolean).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
  );
}

function stateBar(place, search) {
  const counts = countStates(search);
  const parts = STATES.map(([state, name, sign], order) => {
    if (!counts[order]) return null;
    const part = link(`#/s${place}/tasks?state=${state}`, `${sign} ${name} ${counts[order]}`);
    part.className = `part ${state}`;
    part.style.flexGrow = counts[order];
    return part;
  });
  return el('div', { class: 'states' }, parts);
}

function overviewPage(place) {
  const search = index.searches[place];
  const attempts = search.counts.completions;
  const begun = attempts > 0;
  const last = search.time.length ? search.time[search.time.length - 1][0] : 0;
  const [unit, each] = last < 3 ? ['seconds', 60] : last < 180 ? ['minutes', 1] : ['hours', 1 / 60];
  const overTime = (column) => search.time.map((point) => [Math.round(100 * point[0] * each) / 100, point[column]]);
  const curve = (from) => search.curve.map((point) => [point[0], ...point.slice(from, from + 3)]);
  const events = Object.entries(search.events);
  const adapter = search.adapter ? ` with ${search.adapter}` : '';
  return [
    el(
      'p',
      { class: 'faint' },
      `${search.model}${adapter}, ${plural(search.tasks.length, 'task')}, iteration ${search.iteration}`,
    ),
    cards(search),
    stateBar(place, search),
    begun ? null : el('p', { class: 'empty' }, 'No attempt yet.'),
    begun &&
      el(
        'div',
        { class: 'charts' },
        search.curve.length
          ? lineChart({
              title: 'Solved by completions: vote against oracle',
              x: 'completions a task',
              y: 'share of test inputs',
              asPercent: true,
              doubling: true,
              series: [
                { name: 'vote', points: curve(1) },
                { name: 'oracle', points: curve(4) },
              ],
            })
          : el('p', { class: 'faint' }, 'No curve by completions: the answers are unknown.'),
        lineChart({
          title: 'Tasks with a program that solves the examples',
          x: unit,
          y: 'tasks',
          series: [{ name: 'tasks', points: overTime(2) }],
        }),
        lineChart({
          title: 'Attempts over time',
          x: unit,
          y: 'attempts',
          series: [{ name: 'attempts', points: overTime(1) }],
        }),
        bars('What became of the attempts', search.kinds, attempts),
        bars('Errors', search.errors),
      ),
    search.figures.length
      ? section(
          'Figures, with 95% intervals over tasks',
          table(
            ['figure', 'value', ''],
            search.figures.map((one) => [one.title, interval(one), one.meaning]),
          ),
        )
      : null,
    section(
      'Events',
      events.length
        ? table(
            ['event', 'times'],
            events.map(([name, times]) => [name, number(times)]),
          )
        : el('p', { class: 'faint' }, 'None.'),
    ),
    section('Options', table(['option', 'value'], Object.entries(search.options))),
  ];
}
