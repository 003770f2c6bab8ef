"""Pictures of class statistics; they know arrays, no runner."""

from mmgala.visualization.class_plots import (
    plot_class_accuracy,
    plot_gradient_statistics,
)

__all__ = ['plot_class_accuracy', 'plot_gradient_statistics']
