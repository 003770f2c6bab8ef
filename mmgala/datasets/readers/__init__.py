"""Read and check annotation files."""
