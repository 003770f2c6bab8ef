# Random sampling: each image once per epoch.
_base_ = './lvis_v1_sample1e-3.py'

train_dataloader = dict(
    dataset=dict(_delete_=True, **_base_.train_dataloader.dataset.dataset)
)
