"""The weights that are published give the numbers of the table."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tools.command_line import ROOT, call

RESULTS = ROOT / 'benchmarks' / 'results' / 'cifar100_lt'
WEIGHTS = sorted(RESULTS.glob('*.pth'))
LARGEST = 2_000_000  # bytes


@pytest.fixture(scope='session')
def cifar_test(shared_dir, tmp_path_factory):
    """Folder with the 10,000 test images of CIFAR-100."""
    archive = shared_dir / 'data' / 'cifar100.zip'
    if not archive.is_file():
        pytest.skip(f'{archive} is not here: the weights cannot be tested')
    folder = tmp_path_factory.mktemp('cifar100')
    with zipfile.ZipFile(archive) as images:
        names = sorted(n for n in images.namelist() if n.startswith('cifar100/test/'))
        names = [name for name in names if name.endswith('.png')]
        pixels = [np.asarray(Image.open(io.BytesIO(images.read(n)))) for n in names]
    classes, labels = np.unique([n.split('/')[2] for n in names], return_inverse=True)
    np.save(folder / 'test_images.npy', np.stack(pixels))
    np.save(folder / 'test_labels.npy', labels)
    (folder / 'classes.txt').write_text('\n'.join(classes) + '\n')
    return folder


def table_row(path: Path) -> dict:
    """The run of the table that weights are of."""
    method, factor, seed = path.stem.rsplit('_', 2)
    runs = json.loads(RESULTS.with_suffix('.json').read_text())['runs']
    wanted = (method, int(factor[2:]), int(seed[4:]))
    (row,) = (
        run for run in runs
        if (run['method'], run['imbalance_factor'], run['seed']) == wanted
    )  # fmt: skip
    return row


@pytest.mark.skipif(not WEIGHTS, reason='no weights are published yet')
@pytest.mark.parametrize('path', WEIGHTS, ids=lambda path: path.stem)
def test_weights_are_small_and_hold_no_code(path):
    assert path.stat().st_size < LARGEST
    kept = torch.load(path, weights_only=True)
    assert set(kept) == {'state_dict', 'meta'}


@pytest.mark.skipif(not WEIGHTS, reason='no weights are published yet')
@pytest.mark.parametrize('path', WEIGHTS, ids=lambda path: path.stem)
def test_the_tool_gives_the_numbers_of_the_table(path, cifar_test, tmp_path):
    row = table_row(path)
    data = f'test_dataloader.dataset.data_root={cifar_test}'
    common = (path.with_suffix('.py'), path, '--work-dir', tmp_path, '--cfg-options')
    for flags, suffix in (((), ''), (('--rebalance', '--tau', '1'), '_rebalanced')):
        out = tmp_path / f'metrics{suffix}.json'
        end = call('test', *common, data, 'val_dataloader=None', 'val_evaluator=None',
                   'val_cfg=None', '--out', out, *flags, cwd=tmp_path)  # fmt: skip

        assert end is None, end
        found = json.loads(out.read_text())
        for metric in ('top1', 'many', 'medium', 'few', 'ece'):
            expected = row[f'{metric}{suffix}']
            # Other CPUs round otherwise: two of 10,000 images.
            assert found[f'accuracy/{metric}'] == pytest.approx(expected, abs=0.05)
