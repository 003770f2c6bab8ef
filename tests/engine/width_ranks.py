"""Numbers of classes of a model on one rank of several that share the classes."""

from torch import nn

from mmgala.engine.class_width import check_widths, model_widths
from mmgala.models import GALAHead


def model_with(head):
    model = nn.Module()
    model.head = head
    return model


def shared_model(num_classes):
    return model_with(GALAHead(num_classes, 2, shard_classes=True))


def widths_of_a_share(rank, world_size, num_classes):
    model = shared_model(num_classes)
    assert model.head.loss_module.num_classes < num_classes
    return dict(model_widths(model))


def error_of_widths(rank, world_size, num_classes, names):
    try:
        check_widths(shared_model(num_classes), names)
    except ValueError as error:
        return str(error)
    return 'no error'
