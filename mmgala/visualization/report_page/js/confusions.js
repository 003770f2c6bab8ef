// The table of classes that take each other's images, with search and pages.

const CONFUSIONS_PER_PAGE = 20;
const confusion = { page: 0, search: '' };

const confusedRuns = () =>
  [...runs.keys()].filter((i) => runs[i].predictions?.raw.class_confusions);

// Number of images of each class that go to others or come from them, as listed.
const imagesIn = (list) => list.reduce((sum, n, k) => sum + (k % 2 ? n : 0), 0);

function confusionRows() {
  const i = Number(document.getElementById('confusion-run').value);
  const order = document.getElementById('confusion-order').value;
  const { support } = runs[i].predictions;
  const { class_confusions: lists, class_accuracy: accuracy } = runs[i].predictions[chosen.kind];
  const wanted = confusion.search.trim().toLowerCase();
  const rows = classOrder
    .filter((c) => classes[c].name.toLowerCase().includes(wanted) || String(c) === wanted)
    .map((c) => ({
      c,
      accuracy: accuracy[c],
      size: support[c],
      // Exact, also where the list of classes was shortened.
      lost: isNumber(accuracy[c]) ? Math.round(support[c] * (1 - accuracy[c] / 100)) : 0,
      gained: imagesIn(lists.taken_from[c]),
      takenBy: lists.taken_by[c],
      takenFrom: lists.taken_from[c],
    }));
  if (order !== 'page') rows.sort((a, b) => b[order] - a[order]);
  return { rows, support };
}

// "dog 12 (24%)" for each class of a list; the share is of the true class's images.
function takers(list, shareOf) {
  if (!list.length) return [element('span', { className: 'size', text: 'none' })];
  const items = [];
  for (let k = 0; k < list.length; k += 2) {
    const [c, images] = [list[k], list[k + 1]];
    const share = shareOf(c) ? images / shareOf(c) : 0;
    const item = element('span', { className: 'taker' }, [
      element('span', { className: 'guess', text: classes[c].name, title: classes[c].name }),
      element('span', {
        className: 'size',
        text: `: ${images.toLocaleString('en')} (${Math.round(100 * share)}%)`,
      }),
    ]);
    item.style.setProperty('--share', Math.min(1, share));
    items.push(item);
  }
  return items;
}

function confusionRow({ c, accuracy, size, lost, takenBy, takenFrom }, support) {
  const [first] = samples?.of_class[c] ?? [];
  const image = first === undefined ? null : sampleImage(first);
  const cell = (label, children, className = '') =>
    element('td', { className, 'data-label': label }, children);
  return element('tr', {}, [
    element('th', { scope: 'row' }, [
      ...(image ? [image] : []),
      element('span', { text: classes[c].name }),
    ]),
    cell('Shot group', [classes[c].group]),
    cell('Accuracy', [`${percent(accuracy)} of ${size.toLocaleString('en')}`], 'short'),
    cell(
      lost ? `${counted(lost, 'image')} taken by` : 'Taken by',
      takers(takenBy, () => size),
      'takers',
    ),
    cell('Takes images of', takers(takenFrom, (other) => support[other]), 'takers'),
  ]);
}

function drawConfusions() {
  const { rows, support } = confusionRows();
  const pages = Math.max(1, Math.ceil(rows.length / CONFUSIONS_PER_PAGE));
  confusion.page = Math.min(confusion.page, pages - 1);
  const start = confusion.page * CONFUSIONS_PER_PAGE;
  const shown = rows.slice(start, start + CONFUSIONS_PER_PAGE);
  const heads = ['Class', 'Shot group', 'Accuracy', 'Its images are taken by', 'It takes images of'];
  document.getElementById('confusion-table').replaceChildren(
    element('thead', {}, [
      element(
        'tr',
        {},
        heads.map((text) => element('th', { text, scope: 'col' })),
      ),
    ]),
    element(
      'tbody',
      {},
      shown.map((row) => confusionRow(row, support)),
    ),
  );
  document.getElementById('confusion-range').textContent = rows.length
    ? `${(start + 1).toLocaleString('en')}–${(start + shown.length).toLocaleString('en')} of ${rows.length.toLocaleString('en')}`
    : '0';
  document.getElementById('confusion-previous').disabled = confusion.page === 0;
  document.getElementById('confusion-next').disabled = confusion.page >= pages - 1;
}

function startConfusions() {
  startRunChoice('confusion-run', confusedRuns(), drawConfusions);
  const again = (change) => () => {
    change();
    drawConfusions();
  };
  const search = document.getElementById('confusion-search');
  document
    .getElementById('confusion-order')
    .addEventListener('change', again(() => (confusion.page = 0)));
  search.addEventListener(
    'input',
    again(() => Object.assign(confusion, { search: search.value, page: 0 })),
  );
  document
    .getElementById('confusion-previous')
    .addEventListener('click', again(() => (confusion.page -= 1)));
  document
    .getElementById('confusion-next')
    .addEventListener('click', again(() => (confusion.page += 1)));
}

parts.push({
  id: 'confusions',
  available: () => confusedRuns().length > 0,
  start: startConfusions,
  update() {
    confusion.page = 0;
    drawConfusions();
  },
});
