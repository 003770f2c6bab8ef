"""Pages that train on the digits: their commands run as printed, on a small network."""

import contextlib
import io
import re
import shutil
from types import SimpleNamespace

import pytest

from tests.docs.pages import ROOT, code_block, code_blocks, commands
from tests.tools.command_line import SMALL_CONFIG, call

CONFIG = 'configs/gala/resnet14_digits-lt.py'
PAGES = ('README.md', 'docs/guide.md', 'docs/rebalance.md')
LAST = 'epoch_6'  # of the small config
# Tools that read what others have saved, and no config.
WITHOUT_OPTIONS = {
    f'analysis/{name}' for name in ('gradient_report', 'evaluate_predictions', 'report')
}


def run(tool, *arguments, cwd):
    """Run a tool; what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        end = call(tool, *arguments, cwd=cwd, cfg_options=tool not in WITHOUT_OPTIONS)
    assert end is None, end
    return printed.getvalue()


def printed(page):
    """Commands of a page that a tool in this process can run: tool and arguments."""
    blocks = '\n'.join(b for each in PAGES for b in code_blocks(each, 'bash'))
    checkpoint = re.search(r'^CHECKPOINT=(.*)$', blocks, re.M)[1]
    for words in commands(page):
        if words[0] == 'python' and CONFIG in words:
            tool = words[1].removeprefix('tools/').removesuffix('.py')
            arguments = [w.replace('$CHECKPOINT', checkpoint) for w in words[2:]]
            yield tool, [w.replace('epoch_40', LAST) for w in arguments]


@pytest.fixture(scope='module')
def followed(tmp_path_factory):
    """Folder in which the pages were followed, and what each command printed."""
    folder = tmp_path_factory.mktemp('digits')
    (folder / CONFIG).parent.mkdir(parents=True)
    (folder / CONFIG).write_text(SMALL_CONFIG)
    results = {}
    for page in PAGES:
        for tool, arguments in printed(page):
            key = (tool, *arguments)
            if key not in results:  # the guide trains what the README has trained
                results[key] = run(tool, *arguments, cwd=folder)
    return SimpleNamespace(folder=folder, results=results)


def test_every_command_ran(followed):
    tools = [tool for tool, *_ in followed.results]
    assert tools.count('train') == 1
    assert tools.count('test') == 5
    assert tools.count('retrain_classifier') == 1


def test_files_are_where_the_pages_say(followed):
    assert (followed.folder / 'work_dirs/scores.npz').is_file()
    assert (followed.folder / 'work_dirs/retrained/crt.py').is_file()
    assert (followed.folder / f'work_dirs/gala/resnet14_digits-lt/{LAST}.pth').is_file()


def test_results_are_printed_as_on_the_page(followed):
    """Numbers depend on the training; the rest of the output does not."""
    shown = code_block('README.md', 'text', '| top-1')
    (printed,) = (
        out
        for (tool, *arguments), out in followed.results.items()
        if tool == 'test' and arguments[-3:] == ['--rebalance', '--tau', 'auto']
    )
    labels = [re.findall(r'^\| (\S.*?) +\|', text, re.M) for text in (shown, printed)]
    assert labels[0] == labels[1]


def test_a_training_prints_what_the_page_shows(followed):
    """docs/command.md, up to the results, which depend on the random numbers."""
    shown = code_block('docs/command.md', 'text', 'What was counted')
    fixed, _, results = shown.partition('epoch   top-1')
    assert results
    out, err = io.StringIO(), io.StringIO()
    (followed.folder / 'whole.py').write_text(f"_base_ = '{ROOT}/{CONFIG}'\n")
    options = ('train_cfg.max_epochs=4', 'train_cfg.val_interval=2')
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        end = call('train', 'whole.py', '--cfg-options', *options, cwd=followed.folder)
    assert end is None, end
    assert ' '.join(fixed.split()) in ' '.join(err.getvalue().split())
    header = results.splitlines()[0].split()
    assert header == out.getvalue().splitlines()[0].split()[2:]


class TestAnalysis:
    """docs/analysis.md: two trainings with its hook, and all its tools on them."""

    PAGE = 'docs/analysis.md'
    RUNS = ('ce', 'gala')

    @pytest.fixture(scope='class')
    def analysed(self, followed):
        """Folder with work_dirs/ce, work_dirs/gala and what the tools wrote."""
        folder = followed.folder
        hooks = code_block(self.PAGE, 'python', 'GradientStatisticsHook')
        (folder / 'hooked.py').write_text(f"_base_ = '{CONFIG}'\n{hooks}")
        for seed, name in enumerate(self.RUNS):
            options = ['train_cfg.max_epochs=1', f'randomness.seed={seed}']
            place = ('--work-dir', f'work_dirs/{name}')
            run('train', 'hooked.py', *place, '--cfg-options', *options, cwd=folder)
        printed = {}
        for words in commands(self.PAGE):
            if words[0] == 'python' and words[1].startswith('tools/'):
                tool = words[1].removeprefix('tools/').removesuffix('.py')
                values = {
                    'CONFIG': 'hooked.py',
                    'CHECKPOINT': 'work_dirs/ce/epoch_1.pth',
                }
                arguments = [values.get(word, word) for word in words[2:]]
                if (
                    tool == 'analysis/evaluate_predictions'
                ):  # which the page makes alike
                    shutil.copy(
                        folder / 'work_dirs/ce/predictions.npz',
                        folder / 'work_dirs/gala',
                    )
                printed[tool] = run(tool, *arguments, cwd=folder)
        return SimpleNamespace(folder=folder, printed=printed)

    def test_every_tool_ran(self, analysed):
        assert set(analysed.printed) == {
            'test',
            'analysis/gradient_report',
            'analysis/class_vectors',
            'analysis/evaluate_predictions',
            'analysis/report',
        }

    def test_the_files_that_the_page_names_are_written(self, analysed):
        (listed,) = re.findall(
            r'writes `(gradients.json)`, `(classes.csv)`',
            (ROOT / self.PAGE).read_text(),
        )
        written = {path.name for path in analysed.folder.glob('**/*')}
        assert {*listed, 'report.html', 'class_vectors.json'} <= written
