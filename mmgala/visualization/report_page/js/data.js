// Data of the report, selections on the page, and formatting of numbers and names.

const report = JSON.parse(document.getElementById('report-data').textContent);
window.report = report;
const { classes, runs, methods, metric_names: metricNames } = report;
const palette = JSON.parse(document.body.dataset.colours);
const ALL_GROUPS = ['many', 'medium', 'few'];
const GROUPS = ALL_GROUPS.filter((g) => classes.some((c) => c.group === g));
// Neighbours differ in grey print too, as in gradient_plots.py.
const GROUP_COLOURS = { many: palette[0], medium: palette[3], few: palette[2] };
const KIND_NAMES = { raw: 'raw', rebalanced: 're-balanced' };

const chosen = {
  runs: new Set(runs.keys()),
  groups: new Set(GROUPS),
  order: 'count',
  kind: 'raw',
};
const chosenRuns = () => [...runs.keys()].filter((i) => chosen.runs.has(i));
const chosenGroups = () => GROUPS.filter((g) => chosen.groups.has(g));

// Seeds of a method share its colour and symbol.
const methodOf = runs.map((_, i) => methods.findIndex((m) => m.runs.includes(i)));

// Up to three methods get clearly distinct colours, as in class_plots.py.
const methodColour = (m) =>
  methods.length <= 3 ? palette[2 * m] : palette[m % palette.length];
const runColour = (i) => methodColour(methodOf[i]);

// Methods differ by their symbols in grey print, and where colours are used again.
const SYMBOLS = ['circle', 'square', 'diamond', 'triangle-up', 'triangle-down', 'cross'];
const symbolOf = (m) => SYMBOLS[(m + Math.floor(m / palette.length)) % SYMBOLS.length];
const runSymbol = (i) => symbolOf(methodOf[i]);

const runLine = (i, width) => ({
  color: runColour(i),
  width,
  dash: methodOf[i] < palette.length ? 'solid' : 'dash',
});

// One value per class of a run; undefined if the run does not have them.
const CLASS_VALUES = {
  accuracy: (run) => run.predictions?.[chosen.kind].class_accuracy,
  marginal: (run) => run.predictions?.[chosen.kind].class_mass,
  theta: (run) => run.gradients?.pos_grad,
  ratio: (run) => run.gradients?.ratio,
  ratioTotal: (run) => run.gradients?.ratio_total,
  shares: (run) => run.gradients?.source_shares,
  own: (run) => run.vectors?.own_similarity,
  other: (run) => run.vectors?.other_similarity,
  norm: (run) => run.vectors?.norm,
  bias: (run) => run.vectors?.bias,
};
const valuesOf = (key, i) => CLASS_VALUES[key](runs[i]) ?? null;
const anyRunHas = (key) => runs.some((run) => CLASS_VALUES[key](run));
const runsWith = (key) => chosenRuns().filter((i) => valuesOf(key, i));

const sizeOf = (group) =>
  classes.filter((c) => c.group === group).length.toLocaleString('en');

const isNumber = (value) => typeof value === 'number';
const NUMBERS = new Intl.NumberFormat('en', { maximumSignificantDigits: 5 });
const SHORT = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const number = (value) => (isNumber(value) ? NUMBERS.format(value) : '–');
const short = (value) => (isNumber(value) ? SHORT.format(value) : '–');
const fixed = (value) => (isNumber(value) ? value.toFixed(3) : '–');
const percent = (value) => (isNumber(value) ? `${value.toFixed(1)}%` : '–');
const counted = (n, one, several = `${one}s`) =>
  `${n.toLocaleString('en')} ${n === 1 ? one : several}`;

// Escape text, because Plotly interprets it as markup.
const plain = (text) =>
  String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const shortened = (text, length) =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;

const hoverTexts = new Map();

// Hover texts of the classes, the same in all figures.
function describeClasses(i) {
  const key = `${i} ${chosen.kind}`;
  if (!hoverTexts.has(key))
    hoverTexts.set(
      key,
      classes.map((_, c) => describeClass(i, c)),
    );
  return hoverTexts.get(key);
}

function describeClass(i, c) {
  const { name, count, group } = classes[c];
  const lines = [
    `<b>${plain(shortened(name, 60))}</b>`,
    `${counted(count, 'training sample')}, ${group}-shot`,
  ];
  if (runs.length > 1) lines.push(`run: ${plain(shortened(runs[i].name, 60))}`);
  const add = (label, key, form) => {
    const values = valuesOf(key, i);
    if (values) lines.push(`${label}: ${form(values[c])}`);
  };
  add(`accuracy (${KIND_NAMES[chosen.kind]})`, 'accuracy', percent);
  add('θ (positive gradient)', 'theta', number);
  add('gradient ratio', 'ratio', number);
  return lines.join('<br>');
}

// Orders of the classes: by a property of the class (`key`), or by a value of the first
// selected run (`values`), largest first. Classes without a value come last.
const ORDERS = {
  count: {
    title: 'training samples',
    label: 'most training samples first',
    key: () => (c) => -classes[c].count,
  },
  accuracy: { title: 'accuracy', label: 'highest accuracy first', values: 'accuracy' },
  ratio: {
    title: 'gradient ratio',
    label: 'highest gradient ratio first',
    values: 'ratio',
  },
  name: { title: 'name', label: 'by name', key: () => (c) => classes[c].name },
  index: { title: 'class index', label: 'by index', key: () => (c) => c },
};

function orderKey() {
  const order = ORDERS[chosen.order];
  if (order.key) return order.key();
  const [first] = runsWith(order.values);
  const values = first === undefined ? null : valuesOf(order.values, first);
  return (c) => (isNumber(values?.[c]) ? -values[c] : null);
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === 'string') return a.localeCompare(b, 'en', { numeric: true });
  return a - b;
}

let classOrder = [];

// Indices of the classes of the selected groups, in the selected order; ties by index.
function sortClasses() {
  const key = orderKey();
  const keys = classes.map((_, c) => key(c));
  classOrder = [...classes.keys()]
    .filter((c) => chosen.groups.has(classes[c].group))
    .sort((a, b) => compare(keys[a], keys[b]) || a - b);
}
