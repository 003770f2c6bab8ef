"""The command `mmgala report`, from a clone."""

from mmgala.cli.commands.report import main

if __name__ == '__main__':
    main()
