// Drawing of all figures, one after the other, for screen and print.

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

const figures = []; // { id, available, build(width) -> { data, layout } }
let round = 0;

function draw({ id, build }) {
  const div = document.getElementById(id);
  const { data, layout } = build(printing ? PRINT_WIDTH : div.clientWidth);
  setLegend(data);
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
