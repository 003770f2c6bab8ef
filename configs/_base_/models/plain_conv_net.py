# Four 3 x 3 convolutions for small grey images, 0.06 M parameters.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='mmgala.PlainConvNet', in_channels=1),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=64,
        loss=dict(type='CrossEntropyLoss'),
    ),
)
