// Elements that several parts use. All text is set by textContent, so names are not parsed
// as markup.

// Parts of the page that are not figures: { id, available, start, update }. An element whose
// part is not available is removed with its frame (`figure`, `.scroll` or `.part`). `start`
// is called once, `update` whenever a control changes; both are optional.
const parts = [];

function element(tag, { text, ...properties } = {}, children = []) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  for (const [key, value] of Object.entries(properties)) {
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function dotOf(i) {
  const dot = element('span', { className: 'dot' });
  dot.style.background = runColour(i);
  return dot;
}

const runLabel = (i) =>
  element('span', { className: 'run-label' }, [
    dotOf(i),
    element('span', { text: runs[i].name }),
  ]);

// Rows: { label, first, className, cells }: an element or null in front of texts, of which
// the first `texts` are left-aligned.
function fillTable(id, titles, rows, texts = 1) {
  const side = (k) => (k < texts ? 'text' : '');
  document.getElementById(id).replaceChildren(
    element('thead', {}, [
      element(
        'tr',
        {},
        ['Method', ...titles].map((text, k) =>
          element('th', { text, scope: 'col', className: side(k - 1) }),
        ),
      ),
    ]),
    element(
      'tbody',
      {},
      rows.map(({ label, first, className = '', cells }) =>
        element('tr', { className: first ? 'first' : className }, [
          element('th', { scope: 'row' }, label ? [label] : []),
          ...cells.map((text, k) => element('td', { text, className: side(k) })),
        ]),
      ),
    ),
  );
}
