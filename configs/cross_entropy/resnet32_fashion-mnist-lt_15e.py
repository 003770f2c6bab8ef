# A recipe like that of CIFAR on Fashion-MNIST-LT, images padded to 32 x 32, in 15 epochs:
# half an hour on 2 CPU cores. Its published results use torchvision's AutoAugment, MMCV's
# Cutout and Kaiming initialisation of the classifier, so it keeps these.
_base_ = [
    '../_base_/models/resnet32_cifar.py',
    '../_base_/datasets/fashion_mnist_lt.py',
    '../_base_/schedules/cifar_200e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    head=dict(
        num_classes=10,
        init_cfg=dict(_delete_=True, type='Kaiming', layer='Linear', mode='fan_in'),
    )
)

data_preprocessor = dict(mean=[55.7] * 3, std=[84.5] * 3)  # of the padded images

to_rgb = [
    dict(type='NumpyToPIL'),
    dict(type='torchvision/Grayscale', num_output_channels=3),
    dict(type='torchvision/Pad', padding=2),
]
train_pipeline = [
    *to_rgb,
    dict(type='torchvision/RandomCrop', size=32, padding=4),
    dict(type='torchvision/RandomHorizontalFlip'),
    dict(type='mmgala.TorchvisionAutoAugment', policy='cifar10'),
    dict(type='PILToNumpy'),
    dict(type='Cutout', shape=16, pad_val=0, prob=1.0),
    dict(type='PackInputs'),
]
test_pipeline = [*to_rgb, dict(type='PILToNumpy'), dict(type='PackInputs')]

train_dataloader = dict(
    drop_last=True, dataset=dict(dataset=dict(pipeline=train_pipeline))
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

param_scheduler = [
    dict(type='ConstantLR', factor=0.5, begin=0, end=2, by_epoch=True),
    dict(type='CosineAnnealingLR', T_max=14, begin=1, end=15, by_epoch=True),
]
train_cfg = dict(max_epochs=15, val_interval=5)
