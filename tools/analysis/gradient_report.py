"""The command `mmgala gradients`, from a clone."""

from mmgala.cli.commands.gradients import main

if __name__ == '__main__':
    main()
