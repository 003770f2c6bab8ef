"""Page object for an opened report."""

DRAWN = 'html[data-state=ready]'
LIMIT = 60_000  # milliseconds, enough for any action on a busy machine

READ = """id => document.getElementById(id).data.map(
  ({ name, meta, type, x, y, z, width }) => ({ name, meta, type, x, y, z, width }))"""
# Screen position of a point of a trace.
PLACE = """([id, trace, index]) => {
  const div = document.getElementById(id);
  const { x, y, xaxis, yaxis } = div.data[trace];
  const full = div._fullLayout;
  const [ax, ay] = [xaxis, yaxis].map(
    (axis, k) => full[axis ? `${axis[0]}axis${axis.slice(1)}` : 'xy'[k] + 'axis']);
  let box = div.getBoundingClientRect();
  scrollBy(0, box.top + ay._offset + ay.c2p(y[index]) - innerHeight / 2);
  box = div.getBoundingClientRect();
  return {
    x: box.left + ax._offset + ax.c2p(x[index]),
    y: box.top + ay._offset + ay.c2p(y[index]),
  };
}"""

# Current selection in the controls and the table header.
CHOSEN = """() => [
  ...[...document.querySelectorAll('#control-form input')].map(e => e.checked),
  document.querySelector('#choose-order')?.value,
  document.querySelector('#search')?.value,
  ...[...document.querySelectorAll('#class-table th')].map(e => e.ariaSort),
]"""


class ReportPage:
    """A page that records its errors.

    Attributes:
        page: page of Playwright.
        faults: errors, and requests for anything but local files.
    """

    def __init__(self, context):
        self.context = context
        self.page = context.new_page()
        self.page.set_default_timeout(LIMIT)
        self.faults = []
        self.page.on('pageerror', lambda error: self.faults.append(str(error)))
        self.page.on('console', self._note_message)
        self.page.on('request', self._note_request)

    def _note_message(self, message):
        if message.type == 'error':
            self.faults.append(message.text)

    def _note_request(self, request):
        if not request.url.startswith(('file://', 'data:', 'blob:')):
            self.faults.append(f'request: {request.url}')

    def open(self, path, script=None):
        """Load a file and wait for its figures."""
        if script:
            self.page.add_init_script(script)
        self.page.goto(path.as_uri())
        self.settle()
        self.first = self.run(CHOSEN)

    def close(self):
        self.context.close()

    def settle(self):
        """Wait until all figures are drawn."""
        self.page.wait_for_selector(DRAWN, state='attached')

    def run(self, script, argument=None):
        return self.page.evaluate(script, argument)

    @property
    def report(self):
        return self.run('() => window.report')

    def traces(self, figure, **meta):
        """Plotly's traces of a figure whose meta has these values, without trends."""
        wanted = {'trend': None, **meta}
        return [
            trace
            for trace in self.run(READ, figure)
            if all((trace['meta'] or {}).get(k) == v for k, v in wanted.items())
        ]

    def hover(self, figure, trace, index):
        """Hover text of a point."""
        place = self.run(PLACE, [figure, trace, index])
        self.page.mouse.move(place['x'] - 25, place['y'] - 25)
        self.page.mouse.move(place['x'], place['y'])
        return self._hover_text(figure)

    def hover_cell(self, figure, panel, row, column):
        """Hover text of a cell of a heat map with ten rows and columns."""
        area = self.page.locator(f'#{figure} .nsewdrag').nth(panel)
        area.evaluate('element => element.scrollIntoView({ block: "center" })')
        box = area.bounding_box()
        x = box['x'] + box['width'] * (column + 0.5) / 10
        y = box['y'] + box['height'] * (row + 0.5) / 10
        self.page.mouse.move(x - 5, y - 5)
        self.page.mouse.move(x, y)
        return self._hover_text(figure)

    def _hover_text(self, figure):
        label = self.page.locator(f'#{figure} .hoverlayer .hovertext').first
        label.wait_for()
        return ' '.join(label.locator('text').all_text_contents())

    def reset(self):
        """Restore the initial selection if it has changed, as clicks take time."""
        self.page.mouse.move(0, 0)
        if self.run(CHOSEN) == self.first:
            return
        for box in self.page.locator('#control-form [type=checkbox]').all():
            box.check()
        self.page.locator('[name=kind]').first.check()
        select = self.page.locator('#choose-order')
        if select.input_value() != 'count':
            select.select_option('count')
        self.page.locator('#search').fill('')
        for _ in range(2):
            self.sort_by('name')
        while self.sort_by('count') != 'descending':
            pass
        self.settle()

    def check(self, group, label, on):
        """Set a checkbox or radio button of the controls."""
        box = self.page.get_by_role('group', name=group).get_by_label(label)
        box.set_checked(on)
        self.settle()

    def order(self, value):
        self.page.get_by_label('Order of classes').select_option(value)
        self.settle()

    def cells(self, column):
        """Texts of a column of the table of classes."""
        rows = self.page.locator('#class-table tbody tr')
        return [row.locator('td').nth(column).inner_text() for row in rows.all()]

    def sort_by(self, column, run=None):
        """Click on a column header; return its sort order."""
        which = f'[data-sort={column}]' + ('' if run is None else f'[data-run="{run}"]')
        self.page.locator(f'#class-table button{which}').click()
        return self.page.locator(f'#class-table th:has({which})').get_attribute(
            'aria-sort'
        )
