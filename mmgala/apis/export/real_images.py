"""Real images for the check of an exported model, and their scores."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import Tensor

from mmgala.apis.data_splits import build_whole_split
from mmgala.apis.export.pipelines import Pipeline, is_bgr

WITHOUT_IMAGES = 'or skip the check with --check-images 0 --input-size C H W'


@dataclass(frozen=True)
class ScoredImages:
    """A batch of images, and what the checkpoint says about them.

    Attributes:
        images: float32 in RGB order, before the data preprocessor, ``(N, C, H, W)``.
        scores: of the checkpoint, ``(N, C)``.
        raw_pixels: whether they are integers from 0 to 255.
    """

    images: Tensor
    scores: Tensor
    raw_pixels: bool


def test_split(cfg: Config) -> str:
    """The split whose pipeline prepares new images: ``'test'`` or else ``'val'``.

    Raises:
        ValueError: if the config has neither.
    """
    for split in ('test', 'val'):
        if cfg.get(f'{split}_dataloader') is not None:
            return split
    raise ValueError(
        'The config has no test_dataloader and no val_dataloader to check the exported '
        f'model on: add one, {WITHOUT_IMAGES}.'
    )


def pipeline_of(cfg: Config) -> Pipeline:
    """The pipeline that prepares new images; empty if the config has none."""
    for split in ('test', 'val'):
        dataset: Any = (cfg.get(f'{split}_dataloader') or {}).get('dataset')
        while isinstance(dataset, dict):
            if 'pipeline' in dataset:
                return dataset['pipeline']
            inner = dataset.get('datasets') or [dataset.get('dataset')]
            dataset = inner[0]
    return []


@torch.no_grad()
def score_images(
    cfg: Config, model: BaseModel, classes: Sequence[str], number: int
) -> list[ScoredImages]:
    """Predict the first images of the test set with the checkpoint, on the CPU.

    Args:
        cfg: config of the training.
        model: trained classifier on the CPU, in evaluation mode.
        classes: names of the training classes; empty if they are unknown.
        number: of images.

    Returns:
        Batches with that many images in all, or with the whole test set.

    Raises:
        FileNotFoundError: if the images are not there.
        ValueError: if the config has no test set, or its images differ in size.
    """
    split = test_split(cfg)
    try:
        loader = build_whole_split(cfg, split, classes)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'The {split} set cannot be read to check the exported model: {error} '
            f'Bring the images there, {WITHOUT_IMAGES}.'
        ) from error
    bgr, batches, left = is_bgr(pipeline_of(cfg), to_rgb=False), [], number
    size = loader.batch_size or 1
    for data in itertools.islice(loader, -(-number // size)):
        kept = {key: values[:left] for key, values in data.items()}
        scores = torch.stack([sample.pred_score for sample in model.test_step(kept)])
        batches.append(_scored(kept['inputs'], scores, bgr))
        left -= len(scores)
    return batches


def _scored(inputs: Any, scores: Tensor, bgr: bool) -> ScoredImages:
    """The input of a batch as the exported model takes it."""
    shapes = {tuple(image.shape) for image in inputs}
    if len(shapes) > 1:
        raise ValueError(
            'Images of one size are needed for the export, but the test set has '
            f'{" and ".join(map(str, sorted(shapes)[:2]))}: add a transform such as '
            'Resize or CenterCrop to its pipeline.'
        )
    images = torch.stack(list(inputs))
    raw = not images.is_floating_point()
    images = images.flip(1) if bgr and images.shape[1] == 3 else images
    return ScoredImages(images.float(), scores, raw)
