// The table of all classes, with pagination.

const ROWS = 25;
const table = { sort: 'count', run: null, descending: true, page: 0, search: '' };

const BASE_COLUMNS = [
  { key: 'name', label: 'Class', text: true, of: (c) => classes[c].name, show: (v) => v },
  { key: 'index', label: 'Index', of: (c) => c, show: (v) => v },
  {
    key: 'group',
    label: 'Group',
    text: true,
    of: (c) => GROUPS.indexOf(classes[c].group),
    show: (v) => GROUPS[v],
  },
  {
    key: 'count',
    label: 'Samples',
    of: (c) => classes[c].count,
    show: (v) => v.toLocaleString('en'),
  },
];
const RUN_COLUMNS = [
  { key: 'accuracy', label: 'Accuracy', show: percent },
  { key: 'theta', label: 'θ', show: number },
  { key: 'ratio', label: 'Ratio', show: fixed },
];
const ONE_RUN_COLUMNS = [
  // only for a single run, as they need space
  { key: 'mass', label: 'Mass', show: fixed },
  { key: 'own', label: 'Own similarity', show: fixed },
  { key: 'other', label: 'Other similarity', show: fixed },
  { key: 'norm', label: 'Length', show: fixed },
];

function runColumns() {
  const shown = chosenRuns();
  const wanted = shown.length === 1 ? [...RUN_COLUMNS, ...ONE_RUN_COLUMNS] : RUN_COLUMNS;
  return shown.flatMap((i) =>
    wanted
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
  const found = classOrder.filter(
    (c) => classes[c].name.toLowerCase().includes(wanted) || String(c) === wanted,
  );
  const column = columns.find(isSorted) ?? BASE_COLUMNS[3];
  const sign = table.descending ? -1 : 1;
  return found.sort((a, b) => {
    const [x, y] = [column.of(a) ?? null, column.of(b) ?? null];
    // Classes without a value come last in both directions.
    return (x === null || y === null ? compare(x, y) : sign * compare(x, y)) || a - b;
  });
}

function drawClassTable() {
  const columns = [...BASE_COLUMNS, ...runColumns()];
  const rows = tableRows(columns);
  const pages = Math.max(1, Math.ceil(rows.length / ROWS));
  table.page = Math.min(table.page, pages - 1);
  const start = table.page * ROWS;
  const shown = rows.slice(start, start + ROWS);
  document.getElementById('class-table').replaceChildren(
    element('thead', {}, headRows(columns)),
    element(
      'tbody',
      {},
      shown.map((c) =>
        element(
          'tr',
          {},
          columns.map((column) =>
            element('td', {
              text: column.show(column.of(c)),
              className: column.key === 'name' ? 'text name' : column.text ? 'text' : '',
            }),
          ),
        ),
      ),
    ),
  );
  const range = rows.length
    ? `${(start + 1).toLocaleString('en')}–${(start + shown.length).toLocaleString('en')} of `
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
