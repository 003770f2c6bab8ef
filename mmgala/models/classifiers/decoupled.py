"""Decoupled training: classifier re-training on a frozen representation."""

from typing import Any

from mmpretrain.models.classifiers import ImageClassifier
from torch.nn.modules.batchnorm import _BatchNorm

from mmgala.registry import MODELS


@MODELS.register_module()
class DecoupledClassifier(ImageClassifier):
    """``ImageClassifier`` whose backbone and neck can be frozen as a whole.

    Classifier re-training (cRT) of Kang et al. 2020 (arXiv 1910.09217). Parameters
    are frozen when the model is built, before it is wrapped for distribution and
    before the optimizer is built, so that no gradient is computed for them.

    Args:
        freeze_backbone: train the head alone.
        norm_eval: whether the batch normalisation of the frozen backbone is fixed.
            By default it stays in training mode, as in the published recipe of GALA:
            it normalises with the batch's statistics, and its running statistics adapt
            to the class-aware sampled images.
        **kwargs: of MMPretrain's ``ImageClassifier``.
    """

    def __init__(
        self, freeze_backbone: bool = True, norm_eval: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.freeze_backbone = freeze_backbone
        self.norm_eval = norm_eval
        if freeze_backbone:
            for part in self._frozen():
                part.requires_grad_(False)

    def train(self, mode: bool = True) -> 'DecoupledClassifier':
        """Set training mode; a fixed batch normalisation stays in evaluation mode."""
        super().train(mode)
        if self.freeze_backbone and self.norm_eval:
            for part in self._frozen():
                for module in part.modules():
                    if isinstance(module, _BatchNorm):
                        module.eval()
        return self

    def _frozen(self) -> list:
        return [part for part in (self.backbone, self.neck) if part is not None]
