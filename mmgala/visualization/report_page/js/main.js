// Controls, and redrawing when they change.

function checkbox(checked, children, change) {
  const input = element('input', { type: 'checkbox', checked });
  input.addEventListener('change', () => {
    change(input.checked);
    update();
  });
  return element('label', {}, [input, ...children]);
}

function toggle(set, value, on) {
  if (on) set.add(value);
  else set.delete(value);
}

function buildControls() {
  document
    .getElementById('choose-runs')
    .append(
      ...runs.map((run, i) =>
        checkbox(true, [runLabel(i)], (on) => toggle(chosen.runs, i, on)),
      ),
    );
  document
    .getElementById('choose-groups')
    .append(
      ...GROUPS.map((group) =>
        checkbox(
          true,
          [group, element('span', { className: 'size', text: sizeOf(group) })],
          (on) => toggle(chosen.groups, group, on),
        ),
      ),
    );
  const orders = Object.keys(ORDERS).filter(
    (key) => !ORDERS[key].values || anyRunHas(ORDERS[key].values),
  );
  const select = document.getElementById('choose-order');
  select.append(
    ...orders.map((key) =>
      element('option', {
        value: key,
        text: ORDERS[key].title,
        title: `${ORDERS[key].label}${ORDERS[key].values ? ' (of the first selected run)' : ''}`,
      }),
    ),
  );
  select.addEventListener('change', () => {
    chosen.order = select.value;
    update();
  });
  document.getElementById('choose-kind').hidden = !anyPredictions();
  document.querySelectorAll('[name=kind]').forEach((radio) => {
    radio.addEventListener('change', () => {
      chosen.kind = radio.value;
      update();
    });
  });
  document
    .getElementById('control-form')
    .addEventListener('submit', (event) => event.preventDefault());
}

// Remove figures and other parts without data, and sections that are left empty.
function leaveOutWhatIsMissing() {
  for (const list of [figures, parts]) {
    const there = ({ available = () => true }) => available();
    for (const { id } of list.filter((part) => !there(part))) {
      document.getElementById(id).closest('figure, .scroll, .part').remove();
    }
    list.splice(0, list.length, ...list.filter(there));
  }
  document.querySelectorAll('main section').forEach((section) => {
    if (!section.querySelector('figure, .scroll, .part')) section.remove();
  });
  for (const [note, least] of [
    ['many-classes', MOST_WITHOUT_TREND],
    ['many-bars', MOST_BARS],
  ]) {
    document.querySelectorAll(`.${note}`).forEach((span) => {
      span.hidden = classes.length <= least;
    });
  }
}

function update() {
  sortClasses();
  for (const { update: updatePart } of parts) updatePart?.();
  drawAll();
}

function followSize() {
  let width = innerWidth;
  let waiting;
  addEventListener('resize', () => {
    const changed = innerWidth !== width; // a phone's toolbar changes the height only
    width = innerWidth;
    if (!changed || printing) return;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
  addEventListener('beforeprint', () => setPrinting(true));
  addEventListener('afterprint', () => setPrinting(false));
  matchMedia('print').addEventListener('change', ({ matches }) => setPrinting(matches));
}

document.getElementById('controls').open = innerWidth > 640;
leaveOutWhatIsMissing();
buildControls();
for (const { start } of parts) start?.();
followSize();
update();
