"""The command `mmgala vectors`, from a clone."""

from mmgala.cli.commands.vectors import main

if __name__ == '__main__':
    main()
