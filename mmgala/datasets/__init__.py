"""Long-tailed data sets, class counts, samplers and augmentations."""

from mmgala.datasets.array_dataset import ArrayDataset
from mmgala.datasets.benchmarks import ImageNetLT, INaturalist2018, PlacesLT
from mmgala.datasets.class_alignment import align_classes
from mmgala.datasets.class_counts import official_class_counts
from mmgala.datasets.csv_dataset import CSVDataset
from mmgala.datasets.digest import DatasetDigest, dataset_digest
from mmgala.datasets.digits import DigitsDataset
from mmgala.datasets.fashion_pairs import FashionPairs
from mmgala.datasets.labels import count_classes, count_draws, dataset_labels
from mmgala.datasets.long_tailed import LongTailedDataset
from mmgala.datasets.plankton import PlanktonSet
from mmgala.datasets.samplers import ClassAwareSampler, ClassBalancedSampler
from mmgala.datasets.transforms import (
    CIFARAutoAugment,
    Cutout,
    FlooredPosterize,
    FlooredSolarize,
    RandomInterpolation,
    TorchvisionAutoAugment,
)

__all__ = [
    'ArrayDataset',
    'CIFARAutoAugment',
    'CSVDataset',
    'ClassAwareSampler',
    'ClassBalancedSampler',
    'Cutout',
    'DatasetDigest',
    'DigitsDataset',
    'FashionPairs',
    'FlooredPosterize',
    'FlooredSolarize',
    'INaturalist2018',
    'ImageNetLT',
    'LongTailedDataset',
    'PlacesLT',
    'PlanktonSet',
    'RandomInterpolation',
    'TorchvisionAutoAugment',
    'align_classes',
    'count_classes',
    'count_draws',
    'dataset_digest',
    'dataset_labels',
    'official_class_counts',
]
