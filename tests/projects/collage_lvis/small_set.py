"""Settings of a small set of collages, and the checksums of its files."""

import hashlib

from projects.collage_lvis.planning import CollageSettings

SMALL = CollageSettings(seed=3, max_images=12, min_images=1, per_class=2)


def contents(folder):
    """Checksum of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob('*')
        if path.is_file()
    }
