"""Class counts for a re-training, and what is odd about its data."""

from mmgala.console.consoles import warn_on
from mmgala.datasets.data_check import check_data
from mmgala.datasets.data_summary import summary_table
from mmgala.datasets.labels import class_names, count_images_and_draws
from mmgala.functional import ShotThresholds
from mmgala.retraining.methods import RetrainingContext
from mmgala.utils.checkpoint_meta import stored_class_counts, stored_class_draws


def count_training_set(
    context: RetrainingContext,
    checkpoint: dict,
    method: str,
    thresholds: ShotThresholds,
) -> None:
    """Count the training set and show it, or read the counts if no set is needed.

    Args:
        context: gets ``counts`` and ``draws``.
        checkpoint: of the trained model.
        method: name of the method; ``tau-norm`` needs no training set.
        thresholds: shot thresholds of the table.

    Raises:
        ValueError: if a label is out of range, or hidden files count as images.
    """
    stored = stored_class_counts(checkpoint)
    if method == 'tau-norm':
        context.counts = None if stored is None else list(stored)
        context.draws = stored_class_draws(checkpoint)
        return
    dataset = context.loader('train').dataset
    for remark in check_data(dataset):
        warn_on(context.console, remark)
    counted = count_images_and_draws(dataset, context.num_classes)
    context.counts, context.draws = counted.images, counted.draws
    table = summary_table(counted, thresholds, class_names(dataset))
    context.console.print(f'{table}\n', markup=False, highlight=False)
    if stored is not None and list(stored) != counted.images:
        warn_on(
            context.console,
            'The class counts of the training set differ from those in the checkpoint: '
            'the former are used.',
        )
