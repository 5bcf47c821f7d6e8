"""The shapes of the lines that a data set hands to a network, as its config says them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from .sources import MULTI_SCALE_SETS
from .transforms import Role, list_transforms, plays

SAMPLER = "MultiScaleSampler"  # of PaddleOCR; it draws the size of each batch
WIDEST = 480.0  # pixels: the default of its `max_w`
FIRST_BATCH = 128  # lines: the default of its `first_bs`
DIVISORS = [8, 16]  # of widths and heights: the default of its `divided_factor`


class Lines(NamedTuple):
    """Lines of one shape."""

    key: str  # of the config, that sets their width
    shape: tuple[int, int, int]  # (channels, height, width)
    maker: str  # the transform that resizes them, or SAMPLER
    by_ratio: bool = False  # whether a batch is as many heights wide as its pictures are on average, up to this shape


def list_line_shapes(config: Mapping[str, Any], mode: str) -> list[Lines]:
    """The lines of a data set, one for each height that a sampler draws; none if nothing says how wide they are.

    Args:
        mode: "Train" or "Eval".
    """
    dataset, sampler = config[mode]["dataset"], config[mode].get("sampler") or {}
    if dataset.get("name") in MULTI_SCALE_SETS and sampler.get("scales"):
        return list(_list_scales(sampler, bool(dataset.get("ds_width")), mode))
    for name, arguments in reversed(list_transforms(dataset)):
        shape = arguments.get("image_shape")
        is_shape = isinstance(shape, list) and len(shape) == 3 and all(isinstance(side, int) for side in shape)
        if is_shape and Role.JOINS_LINES not in plays(name):  # it has the (height, width, channels) of what it joins
            return [Lines(f"{mode}.dataset.transforms.{name}.image_shape", tuple(shape), name)]
    return []


def _list_scales(sampler: Mapping[str, Any], by_ratio: bool, mode: str) -> Iterator[Lines]:
    """The lines that PaddleOCR's MultiScaleSampler asks for; by the ratio of their sides, the widest of each height."""
    divisors = sampler.get("divided_factor", DIVISORS)
    for scale in sampler["scales"]:
        sides = scale if isinstance(scale, list) else [scale, scale]
        width, height = (side // divisor * divisor for side, divisor in zip(sides, divisors))
        if by_ratio:
            heights = max(1, round(sampler.get("max_w", WIDEST) / max(1, height)))
            yield Lines(f"{mode}.sampler.max_w", (3, height, heights * height), SAMPLER, by_ratio=True)
        else:
            yield Lines(f"{mode}.sampler.scales", (3, height, width), SAMPLER)


def find_batch_ratios(sampler: Mapping[str, Any], ratios: Sequence[float]) -> list[float]:
    """The width of each line in heights, where MultiScaleSampler draws by ratio: the mean of its batch.

    The sampler sorts the lines, and fills the last batch from the first. That holds for one process that reads all of
    the lines, in batches of ``first_bs``; else the neighbours of a line are others.

    Args:
        sampler: its section.
        ratios: width by height of each picture.
    """
    size, found = sampler.get("first_bs", FIRST_BATCH), list(ratios)
    order = sorted(range(len(ratios)), key=ratios.__getitem__)
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        mean = fmean(ratios[number] for number in [*batch, *order[: size - len(batch)]])
        for number in batch:
            found[number] = mean
    return found
