// A task: its examples, what was predicted, every attempt, and how they came about.

function predictions(data) {
  const titles = data.predictions.map((one, order) => `prediction ${order + 1}`);
  return el(
    'div',
    { class: 'pairs' },
    data.test.map(([input, expected], place) =>
      pair(
        `test ${place + 1}`,
        input,
        expected,
        ...data.predictions.map((one, order) => {
          const value = data.values[one.outputs[place]];
          const said = [mark(one.right[place]), ` ${titles[order]}`, difference(value, expected, one.right[place])];
          return [said, picture(value, { expected: expected ?? undefined })];
        }),
      ),
    ),
  );
}

function predictionNotes(data, task) {
  if (task.skipped && !data.attempts.length) return el('p', { class: 'empty' }, `Not searched: ${task.skipped}`);
  if (!data.attempts.length) return el('p', { class: 'empty' }, 'No attempt yet.');
  if (!data.predictions.length)
    return el('p', { class: 'faint' }, 'No prediction: no attempt gave an output for every test input.');
  return el(
    'ul',
    {},
    data.predictions.map((one, order) =>
      el(
        'li',
        {},
        `Prediction ${order + 1}: weight ${number(one.weight)}, by ${plural(one.count, 'attempt')}`,
        one.rules.length ? `; of attempts that are not eligible (${one.rules.join(', ')}), for want of others` : '',
      ),
    ),
  );
}

function steps(place, number) {
  const at = shownTasks.indexOf(number);
  const order = at < 0 ? index.searches[place].tasks.map((_, each) => each) : shownTasks;
  const here = order.indexOf(number);
  const to = (each, text, key) =>
    each === undefined
      ? el('span', { class: 'faint' }, text)
      : el('a', { href: `#/s${place}/t${each}`, 'data-key': key }, text);
  return el(
    'nav',
    { class: 'steps', 'aria-label': 'tasks' },
    to(order[here - 1], '← previous', 'k'),
    ' ',
    el('a', { href: `#/s${place}/tasks`, 'data-key': 'u' }, 'all tasks'),
    ' ',
    to(order[here + 1], 'next →', 'j'),
  );
}

const sameTask = (place, task) =>
  index.searches
    .map((search, other) => [other, search.tasks.findIndex((each) => each.hash === task.hash)])
    .filter(([other, at]) => other !== place && at >= 0);

async function taskPage(place, number, chosen) {
  const task = index.searches[place].tasks[number];
  const base = `#/s${place}/t${number}`;
  const elsewhere = sameTask(place, task);
  const head = [
    steps(place, number),
    el('h2', { class: 'title' }, task.id, ' ', badge(task)),
    elsewhere.length
      ? el(
          'p',
          {},
          'Also in ',
          elsewhere.map(([other, at], order) => [
            order ? ', ' : '',
            link(`#/s${other}/t${at}`, index.searches[other].title),
          ]),
        )
      : null,
  ];
  const data = await taskDetail(task.detail);
  const best = data.attempts.length ? bestAttempt(data).place : null;
  const shown = chosen ?? best;
  return [
    ...head,
    section(
      'Examples',
      el(
        'div',
        { class: 'pairs' },
        data.train.map(([input, output], k) => pair(`example ${k + 1}`, input, output)),
      ),
      data.tolerance === null ? null : el('p', { class: 'faint' }, `Numbers may differ by ${data.tolerance}.`),
    ),
    section('Tests and predictions', predictions(data), predictionNotes(data, task)),
    data.attempts.length
      ? [
          section('Attempts', attemptTable(data, base, shown)),
          section('Lines of refinement', tree(data, base, shown)),
          chosen === null ? el('p', { class: 'faint' }, 'Below: the best attempt.') : null,
          attemptPanel(data, shown, base),
        ]
      : null,
  ];
}
