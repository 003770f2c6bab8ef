"""What saved statistics and predictions say about a classifier; knows no runner."""

from mmgala.analysis.class_vectors import FeatureSums, describe_class_vectors
from mmgala.analysis.files import run_names
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
from mmgala.analysis.gradient_report import describe_gradients
from mmgala.analysis.gradient_summary import (
    GROUPS,
    gini,
    gradient_ratio,
    summarise_gradients,
)
from mmgala.analysis.gradient_tables import (
    gradients_table,
    write_gradient_classes,
    write_gradients,
)
from mmgala.analysis.prediction_files import (
    PredictionDump,
    check_same_data,
    read_predictions,
)
from mmgala.analysis.prediction_tables import (
    metrics_table,
    write_class_table,
    write_predictions,
)
from mmgala.analysis.predictions import analyse_predictions, describe_classes
from mmgala.analysis.run_report import RunReport, merge_runs, read_run
from mmgala.analysis.vector_tables import vectors_table, write_class_vectors

__all__ = [
    'FOLDER',
    'GROUPS',
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
    'run_names',
    'summarise_gradients',
    'vectors_table',
    'write_class_table',
    'write_class_vectors',
    'write_gradient_classes',
    'write_gradients',
    'write_predictions',
    'write_record',
]
