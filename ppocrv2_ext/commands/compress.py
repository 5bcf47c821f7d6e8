"""`compress`: an exported model with int8 weights, if it still reads as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..checkpoints import published
from ..errors import UserError, pluralize
from ..files import PathLike, is_there
from ..write_checks import require_writable_file, require_writable_folder
from .compare import ONE_SPACE
from .inputs import list_model_files
from .shrinking import Half, Original, Result, shrink
from .terminal import make_table, print_table, warn, warn_first

if TYPE_CHECKING:
    from ..deploy.models import Model

PICTURES = {"det": 40, "rec": 1000, "cls": 600}  # of the labelled ones, read unless the user says otherwise
WEIGHTS_SHOWN = 5  # of dozens: they explain, and the three rows above them decide
BYTES = 10**6  # of a megabyte


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
        output: the folder that is written: ``inference.onnx`` and ``inference.yml``. It must not hold a model.
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
    if not 0 <= max_drop <= 100:  # NaN would refuse every result
        raise UserError(f"--max-drop must be a number from 0 to 100, got {max_drop}.")
    _require_place(Path(output), model, [data, *list_model_files(model)])
    original = require_original(model, kind)
    _require_weights(original)
    (choosing, checking), problems = _open_halves(data, data_dir, original.kind, pictures)
    warn_first(problems)
    if not checking.pictures:
        raise UserError(f"{data}: at least two of its pictures must be readable, one to choose and one to check.")
    result = shrink(original, choosing, checking, max_drop)
    print_result(original.kind, result)
    if not result.names or result.lost > max_drop:
        reason = f"{result.lost:.2f} points would be lost" if result.names else "even one weight as int8 loses too much"
        warn(f"nothing is written: {reason}, and --max-drop allows {max_drop:g}; allow more, or leave the model alone.")
        return 1
    _write(Path(output), result.content, original.description)
    click.echo(f"Written to {output}")
    return 1 if problems else 0


def require_original(model: str, kind: str | None) -> Original:
    """The model to compress.

    Args:
        model, kind: as :func:`compress` takes them.
    Raises:
        UserError: there is no such model, or it is of another kind.
    """
    from ..checkpoints.onnx_files import load_model
    from ..deploy.models import find_model, read_folder

    is_official = model == published.KEYWORD
    found = find_model(model, kind) if is_official else read_folder(model)
    if kind not in (None, found.kind):
        raise UserError(f"{model} holds a model of the kind {found.kind}, not {kind}; leave --kind out.")
    file = found.onnx_file
    return Original(found.kind, found.settings, file, load_model(file), _describe(found, is_official))


def _require_weights(original: Original) -> None:
    """Require weights to compress, all of them finite."""
    from ..deploy.quantize import find_infinite_weight, list_weights

    if not list_weights(original.content):
        raise UserError(
            f"{original.file} has no weights to compress: none is float and large; is it compressed already?"
        )
    broken = find_infinite_weight(original.content)
    if broken:
        raise UserError(
            f"{original.file}: the weight {broken} holds NaN or infinity; export again, from another checkpoint."
        )


def _describe(found: Model, is_official: bool) -> str:
    """The text of an ``inference.yml``; an official model has no such file."""
    import yaml

    from ..deploy.model_folder import find_description
    from ..deploy.settings import describe_official

    if is_official:
        return yaml.safe_dump(describe_official(found.kind), allow_unicode=True, sort_keys=False)
    return find_description(found.path).read_text(encoding="utf-8")


def _require_place(output: Path, model: str, inputs: Sequence[PathLike]) -> None:
    """Require a folder that can be written, without a model in it.

    Args:
        model: the folder of the original, or "official".
        inputs: the files that are read.
    Raises:
        UserError: it holds a model, it cannot be written, or an input would be overwritten.
    """
    from ..deploy.model_folder import ONNX_FILE, PROGRAMS

    require_writable_folder("--output", output)
    if model != published.KEYWORD and output.resolve() == Path(model).resolve():
        raise UserError(f"--output {output} is the folder of the model itself; name another folder.")
    held = [str(output / name) for name in (*PROGRAMS, ONNX_FILE) if is_there(output / name)]
    if held:
        raise UserError(f"--output {output} holds an exported model, {held[0]}; name another folder.")
    for written in (ONNX_FILE, "inference.yml"):
        require_writable_file("--output", output / written, inputs)


def _open_halves(data: str, data_dir: str | None, kind: str, count: int | None) -> tuple[tuple[Half, Half], list[str]]:
    """((the pictures that choose weights, those that check them), a sentence for each line and picture left out)"""
    from ..deploy.labelled import open_samples, read_samples
    from ..deploy.pictures import open_image, open_line

    found = read_samples(data, data_dir, kind, count or PICTURES[kind])
    opened = open_samples(found.samples, open_line if kind == "rec" else open_image)
    pictures, labels = opened.pictures, [sample.label for sample in opened.samples]
    halves = (Half(pictures[::2], labels[::2]), Half(pictures[1::2], labels[1::2]))
    return halves, [*found.problems, *opened.problems]


def print_result(kind: str, result: Result) -> None:
    """Print what the int8 weights cost, how many there are, and those that cost most."""
    _print_rows(("", "before", "after", ""), describe_costs(kind, result))
    if kind == "rec":
        click.echo(f"Case and spaces count. {ONE_SPACE}")
    count, shown = len(result.sensitivities), describe_weights(result)
    click.echo(f"{len(result.names)} of {count} weights are int8, {count - len(result.names)} stay float.")
    click.echo("Each weight alone as int8, the largest change for each byte saved first:")
    _print_rows(("weight", "shape", "kB", "changes a probability by", "stored as"), shown)
    if count > len(shown):
        click.echo(f"{count - len(shown)} more weights change less for each byte.")


def _print_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = make_table(*heads)
    for row in rows:
        table.add_row(*row)
    print_table(table)


def describe_costs(kind: str, result: Result) -> list[list[str]]:
    """[what is measured, before, after, a remark] for the size, the accuracy and the time."""
    what = {"det": "F1 of boxes", "rec": "texts right", "cls": "directions right"}[kind]
    low, middle, high = result.ratios
    sizes = [f"{size / BYTES:.3f}" for size in result.sizes]
    shares = [f"{points:.2f}" for points in result.accuracies]
    times = [f"{second * 1000:.1f}" for second in result.seconds]
    before, after = result.accuracies
    held_out = f"{after - before:+.2f} points on {pluralize(result.checked, 'picture')} held out"
    return [
        ["size, MB", *sizes, f"x {result.sizes[1] / result.sizes[0]:.2f}"],
        [f"{what}, %", *shares, held_out],
        ["time of a picture, ms", *times, f"x {middle:.2f} ({low:.2f} to {high:.2f})"],
    ]


def describe_weights(result: Result) -> list[list[str]]:
    """[name, shape, kB as int8, change of a probability, type] for the most sensitive weights."""
    rows = []
    for weight, change in result.sensitivities[:WEIGHTS_SHOWN]:
        shape = " x ".join(map(str, weight.shape))
        kind = "int8" if weight.name in result.names else "float"
        rows.append([weight.name, shape, f"{weight.saved / 3000:.1f}", f"{change:.1e}", kind])
    return rows


def _write(output: Path, content: bytes, description: str) -> None:
    """Write the folder of a model: all of it, or nothing."""
    from ..deploy.model_folder import ONNX_FILE
    from ..deploy.model_writing import writing_model

    with writing_model(output) as part:
        (part / "inference.yml").write_text(description, encoding="utf-8")
        (part / ONNX_FILE).write_bytes(content)
