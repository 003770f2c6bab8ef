"""The command `mmgala retrain`, from a clone."""

from mmgala.cli.commands.retrain import main

if __name__ == '__main__':
    main()
