"""The commands of ``mmgala``: their arguments, and where their work starts.

A command is a module named like it, with two functions. ``build_parser`` returns the
parser of its arguments; importing the module and building the parser needs neither
PyTorch nor OpenMMLab, so that ``--help`` answers at once. ``main`` parses the command
line, imports the module of the same name in :mod:`mmgala.cli.programs`, and calls it.

The table of commands is in :mod:`mmgala.cli.main`.
"""
