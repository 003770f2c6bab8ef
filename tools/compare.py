"""The command `mmgala compare`, from a clone."""

from mmgala.cli.commands.compare import main

if __name__ == '__main__':
    main()
