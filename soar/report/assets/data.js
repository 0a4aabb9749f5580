// The data of the page: packed text in it, or in files beside it, unpacked when it is looked at.

let index;
const KEPT = 24; // details that stay unpacked
const details = new Map();
const arrived = new Map(); // name of a file beside the page -> whoever waits for it

globalThis.soarPage = (name, text) => arrived.get(name)?.(text);

const parsed = new Promise((resolve) => {
  if (document.readyState !== 'loading') resolve();
  else document.addEventListener('DOMContentLoaded', () => resolve());
});

async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return JSON.parse(await new Response(stream).text());
}

function fromFile(name) {
  return new Promise((resolve, reject) => {
    arrived.set(name, resolve);
    const script = el('script', {
      onerror: () =>
        reject(new Error('The files beside this page are gone or have been renewed: load the page again.')),
    });
    script.src = `${encodeURIComponent(index.folder)}/${name}.js`;
    document.head.append(script);
  });
}

async function packedText(id) {
  if (id in index.paged) return fromFile(index.paged[id]);
  if (!document.getElementById(`d${id}`)) await parsed;
  return document.getElementById(`d${id}`).textContent;
}

async function detail(id) {
  if (!details.has(id)) {
    details.set(id, packedText(id).then(unpack));
    details.get(id).catch(() => details.delete(id));
    if (details.size > KEPT) details.delete(details.keys().next().value);
  }
  return details.get(id);
}

// A task's data with what can be worked out from it.
async function taskDetail(id) {
  const data = await detail(id);
  if (data.keys) return data;
  data.keys = data.attempts.map((row) => `${data.requests[row[0]][0]}/${row[1]}`);
  data.children = data.attempts.map(() => []);
  data.attempts.forEach((row, place) => {
    for (const parent of data.requests[row[0]][1]) data.children[parent].push(place);
  });
  return data;
}

function attemptOf(data, place) {
  const [request, , program, tokens, reply, finish, logprob, parseError] = data.attempts[place];
  const [key, parents, created, fewShot, prompt] = data.requests[request];
  return {
    place,
    key: data.keys[place],
    request: key,
    parents,
    created,
    fewShot,
    prompt,
    tokens,
    finish,
    logprob,
    parseError,
    number: program,
    program: program < 0 ? null : data.programs[program],
    reply: Array.isArray(reply) ? reply[0] + data.programs[program].source + reply[1] : reply,
  };
}

function isRight(data, one) {
  if (!one.program) return '0';
  const tests = one.program.right.slice(data.train.length);
  return tests.includes('?') ? '?' : tests.includes('0') ? '0' : '1';
}

function failureOf(data, one) {
  if (!one.program) return `no program: ${one.parseError}`;
  const place = one.program.outcomes.findIndex(Array.isArray);
  if (place < 0) return '';
  const name = place < data.train.length ? `example ${place + 1}` : `test ${place - data.train.length + 1}`;
  return `${name}: ${outcomeText(data, one.program.outcomes[place])}`;
}

function outcomeText(data, outcome) {
  const [status, error] = outcome;
  if (error === undefined) return status;
  const [type, message, line] = data.errors[error];
  return `${status}: ${type}: ${message}${line === null ? '' : `, line ${line}`}`;
}

// The messages of a prompt: packed as what it adds to the task's first, with sources of programs by their number.
function promptOf(data, place) {
  const item = data.prompts.items[place];
  const tail = item.tail.map((one) => (typeof one === 'number' ? data.programs[one].source : one)).join('');
  const letters = [...data.prompts.base].slice(0, item.shared).concat([...tail]);
  let from = 0;
  const messages = item.roles.map(([role, length]) => [role, letters.slice(from, (from += length)).join('')]);
  return item.prefill ? [...messages, ['the reply begins with', item.prefill]] : messages;
}
