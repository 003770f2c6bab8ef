"""tools/analysis/class_vectors.py fails on bad input with a one-line error."""

import cv2
import numpy as np
import pytest
import torch

from mmgala.utils.checkpoint import read_checkpoint
from tests.tools.command_line import assert_one_line, call, options
from tests.tools.test_class_vectors import TOOL, without_counts


def test_error_for_unknown_counts_names_the_hook(tmp_path, trained):
    checkpoint = without_counts(trained, tmp_path / 'bare.pth')

    end = call(TOOL, trained.config, checkpoint, cwd=tmp_path)

    assert_one_line(end, r'bare\.pth has no class counts .*ClassCountsHook')
    assert not (tmp_path / 'class_vectors.json').exists()


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--out', 'x.txt'], r'--out must end in \.json, but is x\.txt'),
        (['--many', '5'], 'Expected `few` <= `many`'),
        (['--layer', 'head.fc2'], r'Layer head\.fc2 does not exist; .*head\.fc'),
        (
            options(model__head__num_classes=9),
            r'is \(10,\) in the checkpoint and \(9,\)',
        ),
        (options(test_dataloader='None'), r'no test_dataloader; .*: train, val'),
    ],
)
def test_bad_input_gives_a_one_line_error(tmp_path, trained, flags, message):
    checkpoint = tmp_path / 'copy.pth'
    checkpoint.write_bytes(trained.checkpoint.read_bytes())

    end = call(TOOL, trained.config, checkpoint, *flags, cwd=tmp_path)

    assert_one_line(end, message)
    assert [p.name for p in tmp_path.iterdir()] == ['copy.pth']


def test_missing_files_give_a_one_line_error(tmp_path, trained):
    end = call(TOOL, trained.config, 'nothing.pth', cwd=tmp_path)
    assert_one_line(end, r'Checkpoint nothing\.pth does not exist')
    end = call(TOOL, 'nothing.py', trained.checkpoint, cwd=tmp_path)
    assert_one_line(end, r'Config nothing\.py does not exist')


def test_counts_of_another_number_of_classes(tmp_path, trained):
    checkpoint = read_checkpoint(trained.checkpoint)
    checkpoint = {'state_dict': checkpoint['state_dict'],
                  'meta': {'class_counts': [3, 2, 1]}}  # fmt: skip
    torch.save(checkpoint, tmp_path / 'other.pth')

    end = call(TOOL, trained.config, tmp_path / 'other.pth', cwd=tmp_path)

    assert_one_line(end, 'training set has 3 classes, but the layer has 10')


def test_data_without_labels(tmp_path, trained):
    image = tmp_path / 'images' / 'a.png'
    image.parent.mkdir()
    assert cv2.imwrite(str(image), np.zeros((8, 8, 3), dtype=np.uint8))
    config = tmp_path / 'unlabelled.py'
    config.write_text(f"""
_base_ = '{trained.config}'
test_dataloader = dict(dataset=dict(
    _delete_=True, type='CustomDataset', data_prefix='{image.parent}',
    with_label=False,
    pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
))
""")

    end = call(TOOL, config, trained.checkpoint, '--out', 'x.json', cwd=tmp_path)

    assert_one_line(end, 'one ground-truth label per test sample, but found none')


def test_model_that_uses_the_layer_more_than_once(tmp_path, trained, monkeypatch):
    def twice(self, feats):
        self.fc(feats[-1])
        return self.fc(feats[-1])

    monkeypatch.setattr('mmpretrain.models.LinearClsHead.forward', twice)

    end = call(TOOL, trained.config, trained.checkpoint, '--out', 'x.json',
               cwd=tmp_path)  # fmt: skip

    assert_one_line(end, 'used once per batch, but it was used 2 times')
