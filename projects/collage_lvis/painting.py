"""Painting of overlapping tinted items on a dark canvas, with their visible pixels."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

SIZE = 160  # pixels, height and width of a collage
ITEM_SIZES = (24, 60)  # sides of the scaled items in pixels, inclusive
SILHOUETTE = 40  # grey values above this belong to the item
MIN_VISIBLE = 0.6  # fraction of each item that later ones must not cover
TRIES = 50  # positions for one item, before the whole collage is started again
LAYOUTS = 100
NOBODY = -1

TINTS = ('red', 'green', 'blue')


def paint(
    items: Sequence[tuple[np.ndarray, int]], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Paint one collage.

    Args:
        items: grey image, ``(28, 28)`` uint8, and tint (0 red, 1 green, 2 blue) of each
            item in the order of painting.
        rng: random generator of sizes, positions and the canvas.

    Returns:
        The collage, ``(160, 160, 3)`` uint8, RGB; and the index in ``items`` that each
        pixel belongs to, ``(160, 160)``, -1 for the canvas.
    """
    greys = [scale(grey, rng) for grey, _ in items]
    owner, corners = _lay_out([grey > SILHOUETTE for grey in greys], rng)
    collage = _canvas(rng)
    for position, (grey, (_, tint)) in enumerate(zip(greys, items, strict=True)):
        top, left = corners[position]
        window = np.s_[top : top + len(grey), left : left + len(grey)]
        visible = owner[window] == position
        collage[window][visible] = colour(grey, tint, rng)[visible]
    return collage, owner


def scale(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scale an item to a random size."""
    side = int(rng.integers(*ITEM_SIZES, endpoint=True))
    resized = Image.fromarray(grey).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def colour(grey: np.ndarray, tint: int, rng: np.random.Generator) -> np.ndarray:
    """Tint an item, with random variation.

    Args:
        grey: ``(S, S)`` uint8.
        tint: index of the strongest channel.
        rng: random generator of the other channels and the brightness.

    Returns:
        ``(S, S, 3)`` uint8.
    """
    shares = rng.uniform(0.15, 0.5, 3)
    shares[tint] = 1.0
    bright = 70 + grey * rng.uniform(0.5, 0.7)  # dark pixels have a colour, too
    return (bright[..., None] * shares).astype(np.uint8)


def _canvas(rng: np.random.Generator) -> np.ndarray:
    """Dark coloured clouds, with noise."""
    clouds = rng.integers(0, 90, (8, 8, 3), dtype=np.uint8)
    smooth = Image.fromarray(clouds).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    noise = rng.normal(0, 12, (SIZE, SIZE, 3))
    return np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8)


def _lay_out(
    silhouettes: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Item of each pixel, and the upper left corner of each item."""
    for _ in range(LAYOUTS):
        owner = np.full((SIZE, SIZE), NOBODY)
        corners: list[tuple[int, int]] = []
        for silhouette in silhouettes:
            corner = _find_place(owner, silhouette, silhouettes, len(corners), rng)
            if corner is None:
                break
            corners.append(corner)
        else:
            return owner, corners
    raise AssertionError(f'no room for {len(silhouettes)} items')


def _find_place(
    owner: np.ndarray,
    silhouette: np.ndarray,
    silhouettes: Sequence[np.ndarray],
    position: int,
    rng: np.random.Generator,
) -> tuple[int, int] | None:
    """Place an item so that it leaves enough of the others; None if that fails."""
    side = len(silhouette)
    areas = np.array([shape.sum() for shape in silhouettes[:position]])
    left_of_all = np.bincount(owner[owner != NOBODY], minlength=position)
    for top, left in rng.integers(0, SIZE - side, (TRIES, 2), endpoint=True):
        window = owner[top : top + side, left : left + side]
        hidden = window[silhouette]
        lost = np.bincount(hidden[hidden != NOBODY], minlength=position)
        if np.all(left_of_all - lost >= MIN_VISIBLE * areas):
            window[silhouette] = position
            return int(top), int(left)
    return None
