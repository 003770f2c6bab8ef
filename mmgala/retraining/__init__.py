"""Re-training and adjustment of the classifier of a trained model."""

from mmgala.retraining.closed_form import (
    ClassMeans,
    nearest_class_mean,
    search_norm_tau,
    tau_normalize,
)
from mmgala.retraining.options import RetrainOptions
from mmgala.retraining.retrain import retrain_classifier
from mmgala.retraining.training import (
    Schedule,
    initial_classifier,
    learn_weight_scale,
    train_classifier,
)

__all__ = [
    'ClassMeans',
    'RetrainOptions',
    'Schedule',
    'initial_classifier',
    'learn_weight_scale',
    'nearest_class_mean',
    'retrain_classifier',
    'search_norm_tau',
    'tau_normalize',
    'train_classifier',
]
