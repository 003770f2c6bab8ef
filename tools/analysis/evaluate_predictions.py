"""The command `mmgala predictions`, from a clone."""

from mmgala.cli.commands.predictions import main

if __name__ == '__main__':
    main()
