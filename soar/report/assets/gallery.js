// All tasks of a search as pictures, with filters.

const SORTS = {
  order: ['as given', null],
  accuracy: ['best accuracy', (a, b) => b.accuracy - a.accuracy],
  pixels: ['pixel accuracy', (a, b) => b.pixels - a.pixels],
  attempts: ['attempts', (a, b) => b.completions - a.completions],
  id: ['id', (a, b) => (a.id < b.id ? -1 : 1)],
};
let shownTasks = []; // places of the tasks in the gallery's order, for next and previous

const stateOf = (name) => STATES.find(([state]) => state === name);

function badge(task) {
  const [state, name, sign] = stateOf(task.state);
  return el('span', { class: `badge ${state}` }, `${sign} ${name}`);
}

function card(place, number, task) {
  const [input, output] = task.pair[0] || [null, null];
  const said = task.completions
    ? `${percent(task.accuracy, 0)} of examples, pixels ${percent(task.pixels, 0)}, ${plural(task.completions, 'attempt')}`
    : task.skipped || 'no attempt yet';
  const room = narrow() ? 54 : 72;
  const inside = [
    el(
      'span',
      { class: 'thumbs' },
      thumbnail(input, room),
      el('span', { 'aria-hidden': 'true' }, '→'),
      thumbnail(output, room),
    ),
    el('strong', {}, task.id),
    badge(task),
    el('span', { class: 'faint said' }, said),
  ];
  return el('li', {}, el('a', { class: 'card', href: `#/s${place}/t${number}` }, inside));
}

const fits = (wanted) => (task) =>
  (!wanted.state || task.state === wanted.state) &&
  task.accuracy >= Number(wanted.accuracy || 0) &&
  task.pixels >= Number(wanted.pixels || 0) &&
  (!wanted.find || task.id.toLowerCase().includes(wanted.find.toLowerCase()));

function orderedTasks(search, wanted) {
  const compare = (SORTS[wanted.sort] || SORTS.order)[1];
  const places = search.tasks.map((_, number) => number).filter((number) => fits(wanted)(search.tasks[number]));
  return compare ? places.sort((a, b) => compare(search.tasks[a], search.tasks[b])) : places;
}

function galleryPage(place, wanted) {
  const search = index.searches[place];
  const list = el('ul', { class: 'gallery' });
  const count = el('p', { class: 'faint', role: 'status' });
  const show = () => {
    shownTasks = orderedTasks(search, wanted);
    list.replaceChildren(...shownTasks.map((number) => card(place, number, search.tasks[number])));
    count.textContent = shownTasks.length
      ? `${shownTasks.length} of ${plural(search.tasks.length, 'task')}`
      : 'No task is like that.';
  };
  const set = (name) => (value) => {
    wanted[name] = value;
    remember(`#/s${place}/tasks${queryText(wanted)}`);
    show();
  };
  const counts = countStates(search);
  const states = [
    ['', `all (${search.tasks.length})`],
    ...STATES.map(([state, name], order) => [state, `${name} (${counts[order]})`]),
  ];
  const above = (name) => [
    ['', 'any'],
    ['0.01', `some ${name}`],
    ['0.5', '50% or more'],
    ['0.9', '90% or more'],
    ['1', '100%'],
  ];
  const find = el('input', {
    type: 'search',
    id: 'find',
    value: wanted.find || '',
    oninput: (event) => set('find')(event.target.value),
  });
  show();
  return [
    el(
      'form',
      { class: 'filters', onsubmit: (event) => event.preventDefault() },
      choice('State', states, wanted.state || '', set('state')),
      choice('Examples solved', above('solved'), wanted.accuracy || '', set('accuracy')),
      choice('Pixels right', above('right'), wanted.pixels || '', set('pixels')),
      choice(
        'Order',
        Object.entries(SORTS).map(([name, [text]]) => [name, text]),
        wanted.sort || 'order',
        set('sort'),
      ),
      el('label', { class: 'choice' }, 'Find ', find),
    ),
    count,
    list,
  ];
}
