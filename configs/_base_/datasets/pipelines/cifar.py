# Of the published recipe: crop, flip, AutoAugment, Cutout. RGB images of 32 x 32.
train_pipeline = [
    dict(type='NumpyToPIL'),
    dict(type='torchvision/RandomCrop', size=32, padding=4),
    dict(type='torchvision/RandomHorizontalFlip'),
    dict(type='mmgala.TorchvisionAutoAugment', policy='cifar10'),
    dict(type='PILToNumpy'),
    dict(type='Cutout', shape=16, pad_val=0, prob=1.0),
    dict(type='PackInputs'),
]
test_pipeline = [dict(type='PackInputs')]
