"""The command `mmgala export`, from a clone."""

from mmgala.cli.commands.export import main

if __name__ == '__main__':
    main()
