"""Try mmgala in fresh environments: Pythons, releases of PyTorch and of OpenMMLab."""
