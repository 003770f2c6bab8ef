// What the top of the page says: tables, sentences, warnings and what is missing.

function drawMetrics() {
  const keys = Object.keys(metricNames).filter((key) =>
    runs.some((run) => isNumber(run.predictions?.raw.metrics[key])),
  );
  const row = (kind, title) => ({
    title,
    numbers: (run) => keys.map((key) => run.predictions[kind].metrics[key]),
  });
  drawMethodTable(
    'metrics-table',
    ['Predictions', ...keys.map((key) => metricNames[key])],
    {
      has: (run) => run.predictions,
      kinds: [
        row('raw', () => 'raw'),
        row('rebalanced', (some) => `re-balanced, τ = ${tauOf(some)}`),
      ],
      digits: 1,
    },
  );
}

// The strength of re-balancing, or its range over several runs.
function tauOf(some) {
  const taus = some.map(({ predictions }) => predictions.tau);
  const [low, high] = [Math.min(...taus), Math.max(...taus)].map(short);
  return low === high ? low : `${low} to ${high}`;
}

function drawSummaries() {
  const keys = summaryKeys();
  drawMethodTable('summary-table', ['Period', ...keys.map(summaryTitle)], {
    has: (run) => run.gradients,
    kinds: [
      {
        title: ([{ gradients }]) =>
          `last ${gradients.unit === 'epoch' ? 'epoch' : 'period'}`,
        numbers: ({ gradients }) => keys.map((key) => gradients.summary[key]?.at(-1)),
      },
      {
        title: () => 'whole training',
        numbers: ({ gradients }) =>
          gradients.summary_total && keys.map((key) => gradients.summary_total[key]),
      },
    ],
    digits: 3,
  });
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
  document.getElementById('warnings-list').replaceChildren(
    ...report.warnings.map((line) => element('li', { text: line })),
  );
}

// "run X has no predictions: python tools/test.py ..." with the command as code.
function drawMissing() {
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

parts.push(
  { id: 'lead', start: drawLead },
  { id: 'metrics-meaning', available: () => anyPredictions() },
  { id: 'metrics-table', available: () => anyPredictions(), update: drawMetrics },
  {
    id: 'summary-table',
    available: () => summaryKeys().length > 0,
    update: drawSummaries,
  },
  {
    id: 'summary-meanings',
    available: () => summaryKeys().length > 0,
    start: explainSummaries,
  },
  {
    id: 'gradient-sentences',
    available: () => methods.some(({ sentences }) => sentences?.gradients),
    update: () => drawSentences('gradient-sentences', 'gradients'),
  },
  {
    id: 'vector-sentences',
    available: () => methods.some(({ sentences }) => sentences?.vectors),
    update: () => drawSentences('vector-sentences', 'vectors'),
  },
  {
    id: 'warnings',
    available: () => (report.warnings ?? []).length > 0,
    start: drawWarnings,
  },
  { id: 'missing', available: () => report.missing.length > 0, start: drawMissing },
);
