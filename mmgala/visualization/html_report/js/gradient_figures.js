// Negative gradient by receiving class weight vector and source class.

const matrixOf = (i) => runs[i].gradients?.matrix ?? null;

figures.push({
  id: 'fig-matrix',
  available: () => runs.some((_, i) => matrixOf(i)),
  build(width) {
    const shown = chosenRuns().filter(matrixOf);
    const ticks = shown.map((i) => binTicks(i, 14));
    const layout = panels(shown.map(runTitle), width, {
      height: matrixHeight(shown, width),
      gap: ticks.some((t) => t.tickvals) ? 170 : 86,
    });
    axesOf(layout, 'xaxis').forEach((axis, panel) =>
      Object.assign(axis, {
        title: axisTitle('caused by samples of class'),
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
        ...(first && { title: axisTitle('received by class vector') }),
        ...ticks[panel],
      });
    });
    const maps = shown.map(matrixTrace);
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
function matrixHeight(shown, width) {
  const across = columnsFor(shown.length, width);
  const height = Math.min(420, Math.max(190, (width - 90) / across - GAP));
  return printing ? height / PRINT_SCALE : height;
}

function matrixTrace(i, panel) {
  const { values, bins } = matrixOf(i);
  const members = values.map(() => []);
  [...bins.keys()]
    .sort((a, b) => classes[b].count - classes[a].count)
    .forEach((c) => members[bins[c]].push(c));
  const shown = [...values.keys()].filter((bin) =>
    members[bin].some((c) => chosen.groups.has(classes[c].group)),
  );
  const receivers = shown.map((bin) => describeBin(members[bin], i));
  const sources = shown.map((bin) => describeBin(members[bin], null));
  // Bins are as wide as their number of classes.
  const size = classOrder.length / Math.max(1, shown.length);
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
    z: shown.map((row) =>
      shown.map((column) => {
        const value = values[row][column];
        return value > 0 ? Math.log10(value) : null;
      }),
    ),
    hovertext: shown.map((row, r) =>
      shown.map(
        (column, s) =>
          `negative gradient: ${number(values[row][column])}<br>to ${receivers[r]}<br>from ${sources[s]}`,
      ),
    ),
    hoverinfo: 'text',
    hoverongaps: false,
    coloraxis: 'coloraxis',
  };
}

// Class names, if each class has its own row and the names fit.
function binTicks(i, length) {
  const { values, bins } = matrixOf(i);
  if (values.length !== classes.length || values.length > FEW_CLASSES) return {};
  const order = [...classes.keys()]
    .sort((a, b) => bins[a] - bins[b])
    .filter((c) => chosen.groups.has(classes[c].group));
  return {
    tickvals: [...order.keys()],
    ticktext: order.map((c) => plain(shortened(classes[c].name, length))),
  };
}

// The hover text of a single class; for a bin, its first and last class.
function describeBin(members, i) {
  if (members.length === 1 && i !== null) return describeClasses(i)[members[0]];
  const named = (c) =>
    `<b>${plain(shortened(classes[c].name, 30))}</b> (${classes[c].count})`;
  if (members.length <= 1) return members.map(named).join('');
  return `${members.length} classes, ${named(members[0])} to ${named(members.at(-1))}`;
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
