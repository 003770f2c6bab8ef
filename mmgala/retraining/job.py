"""What all methods of re-training work on, and what they give."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.data import DataLoader

from mmgala.engine.inference import build_whole_split
from mmgala.models.heads.cosine_head import CosineLinear
from mmgala.retraining.feature_cache import Source, Split, cached_features
from mmgala.retraining.options import RetrainOptions


@dataclass
class Classifier:
    """A class layer, and what there is to tell of it.

    Attributes:
        weight: ``(C, D)``.
        bias: ``(C,)``, or ``None`` where the layer has none.
        chosen: what was used, plain data.
        loss: that it was trained with, if any.
        loss_cfg: its config.
        layer: of another kind or setting than the trained model's, to be used with
            weight and bias; ``None`` where it is the trained model's.
        head: what this changes in the config of the head.
    """

    weight: Tensor
    bias: Tensor | None
    chosen: dict[str, Any]
    loss: nn.Module | None = None
    loss_cfg: dict[str, Any] | None = None
    layer: nn.Linear | None = None
    head: dict[str, Any] = field(default_factory=dict)


def logits_of(layer: nn.Linear) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """Logits that a layer would give with another weight and bias.

    Args:
        layer: used, but not changed.

    Returns:
        A function of rows ``(N, D)``, weight ``(C, D)`` and bias ``(C,)`` or ``None``.
    """

    def logits(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        parameters = {'weight': weight} | ({} if bias is None else {'bias': bias})
        return functional_call(layer, parameters, (rows,))

    return logits


@dataclass
class Job:
    """One re-training.

    Attributes:
        source: model and data.
        options: of the user.
        folder: of the cached features.
        console: for progress.
        counts: training samples of each class, where known.
    """

    source: Source
    options: RetrainOptions
    folder: Path
    console: Console
    counts: list[int] | None = None
    _loaders: dict[str, DataLoader] = field(default_factory=dict)
    _splits: dict[str, Split] = field(default_factory=dict)

    def loader(self, split: str) -> DataLoader:
        """Loader of a whole split, built once."""
        if split not in self._loaders:
            self._loaders[split] = build_whole_split(self.source.cfg, split)
        return self._loaders[split]

    def split(self, split: str) -> Split:
        """Features and labels of a split, computed once."""
        if split not in self._splits:
            self._splits[split] = cached_features(
                self.source, split, self.loader(split), self.folder, self.console
            )
        return self._splits[split]

    @property
    def num_classes(self) -> int:
        """C."""
        return self.source.layer.out_features

    @property
    def is_cosine(self) -> bool:
        """Whether the class layer gives cosines, so that lengths do not count."""
        return isinstance(self.source.layer, CosineLinear)

    @property
    def weight(self) -> Tensor:
        """Weight of the trained classifier, ``(C, D)``."""
        return self.source.layer.weight.detach().cpu().float()

    @property
    def bias(self) -> Tensor | None:
        """Its bias, ``(C,)``, or ``None``."""
        bias = self.source.layer.bias
        return None if bias is None else bias.detach().cpu().float()
