"""Random regions and anchors of the tests; nothing here knows a formula."""

import torch

NUM_CLASSES = 5


def regions(columns, size=24, seed=0, background_share=0.6, scale=2.0):
    """Float64 logits ``(N, columns)`` and labels up to ``NUM_CLASSES``, background."""
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(
        size, columns, generator=generator, dtype=torch.float64
    )
    labels = torch.randint(NUM_CLASSES, (size,), generator=generator)
    background = torch.rand(size, generator=generator) < background_share
    return logits.requires_grad_(), torch.where(background, NUM_CLASSES, labels)


def weights(size=24, seed=0):
    """Label weights between 0 and 2, a quarter of them 0; float64."""
    generator = torch.Generator().manual_seed(100 + seed)
    values = 2 * torch.rand(size, generator=generator, dtype=torch.float64)
    return torch.where(values < 0.5, 0.0, values)
