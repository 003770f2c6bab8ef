"""Recording of the gradients of losses with respect to their logits."""
