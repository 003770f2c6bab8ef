"""The recorder's sums are the logit gradients of the loss, class by class."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from mmpretrain.structures import DataSample

from mmgala.models import GALAHead

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))

from gradient_recorder import GradientRecorder


def test_sums_equal_probability_minus_target():
    torch.manual_seed(0)
    head = GALAHead(4, 6, loss=dict(type='CrossEntropyLoss'))
    recorder = GradientRecorder()
    recorder.before_train(SimpleNamespace(model=SimpleNamespace(head=head)))
    positive, negative = np.zeros(4), np.zeros(4)
    for size in (8, 5):
        feats, labels = torch.randn(size, 6), torch.randint(4, (size,))
        samples = [DataSample().set_gt_label(label) for label in labels]
        head.loss((feats,), samples)['loss'].backward()
        logits = head((feats,)).detach().double().numpy()
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        for i, label in enumerate(labels.tolist()):
            for j in range(4):
                if j == label:
                    positive[j] += 1 - p[i, j]
                else:
                    negative[j] += p[i, j]
    np.testing.assert_allclose(recorder.positive, positive, rtol=1e-5)
    np.testing.assert_allclose(recorder.negative, negative, rtol=1e-5)
