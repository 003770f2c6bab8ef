"""Every block of code on a page is run by a test, or listed here with the reason.

Command lines that are not run are parsed by the real parsers in test_commands.py.
"""

import inspect
import re
from types import SimpleNamespace

import pytest
import torch

import mmgala
from mmgala.apis import load_config
from tests.docs.pages import PAGES, ROOT, blocks, code_block, code_blocks

# Tests that follow a page or run its blocks, by page and language.
RUN_BY = {
    ('README.md', 'bash'): 'test_digits_pages',
    ('README.md', 'python'): 'test_readme',
    ('README.md', 'text'): 'test_readme',
    ('SECURITY.md', 'python'): 'test_blocks',
    ('docs/analysis.md', 'bash'): 'test_digits_pages',
    ('docs/analysis.md', 'python'): 'test_digits_pages',
    ('docs/better_gala.md', 'python'): 'test_blocks',
    ('docs/command.md', 'text'): 'test_digits_pages',
    ('docs/deploy.md', 'bash'): 'test_deploy',
    ('docs/deploy.md', 'python'): 'test_deploy',
    ('docs/detection.md', 'python'): 'test_detection',
    ('docs/gala_in_practice.md', 'python'): 'test_blocks',
    ('docs/guide.md', 'bash'): 'test_digits_pages',
    ('docs/guide.md', 'python'): 'test_blocks',
    ('docs/many_classes.md', 'python'): 'test_blocks',
    ('docs/own_data.md', 'bash'): 'test_own_data',
    ('docs/own_data.md', 'python'): 'test_own_data',
    ('docs/plain_pytorch.md', 'python'): 'test_plain_pytorch',
    ('docs/plankton.md', 'bash'): 'test_plankton',
    ('docs/rebalance.md', 'bash'): 'test_digits_pages',
}
# Command lines that no test runs as they stand.
NOT_RUN = {
    'CONTRIBUTING.md': 'they run the tests themselves',
    'configs/gala/README.md': 'hours, and downloads; tests/configs trains miniatures',
    'docs/cifar100_lt.md': 'hours; tests/benchmarks runs the queue on a miniature',
    'docs/command.md': '40 epochs, 8 processes, MIM; tests/cli runs every command',
    'docs/compare.md': '15 trainings; tests/tools/test_compare.py runs smaller ones',
    'docs/detection.md': 'COCO and LVIS; tests/detection trains on a miniature',
    'docs/gala_in_practice.md': 'hours; tests/projects runs the programs on less data',
    'docs/install.md': 'they install packages; benchmarks/stacks runs them each week',
    'docs/reliability.md': 'hours; tests/benchmarks runs single trials',
    'projects/collage_lvis/README.md': 'hours; tests/projects trains on a few images',
}
SNIPPETS = (
    'docs/analysis.md',
    'docs/better_gala.md',
    'docs/guide.md',
    'docs/gala_in_practice.md',
    'docs/many_classes.md',
)


def test_every_block_is_run_or_has_a_reason():
    found = {(page, block.info) for page in PAGES for block in blocks(page)}
    listed = {*RUN_BY, *((page, 'bash') for page in NOT_RUN)}
    assert found == listed


@pytest.mark.parametrize(('page', 'language'), RUN_BY)
def test_the_test_that_is_named_reads_the_page(page, language):
    assert page in (ROOT / 'tests/docs' / f'{RUN_BY[page, language]}.py').read_text()


@pytest.mark.parametrize('page', NOT_RUN)
def test_what_a_reason_names_exists(page):
    for name in re.findall(r'(?:tests|benchmarks)/[\w/.]+\w', NOT_RUN[page]):
        assert (ROOT / name).exists()


def configs_of(value):
    """Every dictionary with a ``type`` in a value."""
    if isinstance(value, dict):
        if 'type' in value:
            yield value
        for each in value.values():
            yield from configs_of(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from configs_of(each)


@pytest.mark.parametrize('page', SNIPPETS)
def test_snippets_of_configs_name_classes_and_their_arguments(page):
    for code in code_blocks(page, 'python'):
        names: dict = {}
        exec(compile(code, page, 'exec'), names)
        del names['__builtins__']
        configs = list(configs_of(list(names.values())))
        assert configs
        for config in configs:
            kind = getattr(mmgala, config['type'].removeprefix('mmgala.'))
            own = ('type', '_delete_')  # of MMEngine
            arguments = {name: config[name] for name in config if name not in own}
            inspect.signature(kind).bind_partial(**arguments)


def test_own_programs_read_plain_data():
    """SECURITY.md: what a program does around its own code."""
    trained = []
    runner = SimpleNamespace(train=lambda: trained.append(True))
    exec(code_block('SECURITY.md', 'python', 'only_plain_data'), dict(runner=runner))
    assert trained == [True]


def test_a_trusted_file_is_converted_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights = dict(a=torch.ones(2))
    torch.save(dict(state_dict=weights, extra=SimpleNamespace()), 'old.pth')
    exec(code_block('SECURITY.md', 'python', 'weights_only=False'), {})
    converted = torch.load('weights.pth', weights_only=True)
    assert torch.equal(converted['state_dict']['a'], weights['a'])


def test_a_config_inherits_one_of_the_package(tmp_path, monkeypatch):
    """docs/command.md: the variable that commands and tools set."""
    monkeypatch.setenv('MMGALA_CONFIGS', str(ROOT / 'configs'))
    path = tmp_path / 'mine.py'
    path.write_text(code_block('docs/command.md', 'text', 'MMGALA_CONFIGS'))
    assert load_config(str(path)).model.head.type == 'mmgala.GALAHead'
