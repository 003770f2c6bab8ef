_base_ = [
    '../_base_/models/plain_conv_net.py',
    '../_base_/datasets/fashion_pairs_lt.py',
    '../_base_/schedules/fashion_pairs.py',
    '../_base_/default_runtime.py',
]

# The halves are pooled separately, since classes differ by the order of their items.
model = dict(
    backbone=dict(pool_size=(1, 2)), head=dict(num_classes=100, in_channels=128)
)
