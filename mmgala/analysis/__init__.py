"""Analysis of saved gradient statistics, predictions and class weight vectors."""

from mmgala.analysis.class_vectors import FeatureSums, describe_class_vectors
from mmgala.analysis.gradient_files import (
    FOLDER,
    SUMS,
    ClassGradients,
    GradientRecord,
    check_same_classes,
    read_gradient_run,
    read_record,
    record_number,
    record_paths,
    write_record,
)
from mmgala.analysis.gradient_summary import (
    describe_gradients,
    gini,
    gradient_ratio,
    summarise_gradients,
)
from mmgala.analysis.prediction_files import (
    PredictionDump,
    check_same_data,
    read_predictions,
)
from mmgala.analysis.predictions import analyse_predictions
from mmgala.analysis.results import (
    describe_classes,
    gradients_table,
    metrics_table,
    vectors_table,
    write_class_table,
    write_class_vectors,
    write_gradient_classes,
    write_gradients,
    write_predictions,
)
from mmgala.analysis.run_report import RunReport, merge_runs, read_run

__all__ = [
    'FOLDER',
    'SUMS',
    'ClassGradients',
    'FeatureSums',
    'GradientRecord',
    'PredictionDump',
    'RunReport',
    'analyse_predictions',
    'check_same_classes',
    'check_same_data',
    'describe_class_vectors',
    'describe_classes',
    'describe_gradients',
    'gini',
    'gradient_ratio',
    'gradients_table',
    'merge_runs',
    'metrics_table',
    'read_gradient_run',
    'read_predictions',
    'read_record',
    'read_run',
    'record_number',
    'record_paths',
    'summarise_gradients',
    'vectors_table',
    'write_class_table',
    'write_class_vectors',
    'write_gradient_classes',
    'write_gradients',
    'write_predictions',
    'write_record',
]
