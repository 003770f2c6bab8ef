"""The command `mmgala prepare`, from a clone."""

from mmgala.cli.commands.prepare import main

if __name__ == '__main__':
    main()
