"""Classifiers that are adjusted or trained anew on the features of a trained model."""

from mmgala.retraining.methods import (
    nearest_class_mean,
    search_norm_tau,
    tau_normalize,
)
from mmgala.retraining.options import METHODS, RetrainOptions
from mmgala.retraining.retrain import retrain_classifier
from mmgala.retraining.training import (
    Schedule,
    learn_weight_scale,
    train_classifier,
)

__all__ = [
    'METHODS',
    'RetrainOptions',
    'Schedule',
    'learn_weight_scale',
    'nearest_class_mean',
    'retrain_classifier',
    'search_norm_tau',
    'tau_normalize',
    'train_classifier',
]
