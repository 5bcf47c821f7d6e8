"""`compress`: an exported model with int8 weights, if it still reads as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..checkpoints import published
from ..errors import UserError, pluralize
from .inputs import list_model_files
from .terminal import make_table, print_table, show_progress, warn, warn_first

if TYPE_CHECKING:
    import numpy as np

    from ..deploy.engine import Engine
    from ..deploy.models import Model
    from ..deploy.quantize import Sensitivity

PICTURES = {"det": 40, "rec": 1000, "cls": 600}  # of the labelled ones, read unless the user says otherwise
TRIED = {"det": 1, "rec": 6, "cls": 6}  # pictures on which each weight is tried alone
TIMED = {"det": 1, "rec": 4, "cls": 8}  # pictures of one round
ROUNDS = 9
MARGIN = 0.5  # of --max-drop may be lost where the weights are chosen: the pictures that check them are others
WEIGHTS_SHOWN = 5  # of dozens: they explain, and the three rows above them decide
BYTES = 10**6  # of a megabyte


class Half(NamedTuple):
    """Half of the labelled pictures."""

    pictures: Sequence[np.ndarray]  # (H, W, 3) uint8 BGR
    labels: Sequence[Any]


def compress(
    model: str,
    output: str,
    data: str,
    data_dir: str | None = None,
    kind: str | None = None,
    max_drop: float = 1.0,
    pictures: int | None = None,
) -> int:
    """Write a model with int8 weights into a folder, and print what that costs.

    Half of the labelled pictures decide which weights stay float. The other half says what the result loses.

    Args:
        model: the folder of an exported model with ``inference.onnx``, or "official".
        output: the folder that is written: ``inference.onnx`` and ``inference.yml``. It holds no model yet.
        data: a label file of training pictures.
        data_dir: what its images are relative to; None for its folder.
        kind: "det", "rec" or "cls": which official model; None for a folder, which says it.
        max_drop: what may be lost at most, in points of accuracy, from 0 to 100.
        pictures: how many are read, at least 2; None for the number in PICTURES.
    Returns:
        0, or 1 if too much would be lost, with nothing written, or if a line of the labels or a picture could not be
        read: the others count.
    Raises:
        UserError: the model, the labels, all their pictures or a package is missing, the files do not fit together, the
            weights are broken, or the model has no picture of a half right as it is.
    """
    from ..checkpoints.onnx_files import load_model
    from ..deploy import accuracy, quantize
    from ..deploy.engine import load_onnx_engine
    from ..deploy.model_folder import ONNX_FILE, PROGRAMS, find_description
    from ..deploy.places import is_there, require_file_place, require_folder_place
    from ..deploy.settings import describe_official

    if not 0 <= max_drop <= 100:  # NaN would refuse every result
        raise UserError(f"--max-drop must be a number from 0 to 100, got {max_drop}.")
    found = _find_model(model, kind)
    kind, settings, file = found.kind, found.settings, found.onnx_file
    description = describe_official(kind) if model == published.KEYWORD else find_description(found.path)
    require_folder_place("--output", output)
    if Path(output).resolve() == file.resolve().parent:
        raise UserError(f"--output {output} is the folder of the model itself; name another folder.")
    held = [str(Path(output) / name) for name in (*PROGRAMS, ONNX_FILE) if is_there(Path(output) / name)]
    if held:
        raise UserError(f"--output {output} holds an exported model, {held[0]}; name another folder.")
    for written in (ONNX_FILE, "inference.yml"):
        require_file_place("--output", Path(output) / written, [data, *list_model_files(model)])
    original = load_model(file)
    if not quantize.list_weights(original):
        raise UserError(f"{file} has no weights to compress: none is float and large; is it compressed already?")
    broken = quantize.find_infinite_weight(original)
    if broken:
        raise UserError(f"{file}: the weight {broken} holds NaN or infinity; export again, from another checkpoint.")
    (choosing, checking), problems = _open_halves(data, data_dir, kind, pictures)
    warn_first(problems)
    if not checking.pictures:
        raise UserError(f"{data}: at least two of its pictures must be readable, one to choose and one to check.")

    def measure(run: Engine, half: Half) -> float:
        return accuracy.measure_accuracy(kind, run, settings, *half)

    float_engine = load_onnx_engine(file)
    before = [measure(float_engine, half) for half in (choosing, checking)]
    for half, points in zip((choosing, checking), before):
        if points == 0 or (kind == "det" and not _has_readable_box(half)):
            raise UserError(
                f"{data}: in one half of the pictures the model has nothing right as it is, so no loss could be seen; "
                "give labels of what it was trained for, or more pictures."
            )
    inputs = accuracy.prepare_inputs(kind, settings, choosing.pictures[: TRIED[kind]])
    sensitivities = _measure_sensitivities(original, float_engine, inputs)
    names = _choose_weights(original, sensitivities, lambda run: measure(run, choosing), before[0], max_drop)
    content = quantize.store_as_int8(original, names).SerializeToString()
    small_engine = _load_bytes(content)
    accuracies = [before[1], measure(small_engine, checking)]
    timed = accuracy.prepare_inputs(kind, settings, checking.pictures[: TIMED[kind]])
    sizes = [file.stat().st_size, len(content)]
    _print_before_and_after(kind, len(checking.pictures), sizes, accuracies, *_time(float_engine, small_engine, timed))
    _print_weights(sensitivities, set(names))
    lost = accuracies[0] - accuracies[1]
    if not names or lost > max_drop:
        reason = f"{lost:.2f} points would be lost" if names else "even one weight as int8 loses too much"
        warn(f"nothing is written: {reason}, --max-drop allows {max_drop:g}; allow more, or leave the model as it is.")
        return 1
    _write(Path(output), content, description)
    click.echo(f"Written to {output}")
    return 1 if problems else 0


def _find_model(model: str, kind: str | None) -> Model:
    from ..deploy.models import find_model

    found = find_model(model, kind if model == published.KEYWORD else None)
    if kind not in (None, found.kind):
        raise UserError(f"{model} holds a model of the kind {found.kind}, not {kind}; leave --kind out.")
    return found


def _open_halves(data: str, data_dir: str | None, kind: str, count: int | None) -> tuple[tuple[Half, Half], list[str]]:
    """((the pictures that choose weights, those that check them), a sentence for each line and picture left out)"""
    from ..deploy.labelled import open_samples, read_samples
    from ..deploy.pictures import open_image, open_line

    found = read_samples(data, data_dir, kind, count or PICTURES[kind])
    opened = open_samples(found.samples, open_line if kind == "rec" else open_image)
    pictures, labels = opened.pictures, [sample.label for sample in opened.samples]
    halves = (Half(pictures[::2], labels[::2]), Half(pictures[1::2], labels[1::2]))
    return halves, [*found.problems, *opened.problems]


def _has_readable_box(half: Half) -> bool:
    """Whether a label of whole pictures has a box that a detector must find."""
    from ..data.labels import IGNORED_TEXTS

    return any(text not in IGNORED_TEXTS for boxes in half.labels for _, text in boxes)


def _load(model: Any) -> Engine:
    """An onnx.ModelProto in onnxruntime."""
    return _load_bytes(model.SerializeToString())


def _load_bytes(content: bytes) -> Engine:
    from ..deploy.engine import start_onnxruntime
    from ..deploy.graph import mend_graph

    return start_onnxruntime(mend_graph(content), "the model with int8 weights")


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
    """The names of the weights to store as int8. ``measure`` gives points of accuracy; each try is announced.

    Args:
        before: the points of the model as it is.
    """
    from ..deploy.quantize import choose_weights

    def announce(count: int, lost: float) -> None:
        click.echo(
            f"{count} of {len(sensitivities)} weights in float: {before - lost:.2f} % right where they are chosen, "
            f"{before:.2f} % before",
            err=True,
        )

    return choose_weights(
        model, sensitivities, lambda other: before - measure(_load(other)), MARGIN * max_drop, announce
    )


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


def _print_weights(sensitivities: Sequence[Sensitivity], names: set[str]) -> None:
    """Print how many weights are int8, and those that cost most. ``names`` are those as int8."""
    count, shown = len(sensitivities), sensitivities[:WEIGHTS_SHOWN]
    click.echo(f"{len(names)} of {count} weights are int8, {count - len(names)} stay float.")
    click.echo("Each alone as int8, those first that change most for each byte saved:")
    table = make_table("weight", "shape", "kB", "changes a probability by", "stored as")
    for weight, change in shown:
        shape = " x ".join(map(str, weight.shape))
        kind = "int8" if weight.name in names else "float"
        table.add_row(weight.name, shape, f"{weight.saved / 3000:.1f}", f"{change:.1e}", kind)
    print_table(table)
    if count > len(shown):
        click.echo(f"Less for each byte: {count - len(shown)} more.")


def _print_before_and_after(
    kind: str,
    count: int,
    sizes: Sequence[int],
    accuracies: Sequence[float],
    seconds: Sequence[float],
    ratios: Sequence[float],
) -> None:
    many = pluralize(count, "picture")
    what = {"det": "F1 of boxes", "rec": "texts right", "cls": "directions right"}[kind]
    table = make_table("", "before", "after", "")
    table.add_row("size, MB", *(f"{size / BYTES:.3f}" for size in sizes), f"x {sizes[1] / sizes[0]:.2f}")
    shares = [f"{points:.2f}" for points in accuracies]
    table.add_row(f"{what}, %", *shares, f"{accuracies[1] - accuracies[0]:+.2f} points on {many} held out")
    times = [f"{second * 1000:.1f}" for second in seconds]
    low, middle, high = ratios
    table.add_row("time of a picture, ms", *times, f"x {middle:.2f} ({low:.2f} to {high:.2f})")
    print_table(table)


def _write(output: Path, content: bytes, description: Path | dict) -> None:
    """Write the folder of a model: all of it, or nothing."""
    import yaml

    from ..deploy.model_folder import ONNX_FILE
    from ..deploy.model_writing import writing_model

    text = (
        yaml.safe_dump(description, allow_unicode=True, sort_keys=False)
        if isinstance(description, dict)
        else description.read_text(encoding="utf-8")
    )
    with writing_model(output) as part:
        (part / "inference.yml").write_text(text, encoding="utf-8")
        (part / ONNX_FILE).write_bytes(content)
