"""Gradient clipping by the norm over the classes of all ranks."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from mmgala.sharding.shards import ClassShards


def clip_gradient_norm(
    parameters: Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
    *,
    shares: Sequence[Tensor],
    shards: ClassShards,
) -> Tensor:
    """Clip as ``torch.nn.utils.clip_grad_norm_`` does in one process with all classes.

    Every rank calls it, after ``DistributedDataParallel`` has averaged the gradients of
    the other parameters, and scales its gradients by the same factor.

    Args:
        parameters: of this rank.
        max_norm: largest norm of the gradients of all parameters together.
        norm_type: p of the p-norm; may be infinite.
        error_if_nonfinite: whether a norm that is not finite is an error.
        foreach: of no effect on the result; see PyTorch's function.
        shares: the parameters of which every rank has some classes.
        shards: shares of the classes.

    Returns:
        The norm of the gradients of all parameters and ranks, before clipping.

    Raises:
        RuntimeError: if the norm is not finite, and that is an error.
    """
    kept_apart = {id(share) for share in shares}
    common: list[Tensor] = []
    own: list[Tensor] = []
    for parameter in parameters:
        if parameter.grad is not None:
            place = own if id(parameter) in kept_apart else common
            place.append(parameter.grad)
    if not common and not own:
        return torch.tensor(0.0)
    device = (common + own)[0].device
    total = _join(
        _norm(common, norm_type, device),
        _over_ranks(_norm(own, norm_type, device), norm_type, shards),
        norm_type,
    )
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f'The norm of order {norm_type} of all gradients is {float(total)}, so '
            'they cannot be clipped: set error_if_nonfinite=False to go on.'
        )
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(common + own, factor)
    return total


def _norm(gradients: list[Tensor], norm_type: float, device: torch.device) -> Tensor:
    """p-norm of all values together; 0 of none, as a rank may have no class."""
    norms = [
        torch.linalg.vector_norm(gradient, norm_type).float()
        for gradient in gradients
        if gradient.numel()
    ]
    if not norms:
        return torch.zeros((), device=device)
    return torch.linalg.vector_norm(torch.stack(norms), norm_type)


def _over_ranks(norm: Tensor, norm_type: float, shards: ClassShards) -> Tensor:
    if norm_type == torch.inf:
        return shards.all_reduce(norm.reshape(1), 'max')[0]
    return shards.all_reduce(norm.reshape(1) ** norm_type)[0] ** (1 / norm_type)


def _join(one: Tensor, other: Tensor, norm_type: float) -> Tensor:
    return torch.linalg.vector_norm(torch.stack([one, other]), norm_type)
