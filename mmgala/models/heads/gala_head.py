"""Linear classification head with the GALA loss."""

from mmgala.models.heads.base import LongTailedClsHead
from mmgala.registry import MODELS


@MODELS.register_module()
class GALAHead(LongTailedClsHead):
    """Linear classification head whose default loss is :class:`GALALoss`.

    Two lines turn an MMPretrain config with a linear head into GALA::

        model = dict(head=dict(
            type='mmgala.GALAHead', loss=dict(_delete_=True, type='mmgala.GALALoss')))

    Arguments and errors are those of :class:`LongTailedClsHead`.
    """

    default_loss = dict(type='mmgala.GALALoss')
