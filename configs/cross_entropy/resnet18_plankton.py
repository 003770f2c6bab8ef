# Trains in half an hour on one CPU core.
_base_ = [
    '../_base_/models/resnet18_plankton.py',
    '../_base_/datasets/plankton.py',
    '../_base_/schedules/plankton.py',
    '../_base_/default_runtime.py',
]
