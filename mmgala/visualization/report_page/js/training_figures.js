// Gradients during training.

const UNIT_NAMES = { epoch: 'epoch', iter: 'iteration' };
const SUMMARIES = {
  ratio_many: { title: 'Ratio, many' },
  ratio_medium: { title: 'Ratio, medium' },
  ratio_few: { title: 'Ratio, few' },
  tail_head_ratio: {
    title: 'Tail / head',
    meaning:
      'gradient ratio of the rarest group divided by that of the most frequent one (1: equal)',
  },
  log_ratio_spread: {
    title: 'Spread of log ratio',
    meaning:
      'standard deviation over classes of the logarithm of the gradient ratio (0: all equal)',
  },
  ratio_rank_correlation: {
    title: 'Rank correlation',
    meaning:
      'of gradient ratio and training samples (positive: frequent classes have higher ratios)',
  },
  source_gini: {
    title: 'Gini of sources',
    meaning:
      'Gini coefficient of the negative gradient caused by each class (0: all classes equal)',
  },
  source_head_share: {
    title: 'Share from head',
    meaning: 'share of all negative gradient caused by samples of the most frequent group',
  },
};
const sentenceCase = (key) => {
  const words = key.replaceAll('_', ' ');
  return words[0].toUpperCase() + words.slice(1);
};
const summaryTitle = (key) => SUMMARIES[key]?.title ?? sentenceCase(key);
const summaryKeys = () => [
  ...new Set(runs.flatMap((run) => Object.keys(run.gradients?.summary ?? {}))),
];

// One panel per series (a group, a summary), one line per run.
function stepPanels(
  keys,
  titleOf,
  seriesOf,
  width,
  { log = false, level = null, format } = {},
) {
  // Plotly fails if some panels are empty and others are not.
  const present = keys.filter((key) => chosenRuns().some((i) => seriesOf(runs[i], key)));
  const layout = panels(present.map(titleOf), width, { columns: 3, height: 230 });
  const units = new Set(
    chosenRuns()
      .map((i) => runs[i].gradients?.unit)
      .filter(Boolean),
  );
  const data = [];
  present.forEach((key, panel) => {
    Object.assign(layout[name('xaxis', panel)], {
      title: axisTitle([...units].map((unit) => UNIT_NAMES[unit]).join(' / ')),
      rangemode: 'tozero',
    });
    Object.assign(
      layout[name('yaxis', panel)],
      log ? logAxis() : {},
      format && { tickformat: format, rangemode: 'tozero' },
    );
    if (level !== null) layout.shapes.push(levelLine(panel, level));
    for (const i of chosenRuns()) {
      const values = seriesOf(runs[i], key);
      if (values) data.push(stepTrace(i, key, panel, values));
    }
  });
  if (log)
    axesOf(layout, 'yaxis')
      .slice(1)
      .forEach((axis) => {
        axis.matches = 'y';
      });
  return { data, layout };
}

function stepTrace(i, key, panel, values) {
  const { steps, unit } = runs[i].gradients;
  return {
    ...runTrace(i),
    ...onPanel(panel),
    meta: { run: i, key, panel },
    type: 'scatter',
    mode: steps.length > 60 ? 'lines' : 'lines+markers',
    x: steps,
    y: values,
    hovertext: values.map(
      (v, k) => `${runTitle(i)}<br>${UNIT_NAMES[unit]} ${steps[k]}: ${number(v)}`,
    ),
    hoverinfo: 'text',
    line: runLine(i, 2),
    marker: { color: runColour(i), size: 5 },
  };
}

const groupTitle = (group) => `${sentenceCase(group)}-shot classes`;

figures.push({
  id: 'fig-ratio-steps',
  available: () => runs.some((run) => run.gradients),
  build: (width) =>
    stepPanels(
      chosenGroups(),
      groupTitle,
      (run, group) => run.gradients?.ratio_by_group[group],
      width,
      { log: true, level: 1 },
    ),
});

figures.push({
  id: 'fig-source-steps',
  available: () => runs.some((run) => run.gradients?.source_share_by_step),
  build: (width) =>
    stepPanels(
      chosenGroups(),
      (group) => `From ${group}-shot samples`,
      (run, group) => run.gradients?.source_share_by_step?.[group],
      width,
      { format: '.0%' },
    ),
});

figures.push({
  id: 'fig-summary-steps',
  available: () => summaryKeys().length > 0,
  // The ratios of the groups have a separate figure.
  build: (width) =>
    stepPanels(
      summaryKeys().filter((key) => !key.match(/^ratio_(many|medium|few)$/)),
      summaryTitle,
      (run, key) => run.gradients?.summary?.[key],
      width,
    ),
});

function explainSummaries() {
  document.getElementById('summary-meanings').replaceChildren(
    ...summaryKeys()
      .filter((key) => SUMMARIES[key]?.meaning)
      .map((key) =>
        element('li', {}, [
          element('b', { text: SUMMARIES[key].title }),
          `: ${SUMMARIES[key].meaning}.`,
        ]),
      ),
  );
}
