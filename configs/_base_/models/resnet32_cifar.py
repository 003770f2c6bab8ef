# ResNet-32 of the CIFAR experiments, 0.47 M parameters with its classifier.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='mmgala.CIFARResNet', depth=32),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=100,
        in_channels=64,
        loss=dict(type='CrossEntropyLoss'),
        init_cfg=None,  # PyTorch's default for linear layers, as in the authors' code
    ),
)
