# ResNet for small grey images: four stages of two basic blocks, 16-32-64-128 channels,
# each of which halves the image; 0.72 M parameters. On a CPU, an image of 64 x 64 pixels
# takes as long as one of 32 x 32 pixels in the three-stage networks for CIFAR.
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='ResNet_CIFAR',
        depth=18,
        in_channels=1,
        num_stages=4,
        stem_channels=16,
        base_channels=16,
        strides=(2, 2, 2, 2),
        dilations=(1, 1, 1, 1),
        out_indices=(3,),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=121,
        in_channels=128,
        loss=dict(type='CrossEntropyLoss'),
    ),
)
