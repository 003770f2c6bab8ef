// Gradients over the course of the training.

const UNITS = { epoch: 'epoch', iter: 'iteration' };
const SUMMARIES = {
  ratio_many: { title: 'Ratio, many-shot' },
  ratio_medium: { title: 'Ratio, medium-shot' },
  ratio_few: { title: 'Ratio, few-shot' },
  tail_head_ratio: {
    title: 'Tail / head ratio',
    meaning: 'gradient ratio of the rarest group over that of the most frequent one (1: equal)',
  },
  log_ratio_spread: {
    title: 'Spread of log ratio',
    meaning:
      'standard deviation of the logarithm of the gradient ratio (0: all classes equal)',
  },
  ratio_rank_correlation: {
    title: 'Rank correlation',
    meaning:
      'of gradient ratio and training samples (positive: higher for frequent classes)',
  },
  source_gini: {
    title: 'Gini of sources',
    meaning:
      'inequality of negative gradient between source classes (0: equal, 1: one class)',
  },
  source_head_share: {
    title: 'Share of the head',
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
  const shown = keys.filter((key) => chosenRuns().some((i) => seriesOf(runs[i], key)));
  const layout = panels(shown.map(titleOf), width, { columns: 3, height: 230 });
  const units = new Set(
    chosenRuns()
      .map((i) => runs[i].gradients?.unit)
      .filter(Boolean),
  );
  const data = [];
  shown.forEach((key, panel) => {
    Object.assign(layout[name('xaxis', panel)], {
      title: axisTitle([...units].map((unit) => UNITS[unit]).join(' / ')),
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
      (v, k) => `${runTitle(i)}<br>${UNITS[unit]} ${steps[k]}: ${number(v)}`,
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
