// What the top of the page says: tables, sentences, warnings and what is missing.

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

function drawSentences() {
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

parts.push(
  { id: 'lead', start: drawLead },
  { id: 'sentences', update: drawSentences },
  { id: 'metrics-table', available: () => anyPredictions(), update: drawMetrics },
  {
    id: 'summary-table',
    available: () => summaryKeys().length > 0,
    start: explainSummaries,
    update: drawSummaries,
  },
  { id: 'warnings', start: drawWarnings },
  { id: 'missing', start: drawMissing },
);
