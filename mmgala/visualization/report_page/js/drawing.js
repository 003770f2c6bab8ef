// Style and panel layout of all figures, and drawing them for screen and print.

const FONT = getComputedStyle(document.documentElement).fontFamily;
// Based on Okabe and Ito's sky blue and blue; small values are light.
const COLOUR_SCALE = [
  [0, '#f4f8fb'],
  [0.45, '#8cc4e8'],
  [0.75, '#0072b2'],
  [1, '#002a4a'],
];
const GREY = '#8a939c';
const TOP = 58;
const BOTTOM = 46;
const GAP = 66;
const PRINT_SCALE = 0.75;
let printing = false;
const touch = matchMedia('(pointer: coarse)').matches;

const axisStyle = () => ({
  automargin: true,
  gridcolor: '#e8ebee',
  linecolor: '#b9c1ca',
  showline: true,
  ticks: 'outside',
  tickcolor: '#b9c1ca',
  zeroline: false,
});
const logAxis = () => ({
  type: 'log',
  exponentformat: 'none',
  minorloglabels: 'complete',
  separatethousands: true,
});
const axisTitle = (text, standoff = 6) => ({ text, standoff, font: { size: 12.5 } });

// Paper is narrower than a screen and read from a shorter distance.
const columnsFor = (count, width, most = 3, least = 270) =>
  Math.max(
    1,
    Math.min(most, count, Math.floor(width / (printing ? PRINT_SCALE * least : least))),
  );

// A layout of panels with titles, in as many columns as fit the width.
//   columns: maximum; height: of a panel; gap: between rows; least: minimum panel width.
function panels(titles, width, { columns = 3, height = 300, gap = 86, least = 270 } = {}) {
  const across = columnsFor(titles.length, width, columns, least);
  const down = Math.max(1, Math.ceil(titles.length / across));
  const inner = {
    x: Math.max(width - 90, 200),
    y: down * height * (printing ? PRINT_SCALE : 1) + (down - 1) * gap,
  };
  const gaps = { x: GAP, y: gap };
  const part = (count, index, axis) => {
    const between = count > 1 ? gaps[axis] / inner[axis] : 0;
    const size = (1 - between * (count - 1)) / count;
    return [index * (size + between), index * (size + between) + size];
  };
  const layout = { ...baseLayout(width, inner.y), meta: { across } };
  titles.forEach((title, p) => {
    const x = part(across, p % across, 'x');
    const y = part(down, down - 1 - Math.floor(p / across), 'y');
    layout[name('xaxis', p)] = { ...axisStyle(), domain: x, anchor: name('y', p) };
    layout[name('yaxis', p)] = { ...axisStyle(), domain: y, anchor: name('x', p) };
    if (title) layout.annotations.push(panelTitle(title, x[0], y[1]));
  });
  return layout;
}

const name = (axis, panel) => (panel === 0 ? axis : `${axis}${panel + 1}`);
const onPanel = (panel) => ({ xaxis: name('x', panel), yaxis: name('y', panel) });
const axesOf = (layout, which) =>
  Object.keys(layout)
    .filter((key) => key.startsWith(which))
    .map((key) => layout[key]);

function baseLayout(width, inner) {
  return {
    width,
    height: inner + TOP + BOTTOM,
    margin: { l: 60, r: 14, t: TOP, b: BOTTOM, pad: 0 },
    font: { family: FONT, size: 12.5, color: '#39424b' },
    paper_bgcolor: '#fff',
    plot_bgcolor: '#fff',
    hovermode: 'closest',
    dragmode: touch ? false : 'zoom',
    hoverlabel: {
      align: 'left',
      bgcolor: '#fff',
      bordercolor: '#8a939c',
      namelength: -1,
      font: { family: FONT, size: 12.5, color: '#1c2024' },
    },
    legend: {
      orientation: 'h',
      x: 0,
      xanchor: 'left',
      y: 1 + 26 / inner,
      yanchor: 'bottom',
      itemclick: false,
      itemdoubleclick: false,
    },
    modebar: { bgcolor: 'rgba(255,255,255,0)', color: '#a9b1b9', activecolor: '#39424b' },
    annotations: [],
    shapes: [],
    uirevision: `${chosen.order} ${[...chosen.groups]}`,
  };
}

const panelTitle = (text, x, y) => ({
  text: `<b>${text}</b>`,
  x,
  y,
  xref: 'paper',
  yref: 'paper',
  xanchor: 'left',
  yanchor: 'bottom',
  yshift: 4,
  showarrow: false,
  font: { size: 12.5, color: '#1c2024' },
});

// A dashed reference line across a panel: balanced, uniform or calibrated.
const levelLine = (panel, value) => ({
  type: 'line',
  xref: `${name('x', panel)} domain`,
  yref: name('y', panel),
  x0: 0,
  x1: 1,
  y0: value,
  y1: value,
  layer: 'below',
  line: { color: GREY, width: 1.2, dash: 'dash' },
});

