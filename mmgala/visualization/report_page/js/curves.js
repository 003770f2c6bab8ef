// Training loss and validation metrics over each training.

const courses = () => runs.filter((run) => run.course);
const seriesKeys = (part) => [
  ...new Set(courses().flatMap((run) => Object.keys(run.course[part]))),
];
// "accuracy/top1" is "Top-1" where the metric is known, and otherwise itself.
function courseTitle(key) {
  const short = key.split('/').at(-1);
  if (GROUPS.includes(short)) return groupTitle(short);
  return plain(metricNames[short] ? sentenceCase(metricNames[short]) : key);
}

function coursePanels(part, unitKey, width, titleOf) {
  const keys = seriesKeys(part).filter((key) =>
    chosenRuns().some((i) => runs[i].course?.[part][key]),
  );
  const layout = panels(keys.map(titleOf), width, { columns: 3, height: 220 });
  const units = new Set(courses().map((run) => run.course[unitKey]));
  const data = [];
  keys.forEach((key, panel) => {
    Object.assign(layout[name('xaxis', panel)], {
      title: axisTitle([...units].join(' / ')),
      rangemode: 'tozero',
    });
    for (const i of chosenRuns()) {
      const series = runs[i].course?.[part][key];
      if (series) data.push(courseTrace(i, key, panel, series, runs[i].course[unitKey]));
    }
  });
  return { data, layout };
}

function courseTrace(i, key, panel, { steps, values }, unit) {
  return {
    ...runTrace(i),
    ...onPanel(panel),
    meta: { run: i, key, panel },
    type: 'scatter',
    mode: steps.length > 40 ? 'lines' : 'lines+markers',
    x: steps,
    y: values,
    hovertext: values.map(
      (v, k) => `${runTitle(i)}<br>${unit} ${number(steps[k])}: ${number(v)}`,
    ),
    hoverinfo: 'text',
    line: runLine(i, 2),
    marker: { color: runColour(i), size: 5 },
  };
}

figures.push(
  {
    id: 'fig-loss',
    available: () => seriesKeys('loss').length > 0,
    build(width) {
      const titleOf = (key) => (key === 'loss' ? 'Training loss' : `Training ${plain(key)}`);
      const { data, layout } = coursePanels('loss', 'unit', width, titleOf);
      axesOf(layout, 'yaxis').forEach((axis) => Object.assign(axis, { rangemode: 'tozero' }));
      return { data, layout };
    },
  },
  {
    id: 'fig-validation',
    available: () => seriesKeys('validation').length > 0,
    build(width) {
      const { data, layout } = coursePanels('validation', 'validation_unit', width, courseTitle);
      axesOf(layout, 'yaxis').forEach((axis) => Object.assign(axis, { rangemode: 'nonnegative' }));
      return { data, layout };
    },
  },
);
