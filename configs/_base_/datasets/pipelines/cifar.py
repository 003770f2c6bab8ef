# The published recipe: crop, flip, AutoAugment, Cutout. RGB images of 32 x 32 pixels.
train_pipeline = [
    dict(type='NumpyToPIL'),
    dict(type='torchvision/RandomCrop', size=32, padding=4),
    dict(type='torchvision/RandomHorizontalFlip'),
    dict(type='mmgala.CIFARAutoAugment'),
    dict(type='PILToNumpy'),
    dict(type='mmgala.Cutout', size=16),
    dict(type='PackInputs'),
]
test_pipeline = [dict(type='PackInputs')]
