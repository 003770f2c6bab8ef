"""Record the gradients that losses send back to their logits."""
