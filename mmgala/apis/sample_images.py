"""Images of the test samples that a report shows, from the data of a run's config."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from mmgala.analysis import RunReport
from mmgala.analysis.run_setup import run_config, training_folder
from mmgala.apis.thumbnails import image_of_array, image_of_file, thumbnail_address

if TYPE_CHECKING:
    from mmgala.datasets.epoch_samples import EpochSamples

NOT_WANTED = (
    'Images of the test samples are shown with --images, which runs the config of the '
    'first work dir, as a test does.'
)


@dataclass(frozen=True)
class TestSet:
    """A test set, whose samples are the rows of the predictions.

    Attributes:
        samples: its samples in order.
        backend_args: how the config reads image files.
        reverse: whether arrays have blue, green, red channels.
    """

    samples: 'EpochSamples'
    backend_args: dict[str, Any] | None
    reverse: bool

    def annotation(self, row: int) -> Mapping[str, Any]:
        """What the data set states about a sample."""
        source = self.samples.sources[self.samples.source[row]]
        return source.get_data_info(int(self.samples.index[row]))

    def thumbnail(self, row: int) -> str:
        """The image of a sample, as a ``data:`` address.

        Raises:
            OSError: if it cannot be read.
            ValueError: if it is not an image.
        """
        info = self.annotation(row)
        if info.get('img') is not None:
            return thumbnail_address(image_of_array(info['img'], self.reverse))
        return thumbnail_address(image_of_file(info['img_path'], self.backend_args))


def add_sample_images(
    report: dict[str, Any], runs: Sequence[RunReport], wanted: bool = True
) -> None:
    """Add small images of the report's samples, from the test data of a run's config.

    Sets ``images``: for each of the ``rows`` in ``samples``, a ``data:`` address or
    None; and ``image_note``: why images are missing, in one line, or an empty text. The
    config is a program: reading it runs it, as in a test.

    Args:
        report: report of :func:`mmgala.analysis.merge_runs`; changed in place.
        runs: what it was merged from.
        wanted: whether images may be shown; if not, no config is read.
    """
    samples = report.get('samples')
    report['images'], report['image_note'] = None, ''
    if not samples:
        return
    if not wanted:
        report['image_note'] = NOT_WANTED
        return
    tested = [run for run in runs if run.targets is not None]
    reasons = []
    for run in tested:
        try:
            data = open_test_set(run)
            _check_paths(data, run.paths, samples['rows'])
        except Exception as error:  # any error of data or config must not cost a report
            reasons.append(f'{type(error).__name__}: {error}'.split('\n')[0])
            continue
        report['images'], report['image_note'] = _images(data, samples['rows'])
        return
    report['image_note'] = f'There are no images of the test data: {reasons[0]}'


def open_test_set(run: RunReport) -> TestSet:
    """Build the test data of a run's config, and check that the predictions are of it.

    Raises:
        FileNotFoundError: if the work dir does not have one config.
        ValueError: if the data have other samples or labels.
        Exception: whatever config and data raise.
    """
    # Imported late: most reports show no images, and `mmgala.datasets` takes seconds.
    from mmgala.apis.data_splits import split_dataloader
    from mmgala.apis.launch import load_config
    from mmgala.datasets.class_alignment import PARTS, align_classes
    from mmgala.datasets.epoch_samples import epoch_samples
    from mmgala.datasets.labels import dataset_labels

    folder = training_folder(Path(run.source))
    path = run_config(folder)
    if path is None:
        raise FileNotFoundError(f'{folder} does not have exactly one config (*.py).')
    cfg = load_config(str(path))
    init_default_scope(cfg.get('default_scope') or 'mmengine')
    settings = split_dataloader(cfg, 'test').dataset
    dataset = DATASETS.build(copy.deepcopy(settings))
    if run.class_names:
        align_classes(dataset, run.class_names, PARTS['test'])
    labels = dataset_labels(dataset)
    if run.targets is None or not np.array_equal(labels, run.targets):
        raise ValueError(
            f'the test data of {path} ({len(labels):,} samples) are not those of '
            'predictions.npz any more.'
        )
    return TestSet(
        epoch_samples(dataset), _backend_args(settings), _swaps_channels(cfg)
    )


def _check_paths(
    data: TestSet, paths: Sequence[str] | None, rows: Sequence[int]
) -> None:
    """Check that samples have the file names that the predictions state, if any."""
    if paths is None:
        return
    for row in rows:
        now = data.annotation(row).get('img_path')
        if now is None or PurePath(now).name != PurePath(paths[row]).name:
            raise ValueError(
                f'sample {row} of the test data is {now}, but was {paths[row]} '
                'when predictions.npz was written.'
            )


def _images(data: TestSet, rows: Sequence[int]) -> tuple[list[str | None], str]:
    """Images, and a note if some of them cannot be read."""
    images: list[str | None] = []
    errors = []
    for row in rows:
        try:
            images.append(data.thumbnail(row))
        except Exception as error:
            images.append(None)
            errors.append(f'{type(error).__name__}: {error}'.split('\n')[0])
    if not errors:
        return images, ''
    return images, (
        f'{len(errors)} of {len(rows)} images cannot be shown; the first: {errors[0]}'
    )


def _backend_args(part: Any) -> dict[str, Any] | None:
    """How a pipeline loads image files, wherever it is in a data set's config."""
    if isinstance(part, Mapping):
        if part.get('backend_args') is not None:
            return dict(part['backend_args'])
        part = list(part.values())
    if isinstance(part, list | tuple):
        found = (_backend_args(item) for item in part)
        return next((args for args in found if args is not None), None)
    return None


def _swaps_channels(cfg: Config) -> bool:
    """Whether the config turns blue, green, red into red, green, blue."""
    settings = cfg.get('data_preprocessor') or cfg.get('model', {}).get(
        'data_preprocessor'
    )
    return bool((settings or {}).get('to_rgb') or (settings or {}).get('bgr_to_rgb'))
