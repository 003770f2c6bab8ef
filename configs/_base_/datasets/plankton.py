# PlanktonSet 1.0, long-tailed by nature: 18,190 training images of 121 classes, 1,187
# down to 5 per class; 4,549 for validation and 7,597 for testing. `python
# tools/prepare_data.py plankton --source ARCHIVE_OR_FOLDER` creates data/plankton;
# docs/plankton.md explains where to get the images. No split is balanced, so compare
# methods by class_mean, the mean of the classes' accuracies.
data_root = 'data/plankton'
data_preprocessor = dict(num_classes=121, mean=[245.6], std=[34.1], to_rgb=False)

train_pipeline = [
    dict(type='NumpyToPIL'),
    # Plankton has no upright orientation: all eight rotations and reflections.
    dict(type='torchvision/RandomHorizontalFlip'),
    dict(type='torchvision/RandomVerticalFlip'),
    dict(
        type='RandomApply',
        prob=0.5,
        transforms=[dict(type='torchvision/RandomRotation', degrees=(90, 90))],
    ),
    dict(type='torchvision/RandomCrop', size=64, padding=6, fill=255),
    dict(type='PILToNumpy'),
    dict(type='PackInputs'),
]
test_pipeline = [dict(type='PackInputs')]

train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='mmgala.PlanktonSet',
        data_root=data_root,
        split='train',
        pipeline=train_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=500,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='mmgala.PlanktonSet',
        data_root=data_root,
        split='val',
        pipeline=test_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = dict(
    batch_size=500,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='mmgala.PlanktonSet',
        data_root=data_root,
        split='test',
        pipeline=test_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)

val_evaluator = dict(type='mmgala.LongTailedAccuracy', topk=(1, 5))
test_evaluator = val_evaluator
