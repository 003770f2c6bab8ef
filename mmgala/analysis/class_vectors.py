r"""Cosine similarity of class weight vectors to features, and their norms.

Class weight vector :math:`w_j` is row j of the last linear layer's weight; a feature is
the input of that layer. Source: Zhang et al., ICASSP 2024, arXiv 2403.09036, where the
class weight vectors of rare classes turn away from the features of their own class.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmgala.analysis.results import classes_by_group, json_numbers, nan_mean
from mmgala.functional import ShotThresholds


class FeatureSums:
    """Running sum of the normalised features of each class.

    The mean cosine similarity of a vector to many features is the dot product of the
    normalised vector and the mean of the normalised features. So it is enough to keep
    ``(C, d)`` sums, in float64.

    Args:
        num_classes: C, the number of classes.

    Attributes:
        counts (Tensor): number of samples of each class, ``(C,)`` int64.
        sums (Tensor): sum of the normalised features of each class, ``(C, d)``
            float64; ``d`` is 0 before the first batch.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts = torch.zeros(num_classes, dtype=torch.int64)
        self.sums = torch.zeros(num_classes, 0, dtype=torch.float64)

    def add(self, features: Tensor, labels: Tensor) -> None:
        """Add a batch.

        Args:
            features: ``(N, d)`` on any device; an all-zero feature has a cosine
                similarity of 0 to every vector.
            labels: class of each feature, ``(N,)`` integers.

        Raises:
            ValueError: if shapes do not match, features are not finite, or a label is
                out of range.
        """
        features, labels = features.detach().cpu().double(), labels.cpu().long()
        if features.ndim != 2 or labels.shape != features.shape[:1]:
            raise ValueError(
                f'Expected one feature vector for each of {len(labels)} images, '
                f'({len(labels)}, d), but got shape {tuple(features.shape)}.'
            )
        if not bool(features.isfinite().all()):
            raise ValueError(
                'Expected finite features, but some are NaN or infinite: the model '
                'has diverged.'
            )
        num_classes = len(self.counts)
        bad = labels[(labels < 0) | (labels >= num_classes)]
        if len(bad):
            raise ValueError(
                f'Expected labels between 0 and {num_classes - 1}, as the model has '
                f'{num_classes} classes, but got {int(bad[0])}.'
            )
        if self.sums.shape[1] == 0:
            self.sums = self.sums.new_zeros(num_classes, features.shape[1])
        self.sums.index_add_(0, labels, F.normalize(features))
        self.counts += labels.bincount(minlength=num_classes)

    def mean_cosines(self, weight: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Mean cosine similarity of each weight vector to own-class and other features.

        Args:
            weight: class weight vectors, ``(C, d)``.

        Returns:
            ``(own, other)``, ``(C,)`` each: NaN if there are no such features or the
            class weight vector is zero.

        Raises:
            ValueError: if the shape does not match that of the features.
        """
        if weight.shape != self.sums.shape:
            raise ValueError(
                'Expected class weight vectors of shape '
                f'{tuple(self.sums.shape)}, the numbers of classes and features, '
                f'but got {tuple(weight.shape)}.'
            )
        weight = weight.detach().cpu().double()
        unit = weight / weight.norm(dim=1, keepdim=True)
        own = (unit * self.sums).sum(dim=1)
        other = unit @ self.sums.sum(dim=0) - own
        num_others = self.counts.sum() - self.counts
        # Rounding may leave a sum over no features slightly off 0; 0 / 0 is NaN.
        other[num_others == 0] = float('nan')
        return (own / self.counts).numpy(), (other / num_others).numpy()


def describe_class_vectors(
    features: FeatureSums,
    weight: Tensor,
    bias: Tensor | None,
    class_counts: Sequence[int],
    thresholds: ShotThresholds | None = None,
) -> dict:
    """Compute the norm of each class weight vector and its similarity to features.

    Args:
        features: sums over a whole data set.
        weight: class weight vectors, ``(C, d)``.
        bias: bias of the layer, ``(C,)``.
        class_counts: number of *training* samples per class, ``(C,)``.
        thresholds: shot thresholds. Defaults to those of :class:`ShotThresholds`.

    Returns:
        ``num_samples``; ``own_similarity`` and ``other_similarity``, the mean cosine
        similarity of each class weight vector to the features of its own class and of
        all other classes;
        ``norm`` of each class weight vector; ``bias`` or ``None``; ``groups``: means of
        similarities and norm over the classes of each non-empty shot group. The result
        can be written as JSON; undefined values are ``None``.

    Raises:
        ValueError: if shapes do not match.
    """
    if len(class_counts) != len(weight):
        raise ValueError(
            f'Expected a training count for each of the {len(weight)} class weight '
            f'vectors of the model, but got {len(class_counts)} counts.'
        )
    own, other = features.mean_cosines(weight)
    values = {
        'own_similarity': own,
        'other_similarity': other,
        'norm': weight.detach().cpu().double().norm(dim=1).numpy(),
    }
    groups = classes_by_group(class_counts, thresholds or ShotThresholds())
    return {
        'num_samples': int(features.counts.sum()),
        **{key: json_numbers(value) for key, value in values.items()},
        'bias': None
        if bias is None
        else json_numbers(bias.detach().cpu().double().numpy()),
        'groups': {
            name: {
                key: json_numbers(nan_mean(value[None, classes]))[0]
                for key, value in values.items()
            }
            for name, classes in groups.items()
        },
    }
