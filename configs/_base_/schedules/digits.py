# 40 epochs on one process, SGD with cosine decay.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4)
)
param_scheduler = dict(
    type='CosineAnnealingLR', T_max=40, by_epoch=True, convert_to_iter_based=True
)

train_cfg = dict(by_epoch=True, max_epochs=40, val_interval=5)
val_cfg = dict()
test_cfg = dict()

# --auto-scale-lr scales the learning rate to other total batch sizes.
auto_scale_lr = dict(base_batch_size=32)
