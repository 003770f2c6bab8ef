"""The command `mmgala fit`, from a clone."""

from mmgala.cli.commands.fit import main

if __name__ == '__main__':
    main()
