_base_ = '../cross_entropy/resnet32_cifar100-lt-if100.py'

# 0.005 makes 52 of the 100 classes tail.
model = dict(
    head=dict(loss=dict(_delete_=True, type='mmgala.EqualizationLoss', num_classes=100))
)
