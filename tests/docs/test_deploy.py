"""docs/deploy.md: its commands write files, and its programs serve them."""

import contextlib
import io
import shlex
import shutil
import sys

import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain import ImageClassificationInferencer

from mmgala.datasets import DigitsDataset
from mmgala.registry import MODELS
from tests.docs.pages import code_block, commands
from tests.tools.command_line import SMALL_CONFIG, call

PAGE = 'docs/deploy.md'
DEPLOYED = 'work_dirs/deploy/digits'


def tool_of(command):
    """Name of the tool of a command of the page, and its arguments."""
    return {'fit': 'fit_rebalancer'}.get(command[1], command[1]), command[2:]


@pytest.fixture(scope='module')
def followed(tmp_path_factory):
    """Folder in which the commands of the page have run, with images of digits."""
    folder = tmp_path_factory.mktemp('deploy')
    (folder / 'configs').mkdir()
    ours = [c for c in commands(PAGE) if c[0] == 'mmgala']
    config, checkpoint = ours[0][2:4]
    path = folder / config
    path.parent.mkdir(parents=True)
    path.write_text(SMALL_CONFIG)
    write_checkpoint(Config.fromfile(path), folder / checkpoint)
    for command in ours:
        tool, arguments = tool_of(command)
        if arguments[-1].endswith('.onnx') and not has_onnx():
            continue
        assert call(tool, *arguments, cwd=folder) is None, shlex.join(command)
    digits = DigitsDataset('test')
    for index in (0, 250, 499):
        assert cv2.imwrite(str(folder / f'{index}.png'), digits[index]['img'])
    return folder


def has_onnx():
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        return False
    return True


def write_checkpoint(cfg, path):
    """Random weights whose scores are far from equal, as if they were trained."""
    torch.manual_seed(0)
    cfg.model.data_preprocessor = cfg.data_preprocessor
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model)
    with torch.no_grad():
        for parameter in model.head.fc.parameters():
            parameter.normal_(std=2)
    names = [str(digit) for digit in range(10)]
    meta = dict(class_names=names, class_counts=[100, 60, 40, 30, 20, 10, 9, 8, 7, 6])
    path.parent.mkdir(parents=True)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)


def inferred(folder, paths):
    """What MMPretrain's inferencer says: class and score of each image."""
    inferencer = ImageClassificationInferencer(
        str(folder / f'{DEPLOYED}.py'), str(folder / f'{DEPLOYED}.pth'), device='cpu'
    )
    return [(r['pred_label'], r['pred_score']) for r in inferencer(paths)]


def test_the_inferencer_takes_the_checkpoint_as_it_is(followed, monkeypatch):
    monkeypatch.chdir(followed)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    shutil.copy('250.png', 'digit.png')
    block = code_block(PAGE, 'python', 'ImageClassificationInferencer')
    names: dict = {}
    exec(compile(block, 'deploy.md', 'exec'), names)
    (result,) = names['inferencer']('digit.png')
    expected = inferred(followed, ['250.png'])
    assert (result['pred_label'], result['pred_score']) == expected[0]


def test_onnx_file_is_served_without_mmgala(followed, monkeypatch):
    for package in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(package, reason='pip install -r requirements/export.txt')
    program = code_block(PAGE, 'python', 'onnxruntime')
    assert 'mmgala' not in program
    paths = ['0.png', '250.png', '499.png']
    monkeypatch.chdir(followed)
    monkeypatch.setattr(sys, 'argv', ['serve.py', *paths])
    printed = io.StringIO()

    with contextlib.redirect_stdout(printed):
        exec(compile(program, 'serve.py', 'exec'), {})

    rows = [line.split() for line in printed.getvalue().splitlines()]
    assert [row[0] for row in rows] == paths
    expected = inferred(followed, paths)
    for (_, name, score), (label, value) in zip(rows, expected, strict=True):
        assert name == str(label)
        assert float(score) == pytest.approx(value, abs=1e-4)


def test_pt2_file_is_served_with_pytorch_alone(followed, monkeypatch):
    monkeypatch.chdir(followed)
    names: dict = {}

    exec(compile(code_block(PAGE, 'python', 'digits.pt2'), 'serve.py', 'exec'), names)

    assert names['about']['class_names'][3] == '3'
    torch.testing.assert_close(names['scores'].sum(dim=1), torch.ones(5))
    images = torch.from_numpy(DigitsDataset('test')[250]['img']).permute(2, 0, 1)
    scores = names['program'].module()(images[None].float())[0]
    ((label, value),) = inferred(followed, ['250.png'])
    assert int(scores.argmax()) == label
    assert float(scores.max()) == pytest.approx(value, abs=1e-5)


def test_the_page_lists_every_key_of_the_metadata():
    from dataclasses import fields

    from mmgala.apis.export.description import Description
    from tests.docs.pages import ROOT

    text = (ROOT / PAGE).read_text()
    assert not [f.name for f in fields(Description) if f'`{f.name}`' not in text]
