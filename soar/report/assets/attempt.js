// One attempt: its outputs beside what was expected, its program, the prompt and the whole reply.

function outputs(data, one) {
  const examples = [
    ...data.train.map((pair, k) => [`example ${k + 1}`, pair]),
    ...data.test.map((pair, k) => [`test ${k + 1}`, pair]),
  ];
  return el(
    'div',
    { class: 'pairs' },
    examples.map(([title, [input, expected]], place) => {
      const outcome = one.program.outcomes[place];
      if (outcome === undefined) return null;
      if (Array.isArray(outcome))
        return pair(title, input, expected, ['got', el('p', { class: 'failure' }, outcomeText(data, outcome))]);
      const got = data.values[outcome];
      const right = one.program.right[place];
      return pair(title, input, expected, [
        [mark(right), ' got', difference(got, expected, right)],
        picture(got, { expected: expected ?? undefined }),
      ]);
    }),
  );
}

function difference(got, expected, right) {
  if (right !== '0' || expected === null) return '';
  const wrong = wrongCells(got, expected);
  if (wrong !== null) return `, ${plural(wrong, 'cell')} wrong`;
  return isGrid(got) && isGrid(expected) ? `, ${sizeText(got)} instead of ${sizeText(expected)}` : '';
}

// A program with the numbers of its lines; the lines at which it raised are marked.
function sourceText(data, program) {
  const raised = new Map(
    program.outcomes
      .filter((one) => Array.isArray(one) && one[1] !== undefined)
      .map((one) => data.errors[one[1]])
      .filter((error) => error[2] !== null)
      .map((error) => [error[2], `${error[0]}: ${error[1]}`]),
  );
  if (program.source.length > LONG) return longText(program.source, 'program');
  const lines = program.source
    .replace(/\n$/, '')
    .split('\n')
    .map((line, place) => {
      const error = raised.get(place + 1);
      return el(
        'span',
        { class: error ? 'line raised' : 'line', title: error },
        el('span', { class: 'lineno', 'aria-hidden': 'true' }, String(place + 1)),
        line,
        error ? el('span', { class: 'note' }, `  ← ${error}`) : '',
        '\n',
      );
    });
  return el('pre', { class: 'source', tabindex: '0', 'aria-label': 'program' }, lines);
}

function promptText(data, one) {
  if (one.prompt === null) {
    return el(
      'p',
      { class: 'faint' },
      'The prompt cannot be shown: its templates, or the solved tasks in it, are no longer what they were when it was sent.',
    );
  }
  const shown = one.fewShot.length
    ? [el('p', { class: 'faint' }, `Begins with the solved task ${one.fewShot.join(', ')}.`)]
    : [];
  return [
    ...shown,
    ...promptOf(data, one.prompt).flatMap(([role, text]) => [el('h4', {}, role), longText(text, `prompt, ${role}`)]),
  ];
}

function facts(data, one) {
  const program = one.program;
  const items = [
    ['examples right', program ? percent(program.accuracy) : 'no program'],
    ['pixels right', program ? percent(program.pixels) : '–'],
    ['tests', { 1: 'right', 0: 'wrong', '?': 'unknown' }[isRight(data, one)]],
    ['reply', `${plural(one.tokens, 'token')}, ended by ${one.finish}`],
    ['log-probability', one.logprob === null ? 'not given' : number(one.logprob)],
    ['CPU', program ? `${number(1000 * program.seconds)} ms` : '–'],
    ['not eligible', program && program.broken.length ? program.broken.join(', ') : null],
  ];
  return el(
    'dl',
    { class: 'facts' },
    items
      .filter(([, value]) => value !== null)
      .map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
  );
}

function attemptPanel(data, place, base) {
  const one = attemptOf(data, place);
  const from = one.parents.length
    ? [
        'refined from ',
        one.parents.map((parent, order) => [order ? ', ' : '', link(`${base}/a${parent}`, data.keys[parent])]),
      ]
    : ['sampled'];
  const failure = failureOf(data, one);
  return el(
    'section',
    { id: 'attempt', 'aria-label': 'attempt' },
    el('h2', {}, 'Attempt ', el('code', {}, one.key)),
    el('p', {}, from),
    facts(data, one),
    failure ? el('p', { class: 'failure' }, failure) : null,
    one.program ? [outputs(data, one), el('h3', {}, 'Program'), sourceText(data, one.program)] : null,
    el('h3', {}, 'Lineage'),
    lineage(data, place, base),
    folded('Reply, whole', () => longText(one.reply, 'reply'), !one.program),
    folded('Prompt', () => promptText(data, one)),
  );
}
