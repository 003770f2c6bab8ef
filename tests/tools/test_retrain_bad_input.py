"""tools/retrain_classifier.py refuses bad input in one line."""

import pytest

from tests.tools.command_line import assert_one_line, call, options
from tests.tools.retraining import TOOL


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Output folder; all trainings share the cached features."""
    return tmp_path_factory.mktemp('retrained')


BAD = [
    (['--method', 'knn'], "no method 'knn': choose one of crt, lws, tau-norm, ncm"),
    (['--method', 'ncm', '--tau', '1'], 'ncm does not use tau; it takes distance'),
    (['--method', 'tau-norm', '--loss', 'X'], 'tau-norm does not use loss'),
    (['--method', 'ncm', '--distance', 'l1'], "`distance` to be one of .*'l1'"),
    (['--method', 'tau-norm', '--tau', '-1'], '`tau` to be .* but got -1'),
    (['--method', 'crt', '--epochs', '0'], '`epochs` to be an integer of 1 or more'),
    (['--method', 'crt', '--sampling', 'x'], '`sampling` to be one of'),
    (['--method', 'crt', '--init', 'old'], "`init` to be one of .* but got 'old'"),
    (['--method', 'lws', '--init', 'new'], 'lws does not use init'),
    (['--method', 'crt', '--loss-options', 'a=1'], '--loss-options requires --loss'),
    (
        ['--method', 'crt', '--loss', 'GALALoss'],
        "no loss 'GALALoss' .* those of this package are .* mmgala.GALALoss",
    ),
    (['--method', 'crt', '--seed', '-1'], '`seed` to be an integer of 0 or more'),
    (
        ['--method', 'crt', '--loss', 'mmgala.GALALoss', '--loss-options', 'tau=1'],
        "unexpected keyword argument 'tau'",
    ),
    (['--method', 'ncm', '--layer', 'head.x'], 'Layer head.x does not exist'),
    (['--method', 'ncm', '--layer', 'backbone.conv1'], 'conv1 is not linear'),
    (
        ['--method', 'ncm', *options(model__head__num_classes=9)],
        r'is \(10,\) in the checkpoint and \(9,\)',
    ),
    (
        ['--method', 'tau-norm', *options(val_dataloader='None')],
        'no val_dataloader to choose tau on: give --tau',
    ),
    (
        ['--method', 'crt', *options(train_dataloader='None')],
        'The config has no train_dataloader',
    ),
]


@pytest.mark.parametrize(('flags', 'message'), BAD, ids=lambda v: str(v)[:40])
def test_bad_input_gives_a_one_line_error(trained, tmp_path, flags, message):
    end = call(TOOL, trained.config, trained.checkpoint, 'out.pth', *flags,
               cwd=tmp_path)  # fmt: skip

    assert_one_line(end, message)
    assert list(tmp_path.iterdir()) == []


def test_out_must_be_a_new_checkpoint(trained, tmp_path):
    for out, message in (
        ('out.pt', r'OUT to end in \.pth'),
        (trained.checkpoint, 'must be new files'),
        (trained.config.with_suffix('.pth'), 'must be new files'),
    ):
        end = call(TOOL, trained.config, trained.checkpoint, out, '--method', 'ncm',
                   cwd=tmp_path)  # fmt: skip
        assert_one_line(end, message)


def test_missing_files(trained, tmp_path):
    flags = ['out.pth', '--method', 'ncm']
    end = call(TOOL, trained.config, 'nothing.pth', *flags, cwd=tmp_path)
    assert_one_line(end, r'Checkpoint nothing\.pth does not exist')
    end = call(TOOL, 'nothing.py', trained.checkpoint, *flags, cwd=tmp_path)
    assert_one_line(end, r'Config nothing\.py does not exist')


def test_data_without_labels(trained, tmp_path):
    config = tmp_path / 'unlabelled.py'
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'a.png').write_bytes(b'')
    config.write_text(f"""
_base_ = '{trained.config}'
train_dataloader = dict(dataset=dict(
    _delete_=True, type='CustomDataset', data_prefix='{tmp_path}/images',
    with_label=False, pipeline=[dict(type='PackInputs')]))
""")

    end = call(TOOL, config, trained.checkpoint, 'out.pth', '--method', 'ncm',
               cwd=tmp_path)  # fmt: skip

    assert_one_line(end, 'Expected one label per sample, but CustomDataset has samples')


def test_a_model_that_rebalances_is_refused(trained, folder, tmp_path):
    fitted = folder / 'fitted.pth'
    assert call('fit_rebalancer', trained.config, trained.checkpoint, fitted,
                '--logit-adjustment', '1', cwd=folder) is None  # fmt: skip

    end = call(TOOL, fitted.with_suffix('.py'), fitted, tmp_path / 'o.pth', '--method',
               'ncm', cwd=tmp_path)  # fmt: skip

    assert_one_line(end, r'scores are not the softmax of the outputs of head\.fc')
    assert not (tmp_path / 'o.pth').exists()
