// Config and command of each run, folded; on paper the commands stay visible.

function setupOf(i) {
  const { config, config_path: path, commands } = runs[i].setup;
  const content = [];
  if (commands) content.push(element('pre', { className: 'commands', text: commands }));
  if (config) {
    content.push(
      element('details', { className: 'config' }, [
        element('summary', { text: `Config ${path}` }),
        element('pre', { text: config }),
      ]),
    );
  }
  return element('div', { className: 'setup' }, [
    element('h3', {}, [runLabel(i)]),
    ...content,
  ]);
}

parts.push({
  id: 'setups',
  available: () => runs.some((run) => run.setup),
  update() {
    document
      .getElementById('setups')
      .replaceChildren(...chosenRuns().filter((i) => runs[i].setup).map(setupOf));
  },
});
