"""What losses and post-hoc steps share: buffers, ranks, and a word with the runner."""
