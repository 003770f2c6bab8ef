"""Export a trained classifier to a file, and check that file on real images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config

from mmgala.apis.config_options import is_detection
from mmgala.apis.export.description import Description, describe
from mmgala.apis.export.file_formats import Scorer, format_of
from mmgala.apis.export.pipelines import central_share, is_bgr
from mmgala.apis.export.real_images import ScoredImages, pipeline_of, score_images
from mmgala.apis.export.scoring_model import ScoringModel, check_exportable
from mmgala.apis.models import load_model
from mmgala.functional.checks import check_positive, check_whole
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_meta import stored_class_names
from mmgala.utils.files import check_writable, replacing

CHECKED_IMAGES = 64
TOLERANCE = 1e-4


@dataclass(frozen=True)
class ExportReport:
    """What was exported, and how well it agrees with the checkpoint.

    Attributes:
        description: the metadata of the file.
        checked_images: number of images that it was checked on.
        difference: largest absolute difference between a score of the file and one of
            the checkpoint, on these images; ``None`` without any.
    """

    description: Description
    checked_images: int
    difference: float | None


def export_model(
    cfg: Config,
    checkpoint_path: str | Path,
    out: str | Path,
    opset: int | None = None,
    check_images: int = CHECKED_IMAGES,
    tolerance: float = TOLERANCE,
    input_size: Sequence[int] | None = None,
) -> ExportReport:
    """Write a classifier as one function from images to class scores.

    Normalisation, post-hoc steps and softmax are part of it: it takes float32 images
    ``(N, C, H, W)`` in RGB order, mostly with pixels from 0 to 255, and gives scores
    ``(N, classes)``. The file takes its final name once it has passed the check.

    Args:
        cfg: config of the model, for example of ``mmgala fit``.
        checkpoint_path: its trained weights.
        out: file to write; its ending, ``.onnx`` or ``.pt2``, chooses the format.
        opset: ONNX operator set; by default 18.
        check_images: number of images of the test set, or else of the validation set,
            that the file is checked on; 0 for none.
        tolerance: largest difference between a score of the file and of the
            checkpoint that is accepted.
        input_size: channels, height and width, where there are no images to tell.

    Returns:
        The metadata, and the result of the check.

    Raises:
        ImportError: if a package that the format needs is not installed.
        OSError: if the file cannot be written, or the checkpoint cannot be read.
        ValueError: if an argument is invalid, the model cannot be exported, or the file
            does not agree with the checkpoint.
    """
    out = Path(out)
    file_format = format_of(out)
    check_arguments(cfg, check_images, tolerance, input_size)
    file_format.check(opset, run=check_images > 0)
    check_writable(out)
    checkpoint = read_checkpoint(checkpoint_path)
    model = load_model(cfg, checkpoint, checkpoint_path).cpu()
    check_exportable(model)
    pipeline = pipeline_of(cfg)
    reverse = is_bgr(pipeline, bool(model.data_preprocessor.to_rgb))
    exported = ScoringModel(model, reverse)
    names = stored_class_names(checkpoint)
    real = score_images(cfg, model, names, check_images) if check_images else []
    size = tuple(real[0].images.shape[1:] if real else input_size or ())
    description = describe(
        model,
        checkpoint,
        size,
        real[0].raw_pixels if real else True,
        reverse,
        central_share(pipeline),
    )
    with replacing(out) as unfinished:
        batch = torch.zeros(2, *size)
        file_format.write(exported, batch, description.as_dict(), unfinished, opset)
        difference = None
        if real:
            difference = largest_difference(file_format.load(unfinished), real)
            _check_difference(difference, tolerance, out)
    return ExportReport(description, sum(len(r.images) for r in real), difference)


def check_arguments(
    cfg: Config, check_images: int, tolerance: float, input_size: Sequence[int] | None
) -> None:
    """Check the arguments of :func:`export_model` that are not files.

    Raises:
        ValueError: if one is invalid, or the config is that of a detector.
    """
    check_whole('--check-images', check_images, least=0)
    check_positive('--tolerance', tolerance)
    if is_detection(cfg):
        raise ValueError(
            'Only classifiers can be exported, but default_scope in the config is '
            'mmdet: export detectors with MMDeploy.'
        )
    if check_images and input_size is not None:
        raise ValueError(
            f'--input-size {" ".join(map(str, input_size))} is for --check-images 0: '
            'leave it out, as the images of the check have their own size.'
        )
    if not check_images and input_size is None:
        raise ValueError(
            '--check-images 0 needs --input-size C H W, the channels, height and width '
            'of the images, such as --input-size 3 224 224.'
        )
    for number in input_size or ():
        check_whole('--input-size', number)


@torch.no_grad()
def largest_difference(scorer: Scorer, real: Sequence[ScoredImages]) -> float:
    """Largest absolute difference of scores, also for an image alone.

    Args:
        scorer: an exported model.
        real: images and their scores by the checkpoint, at least one batch.

    Returns:
        It; NaN if a score is.
    """
    first = real[0]
    alone = ScoredImages(first.images[:1], first.scores[:1], first.raw_pixels)
    gaps = [(scorer(r.images) - r.scores).abs().max() for r in (alone, *real)]
    return float(torch.stack(gaps).max())


def _check_difference(difference: float, tolerance: float, out: Path) -> None:
    if not difference <= tolerance:  # also if it is NaN
        raise ValueError(
            f'{out} is not written: its scores differ by up to {difference:.3g} from '
            f'those of the checkpoint, more than --tolerance {tolerance:g}. Try the '
            'other format or, if that is little enough for you, a larger --tolerance.'
        )
