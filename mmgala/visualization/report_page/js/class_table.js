// The table of all classes, with search, sorting and pages.

const PAGE_SIZE = 25;
const table = { sort: 'count', run: null, descending: true, page: 0, search: '' };

const BASE_COLUMNS = [
  { key: 'name', label: 'Class', text: true, of: (c) => classes[c].name, format: (v) => v },
  { key: 'index', label: 'Index', of: (c) => c, format: (v) => v },
  {
    key: 'group',
    label: 'Shot group',
    text: true,
    of: (c) => GROUPS.indexOf(classes[c].group),
    format: (v) => GROUPS[v],
  },
  {
    key: 'count',
    label: 'Training samples',
    of: (c) => classes[c].count,
    format: (v) => v.toLocaleString('en'),
  },
];
const RUN_COLUMNS = [
  { key: 'accuracy', label: 'Accuracy', format: percent },
  { key: 'theta', label: 'θ', format: number },
  { key: 'ratio', label: 'Gradient ratio', format: fixed },
];
const ONE_RUN_COLUMNS = [
  // only if one run is selected, as they need space
  { key: 'marginal', label: 'Predicted marginal', format: fixed },
  { key: 'own', label: 'Own-class similarity', format: fixed },
  { key: 'other', label: 'Other-class similarity', format: fixed },
  { key: 'norm', label: 'Norm', format: fixed },
];

function runColumns() {
  const indices = chosenRuns();
  const columns =
    indices.length === 1 ? [...RUN_COLUMNS, ...ONE_RUN_COLUMNS] : RUN_COLUMNS;
  return indices.flatMap((i) =>
    columns
      .filter(({ key }) => valuesOf(key, i))
      .map((column) => {
        const values = valuesOf(column.key, i);
        return { ...column, run: i, of: (c) => values[c] };
      }),
  );
}

const isSorted = (column) =>
  column.key === table.sort && (column.run ?? null) === table.run;

function tableRows(columns) {
  const wanted = table.search.trim().toLowerCase();
  const matching = classOrder.filter(
    (c) => classes[c].name.toLowerCase().includes(wanted) || String(c) === wanted,
  );
  const column = columns.find(isSorted) ?? BASE_COLUMNS[3];
  const sign = table.descending ? -1 : 1;
  return matching.sort((a, b) => {
    const [x, y] = [column.of(a) ?? null, column.of(b) ?? null];
    // Classes without a value come last in both directions.
    return (x === null || y === null ? compare(x, y) : sign * compare(x, y)) || a - b;
  });
}

function drawClassTable() {
  const columns = [...BASE_COLUMNS, ...runColumns()];
  const rows = tableRows(columns);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_SIZE));
  table.page = Math.min(table.page, pages - 1);
  const start = table.page * PAGE_SIZE;
  const pageRows = rows.slice(start, start + PAGE_SIZE);
  document.getElementById('class-table').replaceChildren(
    element('thead', {}, headRows(columns)),
    element(
      'tbody',
      {},
      pageRows.map((c) =>
        element(
          'tr',
          {},
          columns.map((column) =>
            element('td', {
              text: column.format(column.of(c)),
              className: column.key === 'name' ? 'text name' : column.text ? 'text' : '',
            }),
          ),
        ),
      ),
    ),
  );
  const range = rows.length
    ? `${(start + 1).toLocaleString('en')}–${(start + pageRows.length).toLocaleString('en')} of `
    : '';
  document.getElementById('row-range').textContent =
    `${range}${rows.length.toLocaleString('en')}`;
  document.getElementById('previous').disabled = table.page === 0;
  document.getElementById('next').disabled = table.page >= pages - 1;
}

function headRows(columns) {
  const buttons = element('tr', {}, columns.map(headCell));
  if (runs.length === 1) return [buttons];
  const spans = chosenRuns().map((i) => [i, columns.filter(({ run }) => run === i).length]);
  return [
    element('tr', {}, [
      element('td', { colSpan: BASE_COLUMNS.length }),
      ...spans
        .filter(([, size]) => size)
        .map(([i, size]) =>
          element('th', { colSpan: size, scope: 'colgroup', className: 'run' }, [
            runLabel(i),
          ]),
        ),
    ]),
    buttons,
  ];
}

function headCell(column) {
  const sorted = isSorted(column);
  const button = element('button', { type: 'button', text: column.label });
  button.dataset.sort = column.key;
  if (column.run !== undefined) button.dataset.run = column.run;
  button.addEventListener('click', () => sortTable(column));
  const direction = table.descending ? 'descending' : 'ascending';
  const cell = element('th', { scope: 'col', className: column.text ? 'text' : '' }, [
    button,
  ]);
  cell.setAttribute('aria-sort', sorted ? direction : 'none');
  return cell;
}

function sortTable(column) {
  // Names ascend, numbers descend; a second click reverses the order.
  table.descending = isSorted(column)
    ? !table.descending
    : !column.text && column.key !== 'index';
  Object.assign(table, { sort: column.key, run: column.run ?? null, page: 0 });
  drawClassTable();
  const again = column.run === undefined ? '' : `[data-run="${column.run}"]`;
  document.querySelector(`#class-table [data-sort="${column.key}"]${again}`).focus();
}

function turnPage(step) {
  table.page += step;
  drawClassTable();
}

function buildTableControls() {
  const search = document.getElementById('search');
  search.addEventListener('input', () => {
    Object.assign(table, { search: search.value, page: 0 });
    drawClassTable();
  });
  document.getElementById('previous').addEventListener('click', () => turnPage(-1));
  document.getElementById('next').addEventListener('click', () => turnPage(1));
}

parts.push({
  id: 'class-table',
  start: buildTableControls,
  update() {
    table.page = 0;
    drawClassTable();
  },
});
