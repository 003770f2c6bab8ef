"""The command `mmgala train`, from a clone."""

from mmgala.cli.commands.train import main

if __name__ == '__main__':
    main()
