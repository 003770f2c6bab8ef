"""A trained classifier as one function from images to class scores."""

import copy
from typing import Any

import torch
from mmengine.model import BaseModel
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.models.classifiers import ImageClassifier
from mmpretrain.models.heads import ClsHead
from torch import Tensor, nn

from mmgala.models import PostHocChain
from mmgala.models.heads.linear_heads import PostHocHead, is_linear_head
from mmgala.models.heads.normalised_heads import ClassMeanLinear

# Layers that end by adding their bias.
BIASED_LAYERS = (nn.Linear, ClassMeanLinear)


class FixedSteps(nn.Sequential):
    """Post-hoc steps with constants that are computed once, before the export."""

    def transform_logits(self, logits: Tensor) -> Tensor:
        """Apply all steps."""
        return self(logits)


class AddVector(nn.Module):
    """Re-balancing or logit adjustment: one number for each class is added.

    Args:
        vector: ``(C,)``.
    """

    vector: Tensor

    def __init__(self, vector: Tensor) -> None:
        super().__init__()
        self.register_buffer('vector', vector)

    def forward(self, logits: Tensor) -> Tensor:
        """Add the vector to each row."""
        return logits + self.vector


class Divide(nn.Module):
    """Temperature: all logits are divided by one number.

    Args:
        divisor: a scalar.
    """

    divisor: Tensor

    def __init__(self, divisor: Tensor) -> None:
        super().__init__()
        self.register_buffer('divisor', divisor)

    def forward(self, logits: Tensor) -> Tensor:
        """Divide by the number."""
        return logits / self.divisor


class ScoringModel(nn.Module):
    """A classifier with its normalisation, post-hoc steps and softmax.

    A copy is made of the classifier, in evaluation mode and on the CPU, in which the
    post-hoc steps have constants: logit adjustment is part of the last bias where the
    last layer has one, and otherwise, like re-balancing, a vector that is added;
    temperature is a division.

    Args:
        model: a trained classifier that :func:`check_exportable` accepts.
        reverse_channels: whether the classifier was trained on images in BGR order.

    Shape:
        - Input: images, ``(N, 3, H, W)`` float32 in RGB order or ``(N, 1, H, W)``, as
          the data preprocessor gets them: mostly from 0 to 255.
        - Output: scores ``(N, C)``, rows summing to 1.

    Raises:
        ValueError: if a post-hoc step is not fitted.
    """

    def __init__(self, model: BaseModel, reverse_channels: bool = False) -> None:
        super().__init__()
        steps = fixed_steps(model.head)
        self.model: Any = copy.deepcopy(model).cpu().eval()
        self.model.data_preprocessor.to_rgb = reverse_channels  # from RGB, that is
        self.model.head.loss_module = nn.Identity()  # its statistics stay here
        if isinstance(model.head, PostHocHead):
            self.model.head.post_hoc = self._with_folded_bias(steps)
        self.requires_grad_(False)

    def _with_folded_bias(self, steps: dict[str, nn.Module]) -> FixedSteps | None:
        """Move logit adjustment into the last bias, if there is one."""
        head = self.model.head
        linear = is_linear_head(type(head)) and type(head.fc) in BIASED_LAYERS
        adjustment = steps.get('logit_adjustment')
        if adjustment is not None and linear and head.fc.bias is not None:
            with torch.no_grad():
                head.fc.bias += adjustment.vector
            del steps['logit_adjustment']
        return FixedSteps(*steps.values()) if steps else None

    def forward(self, images: Tensor) -> Tensor:
        """Compute the scores of a batch."""
        inputs = self.model.data_preprocessor({'inputs': images})['inputs']
        return self.model(inputs, mode='tensor').softmax(dim=1)


def check_exportable(model: BaseModel) -> None:
    """Check that predictions are the softmax of what the model gives as a tensor.

    Raises:
        ValueError: if they are not, or may not be.
    """
    head = getattr(model, 'head', None)
    own = (ClsHead._get_predictions, PostHocHead._get_predictions)
    if (
        not isinstance(model, ImageClassifier)
        or getattr(type(head), '_get_predictions', None) not in own
    ):
        raise ValueError(
            'Only classifiers whose scores are a softmax of the logits of one head can '
            f'be exported, but the config has {type(model).__name__} with '
            f'{type(head).__name__}: use an ImageClassifier with a LinearClsHead or '
            'GALAHead.'
        )
    if not isinstance(model.data_preprocessor, ClsDataPreprocessor):
        raise ValueError(
            'Only models with a ClsDataPreprocessor can be exported, but the config '
            f'has {type(model.data_preprocessor).__name__}: set data_preprocessor.type.'
        )


def post_hoc_steps(head: nn.Module) -> list[Any]:
    """The post-hoc steps of a head, in order."""
    post_hoc = getattr(head, 'post_hoc', None)
    if post_hoc is None:
        return []
    return list(post_hoc.steps) if isinstance(post_hoc, PostHocChain) else [post_hoc]


def fixed_steps(head: Any) -> dict[str, nn.Module]:
    """The post-hoc steps of a head with constants, by name and in order.

    Raises:
        ValueError: if one is not fitted, or is fitted to another number of classes.
    """
    fixed: dict[str, nn.Module] = {}
    for step in post_hoc_steps(head):
        step.values(head.num_classes)
        if step.NAME == 'temperature':
            fixed[step.NAME] = Divide(step.strength.detach().cpu().clone())
        else:
            nothing = step.strength.new_zeros(1, head.num_classes)
            fixed[step.NAME] = AddVector(step.transform_logits(nothing)[0].cpu())
    return fixed


def describe_steps(head: Any) -> str:
    """The post-hoc steps of a head in words; ``'none'`` without any."""
    steps = post_hoc_steps(head)
    return ', then '.join(str(s.values(head.num_classes)) for s in steps) or 'none'
