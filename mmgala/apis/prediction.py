"""Predict single images with a trained classifier."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import TRANSFORMS

from mmgala.apis.export.pipelines import LOADERS, short_name
from mmgala.apis.export.real_images import pipeline_of
from mmgala.apis.models import load_model
from mmgala.datasets.image_files import ENDINGS, read_image_file
from mmgala.datasets.readers.clutter import is_clutter
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_meta import stored_class_names

FITTED = ('model.py', 'model.pth')  # what `mmgala start` ends with


@dataclass(frozen=True)
class Prediction:
    """What a model says about an image.

    Attributes:
        path: of the image.
        classes: names of the most probable classes, the best first.
        scores: their confidences, 0 to 1; they include the steps after training.
        problem: why there is no prediction, in one line; empty if there is one.
    """

    path: str
    classes: Sequence[str] = ()
    scores: Sequence[float] = ()
    problem: str = ''


class Predictor:
    """A classifier that takes files.

    MMPretrain's ``ImageClassificationInferencer`` replaces the config's way to load an
    image by its own, and ends at the first image that it cannot read; this follows the
    config's test pipeline, and goes on.

    Args:
        cfg: config of the model, with the pipeline of its test set.
        checkpoint: path of its weights.

    Raises:
        ValueError: if the two do not fit together, or the pipeline reads no files.
    """

    def __init__(self, cfg: Config, checkpoint: str | Path) -> None:
        content = read_checkpoint(checkpoint)
        self.model = load_model(cfg, content, checkpoint)
        pipeline = pipeline_of(cfg)
        if not any(short_name(transform) in LOADERS for transform in pipeline):
            raise ValueError(
                'The test pipeline of the config reads no image files, as its data set '
                'holds images in memory: add dict(type="LoadImageFromFile") at its '
                'beginning, and transforms that make images as large as those.'
            )
        self.pipeline = Compose([TRANSFORMS.build(step) for step in pipeline])
        self.names = stored_class_names(content)

    def __call__(
        self, paths: Sequence[str], top: int = 5, batch_size: int = 32
    ) -> Iterator[Prediction]:
        """Predict files, in their order.

        Args:
            paths: of the images.
            top: number of classes for each.
            batch_size: images at a time.

        Yields:
            A prediction for each file, also if it cannot be read.
        """
        for start in range(0, len(paths), batch_size):
            batch = paths[start : start + batch_size]
            loaded = {path: self._load(path) for path in dict.fromkeys(batch)}
            inputs = {p: x for p, x in loaded.items() if not isinstance(x, str)}
            found = dict(
                zip(inputs, self._predict([*inputs.values()], top), strict=True)
            )
            for path in batch:
                if path in found:
                    yield Prediction(path, *found[path])
                else:
                    yield Prediction(path, problem=str(loaded[path]))

    def _load(self, path: str) -> dict | str:
        """The input of the model, or why there is none."""
        if problem := read_image_file(path).problem:
            return problem
        return self.pipeline(dict(img_path=path))

    @torch.no_grad()
    def _predict(
        self, inputs: Sequence[dict], top: int
    ) -> Iterator[tuple[list[str], list[float]]]:
        if not inputs:
            return
        for sample in self.model.test_step(pseudo_collate(inputs)):
            scores = sample.pred_score.float().cpu()
            best = scores.topk(min(top, len(scores)))
            names = [self._name(index) for index in best.indices.tolist()]
            yield names, best.values.tolist()

    def _name(self, index: int) -> str:
        return self.names[index] if self.names else str(index)


def find_model(work_dir: Path) -> tuple[Path, Path]:
    """Config and checkpoint in a work directory.

    These are the fitted model of ``mmgala start``, or else the only config with the
    best or the last checkpoint of a training.

    Raises:
        FileNotFoundError: if there is none, or more than one config.
    """
    config, checkpoint = (work_dir / name for name in FITTED)
    if config.is_file() and checkpoint.is_file():
        return config, checkpoint
    configs = sorted(work_dir.glob('*.py'))
    weights = sorted(work_dir.glob('best_*.pth')) or sorted(work_dir.glob('*.pth'))
    if len(configs) != 1 or not weights:
        what = 'no checkpoint' if not weights else f'{len(configs)} configs'
        raise FileNotFoundError(
            f'{work_dir} has {what}: give the folder of a finished `mmgala start`, or '
            'CONFIG and CHECKPOINT.'
        )
    return configs[0], max(weights, key=lambda path: path.stat().st_mtime)


def image_paths(given: Sequence[str]) -> list[str]:
    """Files that are given, and images at any depth in folders that are given.

    Raises:
        ValueError: if a folder has no images.
    """
    found: list[str] = []
    for path in given:
        if not os.path.isdir(path):
            found.append(path)
            continue
        inside = sorted(_images_in(path))
        if not inside:
            raise ValueError(f'{path}: there are no images in this folder.')
        found += inside
    return found


def _images_in(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_clutter(name)]
        for name in files:
            if name.lower().endswith(ENDINGS) and not is_clutter(name):
                yield os.path.join(place, name)
