// Tables with a row for each method: means over its chosen seeds and, when opened, each
// seed.

const opened = new Set(); // '<table> <method>'

function meanAndSpread(values, digits) {
  const known = values.filter(isNumber);
  if (!known.length) return '–';
  const mean = known.reduce((sum, v) => sum + v, 0) / known.length;
  if (known.length === 1) return mean.toFixed(digits);
  const squares = known.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return `${mean.toFixed(digits)} ± ${Math.sqrt(squares / (known.length - 1)).toFixed(digits)}`;
}

// Draw a table. `has` tells whether a run has a part; `kinds` are the rows of each method,
// { title, numbers }: a text on some runs, and the numbers of one run, or nothing.
function drawMethodTable(id, titles, { has, kinds, digits }) {
  const draw = () => drawMethodTable(id, titles, { has, kinds, digits });
  const rows = methods.flatMap((method, m) => {
    const indices = method.runs.filter((i) => chosen.runs.has(i) && has(runs[i]));
    if (!indices.length) return [];
    const key = `${id} ${m}`;
    const label =
      indices.length === 1 ? runLabel(indices[0]) : methodLabel(key, m, indices, draw);
    const rowsOf = (some, heading, className) =>
      kinds
        .filter(({ numbers }) => some.some((i) => numbers(runs[i])))
        .map(({ title, numbers }, k) => ({
          label: k === 0 ? heading : null,
          first: k === 0 && !className,
          className,
          cells: [
            title(some.map((i) => runs[i])),
            ...titles
              .slice(1)
              .map((_, c) =>
                meanAndSpread(
                  some.map((i) => numbers(runs[i])?.[c]),
                  some.length > 1 ? Math.min(digits, 2) : digits,
                ),
              ),
          ],
        }));
    const own = rowsOf(indices, label, '');
    if (indices.length === 1 || !opened.has(key)) return own;
    return [
      ...own,
      ...indices.flatMap((i) =>
        rowsOf([i], element('span', { text: seedName(method, i) }), 'seed'),
      ),
    ];
  });
  fillTable(id, titles, rows);
}

const seedName = (method, i) => `seed ${method.seeds[method.runs.indexOf(i)]}`;

function methodLabel(key, m, indices, draw) {
  const open = opened.has(key);
  const button = element('button', {
    type: 'button',
    className: 'seeds',
    text: counted(indices.length, 'seed'),
    title: open ? 'Hide the seeds' : 'Show each seed',
  });
  button.dataset.method = m;
  button.setAttribute('aria-expanded', open);
  button.addEventListener('click', () => {
    if (open) opened.delete(key);
    else opened.add(key);
    draw();
    document.querySelector(`#${key.split(' ')[0]} [data-method="${m}"]`).focus();
  });
  return element('span', { className: 'method' }, [
    dotOf(indices[0]),
    element('span', { text: methods[m].name }),
    button,
  ]);
}

// Sentences of the chosen methods on a part.
function drawSentences(id, part) {
  document.getElementById(id).replaceChildren(
    ...methods
      .filter((method) => method.runs.some((i) => chosen.runs.has(i)))
      .filter((method) => method.sentences?.[part])
      .map((method) =>
        element('p', {}, [
          element('span', { className: 'run-label' }, [
            dotOf(method.runs[0]),
            element('span', { text: `${method.name}:` }),
          ]),
          ` ${method.sentences[part]}`,
        ]),
      ),
  );
}
