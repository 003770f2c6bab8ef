"""Check that a model has as many classes as its training set, before training."""

from collections.abc import Callable, Iterator, Sequence

from torch import nn

from mmgala.utils.class_names import list_names

# Modules of detectors whose `num_classes` is not that of the data set.
NOT_OF_DATA_SET = ('rpn_head', 'semantic_head', 'backbone')


def check_widths(
    model: nn.Module, classes: Sequence[str], hint: Callable[[], str] = str
) -> None:
    """Check every ``num_classes`` of a model against the training classes.

    Checked are heads (those of detectors included) and their losses, and the data
    preprocessor if it makes one-hot labels, as for mixup and CutMix.

    Args:
        model: model without wrappers.
        classes: names of the training classes; nothing is checked without any.
        hint: returns what to add to the message.

    Raises:
        ValueError: if a number differs; the message says what to write.
    """
    for name, width in model_widths(model):
        if classes and width != len(classes):
            key = f'{name}.num_classes'.replace('loss_module', 'loss')
            section = '' if name == 'data_preprocessor' else 'model.'
            raise ValueError(
                f'{section}{key} is {width}, but the training set has {len(classes)} '
                f'classes ({list_names(classes)}): set {section}{key}={len(classes)} '
                f'in the config or with --cfg-options.{hint()}'
            )


def model_widths(model: nn.Module) -> Iterator[tuple[str, int]]:
    """Yield the name and the number of classes of each part with as many outputs."""
    if hasattr(model, 'language_model'):  # an output per word, not per class
        return
    for name, module in model.named_modules():
        width = getattr(module, 'num_classes', None)
        if getattr(module, 'sees_whole_batch', False):
            continue  # the loss of a rank that has some of the classes
        if not isinstance(width, int) or any(part in name for part in NOT_OF_DATA_SET):
            continue
        if name == 'data_preprocessor':
            if getattr(module, 'to_onehot', False):
                yield name, width
        elif 'head' in name:
            yield name, width


def head_width(model: nn.Module) -> int | None:
    """Number of classes of a classifier's head; None for other models."""
    width = getattr(getattr(model, 'head', None), 'num_classes', None)
    return width if isinstance(width, int) else None
