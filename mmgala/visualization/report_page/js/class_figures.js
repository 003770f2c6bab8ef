// Accuracy, gradients, predicted class marginal and class weight vectors by class.

// A logarithmic axis cannot show 0 samples.
const onLogAxis = (count) => (count > 0 ? count : 0.5);

figures.push({
  id: 'fig-accuracy',
  available: () => anyRunHas('accuracy'),
  build(width) {
    const layout = panels([''], width, { height: 380 });
    Object.assign(layout.xaxis, logAxis(), {
      title: axisTitle('training samples'),
    });
    Object.assign(layout.yaxis, {
      title: axisTitle(`test accuracy, ${KIND_NAMES[chosen.kind]} (%)`),
      range: [-4, 108],
    });
    markThresholds(layout);
    const order = [...classOrder].sort((a, b) => classes[a].count - classes[b].count);
    const data = runsWith('accuracy').flatMap((i) => {
      const values = valuesOf('accuracy', i);
      const texts = describeClasses(i);
      return pointTraces({
        i,
        key: 'accuracy',
        panel: 0,
        log: false,
        symbol: 'circle',
        x: order.map((c) => onLogAxis(classes[c].count)),
        y: order.map((c) => values[c]),
        texts: order.map((c) => texts[c]),
      });
    });
    return { data, layout };
  },
});

// Shade the medium-shot range and label the groups along the axis of counts.
function markThresholds(layout) {
  const { many, few } = report.limits;
  const counts = classes.map(({ count }) => onLogAxis(count));
  const [low, high] = [Math.min(...counts) / 1.3, Math.max(...counts) * 1.3];
  const edges = { few: [low, few], medium: [few, many], many: [many, high] };
  layout.xaxis.range = [Math.log10(low), Math.log10(high)];
  layout.shapes.push({
    type: 'rect',
    xref: 'x',
    yref: 'paper',
    x0: few,
    x1: many,
    y0: 0,
    y1: 1,
    layer: 'below',
    fillcolor: '#f3f5f7',
    line: { width: 0 },
  });
  for (const group of GROUPS) {
    const [from, to] = edges[group];
    layout.annotations.push({
      ...groupLabel(group),
      x: (Math.log10(Math.max(from, low)) + Math.log10(Math.min(to, high))) / 2,
      y: 1,
      xref: 'x',
      yref: 'paper',
    });
  }
}

figures.push({
  id: 'fig-ratio',
  available: () => anyRunHas('ratio'),
  build(width) {
    const parts = [
      { key: 'ratio', title: 'Gradient ratio, last period', level: 1 },
      { key: 'ratioTotal', title: 'Gradient ratio, whole training', level: 1 },
      { key: 'theta', title: 'Summed positive gradient θ, whole training' },
    ];
    return classPanels(parts, width, { height: 230 });
  },
});

figures.push({
  id: 'fig-mass',
  available: () => anyRunHas('marginal'),
  build(width) {
    const title = `Predicted class marginal, ${KIND_NAMES[chosen.kind]} (1: uniform)`;
    const part = { key: 'marginal', title, label: 'predicted class marginal', level: 1 };
    return classPanels([part], width, { height: 300 });
  },
});

figures.push({
  id: 'fig-vectors',
  available: () => anyRunHas('own'),
  build(width) {
    const parts = [
      {
        key: 'own',
        title: 'Own-class (filled) and other-class (open) cosine similarity',
        label: 'own-class similarity',
        log: false,
        more: [
          {
            key: 'other',
            label: 'other-class similarity',
            symbol: 'circle-open',
          },
        ],
      },
      { key: 'norm', title: 'Norm of the class weight vector', label: 'norm', log: false },
    ];
    if (anyRunHas('bias')) {
      parts.push({ key: 'bias', title: 'Bias of the class', label: 'bias', log: false });
    }
    return classPanels(parts, width, { height: 240 });
  },
});

// Mean values of each shot group, as a table below the figure.
function drawVectorTable() {
  const columns = ['own_similarity', 'other_similarity', 'norm'];
  drawMethodTable(
    'vector-table',
    ['Classes', 'Own-class similarity', 'Other-class similarity', 'Norm'],
    {
      has: (run) => run.vectors,
      kinds: chosenGroups().map((group) => ({
        title: () => `${group}-shot`,
        numbers: ({ vectors: { groups } }) =>
          groups[group] && columns.map((key) => groups[group][key]),
      })),
      digits: 3,
    },
  );
}

parts.push({
  id: 'vector-table',
  available: () => anyRunHas('own'),
  update: drawVectorTable,
});

// Panels below each other, with the classes along a common axis.
function classPanels(wanted, width, { height }) {
  const parts = wanted.filter(({ key }) => runsWith(key).length > 0);
  const layout = panels(
    parts.map((part) => part.title),
    width,
    { columns: 1, height, gap: 46 },
  );
  const data = [];
  parts.forEach(({ key, label, level, log = true, more = [] }, panel) => {
    setClassAxis(layout, panel, { last: panel === parts.length - 1 });
    if (log) Object.assign(layout[name('yaxis', panel)], logAxis());
    if (level) layout.shapes.push(levelLine(panel, level));
    for (const i of runsWith(key)) {
      data.push(...classTraces(key, i, panel, { label, log }));
      for (const other of more)
        data.push(...classTraces(other.key, i, panel, { ...other, log }));
    }
  });
  return { data, layout };
}
