// Images of classes whose accuracy changed, and of confident mistakes.

const MOST_CHANGED = 5; // classes, in each direction
const { samples } = report;
const IMAGE_ADDRESS = /^data:image\/(png|webp|jpeg);base64,[A-Za-z0-9+/=]+$/;

// A run with a kind of predictions, such as "1 raw".
const outcomeKeys = () =>
  [...runs.keys()]
    .filter((i) => runs[i].predictions)
    .flatMap((i) => Object.keys(KIND_NAMES).map((kind) => `${i} ${kind}`));
const outcomeOf = (key) => {
  const [i, kind] = key.split(' ');
  return { i: Number(i), kind, ...runs[i].predictions[kind] };
};
const outcomeName = (key) => {
  const { i, kind } = outcomeOf(key);
  return `${runs[i].name}, ${KIND_NAMES[kind]}`;
};

// The image of a sample by its position in `samples.rows`; null if there is none.
function sampleImage(position) {
  const address = report.images?.[position];
  if (!address || !IMAGE_ADDRESS.test(address)) return null;
  const image = element('img', { alt: `test image ${samples.rows[position]}` });
  image.title = `${classes[samples.classes[position]].name}, test image ${samples.rows[position]}`;
  image.addEventListener('load', () => {
    // Images of few pixels stay sharp when they are enlarged.
    image.classList.toggle('tiny', image.naturalWidth <= 32);
  });
  image.src = address;
  return image;
}

const pictureOf = (position) =>
  sampleImage(position) ??
  element('span', { className: 'no-image', text: `image ${samples.rows[position]}` });

// What two outcomes say about a sample, one line each: "cat ✓ 93%".
function verdict(key, position) {
  const { i, kind } = outcomeOf(key);
  const { predicted, confidence } = samples.runs[i][kind];
  const c = predicted[position];
  const right = c === samples.classes[position];
  return element('span', { className: right ? 'verdict right' : 'verdict wrong' }, [
    element('span', { className: 'mark', text: right ? '✓' : '✗' }),
    element('span', { className: 'guess', text: classes[c].name, title: classes[c].name }),
    element('span', { className: 'size', text: `${Math.round(100 * confidence[position])}%` }),
  ]);
}

function changedClasses(from, to) {
  const [before, after] = [outcomeOf(from), outcomeOf(to)];
  const changes = classOrder
    .map((c) => ({ c, a: before.class_accuracy[c], b: after.class_accuracy[c] }))
    .filter(({ a, b }) => isNumber(a) && isNumber(b))
    .map((entry) => ({ ...entry, change: entry.b - entry.a }));
  const most = (sign) =>
    changes
      .filter(({ change }) => sign * change > 0)
      .sort((x, y) => sign * (y.change - x.change) || x.c - y.c)
      .slice(0, MOST_CHANGED);
  return { gained: most(1), lost: most(-1) };
}

function changeCard({ c, a, b, change }, from, to) {
  const { name: title, count, group } = classes[c];
  const sign = change > 0 ? '+' : '−';
  const shots = samples.of_class[c] ?? [];
  return element('div', { className: 'card' }, [
    element('h4', { text: title }),
    element('p', { className: 'size' }, [
      `${counted(count, 'training sample')}, ${group}-shot`,
      element('br'),
      `accuracy ${percent(a)} → ${percent(b)} `,
      element('b', { text: `${sign}${Math.abs(change).toFixed(1)}` }),
    ]),
    element(
      'div',
      { className: 'shots' },
      shots.map((position) =>
        element('div', { className: 'shot' }, [
          pictureOf(position),
          verdict(from, position),
          verdict(to, position),
        ]),
      ),
    ),
  ]);
}

function drawChanges() {
  const [from, to] = ['from', 'to'].map((end) => document.getElementById(`change-${end}`).value);
  const { gained, lost } = changedClasses(from, to);
  const part = (title, list, none) => [
    element('h3', { text: title }),
    list.length
      ? element(
          'div',
          { className: 'cards wide' },
          list.map((entry) => changeCard(entry, from, to)),
        )
      : element('p', { className: 'caption', text: none }),
  ];
  document.getElementById('change-cards').replaceChildren(
    ...part('Gained most', gained, 'No class gained accuracy.'),
    ...part('Lost most', lost, 'No class lost accuracy.'),
    element('p', {
      className: 'caption',
      text:
        'Test images on which the runs disagree most. Below each, what was predicted: ' +
        `first by ${outcomeName(from)}, then by ${outcomeName(to)}, with the score.`,
    }),
  );
}

function fillOptions(id, keys, textOf, value) {
  const select = document.getElementById(id);
  select.replaceChildren(
    ...keys.map((key) => element('option', { value: key, text: textOf(key) })),
  );
  select.value = value;
  return select;
}

function startChanges() {
  const keys = outcomeKeys();
  const raw = keys.filter((key) => key.endsWith('raw'));
  const ends = { from: raw[0], to: raw.length > 1 ? raw.at(-1) : keys[1] };
  for (const [end, value] of Object.entries(ends)) {
    fillOptions(`change-${end}`, keys, outcomeName, value).addEventListener(
      'change',
      drawChanges,
    );
  }
}

function drawMistakes() {
  const i = Number(document.getElementById('mistakes-run').value);
  const { predicted, confidence, mistakes } = samples.runs[i][chosen.kind];
  document.getElementById('mistake-cards').replaceChildren(
    ...mistakes.map((position) =>
      element('div', { className: 'card mistake' }, [
        pictureOf(position),
        element('p', {}, [
          element('span', { className: 'size', text: 'is ' }),
          element('b', { text: classes[samples.classes[position]].name }),
          element('br'),
          element('span', { className: 'size', text: 'taken for ' }),
          element('b', { text: classes[predicted[position]].name }),
          element('br'),
          element('span', { className: 'size', text: `score ${percent(100 * confidence[position])}` }),
        ]),
      ]),
    ),
  );
}

// A choice among the runs that have what a part shows; hidden if there is only one.
function startRunChoice(id, indices, draw) {
  const value = String(indices.at(-1));
  const select = fillOptions(id, indices.map(String), (i) => runs[i].name, value);
  select.addEventListener('change', draw);
  select.closest('.toolbar').hidden = indices.length < 2 && !select.closest('.toolbar').querySelector('input');
}

function drawImageNote() {
  const note = document.getElementById('image-note');
  note.textContent = report.image_note ?? '';
  note.hidden = !report.image_note;
}

parts.push(
  {
    id: 'changes',
    available: () => Boolean(samples) && anyPredictions(),
    start: startChanges,
    update: drawChanges,
  },
  {
    id: 'mistakes',
    available: () => Boolean(samples),
    start: () =>
      startRunChoice(
        'mistakes-run',
        [...runs.keys()].filter((i) => samples.runs[i]),
        drawMistakes,
      ),
    update: drawMistakes,
  },
  { id: 'image-note', available: () => Boolean(samples), start: drawImageNote },
);
