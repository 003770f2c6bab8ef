// Accuracy, gradient ratio and class mass of each class.

// A logarithmic axis cannot show 0 samples.
const onLogAxis = (count) => (count > 0 ? count : 0.5);

figures.push({
  id: 'fig-accuracy',
  available: () => anyRunHas('accuracy'),
  build(width) {
    const layout = panels([''], width, { height: 380 });
    Object.assign(layout.xaxis, logAxis(), {
      title: axisTitle('training samples of the class'),
    });
    Object.assign(layout.yaxis, {
      title: axisTitle(`accuracy, ${KINDS[chosen.kind]} (%)`),
      range: [-4, 108],
    });
    markLimits(layout);
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
function markLimits(layout) {
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
      { key: 'theta', title: 'θ, positive gradient of the whole training' },
    ];
    return classPanels(parts, width, { height: 230 });
  },
});

figures.push({
  id: 'fig-mass',
  available: () => anyRunHas('mass'),
  build(width) {
    const title = `Class mass, ${KINDS[chosen.kind]} predictions`;
    return classPanels([{ key: 'mass', title, label: 'class mass', level: 1 }], width, {
      height: 300,
    });
  },
});

// Stacked panels with the classes along a common axis.
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
