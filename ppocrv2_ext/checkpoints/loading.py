"""Start a network from a checkpoint, and say which of its parameters the file holds.

A parameter is one named tensor. Everything is counted by tensors, not by their elements; BatchNorm's ``_mean`` and
``_variance`` count like weights.
"""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import paddle
from rich import box
from rich.table import Table

from ..data.dictionary import read_dictionary
from ..errors import UserError, first_few, summarise
from ..files import PathLike
from ..tables import render_lines
from . import multi_head
from .character_rows import remap_rows
from .norm_merging import merge_norm
from .paths import find_dictionary, with_suffix
from .pdparams import Array, list_broken_values, read_params, require_usable_values

SHOWN = 6  # names per group of a report
MERGED = ".reparam_conv."  # in the names of what PaddleOCR merges the training branches of a backbone into


class LoadReport(NamedTuple):
    """The names of a model's parameters and of a file's, sorted into four groups."""

    matched: list[str]  # in both, with the same shape
    missing: list[str]  # in the model only; the model keeps its own initial value
    unexpected: list[str]  # in the file only; not used
    mismatched: list[tuple[str, tuple, tuple]]  # (name, shape in the model, shape in the file); the model keeps its own

    @property
    def total(self) -> int:
        """The number of the model's parameters that a file is asked for."""
        return len(self.matched) + len(self.missing) + len(self.mismatched)

    @property
    def ratio(self) -> float:
        """The share of the model's parameters that the file holds, in [0, 1]; 1 for a model without parameters."""
        return len(self.matched) / self.total if self.total else 1.0


def compare_parameters(params: Mapping[str, Any], state_dict: Mapping[str, Any]) -> LoadReport:
    """Compare the parameters of a file with those of a model.

    Args:
        params: the file's {name: anything with a shape}.
        state_dict: the model's, likewise. A file is asked for all of them.
    """
    shapes = {
        name: (tuple(value.shape), tuple(params[name].shape)) for name, value in state_dict.items() if name in params
    }
    return LoadReport(
        matched=[name for name, (model, file) in shapes.items() if model == file],
        missing=[name for name in state_dict if name not in params],
        unexpected=[name for name in params if name not in state_dict],
        mismatched=[(name, model, file) for name, (model, file) in shapes.items() if model != file],
    )


