// Grids on canvas, in the colours of soar's own pictures.

let palette = [];
let digits = false;

const narrow = () => globalThis.innerWidth < 560;
const isGrid = (value) => typeof value === 'string';
const rowsOf = (value) => value.split('/');
const sizeText = (value) => `${rowsOf(value).length}×${rowsOf(value)[0].length}`;

// How many cells differ; null where the sizes do, or one is no grid.
function wrongCells(got, expected) {
  if (!isGrid(got) || !isGrid(expected) || sizeText(got) !== sizeText(expected)) return null;
  let count = 0;
  for (let i = 0; i < got.length; i++) count += got[i] !== expected[i];
  return count;
}

function gridLabel(value, expected) {
  const rows = rowsOf(value);
  const wrong = expected === undefined ? null : wrongCells(value, expected);
  const said = wrong === null ? '' : `, ${plural(wrong, 'cell')} wrong`;
  return `grid of ${plural(rows.length, 'row')} and ${plural(rows[0].length, 'column')}${said}: ${rows.join(' / ')}`;
}

function light(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 140;
}

function paint(canvas, value, cell, expected) {
  const rows = rowsOf(value);
  const scale = globalThis.devicePixelRatio || 1;
  const line = cell >= 5 ? 1 : 0;
  canvas.width = (rows[0].length * cell + line) * scale;
  canvas.height = (rows.length * cell + line) * scale;
  canvas.style.width = `${rows[0].length * cell + line}px`;
  canvas.style.height = `${rows.length * cell + line}px`;
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  pen.fillStyle = '#555555';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  const compare = expected !== undefined && wrongCells(value, expected) !== null ? rowsOf(expected) : null;
  rows.forEach((row, r) =>
    [...row].forEach((digit, c) => {
      const [x, y, side] = [c * cell + line, r * cell + line, cell - line];
      pen.fillStyle = palette[digit];
      pen.fillRect(x, y, side, side);
      if (digits && cell >= 10) figure(pen, digit, x + side / 2, y + side / 2, cell);
      if (compare && compare[r][c] !== digit) cross(pen, x, y, side);
    }),
  );
}

function figure(pen, digit, x, y, cell) {
  pen.fillStyle = light(palette[digit]) ? '#000' : '#fff';
  pen.font = `${Math.round(cell * 0.62)}px ui-monospace, monospace`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(digit, x, y + 0.5);
}

// A wrong cell is marked by a form, not by a colour alone: a cross, white on black.
function cross(pen, x, y, side) {
  for (const [colour, width] of [
    ['#000', Math.max(3, side / 5)],
    ['#fff', Math.max(1.2, side / 11)],
  ]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    for (const [a, b] of [
      [0.22, 0.78],
      [0.78, 0.22],
    ]) {
      pen.moveTo(x + side * a, y + side * 0.22);
      pen.lineTo(x + side * b, y + side * 0.78);
    }
    pen.stroke();
  }
}

const cellFor = (value, room, most) => {
  const rows = rowsOf(value);
  const least = digits && room > 100 ? 12 : 2;
  return Math.max(least, Math.min(most, Math.floor(room / Math.max(rows.length, rows[0].length))));
};

// A value as a picture, or as text where it is no grid.
function picture(value, { room = narrow() ? 140 : 200, most = 22, expected } = {}) {
  if (value === null) return el('span', { class: 'blank', title: 'unknown' }, '?');
  if (!isGrid(value)) return el('code', { class: 'value' }, value[0]);
  const canvas = el('canvas', { role: 'img', 'aria-label': gridLabel(value, expected), title: sizeText(value) });
  paint(canvas, value, cellFor(value, room, most), expected);
  return canvas;
}

const whenSeen =
  globalThis.IntersectionObserver &&
  new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((one) => one.isIntersecting)) {
        whenSeen.unobserve(entry.target);
        entry.target.append(entry.target.makePicture());
      }
    },
    { rootMargin: '300px' },
  );

// A picture in a list of hundreds: drawn when it comes into view.
function thumbnail(value, room) {
  const box = el('span', { class: 'thumb' });
  box.style.minWidth = box.style.minHeight = `${room}px`;
  box.makePicture = () => picture(value, { room, most: 12 });
  whenSeen.observe(box);
  return box;
}

// Input, arrow, output, and answers beside it.
function pair(title, input, output, ...more) {
  const part = (caption, node) => el('figure', {}, node, el('figcaption', {}, caption));
  return el(
    'div',
    { class: 'pair' },
    el('h4', {}, title),
    el(
      'div',
      { class: 'row' },
      part('input', picture(input)),
      el('span', { class: 'arrow', 'aria-hidden': 'true' }, '→'),
      part('expected', picture(output)),
      more.map(([caption, node]) => part(caption, node)),
    ),
  );
}
