// Sources of negative gradient, as shares of the shot groups.

const MOST_BARS = 200;

figures.push({
  id: 'fig-shares',
  available: () => anyRunHas('shares'),
  build(width) {
    const shown = runsWith('shares');
    const layout = panels(shown.map(runTitle), width, { columns: 1, height: 200, gap: 46 });
    const data = [];
    shown.forEach((i, panel) => {
      setClassAxis(layout, panel, { last: panel === shown.length - 1 });
      Object.assign(layout[name('yaxis', panel)], {
        range: [0, 1],
        tickformat: '.0%',
        title: axisTitle('share given'),
        showgrid: false,
      });
      GROUPS.forEach((group) => data.push(shareTrace(i, group, panel)));
    });
    layout.annotations = layout.annotations.filter(({ text }) => !GROUPS.includes(text));
    layout.barmode = 'stack';
    return { data, layout };
  },
});

// Bars of single classes, or of equally many neighbours if there are too many classes.
function shareTrace(i, group, panel) {
  const column = ['many', 'medium', 'few'].indexOf(group);
  const shares = valuesOf('shares', i);
  const size = Math.max(1, Math.ceil(classOrder.length / MOST_BARS));
  const starts = [];
  for (let start = 0; start < classOrder.length; start += size) starts.push(start);
  const blocks = starts.map((start) => classOrder.slice(start, start + size));
  const y = blocks.map((block) => {
    const known = block.map((c) => shares[c]?.[column]).filter(isNumber);
    return known.length ? known.reduce((sum, v) => sum + v, 0) / known.length : null;
  });
  return {
    ...onPanel(panel),
    type: 'bar',
    name: `from ${group}-shot samples`,
    meta: { run: i, group, panel },
    legendgroup: group,
    x: starts.map((start, k) => start + (blocks[k].length - 1) / 2),
    width: blocks.map((block) => (size > 1 ? block.length : 0.85)),
    y,
    hovertext: blocks.map(
      (block, k) =>
        `${describeBin(block, i)}<br>negative gradient from ${group}-shot samples: ` +
        `${percent(isNumber(y[k]) ? 100 * y[k] : null)}`,
    ),
    hoverinfo: 'text',
    marker: { color: GROUP_COLOURS[group], line: { width: 0 } },
  };
}
