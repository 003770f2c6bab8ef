"""What saved statistics and predictions say about a classifier; knows no runner."""

from mmgala.analysis.files import run_names
from mmgala.analysis.gradient_files import (
    FOLDER,
    SUMS,
    ClassGradients,
    GradientRecord,
    check_same_classes,
    read_gradient_run,
    read_record,
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
from mmgala.analysis.predictions import describe_classes

__all__ = [
    'FOLDER',
    'GROUPS',
    'SUMS',
    'ClassGradients',
    'GradientRecord',
    'check_same_classes',
    'describe_classes',
    'describe_gradients',
    'gini',
    'gradient_ratio',
    'gradients_table',
    'read_gradient_run',
    'read_record',
    'record_paths',
    'run_names',
    'summarise_gradients',
    'write_gradient_classes',
    'write_gradients',
    'write_record',
]
