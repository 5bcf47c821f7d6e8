"""The search of `compress`: which weights of a model become int8, and what the result costs.

How far it is, is said on standard error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..errors import UserError
from .terminal import show_progress

if TYPE_CHECKING:
    import numpy as np

    from ..deploy.engine import Engine
    from ..deploy.quantize import Sensitivity

TRIED = {"det": 1, "rec": 6, "cls": 6}  # pictures on which each weight is tried alone
TIMED = {"det": 1, "rec": 4, "cls": 8}  # pictures of one round
ROUNDS = 9
MARGIN = 0.5  # of --max-drop may be lost where the weights are chosen: the pictures that check them are others


class Original(NamedTuple):
    """A model as it is."""

    kind: str  # "det", "rec" or "cls"
    settings: Any  # with which pictures are read
    file: Path  # of ONNX
    content: Any  # of the file, an onnx.ModelProto
    description: str  # what stands in its inference.yml, or would


class Half(NamedTuple):
    """Half of the labelled pictures."""

    pictures: Sequence[np.ndarray]  # (H, W, 3) uint8 BGR
    labels: Sequence[Any]


class Result(NamedTuple):
    """A model with int8 weights beside the original. A pair is (before, after)."""

    content: bytes  # of the ONNX file
    names: Sequence[str]  # of the weights that are int8
    sensitivities: Sequence[Sensitivity]  # of all weights, the most sensitive first
    sizes: tuple[int, int]  # bytes
    accuracies: tuple[float, float]  # points from 0 to 100, on the pictures that check
    checked: int  # how many pictures these are
    seconds: Sequence[float]  # of a picture, a pair
    ratios: Sequence[float]  # after / before, of one round of pictures: the least, the median and the greatest

    @property
    def lost(self) -> float:
        """Points of accuracy."""
        return self.accuracies[0] - self.accuracies[1]


def shrink(original: Original, choosing: Half, checking: Half, max_drop: float) -> Result:
    """A model with int8 weights, and what it costs.

    Args:
        choosing: the pictures that say which weights stay float.
        checking: those that say what the result loses.
        max_drop: what may be lost at most, in points of accuracy. The result may lose more on pictures that check.
    Raises:
        UserError: a package is missing, or the model has no picture of a half right as it is.
    """
    from ..deploy import accuracy, quantize
    from ..deploy.engine import load_onnx_engine

    def measure(run: Engine, half: Half) -> float:
        return accuracy.measure_accuracy(original.kind, run, original.settings, *half)

    def prepare(half: Half, counts: Mapping[str, int]) -> list[np.ndarray]:
        return accuracy.prepare_inputs(original.kind, original.settings, half.pictures[: counts[original.kind]])

    engine, halves = load_onnx_engine(original.file), (choosing, checking)
    points = [measure(engine, half) for half in halves]
    if not all(shows_losses(original.kind, half, right) for half, right in zip(halves, points)):
        raise UserError(
            "--data: the model has nothing right in one half of the pictures, so no loss could be seen; give "
            "labels of what it was trained for, or more pictures."
        )
    sensitivities = _measure_sensitivities(original.content, engine, prepare(choosing, TRIED))
    names = _choose_weights(
        original.content, sensitivities, lambda run: measure(run, choosing), points[0], MARGIN * max_drop
    )
    small = quantize.store_as_int8(original.content, names)
    content, small_engine = small.SerializeToString(), _load(small)
    seconds, ratios = _time(engine, small_engine, prepare(checking, TIMED))
    return Result(
        content,
        names,
        sensitivities,
        sizes=(original.file.stat().st_size, len(content)),
        accuracies=(points[1], measure(small_engine, checking)),
        checked=len(checking.pictures),
        seconds=seconds,
        ratios=ratios,
    )


def shows_losses(kind: str, half: Half, points: float) -> bool:
    """Whether a model could do worse on some pictures than it does.

    Args:
        kind: of the model. A detector must have a box to find: without one, all of none is right.
        points: of accuracy, as it is.
    """
    from ..data.labels import IGNORED_TEXTS

    has_box = kind != "det" or any(text not in IGNORED_TEXTS for boxes in half.labels for _, text in boxes)
    return points > 0 and has_box


def _load(model: Any) -> Engine:
    """An onnx.ModelProto in onnxruntime."""
    from ..deploy.engine import start_onnxruntime
    from ..deploy.graph import mend_graph

    return start_onnxruntime(mend_graph(model.SerializeToString()), "the model with int8 weights")


def _measure_sensitivities(model: Any, engine: Engine, inputs: Sequence[np.ndarray]) -> list[Sensitivity]:
    """What each weight alone does to the output as int8: the mean change of a probability."""
    import numpy as np

    from ..deploy.quantize import list_weights, measure_sensitivities

    expected = [engine(each) for each in inputs]

    def change(other: Any) -> float:
        run = _load(other)
        return float(np.mean([np.abs(run(each) - output).mean() for each, output in zip(inputs, expected)]))

    count = len(list_weights(model))
    click.echo(f"Trying {count} weights, one at a time ...", err=True)
    with show_progress(count) as advance:
        return measure_sensitivities(model, change, advance)


def _choose_weights(
    model: Any,
    sensitivities: Sequence[Sensitivity],
    measure: Callable[[Engine], float],
    before: float,
    max_drop: float,
) -> list[str]:
    """The names of the weights to store as int8. Each try is announced.

    Args:
        measure: gives points of accuracy.
        before: the points of the model as it is.
        max_drop: what may be lost, points.
    """
    from ..deploy.quantize import choose_weights

    def announce(count: int, lost: float) -> None:
        click.echo(
            f"{count} of {len(sensitivities)} weights in float: {before - lost:.2f} % right where they are chosen, "
            f"{before:.2f} % before",
            err=True,
        )

    return choose_weights(model, sensitivities, lambda other: before - measure(_load(other)), max_drop, announce)


def _time(before: Engine, after: Engine, inputs: Sequence[np.ndarray]) -> tuple[list[float], list[float]]:
    """(seconds of a picture before and after, [the least, the median and the greatest ratio of a round])"""
    import numpy as np

    seconds = []
    for _ in range(ROUNDS + 1):
        row = []
        for run in (before, after):
            start = time.perf_counter()
            for each in inputs:
                run(each)
            row.append((time.perf_counter() - start) / len(inputs))
        seconds.append(row)
    rounds = np.array(seconds[1:])  # the first one warms up
    ratios = rounds[:, 1] / rounds[:, 0]
    return [float(s) for s in np.median(rounds, 0)], [float(f(ratios)) for f in (np.min, np.median, np.max)]
