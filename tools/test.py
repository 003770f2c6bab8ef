"""The command `mmgala test`, from a clone."""

from mmgala.cli.commands.test import main

if __name__ == '__main__':
    main()
