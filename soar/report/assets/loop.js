// A loop: its rounds, what was learnt from, and how the losses fell.

function roundChart(loop, figure, title) {
  const sets = [...new Set(loop.rounds.map((one) => one.set))];
  const series = sets.map((set) => ({
    name: set,
    points: loop.rounds.filter((one) => one.set === set && one[figure]).map((one) => [one.number, ...one[figure]]),
  }));
  return lineChart({ title, x: 'round', y: 'share of test inputs', asPercent: true, whole: true, series });
}

function learntRow(row) {
  const how =
    row.kind === 'refine'
      ? `refined from a parent with ${percent(row.parent_accuracy, 0)}`
      : 'what a program gave, shown as the task';
  const examples = [
    ...row.train.map((pair, k) => [`example ${k + 1}`, pair]),
    ...row.test.map((pair, k) => [`test ${k + 1}`, pair]),
  ];
  return el(
    'li',
    { class: 'learnt' },
    el('h4', {}, `${row.task_id}, ${how}`),
    el(
      'p',
      { class: 'faint' },
      `${percent(row.train_accuracy, 0)} of the task's own examples, tests ${percent(row.test_accuracy, 0)}`,
      row.symmetry ? `; inputs changed by ${row.symmetry}` : '',
      row.found_at && row.found_at !== row.task_id ? `; found at ${row.found_at}` : '',
    ),
    examples.length
      ? el(
          'div',
          { class: 'pairs small' },
          examples.map(([title, [input, output]]) =>
            el(
              'div',
              { class: 'row' },
              picture(input, { room: 84, most: 10 }),
              el('span', { class: 'arrow', 'aria-hidden': 'true' }, '→'),
              picture(output, { room: 84, most: 10 }),
            ),
          ),
        )
      : el('p', { class: 'faint' }, 'The task is of another run, so it cannot be drawn.'),
    longText(row.program, 'program', { class: 'source' }),
    folded('Prompt and completion', () => [longText(row.prompt, 'prompt'), longText(row.completion, 'completion')]),
  );
}

function learntRows(one) {
  const box = el('ul', { class: 'learnt-rows' }, el('li', { class: 'faint' }, 'Unpacking…'));
  detail(one.rows).then(
    (data) => box.replaceChildren(...data.rows.map(learntRow)),
    (error) => box.replaceChildren(el('li', { class: 'failure' }, error.message)),
  );
  return box;
}

function learntSection(one) {
  const losses = one.losses.map(([step, loss]) => [step, loss]);
  return section(
    `Learnt from: ${one.title}`,
    one.losses.length
      ? el(
          'div',
          { class: 'charts' },
          lineChart({ title: 'Loss', x: 'step', y: 'loss', whole: true, series: [{ name: 'loss', points: losses }] }),
          one.losses[0][2] === null
            ? null
            : lineChart({
                title: 'Tokens right',
                x: 'step',
                y: 'share',
                whole: true,
                asPercent: true,
                series: [{ name: 'tokens', points: one.losses.map(([step, , right]) => [step, right]) }],
              }),
        )
      : el('p', { class: 'faint' }, 'No training yet.'),
    one.report.length
      ? folded('What became of the attempts', () => table(['stage', 'count', ''], one.report), true)
      : null,
    one.rows === undefined
      ? el('p', { class: 'faint' }, 'No rows to show.')
      : folded(`Rows (${one.count})`, () => learntRows(one)),
  );
}

function loopPage(place) {
  const loop = index.loops[place];
  const [heads, ...rows] = loop.table;
  const minutes = loop.minutes.map(([stage, value]) => [stage, Number(value.toFixed(2))]);
  return [
    rows.length ? table(heads, rows) : el('p', { class: 'empty' }, 'No search has been brought to its end yet.'),
    el('p', { class: 'faint' }, loop.meanings),
    el(
      'ul',
      {},
      loop.lines.map((line) => el('li', {}, line)),
    ),
    loop.rounds.length
      ? el(
          'div',
          { class: 'charts' },
          roundChart(loop, 'mean_solved', 'Solved by the vote, round by round'),
          roundChart(loop, 'oracle', 'Oracle, round by round'),
        )
      : null,
    loop.learnt.map(learntSection),
    section('Minutes of each stage', bars('minutes', minutes)),
  ];
}