def render_report(report: LoadReport, path: PathLike) -> str:
    """The report as plain text, for a terminal and a log file alike: one line, and a table of what did not match."""
    line = (
        f"Weights of {path}: {len(report.matched)} of the model's {report.total} tensors matched ({report.ratio:.1%})"
    )
    mismatched = [f"{name}: model {model}, file {file}" for name, model, file in report.mismatched]
    groups = {"missing": report.missing, "mismatched": mismatched, "unexpected": report.unexpected}
    table = Table("group", "tensors", "names", box=box.ASCII2)
    for group, names in groups.items():
        more = [f"... and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
        if names:
            table.add_row(group, str(len(names)), "\n".join(names[:SHOWN] + more))
    if not table.row_count:
        return line
    # Wide enough that no name is ever folded: people search a log for whole names.
    return "\n".join([line, *render_lines(table, width=1000)])


def require_match(
    report: LoadReport, minimum: float = 0.9, otherwise: str = "it is another network's checkpoint"
) -> None:
    """Refuse a file that holds too few of the model's tensors.

    Args:
        minimum: the share of the model's tensors that must match, in [0, 1].
        otherwise: what to say if the names tell nothing better.
    Raises:
        UserError: fewer match. The message names the first differences and what may help.
    """
    if report.ratio >= minimum:
        return
    firsts = []
    if report.missing:
        firsts.append(f"first missing {report.missing[0]!r}")
    if report.unexpected:
        firsts.append(f"first unexpected {report.unexpected[0]!r}")
    if report.mismatched:
        name, model, file = report.mismatched[0]
        firsts.append(f"first of another shape {name!r} (model {model}, file {file})")
    # Commands that require every tensor have no setting to lower.
    accept = "; set `Global.pretrained_min_matched` lower to accept it as it is" if minimum < 1 else ""
    raise UserError(
        f"the checkpoint gives {report.ratio:.1%} of the model's {report.total} tensors and {minimum:.1%} are required "
        f"({', '.join(firsts)}); {_advice(report) or otherwise}{accept}."
    )


def count_prefixes(longer: Iterable[str], shorter: Iterable[str]) -> Counter[str]:
    """{prefix: how many names of ``longer`` are in ``shorter`` once it is cut off}.

    A prefix ends in a dot. ``Student.: 80`` says that 80 names of ``longer`` are ``Student.`` and a name of
    ``shorter``.
    """
    shorter, counts = set(shorter), Counter()
    for name in longer:
        at = name.find(".")
        while at != -1:
            if name[at + 1 :] in shorter:
                counts[name[: at + 1]] += 1
            at = name.find(".", at + 1)
    return counts


def _advice(report: LoadReport) -> str | None:
    in_file = count_prefixes(report.unexpected, report.missing).most_common(3)
    if in_file:
        return (
            f"{in_file[0][1]} more names would match without the file's prefix {_names(in_file)}: write that"
            " sub-network to a file of its own with `ppocrv2 weights det|rec|cls --from FILE --network"
            f" {in_file[0][0][:-1]} --output DIR`, of PP-OCRv4 and later with --model too"
        )
    in_model = count_prefixes(report.missing, report.unexpected).most_common(3)
    if in_model:
        return (
            f"{in_model[0][1]} more names would match under the model's prefix {_names(in_model)}: give the file as "
            f"`Architecture.Models.{in_model[0][0][:-1]}.pretrained` instead"
        )
    if _are_merged(report.unexpected, report.missing):
        return "the file has its training branches merged, and this network has not: set Architecture.merged=true"
    if _are_merged(report.missing, report.unexpected):
        return "this network has its training branches merged, and the file has not: leave Architecture.merged out"
    if not report.unexpected and not report.mismatched:
        return "the file holds a part of this network"
    return None


def _are_merged(names: Iterable[str], others: Sequence[str]) -> bool:
    """Whether ``names`` holds a layer whose training branches are merged, and ``others`` the same one with branches."""
    layers = tuple({name.partition(MERGED)[0] + "." for name in names if MERGED in name})
    return any(name.startswith(layers) for name in others)


def _names(counts: Iterable[tuple[str, int]]) -> str:
    return " or ".join(repr(prefix) for prefix, _ in counts)


def fit_form(params: Mapping[str, Array], names: Collection[str]) -> dict[str, Array]:
    """The parameters of a file for a network of these names. What they compute in evaluation stays the same.

    With and without a MultiHead, CTC has the same tensors under other names. Restored BatchNorm that the network does
    not have is merged into its convolution.
    """
    return merge_norm(multi_head.rename(params, names), kept=names)


def require_usable(params: Mapping[str, Array], names: Collection[str], path: PathLike) -> None:
    """Refuse weights with which a network computes no numbers. Tensors of a file that it does not take may be so.

    Args:
        params: the file's {name: value}.
        names: what the network takes.
        path: the file, which the message names.
    Raises:
        UserError: a tensor holds NaN or infinity, or the variance of a BatchNorm has no square root.
    """
    if list_broken_values(params):
        with np.errstate(all="ignore"):  # of the square root of such a variance
            fitted = fit_form(params, names)
        taken = {name: value for name, value in params.items() if name in names or name not in fitted}
        require_usable_values(taken, path)


@contextlib.contextmanager
def naming(file: Path) -> Iterator[None]:
    """A context in which ``file`` is read, so that each error is a sentence that names it.

    Raises:
        UserError: something went wrong with the content of the file.
    """
    try:
        yield
    except UserError as error:
        raise UserError(str(error) if file.name in str(error) else f"{file}: {error}") from error
    except Exception as error:  # Paddle takes a file for what it should be
        raise UserError(
            f"{file} is not what a training of this config saves ({summarise(error)}); restore the whole checkpoint."
        ) from error


def load_pretrained(
    model: paddle.nn.Layer,
    path: PathLike,
    minimum: float = 0.9,
    characters: Sequence[str] | None = None,
    log: Callable[[str], Any] = print,
) -> bool:
    """Load weights into a model, after a report of what matches.

    Args:
        model: the network. If the load is refused, it is unchanged.
        path: the checkpoint, with or without ``.pdparams``.
        minimum: the share of the model's tensors that the file must hold (``Global.pretrained_min_matched``).
        characters: the model's dictionary, blank first, as ``read_dictionary`` returns it; None if it has none. If the
            file was trained with another dictionary, the rows of the characters that both have are moved along.
        log: called with each message.
    Returns:
        Whether a float16 value of the file was cast, as PaddleOCR's ``load_pretrained_params`` returns it.
    Raises:
        UserError: there is no such file, it cannot be read, it holds too few of the model's tensors, or one of them
            holds NaN, infinity or a negative variance.
    """
    file = with_suffix(path)
    state_dict = model.state_dict()
    own = _names_in(model, "keep_on_load")
    params = read_params(path)
    require_usable(params, [name for name in state_dict if name not in own], file)
    params = fit_form(params, state_dict)
    is_float16 = any(name in state_dict and _is_float16(value) for name, value in params.items())
    if characters is not None:
        params = _move_rows(params, state_dict, file, list(characters), log)
    if own:
        log(f"{', '.join(own)}: taken from the file that the config names, not from {file}.")
        params = {name: value for name, value in params.items() if name not in own}
    branches = multi_head.find_training_branches(state_dict.keys() - params.keys())
    if branches:
        names = ", ".join(sorted(set(branches.values())))
        log(f"{names}: not in {file}. Only training runs them, and there they start from random weights.")
    kept = {*own, *branches, *(name for name in _names_in(model, "fill_on_load") if name not in params)}
    report = compare_parameters(params, {name: state_dict[name] for name in state_dict if name not in kept})
    log(render_report(report, file))
    require_match(report, minimum)
    loaded = {name: _cast(params[name], state_dict[name]) for name in report.matched}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Paddle warns once per missing name; the report has said it
        model.set_state_dict({**{name: state_dict[name] for name in kept}, **loaded})
    return is_float16


def _move_rows(
    params: dict[str, Array],
    state_dict: Mapping[str, paddle.Tensor],
    file: Path,
    characters: list[str],
    log: Callable[[str], Any],
) -> dict[str, Array]:
    """``params`` with the class rows of the model's dictionary, if the file was trained with another."""
    path = find_dictionary(file)
    if path is None and not any(len(characters) in params[name].shape for name in state_dict if name in params):
        return params  # a backbone alone, or a head of other classes, which the report tells
    if path is None:
        log(f"No dictionary was found beside {file}: its classes are taken to be those of this model, in this order.")
        return params
    for space in (True, False):  # the file does not say whether its model was trained with use_space_char
        old = read_dictionary(path, space)
        remapped, shared = remap_rows(params, state_dict, old, characters)
        if shared:
            if old == characters:
                return params
            lost = [repr(character) for character in sorted({*old[1:]} - {*characters[1:]})]
            left_out = f"; of the file's {len(old)} these are left out: {', '.join(first_few(lost))}" if lost else ""
            log(
                f"The file was trained with the dictionary {path}, this model has another:"
                f" {shared} of {len(characters)} classes (with blank) keep their rows{left_out}."
            )
            for name in filter(_counts_centers, state_dict.keys() & params.keys()):
                before, after = (int((values[name] > 0).sum()) for values in (params, remapped))
                log(f"{name}: {after} of the {before} centers in the file move along with their characters.")
            return remapped
    log(f"No layer of {file} has the classes of its dictionary {path}, or none of this model has {len(characters)}.")
    return params


def _names_in(model: paddle.nn.Layer, attribute: str) -> list[str]:
    """Names in the state dict that layers of the model list.

    Args:
        attribute: ``keep_on_load``, what the config has already filled, such as centers from a file; or
            ``fill_on_load``, what a file may lack, such as BatchNorm that was put back into a merged network.
    """
    layers = model.named_sublayers(include_self=True)
    return [".".join(filter(None, (path, name))) for path, layer in layers for name in getattr(layer, attribute, ())]


def _counts_centers(name: str) -> bool:
    return name.rpartition(".")[2] == "center_counts"


def _is_float16(value: Any) -> bool:
    return str(value.dtype).rpartition(".")[2] == "float16"  # numpy's float16 or Paddle's paddle.float16


def _cast(value: Array, parameter: paddle.Tensor) -> paddle.Tensor:
    value = value if isinstance(value, paddle.Tensor) else paddle.to_tensor(value)
    return value if value.dtype == parameter.dtype else value.astype(parameter.dtype)