const runTitle = (i) => plain(shortened(runs[i].name, 40));
const runTrace = (i) => ({
  name: plain(shortened(runs[i].name, 40)),
  meta: { run: i },
  legendgroup: `run ${i}`,
});

const CONFIG = {
  displaylogo: false,
  // No data leaves the page: disable the upload button and its URL.
  showSendToCloud: false,
  showEditInChartStudio: false,
  showLink: false,
  plotlyServerURL: '',
  responsive: false,
  modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d', 'zoomIn2d', 'zoomOut2d'],
};
const PRINT_WIDTH = 680; // A4 without margins, at 96 pixels per inch

// More points than SVG handles smoothly.
const MANY_POINTS = 3000;
let webgl = (() => {
  const context = document.createElement('canvas').getContext('webgl');
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return context !== null;
})();
const scatterType = (points) => (webgl && points > MANY_POINTS ? 'scattergl' : 'scatter');

// Each run or group appears once in a legend, by its first eligible trace.
function setLegend(data) {
  const there = new Set();
  for (const trace of data) {
    trace.showlegend = trace.showlegend !== false && !there.has(trace.legendgroup);
    if (trace.showlegend) there.add(trace.legendgroup);
  }
}

const WIDE_RANGE = 5; // from which the labels 0.8, 0.9 and 1 would cover each other

// Labels at 1, 2, 5, 10, ... where there is no room for all digits.
function spaceLogTicks(data, layout) {
  for (const key of Object.keys(layout)) {
    if (!key.startsWith('yaxis') || layout[key].type !== 'log') continue;
    const axis = key.replace('axis', '');
    const values = data
      .filter((trace) => (trace.yaxis ?? 'y').replace('axis', '') === axis)
      .flatMap(({ y }) => y.filter((v) => v > 0));
    const ends = values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [
      Infinity,
      0,
    ]);
    if (ends[1] > WIDE_RANGE * ends[0]) layout[key].dtick = 'D2';
  }
}

const MOST_IN_LEGENDS = 12; // entries; more are listed once in each section

// A legend that does not fit on one line would cover the panels: it stands above the figure.
function legendAbove(div, data, width) {
  div.parentElement.querySelector('.legend')?.remove();
  const entries = data.filter(({ showlegend }) => showlegend);
  const letters = entries.reduce((sum, { name: text }) => sum + text.length, 0);
  if (entries.length < 2 || 7 * letters + 52 * entries.length < width - 60) return false;
  const first = div.closest('section').querySelector('.plot') === div;
  if (entries.length > MOST_IN_LEGENDS && !first) return true;
  const legend = element(
    'p',
    { className: 'legend' },
    entries.map(({ meta, name: text, marker, line }) => {
      const dot = element('span', { className: 'dot' });
      dot.style.background = marker?.color ?? line?.color;
      const label = meta?.group ? text : runs[meta.run].name;
      return element('span', { className: 'run-label' }, [dot, element('span', { text: label })]);
    }),
  );
  div.before(legend);
  return true;
}

const figures = []; // { id, available, build(width) -> { data, layout } }
let round = 0;

function draw({ id, build }) {
  const div = document.getElementById(id);
  const { data, layout } = build(printing ? PRINT_WIDTH : div.clientWidth);
  setLegend(data);
  spaceLogTicks(data, layout);
  if (legendAbove(div, data, layout.width)) layout.showlegend = false;
  Plotly.react(div, data, layout, { ...CONFIG, displayModeBar: touch ? false : 'hover' });
  if (div.dataset.drawn) return;
  div.dataset.drawn = 'true';
  div.on('plotly_webglcontextlost', () => {
    if (!webgl) return;
    webgl = false; // no WebGL context left: draw as SVG
    drawAll();
  });
}

function distanceFromView({ id }) {
  const { top, bottom } = document.getElementById(id).getBoundingClientRect();
  return Math.max(top - innerHeight, -bottom, 0);
}

// Draw all figures, visible ones first; a later call replaces an earlier one.
async function drawAll() {
  round += 1;
  const mine = round;
  document.documentElement.dataset.state = 'drawing';
  const order = figures
    .map((figure) => ({ figure, distance: distanceFromView(figure) }))
    .sort((a, b) => a.distance - b.distance);
  for (const { figure } of order) {
    draw(figure);
    await new Promise((resolve) => {
      setTimeout(resolve);
    });
    if (mine !== round) return;
  }
  document.documentElement.dataset.state = 'ready';
}

// Print has a fixed width and shows all figures at once.
function setPrinting(value) {
  if (printing === value) return;
  printing = value;
  figures.forEach(draw);
  for (const wide of document.querySelectorAll('.scroll table')) {
    wide.style.zoom = value ? Math.min(1, PRINT_WIDTH / wide.scrollWidth) : '';
  }
}
