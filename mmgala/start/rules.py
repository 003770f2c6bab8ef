"""The settings of a training, by rules that the config states in its comments."""

from dataclasses import dataclass

from mmgala.start.backbones import Backbone

# Images shown in a whole training, and limits of the number of epochs that follow.
SHOWN_FROM_SCRATCH, EPOCHS_FROM_SCRATCH = 60_000, (20, 100)
SHOWN_PRETRAINED, EPOCHS_PRETRAINED = 30_000, (10, 30)
MIN_STEPS = 20  # steps an epoch, by which the batch size is chosen
BATCH_SIZES = (64, 32, 16, 8)
RATE_FROM_SCRATCH, RATE_PRETRAINED = 2e-3, 2e-4  # for batches of RATE_BATCH
RATE_BATCH = 32
VALIDATIONS = 20  # in a training, about
SMALL_SIDE = 96  # pixels; images up to this are trained at 64 pixels


@dataclass(frozen=True)
class Settings:
    """Settings of a training.

    Attributes:
        image_size: side of the images that the network sees, in pixels.
        batch_size: images in a step.
        epochs: length of the training.
        warmup: epochs in which the learning rate grows.
        lr: highest learning rate.
        val_interval: epochs from one validation to the next.
        workers: processes that load images.
        reasons: why the image size, the batch size and the epochs are what they are.
    """

    image_size: int
    batch_size: int
    epochs: int
    warmup: int
    lr: float
    val_interval: int
    workers: int
    reasons: dict[str, str]


def choose_settings(
    backbone: Backbone,
    images: int,
    side: int,
    on_gpu: bool,
    cores: int,
    epochs: int | None = None,
    image_size: int | None = None,
) -> Settings:
    """Choose the settings of a training.

    Args:
        backbone: the network.
        images: number of training images.
        side: median of the shorter side of the images, in pixels.
        on_gpu: whether there is a GPU.
        cores: number of CPU cores.
        epochs: wish of the user.
        image_size: wish of the user.

    Raises:
        ValueError: if a wish is out of range.
    """
    reasons: dict[str, str] = {}
    size = _image_size(backbone, side, on_gpu, image_size, reasons)
    batch = next((b for b in BATCH_SIZES if images >= b * MIN_STEPS), BATCH_SIZES[-1])
    reasons['batch_size'] = (
        f'the largest of {", ".join(map(str, sorted(BATCH_SIZES)))} with {MIN_STEPS} '
        'steps an epoch or more'
    )
    number = _epochs(backbone, images, epochs, reasons)
    base = RATE_PRETRAINED if backbone.weights else RATE_FROM_SCRATCH
    return Settings(
        image_size=size,
        batch_size=batch,
        epochs=number,
        warmup=min(3, number // 5),
        lr=float(f'{base * batch / RATE_BATCH:.6g}'),
        val_interval=max(1, round(number / VALIDATIONS)),
        workers=min(4, cores) if on_gpu else min(2, cores - 1),
        reasons=reasons,
    )


def _image_size(
    backbone: Backbone,
    side: int,
    on_gpu: bool,
    wish: int | None,
    reasons: dict[str, str],
) -> int:
    if wish is not None:
        if not 16 <= wish <= 1024:
            raise ValueError(f'--image-size must be 16 to 1024 pixels, but is {wish}.')
        if backbone.fixed_size not in (0, wish):
            raise ValueError(
                f'--backbone {backbone.name} needs images of {backbone.fixed_size} '
                f'pixels: leave out --image-size {wish}.'
            )
        reasons['image_size'] = 'as --image-size says'
        return wish
    if backbone.fixed_size:
        reasons['image_size'] = 'what this network is built for'
        return backbone.fixed_size
    if backbone.weights:
        size = 224 if on_gpu else 128
        reasons['image_size'] = (
            'what the network was pretrained with'
            if on_gpu
            else 'on a GPU 224, which takes three times as long'
        )
        return size
    if side <= SMALL_SIDE:
        reasons['image_size'] = f'the images are small, {side} pixels in the middle'
        return 64
    reasons['image_size'] = 'on a GPU 128' if not on_gpu else 'on a CPU 96'
    return 128 if on_gpu else 96


def _epochs(
    backbone: Backbone, images: int, wish: int | None, reasons: dict[str, str]
) -> int:
    if wish is not None:
        if wish < 1:
            raise ValueError(f'--epochs must be 1 or more, but is {wish}.')
        reasons['epochs'] = 'as --epochs says'
        return wish
    shown, limits = SHOWN_FROM_SCRATCH, EPOCHS_FROM_SCRATCH
    if backbone.weights:
        shown, limits = SHOWN_PRETRAINED, EPOCHS_PRETRAINED
    reasons['epochs'] = (
        f'enough to show {shown:,} images, within {limits[0]} to {limits[1]}'
    )
    return min(max(round(shown / images), limits[0]), limits[1])
