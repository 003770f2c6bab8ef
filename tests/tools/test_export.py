"""`mmgala export`: files that agree with the checkpoint, and one line for bad input."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmgala.version import __version__
from tests.tools.command_line import assert_one_line, call, call_and_read, options
from tests.tools.conftest import load_scores

STEPS = ['--rebalance', '--logit-adjustment', 0.7, '--temperature', 1.3]
NAMES = [str(digit) for digit in range(10)]
SIZE = ['--check-images', 0, '--input-size', 3, 8, 8]


def require_onnx():
    for package in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(package, reason='pip install -r requirements/export.txt')


@pytest.fixture(scope='module')
def fitted(tmp_path_factory, trained):
    """Weights and config with all post-hoc steps."""
    folder = tmp_path_factory.mktemp('fitted')
    weights = folder / 'fitted.pth'
    arguments = [trained.config, trained.checkpoint, weights, *STEPS]
    assert call('fit_rebalancer', *arguments, cwd=folder) is None
    return SimpleNamespace(weights=weights, config=weights.with_suffix('.py'))


@pytest.fixture(scope='module')
def expected(tmp_path_factory, fitted):
    """Scores of the fitted checkpoint on the test set."""
    folder = tmp_path_factory.mktemp('expected')
    arguments = [fitted.config, fitted.weights, '--out', 'scores.npz']
    assert call('test', *arguments, cwd=folder) is None
    return load_scores(folder / 'scores.npz').scores


@pytest.fixture(scope='module')
def exported(tmp_path_factory, fitted):
    """Both files, as far as packages allow, and what the command printed."""
    folder = tmp_path_factory.mktemp('exported')

    def export(name):
        arguments = [fitted.config, fitted.weights, folder / name]
        return folder / name, call_and_read('export', *arguments, cwd=folder).stdout

    return export


def digits():
    """Images of the test set, ``(500, 3, 8, 8)`` float32."""
    from mmgala.datasets import DigitsDataset

    dataset = DigitsDataset('test')
    images = np.stack([dataset[i]['img'] for i in range(len(dataset))])
    return images.transpose(0, 3, 1, 2).astype(np.float32)


def check_metadata(metadata):
    assert metadata['class_names'] == NAMES
    assert metadata['class_counts'][0] > metadata['class_counts'][9] > 0
    assert metadata['input_size'] == [3, 8, 8]
    assert metadata['mean'] == [78.0] * 3
    assert metadata['std'] == [96.0] * 3
    assert metadata['pixel_values'] == 'from 0 to 255'
    assert metadata['mmgala_version'] == __version__
    assert metadata['post_hoc'].startswith('logit-adjusted with tau=0.7, then re-bal')


def test_onnx(exported, expected):
    require_onnx()
    import onnx
    import onnxruntime

    path, printed = exported('digits.onnx')

    session = onnxruntime.InferenceSession(str(path))
    for part in (slice(0, 1), slice(1, 500)):
        (scores,) = session.run(['scores'], {'images': digits()[part]})
        np.testing.assert_allclose(scores, expected[part], atol=1e-5)
    stored = session.get_modelmeta().custom_metadata_map
    check_metadata({key: json.loads(value) for key, value in stored.items()})
    assert 'Checked on 64 images: the largest difference' in printed
    (opset,) = [o.version for o in onnx.load(path).opset_import if not o.domain]
    assert opset == 18


def test_pt2(exported, expected):
    path, printed = exported('digits.pt2')

    extra = {'mmgala.json': ''}
    program = torch.export.load(path, extra_files=extra).module()
    for part in (slice(0, 1), slice(1, 500)):
        scores = program(torch.from_numpy(digits()[part])).detach().numpy()
        np.testing.assert_allclose(scores, expected[part], atol=1e-5)
    check_metadata(json.loads(extra['mmgala.json']))
    assert 'Checked on 64 images: the largest difference' in printed


def test_another_opset_without_check(tmp_path, trained):
    require_onnx()
    import onnx

    out = tmp_path / 'new' / 'digits.onnx'
    arguments = [trained.config, trained.checkpoint, out, '--opset', 20, *SIZE]
    printed = call_and_read('export', *arguments, cwd=tmp_path).stdout

    assert 'not checked' in printed
    assert [o.version for o in onnx.load(out).opset_import if not o.domain] == [20]


def without(name):
    """``importlib.util.find_spec`` of an environment that lacks a package."""
    from importlib.util import find_spec

    return lambda package: None if package == name else find_spec(package)


class TestRefused:
    """One line with the remedy, before any work, and no file."""

    def check(self, tmp_path, trained, message, *arguments, out='out.pt2', **changes):
        config = changes.get('config', trained.config)
        checkpoint = changes.get('checkpoint', trained.checkpoint)
        end = call('export', config, checkpoint, out, *arguments, cwd=tmp_path)
        assert_one_line(end, message)
        assert not list(tmp_path.rglob('*out.*'))

    @pytest.mark.parametrize(('arguments', 'message'), [
        (['--check-images', -1], '--check-images.*0 or more, but got -1'),
        (['--tolerance', 'nan'], '--tolerance.*positive, but got nan'),
        (['--check-images', 0], 'needs --input-size C H W'),
        (['--input-size', 3, 8, 8], '--input-size 3 8 8 is for --check-images 0'),
        ([*SIZE[:2], '--input-size', 3, 0, 8], '--input-size.*1 or more, but got 0'),
        (['--opset', 18], '--opset 18 is for files ending in .onnx: leave it out'),
        (['--tolerance', 1e-30], 'not written.*differ by up to.*--tolerance'),
        (options(test_dataloader='None', val_dataloader='None'),
         'no test_dataloader and no val_dataloader.*--check-images 0'),
        (options(model__head__num_classes=12),
         r'is \(10,.* in the checkpoint and \(12,.* set model.head.num_classes'),
        (options(default_scope='mmdet'), 'mmdet: export detectors with MMDeploy'),
    ])  # fmt: skip
    def test_arguments(self, tmp_path, trained, arguments, message):
        self.check(tmp_path, trained, message, *arguments)

    @pytest.mark.parametrize('out', ['out.pth', 'out', 'out.onnx.gz'])
    def test_file_ending(self, tmp_path, trained, out):
        self.check(tmp_path, trained, rf'.onnx or .pt2, but got {out}', out=out)

    def test_folder_that_cannot_be_written(self, tmp_path, trained):
        (tmp_path / 'file').touch()
        message = 'cannot be written.*choose another name'
        self.check(tmp_path, trained, message, out='file/out.pt2')

    def test_damaged_checkpoint(self, tmp_path, trained):
        damaged = tmp_path / 'damaged.pth'
        damaged.write_bytes(trained.checkpoint.read_bytes()[:5000])
        message = 'damaged.pth cannot be read: it is truncated'
        self.check(tmp_path, trained, message, checkpoint=damaged)

    def test_rebalancer_that_is_not_fitted(self, tmp_path, trained):
        config = tmp_path / 'unfitted.py'
        config.write_text(
            f"_base_ = '{trained.config}'\n"
            "model = dict(head=dict(post_hoc=dict(type='mmgala.PredictionRebalancer')))"
        )
        message = 'PredictionRebalancer has no class mass yet:.*mmgala fit'
        self.check(tmp_path, trained, message, config=config)

    def test_images_that_are_not_there(self, tmp_path, trained):
        config = tmp_path / 'moved.py'
        config.write_text(
            f"_base_ = '{trained.config}'\n"
            "test_dataloader = dict(dataset=dict(_delete_=True, type='CustomDataset',"
            "data_root='moved', pipeline=[dict(type='PackInputs')]))"
        )
        message = 'The test set cannot be read.*moved.*--check-images 0 --input-size'
        self.check(tmp_path, trained, message, config=config)

    @pytest.mark.parametrize('package', ['onnx', 'onnxscript', 'onnxruntime'])
    def test_missing_package(self, tmp_path, trained, monkeypatch, package):
        monkeypatch.setattr('importlib.util.find_spec', without(package))
        message = rf'needs {package}.*pip install {package}.*ending in \.pt2'
        for other in ('onnx', 'onnxscript', 'onnxruntime'):
            if other != package:
                pytest.importorskip(other, reason='it would be missing too')
        self.check(tmp_path, trained, message, out='out.onnx')

    @pytest.mark.parametrize('out', ['out.onnx', 'out.pt2'])
    def test_old_pytorch(self, tmp_path, trained, monkeypatch, out):
        monkeypatch.setattr(torch, '__version__', '2.1.2+cu118')
        message = r'needs PyTorch 2.6 or newer, but this is 2.1.2\+cu118'
        self.check(tmp_path, trained, message, out=out)

    @pytest.mark.parametrize('opset', [-1, 5, 17, 999])
    def test_opset(self, tmp_path, trained, opset):
        require_onnx()
        message = rf'--opset {opset} is not supported: choose one from 18 to \d\d;'
        self.check(tmp_path, trained, message, '--opset', opset, out='out.onnx')


def test_an_existing_file_stays_if_the_check_fails(tmp_path, trained):
    out = tmp_path / 'digits.pt2'
    out.write_text('earlier')
    arguments = [trained.config, trained.checkpoint, out, '--tolerance', 1e-30]
    assert_one_line(call('export', *arguments, cwd=tmp_path), 'is not written')
    assert out.read_text() == 'earlier'
    assert list(tmp_path.iterdir()) == [out]
