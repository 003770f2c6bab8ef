"""Loss of each sample, from the buffers and arguments of a GALALoss."""

import torch.nn.functional as F
from torch import Tensor, nn

from mmgala import functional as mf


def plain(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    settings = m.lambda_pos, m.lambda_neg, m.eps
    return mf.gala_loss(z, t, m.pos_grad, m.neg_grad, *settings)


def official(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    adjusted = z + m.lambda_pos * (m.pos_grad + m.eps).log()
    return F.cross_entropy(adjusted, t, reduction='none')


def with_counts(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    share = m.count_share
    levels = (
        ((1 - share) * (grad + m.eps).log() + share * (m.seen + m.eps).log()).exp()
        for grad in (m.pos_grad, m.neg_grad)
    )
    return mf.gala_loss(z, t, *levels, m.lambda_pos, m.lambda_neg, 1e-30)


def with_label_margin(m: nn.Module, z: Tensor, t: Tensor, lead: float = 1.0) -> Tensor:
    error = (m.pos_grad + m.eps) / (m.seen + m.eps)
    largest = max((e for e, n in zip(error, m.seen, strict=True) if n > 0), default=1)
    margin = -lead * m.label_margin * (error / largest).clamp(max=1).sqrt()
    bias = (1 + lead * (m.lambda_pos - 1)) * (m.seen + m.eps).log()
    return mf.adjusted_cross_entropy(z, t, bias, margin)


def with_lead(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    pairs = zip(m.recent_probability, m.seen, strict=True)
    recent = [float(p) for p, n in pairs if n > 0]
    lead = max(0.0, 2 * sum(recent) / max(len(recent), 1) - 1)
    return with_label_margin(m, z, t, lead)
