// Confusion of shot groups, strength of re-balancing, and reliability.

const predictionsOf = (i) => runs[i].predictions?.[chosen.kind] ?? null;
const anyPredictions = () => runs.some((run) => run.predictions);
const runsWithPredictions = () => chosenRuns().filter(predictionsOf);

figures.push({
  id: 'fig-confusion',
  available: () => anyPredictions(),
  build(width) {
    const indices = runsWithPredictions();
    const layout = panels(indices.map(runTitle), width, { columns: 3, height: 230 });
    axesOf(layout, 'xaxis').forEach((axis) => {
      Object.assign(axis, {
        title: axisTitle('predicted shot group'),
        showgrid: false,
        type: 'category',
      });
    });
    axesOf(layout, 'yaxis').forEach((axis, panel) => {
      Object.assign(axis, { showgrid: false, type: 'category', autorange: 'reversed' });
      if (panel % layout.meta.across === 0) axis.title = axisTitle('true shot group');
    });
    layout.coloraxis = { cmin: 0, cmax: 100, colorscale: COLOUR_SCALE, showscale: false };
    return { data: indices.map(confusionTrace), layout };
  },
});

function confusionTrace(i, panel) {
  const { groups, values } = predictionsOf(i).confusion;
  const visible = [...groups.keys()].filter((k) => chosen.groups.has(groups[k]));
  return {
    ...runTrace(i),
    ...onPanel(panel),
    showlegend: false,
    type: 'heatmap',
    x: visible.map((k) => groups[k]),
    y: visible.map((k) => groups[k]),
    z: visible.map((row) => visible.map((column) => values[row][column])),
    texttemplate: '%{z:.1f}%',
    hovertext: visible.map((row) =>
      visible.map(
        (column) =>
          `${runTitle(i)}<br>${groups[row]}-shot, predicted as ${groups[column]}-shot: ` +
          percent(values[row][column]),
      ),
    ),
    hoverinfo: 'text',
    xgap: 2,
    ygap: 2,
    coloraxis: 'coloraxis',
  };
}

const tauTitle = (key) =>
  GROUPS.includes(key) ? groupTitle(key) : sentenceCase(metricNames[key]);

figures.push({
  id: 'fig-tau',
  available: () => anyPredictions(),
  build(width) {
    const keys = ['top1', 'class_mean', ...chosenGroups()].filter((key) =>
      chosenRuns().some((i) => runs[i].predictions?.tau_curve[key]),
    );
    const layout = panels(keys.map(tauTitle), width, { columns: 3, height: 220 });
    const data = [];
    keys.forEach((key, panel) => {
      layout[name('xaxis', panel)].title = axisTitle('strength of re-balancing τ');
      layout[name('yaxis', panel)].ticksuffix = '%';
      for (const i of chosenRuns()) {
        const { tau, tau_curve: curve } = runs[i].predictions ?? {};
        if (!curve?.[key]) continue;
        data.push(tauTrace(i, key, panel, curve));
        layout.shapes.push(tauLine(i, panel, tau));
      }
    });
    return { data, layout };
  },
});

const tauTrace = (i, key, panel, curve) => ({
  ...runTrace(i, panel === 0),
  ...onPanel(panel),
  meta: { run: i, key, panel },
  type: 'scatter',
  mode: 'lines+markers',
  x: curve.tau,
  y: curve[key],
  hovertext: curve.tau.map(
    (tau, k) => `${runTitle(i)}<br>τ = ${number(tau)}: ${percent(curve[key][k])}`,
  ),
  hoverinfo: 'text',
  line: runLine(i, 2),
  marker: { color: runColour(i), size: 4 },
});

const tauLine = (i, panel, tau) => ({
  type: 'line',
  xref: name('x', panel),
  yref: `${name('y', panel)} domain`,
  x0: tau,
  x1: tau,
  y0: 0,
  y1: 1,
  layer: 'below',
  line: { color: runColour(i), width: 1.2, dash: 'dot' },
});

figures.push({
  id: 'fig-reliability',
  available: () => anyPredictions(),
  build(width) {
    const kind = KIND_NAMES[chosen.kind];
    const layout = panels([`Reliability, ${kind}`, 'Test samples by confidence'], width, {
      columns: 2,
      height: 320,
      least: 320,
    });
    axesOf(layout, 'xaxis').forEach((axis) => {
      Object.assign(axis, {
        title: axisTitle('confidence (largest score)'),
        range: [0, 1.02],
        tickformat: '.0%',
      });
    });
    Object.assign(layout.yaxis, {
      title: axisTitle('accuracy'),
      range: [0, 1.02],
      tickformat: '.0%',
    });
    Object.assign(layout.yaxis2, { title: axisTitle('test samples'), rangemode: 'tozero' });
    layout.shapes.push({
      type: 'line',
      xref: 'x',
      yref: 'y',
      x0: 0,
      y0: 0,
      x1: 1,
      y1: 1,
      layer: 'below',
      line: { color: GREY, width: 1.2, dash: 'dash' },
    });
    return { data: runsWithPredictions().flatMap(reliabilityTraces), layout };
  },
});

function reliabilityTraces(i) {
  const { confidence, accuracy, count } = predictionsOf(i).reliability;
  const filled = [...count.keys()].filter((k) => count[k] > 0 && isNumber(confidence[k]));
  return [accuracy, count].map((values, panel) => ({
    ...runTrace(i),
    ...onPanel(panel),
    meta: { run: i, key: ['accuracy', 'count'][panel], panel },
    type: 'scatter',
    mode: 'lines+markers',
    x: filled.map((k) => confidence[k]),
    y: filled.map((k) => values[k]),
    hovertext: filled.map(
      (k) =>
        `${runTitle(i)}<br>confidence ${percent(100 * confidence[k])}<br>accuracy ` +
        `${percent(100 * accuracy[k])}<br>${counted(count[k], 'test sample')}`,
    ),
    hoverinfo: 'text',
    line: runLine(i, 2),
    marker: { color: runColour(i), size: 6 },
  }));
}
