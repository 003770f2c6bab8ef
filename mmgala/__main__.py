"""``python -m mmgala``: the same as the command ``mmgala``."""

from mmgala.cli.main import main

if __name__ == '__main__':
    # Processes that multiprocessing spawns import the file of the program, but not a
    # `__main__` that has a spec. By this import they learn to refuse unsafe files.
    __spec__ = None
    main()
