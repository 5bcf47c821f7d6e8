"""`centers`: class means of a trained recognizer, as a file for ``Head.centers``."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from ..config import networks
from ..config.names import CENTER_HEAD
from ..config.yaml_files import shell_option
from ..write_checks import make_writable_folder, require_file_name, require_writable_file
from . import center_coverage, node, requirements
from .inputs import list_config_inputs
from .prepare import drop_broken_samples, prepare_config, with_room_for_batches
from .terminal import warn
from .weights_sources import warn_of_weights


def centers(
    name: str,
    overrides: Sequence[str] = (),
    directory: str | None = None,
    output: str = "centers.npz",
    network: str | None = None,
    assignment: str = "alignment",
) -> None:
    """Write the class means of a trained recognizer over its training set, and print what they cover.

    Lines that a training would leave out are named and left out.

    Args:
        name, overrides, directory: as :func:`.prepare.prepare_config` takes them.
        output: the file, for ``Head.centers``; the first process of a distributed run writes it.
        network: which of ``Architecture.Models``; None for the first student.
        assignment: which frames belong to a class, a key of :data:`~ppocrv2_ext.plugins.center_loss.means.RULES`.
    Raises:
        UserError: it is no recognizer, it has no weights, no line of the training set can be used or gave a
            frame, or ``output`` is read.
    """
    require_file_name("--output", output, "centers.npz")
    host, config = prepare_config(name, overrides, directory, "centers")
    config = requirements.require_trained_network(config)
    warn_of_weights(name, overrides, config)
    requirements.require_data(config, ("Train",))
    network, characters = networks.select_network(config["Architecture"], network), requirements.read_characters(config)
    parent = make_writable_folder(Path(output).parent)
    require_writable_file("--output", output, list_config_inputs(name, config))
    with contextlib.ExitStack() as opened:
        # All processes of a machine have read the files by the time the first one ends: they add up their sums.
        folder = opened.enter_context(tempfile.TemporaryDirectory())
        drop = functools.partial(drop_broken_samples, host, config, ("Train",), folder)
        config, *_ = node.run_once(parent, "check", drop, opened)
        config, notes = with_room_for_batches(config, ("Eval",))
        for note in notes:
            warn(note)
        _write_centers(config, characters, network, assignment, output)


def _write_centers(config: dict, characters: list[str], network: str | None, assignment: str, output: str) -> None:
    import paddle
    from rich.console import Console
    from rich.progress import track

    from ..checkpoints.centers_file import write_centers
    from ..host.networks.trained_network import init_device, load_trained_network
    from ..host.samples.training_lines import TrainingLines
    from ..plugins.center_loss import means

    rank, ranks = init_device(config["Global"])
    model = load_trained_network(config, len(characters), network)
    lines = TrainingLines(config, rank, ranks)
    batches = track(lines, "reading", console=Console(stderr=True), disable=rank > 0)
    totals = means.gather(model, batches, len(characters), means.RULES[assignment])
    class_means = means.class_means(means.sum_over_processes(totals))
    (skipped,) = means.sum_over_processes([paddle.to_tensor(len(lines.skipped_lines))])
    if rank > 0:
        return
    center_coverage.require_frames(class_means)
    write_centers(output, class_means.centers, class_means.counts, characters)
    reason = center_coverage.REASONS[assignment]
    rows = center_coverage.tabulate_coverage(class_means, characters, reason, lines.skipped_lines, int(skipped))
    click.echo(center_coverage.render(rows, f"Centers of {network or 'the network'} in {output}"))
    architecture = config["Architecture"]
    place = networks.find_ctc_head(networks.networks(architecture)[network]).place
    place = place.replace(".CTCHead.", f".{CENTER_HEAD}.")  # the centers may be those of a training without center loss
    option = shell_option(f"{networks.name_section(network)}.{place}.centers", output)
    click.echo(f"Train a CenterCTCHead from them with -o {option}")
