// Sources of the negative gradient: the matrix of classes, and shares of shot groups.

const MOST_BARS = 200;

const matrixOf = (i) => runs[i].gradients?.matrix ?? null;

figures.push({
  id: 'fig-matrix',
  available: () => runs.some((_, i) => matrixOf(i)),
  build(width) {
    const indices = chosenRuns().filter(matrixOf);
    const ticks = indices.map((i) => binTicks(i, 14));
    const layout = panels(indices.map(runTitle), width, {
      height: matrixHeight(indices.length, width),
      gap: (ticks.some((t) => t.tickvals) ? 170 : 86) + (printing ? 40 : 0),
    });
    axesOf(layout, 'xaxis').forEach((axis, panel) =>
      Object.assign(axis, {
        title: axisTitle('source class'),
        showgrid: false,
        ...ticks[panel],
      }),
    );
    axesOf(layout, 'yaxis').forEach((axis, panel) => {
      const first = panel % layout.meta.across === 0;
      Object.assign(axis, {
        range: [classOrder.length - 0.5, -0.5],
        showgrid: false,
        showticklabels: first,
        ...(first && { title: axisTitle('receiving class') }),
        ...ticks[panel],
      });
    });
    const maps = indices.map(matrixTrace);
    const all = maps.flatMap((map) => map.z.flat()).filter(isNumber);
    layout.coloraxis = logColours(all);
    // Above the panel titles; y = 1 is the top of the panels.
    const inner = layout.height - layout.margin.t - layout.margin.b;
    layout.coloraxis.colorbar.y = 1 + 20 / inner;
    layout.margin.t += 34;
    layout.height += 34;
    return { data: maps, layout };
  },
});

// Approximately square panels.
function matrixHeight(count, width) {
  const across = columnsFor(count, width);
  const height = Math.min(420, Math.max(190, (width - 90) / across - GAP));
  return printing ? height / PRINT_SCALE : height;
}

function matrixTrace(i, panel) {
  const { values, bins } = matrixOf(i);
  const classesOf = values.map(() => []);
  [...bins.keys()]
    .sort((a, b) => classes[b].count - classes[a].count)
    .forEach((c) => classesOf[bins[c]].push(c));
  const visible = [...values.keys()].filter((bin) =>
    classesOf[bin].some((c) => chosen.groups.has(classes[c].group)),
  );
  const receivers = visible.map((bin) => describeBin(classesOf[bin], i));
  const sources = visible.map((bin) => describeBin(classesOf[bin], null));
  // Bins are as wide as their number of classes.
  const size = classOrder.length / Math.max(1, visible.length);
  const start = (size - 1) / 2;
  return {
    ...runTrace(i),
    ...onPanel(panel),
    showlegend: false,
    type: 'heatmap',
    x0: start,
    dx: size,
    y0: start,
    dy: size,
    z: visible.map((row) =>
      visible.map((column) => {
        const value = values[row][column];
        return value > 0 ? Math.log10(value) : null;
      }),
    ),
    hovertext: visible.map((row, r) =>
      visible.map(
        (column, s) =>
          `negative gradient: ${number(values[row][column])}<br>to ${receivers[r]}<br>from ${sources[s]}`,
      ),
    ),
    hoverinfo: 'text',
    hoverongaps: false,
    coloraxis: 'coloraxis',
  };
}

// Class names, if each class has its own row and all names fit.
function binTicks(i, length) {
  const { values, bins } = matrixOf(i);
  if (values.length !== classes.length || values.length > MOST_NAMES) return {};
  const order = [...classes.keys()]
    .sort((a, b) => bins[a] - bins[b])
    .filter((c) => chosen.groups.has(classes[c].group));
  return {
    tickvals: [...order.keys()],
    ticktext: order.map((c) => plain(shortened(classes[c].name, length))),
  };
}

// The hover text of a single class; for a bin, its first and last class.
function describeBin(bin, i) {
  if (bin.length === 1 && i !== null) return describeClasses(i)[bin[0]];
  const named = (c) =>
    `<b>${plain(shortened(classes[c].name, 30))}</b> (${classes[c].count})`;
  if (bin.length <= 1) return bin.map(named).join('');
  return `${bin.length} classes, ${named(bin[0])} to ${named(bin.at(-1))}`;
}

function logColours(logs) {
  let [low, high] = [Infinity, -Infinity];
  for (const v of logs) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  if (low > high) [low, high] = [0, 1];
  const first = Math.ceil(low);
  const decades = Array.from(
    { length: Math.max(0, Math.floor(high) - first + 1) },
    (_, k) => first + k,
  );
  const ticks = decades.length >= 2 ? decades : [low, (low + high) / 2, high];
  return {
    cmin: low,
    cmax: high > low ? high : low + 1,
    colorscale: COLOUR_SCALE,
    colorbar: {
      orientation: 'h',
      x: 1,
      xanchor: 'right',
      yanchor: 'bottom',
      ypad: 2,
      lenmode: 'pixels',
      len: 240,
      thickness: 8,
      outlinewidth: 0,
      title: { text: 'negative gradient', side: 'top', font: { size: 11 } },
      tickfont: { size: 11 },
      tickvals: ticks,
      ticktext: ticks.map((t) => short(10 ** t)),
    },
  };
}

figures.push({
  id: 'fig-shares',
  available: () => anyRunHas('shares'),
  build(width) {
    const indices = runsWith('shares');
    const layout = panels(indices.map(runTitle), width, { columns: 1, height: 200, gap: 46 });
    const data = [];
    indices.forEach((i, panel) => {
      setClassAxis(layout, panel, { last: panel === indices.length - 1 });
      Object.assign(layout[name('yaxis', panel)], {
        range: [0, 1],
        tickformat: '.0%',
        title: axisTitle('share of negative gradient'),
        showgrid: false,
      });
      GROUPS.forEach((group) => data.push(shareTrace(i, group, panel)));
    });
    layout.annotations = layout.annotations.filter(({ text }) => !GROUPS.includes(text));
    layout.barmode = 'stack';
    return { data, layout };
  },
});

// A bar for each class or, if there are too many, for equally many neighbouring classes.
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
