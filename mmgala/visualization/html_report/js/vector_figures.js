// Direction and norm of the class weight vectors.

figures.push({
  id: 'fig-vectors',
  available: () => anyRunHas('own'),
  build(width) {
    const parts = [
      {
        key: 'own',
        title: 'Cosine similarity to own (●) and other (○) classes',
        label: 'similarity to own class',
        log: false,
        more: [
          {
            key: 'other',
            label: 'similarity to other classes',
            symbol: 'circle-open',
          },
        ],
      },
      { key: 'norm', title: 'Length of the class vector', label: 'length', log: false },
    ];
    if (anyRunHas('bias')) {
      parts.push({ key: 'bias', title: 'Bias of the class', label: 'bias', log: false });
    }
    return classPanels(parts, width, { height: 240 });
  },
});

// Mean values of each shot group, as a table below the figure.
function drawVectorTable() {
  const columns = ['own_similarity', 'other_similarity', 'norm'];
  const rows = runsWith('own').flatMap((i) => {
    const { groups } = runs[i].vectors;
    return chosenGroups()
      .filter((group) => groups[group])
      .map((group, k) => ({
        i,
        first: k === 0,
        cells: [`${group}-shot`, ...columns.map((key) => fixed(groups[group][key]))],
      }));
  });
  fillTable(
    'vector-table',
    ['Classes', 'similarity to own class', 'to other classes', 'length'],
    rows,
  );
}
