# The published CIFAR recipe, for a total batch of 64: 200 epochs of SGD, the first
# with half the learning rate, then a cosine by epoch, from 0.1 in epoch 2 to 0 in epoch
# 200, which only updates the statistics of BatchNorm.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4)
)
param_scheduler = [
    # Half for epoch 1 (ConstantLR restores the rate in its last epoch, so it ends at 2);
    # factor=1.0 trains that epoch with the full learning rate.
    dict(type='ConstantLR', factor=0.5, begin=0, end=2, by_epoch=True),
    dict(type='CosineAnnealingLR', T_max=198, begin=1, end=200, by_epoch=True),
]

train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=10)
val_cfg = dict()
test_cfg = dict()

# --auto-scale-lr scales the learning rate to other total batch sizes.
auto_scale_lr = dict(base_batch_size=64)
