// Tables and sentences. All text is set by textContent, so names are not parsed as markup.

function element(tag, { text, ...properties } = {}, children = []) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  for (const [key, value] of Object.entries(properties)) {
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function runLabel(i) {
  const dot = element('span', { className: 'dot' });
  dot.style.background = runColour(i);
  return element('span', { className: 'run-label' }, [
    dot,
    element('span', { text: runs[i].name }),
  ]);
}

// The name of a run, in the first of its rows only.
const runHeading = (i, first) =>
  element('th', { scope: 'row' }, first ? [runLabel(i)] : []);

// Rows: { i, first, cells } with texts; the first `texts` columns are left-aligned.
function fillTable(id, titles, rows, texts = 1) {
  const side = (k) => (k < texts ? 'text' : '');
  document.getElementById(id).replaceChildren(
    element('thead', {}, [
      element(
        'tr',
        {},
        ['Run', ...titles].map((text, k) =>
          element('th', { text, scope: 'col', className: side(k - 1) }),
        ),
      ),
    ]),
    element(
      'tbody',
      {},
      rows.map(({ i, first, cells }) =>
        element('tr', { className: first ? 'first' : '' }, [
          runHeading(i, first),
          ...cells.map((text, k) => element('td', { text, className: side(k) })),
        ]),
      ),
    ),
  );
}

function drawMetrics() {
  const keys = Object.keys(metricNames).filter((key) =>
    runs.some((run) => isNumber(run.predictions?.raw.metrics[key])),
  );
  const rows = chosenRuns()
    .filter((i) => runs[i].predictions)
    .flatMap((i) =>
      Object.keys(KIND_NAMES).map((kind, k) => {
        const {
          tau,
          [kind]: { metrics },
        } = runs[i].predictions;
        const title = kind === 'raw' ? 'raw' : `re-balanced, τ = ${short(tau)}`;
        return {
          i,
          first: k === 0,
          cells: [title, ...keys.map((key) => metrics[key]?.toFixed(1) ?? '–')],
        };
      }),
    );
  fillTable('metrics-table', ['Predictions', ...keys.map((key) => metricNames[key])], rows);
}

function drawSummaries() {
  const keys = summaryKeys();
  const rows = chosenRuns()
    .filter((i) => runs[i].gradients)
    .flatMap((i) => {
      const { summary, summary_total: total, unit } = runs[i].gradients;
      const last = {
        i,
        first: true,
        cells: [
          `last ${unit === 'epoch' ? unit : 'period'}`,
          ...keys.map((key) => fixed(summary[key]?.at(-1))),
        ],
      };
      const whole = {
        i,
        first: false,
        cells: ['whole training', ...keys.map((key) => fixed(total?.[key]))],
      };
      return total ? [last, whole] : [last];
    });
  fillTable('summary-table', ['Period', ...keys.map(summaryTitle)], rows);
}

function drawHeadline() {
  if (anyPredictions()) drawMetrics();
  if (summaryKeys().length) drawSummaries();
  document.getElementById('sentences').replaceChildren(
    ...chosenRuns()
      .filter((i) => runs[i].sentences.length)
      .map((i) => element('p', {}, [runLabel(i), runs[i].sentences.join(' ')])),
  );
}

function drawLead() {
  const samples = classes.reduce((sum, { count }) => sum + count, 0);
  const { many, few } = report.limits;
  const sizes = ALL_GROUPS.map((g) => `${sizeOf(g) || 'no'} ${g}-shot`);
  document.getElementById('lead').textContent =
    `${counted(runs.length, 'run')}, ` +
    `${counted(classes.length, 'class', 'classes')} (${sizes.join(', ')}), ` +
    `${counted(samples, 'training sample')}. Shot thresholds: many-shot classes have more ` +
    `than ${many} training samples, few-shot classes fewer than ${few}. Accuracies and ECE ` +
    'are in percent.';
}

function drawWarnings() {
  const lines = report.warnings || [];
  document.getElementById('warnings').hidden = lines.length === 0;
  document.getElementById('warnings-list').replaceChildren(
    ...lines.map((line) => element('li', { text: line })),
  );
}

// "run X has no predictions: python tools/test.py ..." with the command as code.
function drawMissing() {
  document.getElementById('missing').hidden = report.missing.length === 0;
  document.getElementById('missing-list').replaceChildren(
    ...report.missing.map((line) => {
      const split = line.indexOf(': ');
      if (split < 0) return element('li', { text: line });
      return element('li', {}, [
        `${line.slice(0, split)}: `,
        element('code', { text: line.slice(split + 2) }),
      ]);
    }),
  );
}
