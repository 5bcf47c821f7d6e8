"""What a pretrained load did to a model: every parameter matched, missing, unexpected or of another shape.

Everything is counted by tensors, not by their elements; BatchNorm's ``_mean`` and ``_variance`` count like weights.
"""

from collections import Counter
from typing import NamedTuple

from rich import box
from rich.table import Table

from ..errors import UserError
from ..tables import plain

SHOWN = 6  # names per group


class LoadReport(NamedTuple):
    """The names of a model's parameters and a file's, sorted into four groups."""

    matched: list  # in both, same shape
    missing: list  # in the model only: keeps its own initial value
    unexpected: list  # in the file only: not used
    mismatched: list  # [(name, shape in the model, shape in the file)]: keeps its own initial value

    @property
    def total(self):
        """Number of the model's parameters."""
        return len(self.matched) + len(self.missing) + len(self.mismatched)

    @property
    def ratio(self):
        """Share of the model's parameters that the file gives, in [0, 1]; 1 for a model without parameters."""
        return len(self.matched) / self.total if self.total else 1.0


def match(params, state_dict):
    """Compare a file's parameters with a model's, both {name: anything with a shape}."""
    shapes = {
        name: (tuple(value.shape), tuple(params[name].shape)) for name, value in state_dict.items() if name in params
    }
    return LoadReport(
        matched=[name for name, (model, file) in shapes.items() if model == file],
        missing=[name for name in state_dict if name not in params],
        unexpected=[name for name in params if name not in state_dict],
        mismatched=[(name, model, file) for name, (model, file) in shapes.items() if model != file],
    )


def render(report, path):
    """One line, and a table of what did not match; plain text, as it goes to a terminal and a log file alike."""
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
    return "\n".join([line, *plain(table, width=1000)])


def prefixes(longer, shorter):
    """{'Student.': 80}: what to cut from the front of names in ``longer``, and how many are then in ``shorter``."""
    shorter, found = set(shorter), Counter()
    for name in longer:
        at = name.find(".")
        while at != -1:
            if name[at + 1 :] in shorter:
                found[name[: at + 1]] += 1
            at = name.find(".", at + 1)
    return found


def _advice(report):
    in_file = prefixes(report.unexpected, report.missing).most_common(3)
    if in_file:
        return (
            f"{in_file[0][1]} more names would match without the file's prefix {_names(in_file)}: write that "
            "sub-network to a file of its own with `ppocrv2 weights det|rec|cls --from FILE --network "
            f"{in_file[0][0][:-1]} --output DIR`"
        )
    in_model = prefixes(report.missing, report.unexpected).most_common(3)
    if in_model:
        return (
            f"{in_model[0][1]} more names would match under the model's prefix {_names(in_model)}: give the file as "
            f"`Architecture.Models.{in_model[0][0][:-1]}.pretrained` instead"
        )
    return "it may be another network's checkpoint, or its names may carry a prefix such as 'Student.'"


def _names(counted):
    return " or ".join(repr(prefix) for prefix, _ in counted)


def require(report, minimum=0.9):
    """Raise UserError if less than ``minimum`` of the model's tensors are matched."""
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
    # Where every tensor is required there is nothing to lower.
    accept = "; set `Global.pretrained_min_matched` lower to accept it as it is" if minimum < 1 else ""
    raise UserError(
        f"the checkpoint gives {report.ratio:.1%} of the model's {report.total} tensors and {minimum:.1%} are required "
        f"({', '.join(firsts)}); {_advice(report)}{accept}."
    )
