"""`centers`: class means of a trained recognizer, as a file for ``Head.centers``."""

from pathlib import Path

import click

from ..config import networks
from ..errors import UserError
from . import center_coverage, requirements
from .prepare import prepare_config


def centers(name, overrides=(), directory=None, output="centers.npz", network=None, assignment="alignment"):
    """Class means of a trained recognizer over its training set, as a file for ``Head.centers``; and what they cover.

    Args:
        output: the file, written by the first process of a distributed run.
        network: which of ``Architecture.Models``; None for the first student.
        assignment: which frames belong to a class, a key of :data:`~ppocrv2_ext.plugins.center_loss.means.RULES`.
    """
    import paddle
    from rich.console import Console
    from rich.progress import track

    from ..checkpoints.centers_file import write_centers
    from ..host import evaluation
    from ..plugins.center_loss import means

    if Path(output).is_dir():
        raise UserError(f"--output {output}: it is a folder; name a file, such as {output}/centers.npz.")
    _, prepared = prepare_config(name, overrides, directory)
    prepared = requirements.for_inference(networks.without_centers(prepared))
    requirements.require_data(prepared, ("Train",))
    chosen, characters = networks.select_network(prepared["Architecture"], network), requirements.characters(prepared)
    requirements.writable(Path(output).parent)
    rank, ranks = evaluation.start(prepared["Global"])
    trained = evaluation.trained_network(prepared, len(characters), chosen)
    lines = evaluation.TrainingLines(prepared, rank, ranks)
    batches = track(lines, "reading", console=Console(stderr=True), disable=rank > 0)
    totals = means.gather(trained, batches, len(characters), means.RULES[assignment])
    found = means.class_means(means.over_processes(totals))
    (skipped,) = means.over_processes([paddle.to_tensor(len(lines.skipped))])
    if rank > 0:
        return
    center_coverage.require_some(found)
    write_centers(output, found.centers, found.counts, characters)
    rows = center_coverage.coverage(found, characters, center_coverage.UNUSED[assignment], lines.skipped, int(skipped))
    click.echo(center_coverage.render(rows, f"Centers of {chosen or 'the network'} in {output}"))
    head = f"Architecture.Models.{chosen}.Head" if chosen else "Architecture.Head"
    click.echo(f"Train a CenterCTCHead from them with -o {head}.centers={output}")
