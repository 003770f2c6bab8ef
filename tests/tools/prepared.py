"""What tools/prepare_data.py makes."""


def made(part):
    """Names of the files and folders of a part, relative to the root."""
    return [*part.files, 'SHA256SUMS'] if part.convert else [part.target]
