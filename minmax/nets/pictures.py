"""What convolutional networks ask of a data set: square pictures of a side that they can halve."""

from __future__ import annotations


def channels_of(net: str, shape: tuple[int, ...]) -> int:
    """1 for grey pictures [side, side], else the first axis of [channels, side, side].

    Raises:
        ValueError: the shape is no square picture.
    """
    if len(shape) not in (2, 3) or shape[-1] != shape[-2]:
        raise ValueError(f"{net}: data of shape {list(shape)}; [side, side] or [channels, side, side] is allowed")
    return 1 if len(shape) == 2 else shape[0]


def halved(net: str, side: int) -> tuple[int, int]:
    """A side from 4 to 7, and how often it is doubled until it is ``side``.

    >>> halved("dcgan", 28), halved("dcgan", 64)
    ((7, 2), (4, 4))

    Raises:
        ValueError: ``side`` is none of these, or 7 and less.
    """
    times = max(side.bit_length() - 3, 0)
    if times < 1 or side % (1 << times):
        raise ValueError(f"{net}: pictures of side {side}; 4, 5, 6 or 7 times 2, 4, 8, … is allowed (28, 32, 64)")
    return side >> times, times
