"""Small data sets stored on a device and augmented there in large batches.

Given the same random choices, each transform produces the same pixels as its
counterpart in MMPretrain's, torchvision's or our own ordinary pipelines.
"""

from mmgala.datasets.on_device.augmentation import (
    Augmentation,
    build_augmentation,
    find_pipeline,
)
from mmgala.datasets.on_device.images import (
    DeviceImages,
    augmented_batches,
    epoch_batches,
)

__all__ = [
    'Augmentation',
    'DeviceImages',
    'augmented_batches',
    'build_augmentation',
    'epoch_batches',
    'find_pipeline',
]
