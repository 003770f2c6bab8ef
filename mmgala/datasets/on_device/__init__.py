"""Small data sets in the memory of a device, augmented there in large batches.

For the same random choices, every transform gives the same pixels as the one of the
ordinary pipeline that it stands for.
"""

from mmgala.datasets.on_device.images import DeviceImages, epoch_batches
from mmgala.datasets.on_device.translation import Augmentation, find_pipeline, translate

__all__ = [
    'Augmentation',
    'DeviceImages',
    'epoch_batches',
    'find_pipeline',
    'translate',
]
