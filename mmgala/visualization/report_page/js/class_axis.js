// Figures with one value per class, in the selected order.

const MOST_NAMES = 30; // that fit on an axis
const MOST_WITHOUT_TREND = 100; // classes; a trend is drawn if there are more
const TREND_POINTS = 40;

function setClassAxis(layout, panel, { last = true } = {}) {
  const named = classOrder.length <= MOST_NAMES;
  const margin = 0.5 + 0.008 * classOrder.length;
  Object.assign(layout[name('xaxis', panel)], {
    range: [-margin, classOrder.length - 1 + margin],
    title: last ? axisTitle(`classes, ${ORDERS[chosen.order].label}`) : undefined,
    showticklabels: last,
    showgrid: false,
    ...(panel > 0 && { matches: 'x' }),
    ...(named && {
      tickvals: [...classOrder.keys()],
      ticktext: classOrder.map((c) => plain(shortened(classes[c].name, 16))),
    }),
  });
  if (chosen.order === 'count') markGroups(layout, panel);
}

// Shade the medium-shot classes and label the groups; their classes must be adjacent.
function markGroups(layout, panel) {
  let start = 0;
  for (const group of chosenGroups()) {
    const size = classOrder.filter((c) => classes[c].group === group).length;
    const edges = { x0: start - 0.5, x1: start + size - 0.5 };
    if (group === 'medium') {
      layout.shapes.push({
        type: 'rect',
        ...edges,
        xref: name('x', panel),
        yref: `${name('y', panel)} domain`,
        y0: 0,
        y1: 1,
        fillcolor: '#f3f5f7',
        line: { width: 0 },
        layer: 'below',
      });
    }
    layout.annotations.push({
      ...groupLabel(group),
      x: start + size / 2 - 0.5,
      y: 1,
      xref: name('x', panel),
      yref: `${name('y', panel)} domain`,
    });
    start += size;
  }
}

const groupLabel = (group) => ({
  text: group,
  yanchor: 'top',
  showarrow: false,
  font: { size: 11, color: GREY },
});

// Points of one run along the class axis, with a trend if there are many classes.
//   key: key of CLASS_VALUES; label: name of the value in the hover text.
function classTraces(key, i, panel, { label, log = false, symbol = 'circle' } = {}) {
  const values = valuesOf(key, i);
  const x = [...classOrder.keys()];
  const y = classOrder.map((c) => values[c]);
  const texts = describeClasses(i);
  return pointTraces({
    i,
    x,
    y,
    log,
    symbol,
    panel,
    key,
    texts: classOrder.map((c, position) =>
      label ? `${texts[c]}<br>${label}: ${number(y[position])}` : texts[c],
    ),
  });
}

function pointTraces({ i, x, y, texts, log, symbol, panel, key }) {
  const dense = x.length > MOST_WITHOUT_TREND;
  const open = symbol.endsWith('-open');
  const shape = symbol.replace('circle', runSymbol(i));
  const points = {
    ...runTrace(i),
    ...onPanel(panel),
    meta: { run: i, key, panel },
    ...(dense && { showlegend: false }),
    type: scatterType(x.length * chosenRuns().length),
    mode:
      !dense && chosen.order === 'count' && key !== 'accuracy'
        ? 'lines+markers'
        : 'markers',
    x,
    y,
    hovertext: texts,
    hoverinfo: 'text',
    line: { ...runLine(i, 1.3), ...(open && { dash: 'dot' }) },
    marker: {
      color: runColour(i),
      symbol: shape,
      size: dense ? (x.length > 1000 ? 3 : 5) : 8,
      opacity: dense ? (x.length > 1000 ? 0.25 : 0.45) : 0.9,
      ...(open && !dense && { line: { width: 1.6 } }),
    },
  };
  if (!dense) return [points];
  return [points, trendTrace({ i, x, y, log, panel, key, open })];
}

function trendTrace({ i, x, y, log, panel, key, open }) {
  const means = blockMeans(x, y, log);
  return {
    ...runTrace(i),
    ...onPanel(panel),
    type: 'scatter',
    mode: 'lines',
    x: means.map((m) => m.x),
    y: means.map((m) => m.y),
    hoverinfo: 'skip',
    line: { ...runLine(i, 2.6), ...(open && { dash: '4px,3px' }) },
    meta: { run: i, key, panel, trend: true },
  };
}

// Means of bins with about equally many classes along x; geometric on a log axis.
function blockMeans(x, y, log) {
  const points = x
    .map((v, k) => [v, y[k]])
    .filter(([, v]) => isNumber(v) && (!log || v > 0))
    .sort((a, b) => a[0] - b[0]);
  const least = Math.ceil(points.length / TREND_POINTS);
  const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const means = [];
  for (let start = 0, end; start < points.length; start = end) {
    end = start + least;
    // Points with equal x stay in one bin.
    while (end < points.length && points[end][0] === points[end - 1][0]) end += 1;
    const block = points.slice(start, end);
    const level = mean(block.map(([, v]) => (log ? Math.log(v) : v)));
    means.push({ x: mean(block.map(([v]) => v)), y: log ? Math.exp(level) : level });
  }
  return means;
}
