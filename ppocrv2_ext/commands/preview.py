"""`preview`: training samples of a config, drawn."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..errors import pluralize
from ..files import atomic_write
from ..write_checks import require_writable_file
from . import requirements
from .inputs import list_config_inputs
from .prepare import drop_broken_samples, prepare_config
from .terminal import warn

if TYPE_CHECKING:
    from ..host import Host


def preview(
    name: str,
    output: str,
    overrides: Sequence[str] = (),
    directory: str | None = None,
    count: int = 12,
    seed: int | None = None,
) -> None:
    """Draw training samples as the network gets them, and print what each transform costs.

    Args:
        name, overrides, directory: as :func:`.prepare.prepare_config` takes them.
        output: the picture of the samples, a PNG or JPEG file.
        count: how many samples, at least 1.
        seed: the same seed draws the same samples. None stands for that of the training.
    Raises:
        UserError: there is no data, or the picture cannot be written or is read.
    """
    from rich.console import Console

    from ..preview.costs import tabulate_costs
    from ..preview.sheet import choose_legend, draw_sheet, find_missing_font

    file = requirements.require_picture(output)
    host, config = prepare_config(name, [*overrides, "Global.use_gpu=false"], directory, "preview")  # no network runs
    requirements.require_data(config, ("Train",))
    require_writable_file("--output", file, list_config_inputs(name, config))
    requirements.require_numpy(config)
    # Only now: it imports Paddle, which takes seconds, and a config that is not there is refused without it.
    from ..host.samples.steps import DEFAULT_SEED

    seed = next(value for value in (seed, config["Global"].get("seed"), DEFAULT_SEED) if value is not None)
    samples, costs = _draw(host, config, count, seed)
    title = f"{name}: {pluralize(count, 'training sample')}, seed {seed}"
    transforms = ", ".join(cost.transform for cost in costs[:-1])
    sheet = draw_sheet(samples, title, f"as the network gets them, after {transforms}")
    with atomic_write(file) as part:
        sheet.save(part)
    note = find_missing_font(samples)
    if note:
        warn(note)
    click.echo(f"{file}: {'; '.join(meaning for _, meaning in choose_legend(samples))}")
    loader = config["Train"]["loader"]
    table, sentence = tabulate_costs(costs, loader["num_workers"], loader["batch_size_per_card"])
    Console().print(table)
    click.echo(sentence)


def _draw(host: Host, config: dict, count: int, seed: int) -> tuple[list, list]:
    """(samples, costs) of the transforms, from the samples that a training would not drop."""
    from ..host.samples.draw_samples import draw

    with tempfile.TemporaryDirectory() as folder:
        config, *_ = drop_broken_samples(host, config, ("Train",), folder)
        return draw(config, count, seed)
