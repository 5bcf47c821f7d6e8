"""How much of a fine-tune and how much of its start? Reads several sets of lines with means of the two.

    python scripts/choose_share.py -c output/rec/resolved.yml --start pretrain/ch_PP-OCRv2_rec \\
        --tuned output/rec/latest --set words words words/val.txt --set receipts receipts receipts/val.txt

A fine-tune gains on its own kind of text and forgets others. The mean of its weights and of those it began from keeps
most of both, and often reads more of its own kind too (arXiv:2109.01903). The table has a row for each share of the
fine-tune, and a column for each set, read as `ppocrv2 eval` reads it. Choose a share on lines that were held out.
Then `ppocrv2 average START TUNED --shares ...` writes the mean.
"""

from __future__ import annotations

import copy
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import click
from experiments.markdown import markdown_table
from experiments.records import provenance

from ppocrv2_ext.checkpoints import average, pdparams
from ppocrv2_ext.checkpoints.paths import require_file
from ppocrv2_ext.cli import ConfigCommand, config_options, read_shares
from ppocrv2_ext.commands import requirements
from ppocrv2_ext.commands.prepare import prepare_config
from ppocrv2_ext.config.networks import networks
from ppocrv2_ext.errors import UserError

SHARES = "0,0.2,0.4,0.6,0.8,1"


@click.command(cls=ConfigCommand, context_settings={"help_option_names": ["-h", "--help"]})
@config_options
@click.option("--start", required=True, metavar="FILE", help="The weights that the fine-tune began from.")
@click.option("--tuned", required=True, metavar="FILE", help="Its own weights.")
@click.option(
    "--set",
    "sets",
    required=True,
    multiple=True,
    nargs=3,
    metavar="NAME DIR FILE",
    help="A name for a column, the folder of the pictures, and their label file.",
)
@click.option(
    "--shares",
    callback=read_shares,
    default=SHARES,
    show_default=True,
    metavar="A,B,...",
    help="How much of the fine-tune.",
)
def main(
    name: str,
    overrides: tuple[str, ...],
    directory: str | None,
    start: str,
    tuned: str,
    sets: tuple[tuple[str, str, str], ...],
    shares: list[float],
) -> None:
    """Print what means of a fine-tune and its start read."""
    try:
        if not all(0 <= share <= 1 for share in shares):
            raise UserError(f"--shares {','.join(map(str, shares))}: give numbers from 0 to 1.")
        if require_file("--start", start).samefile(require_file("--tuned", tuned)):
            raise UserError(f"--start and --tuned are one file, {start}; name the fine-tune and what it began from.")
        _, config = prepare_config(name, overrides, directory, "eval")
        require_one_recognizer(config["Architecture"])
        configs = [with_set(config, folder, labels) for _, folder, labels in sets]
        rows = list(read_means(configs, start, tuned, shares))
    except UserError as error:
        click.echo(f"choose_share: {error}", err=True)
        sys.exit(2)
    header = ["share of the fine-tune", *(column for column, _, _ in sets)]
    notes = {"config": " ".join([name, *overrides]), "start": start, "tuned": tuned, **provenance()}
    click.echo("\n".join([*markdown_table(header, rows), "", "; ".join(f"{k} {v}" for k, v in notes.items())]))


def require_one_recognizer(architecture: dict) -> None:
    """Refuse a detector or a classifier, and several networks."""
    if architecture["model_type"] != "rec":
        raise UserError(f"the config is of a {architecture['model_type']} network; name that of a recognizer.")
    names = [name for name in networks(architecture) if name is not None]
    if names:
        raise UserError(
            f"the config has the networks {', '.join(names)}; write one of them with `ppocrv2 weights rec --from FILE`,"
            " and name the config of a single one."
        )


def with_set(config: dict, folder: str, labels: str) -> dict:
    """``config`` that evaluates on another label file.

    Raises:
        UserError: the data cannot be read.
    """
    config = copy.deepcopy(config)
    config["Eval"]["dataset"].update(data_dir=folder, label_file_list=[labels])
    requirements.require_data(config, ("Eval",))
    return config


def read_means(configs: Sequence[dict], start: str, tuned: str, shares: Sequence[float]) -> Iterator[list[str]]:
    """A row of the table for each share: the share, and the main metric of each config."""
    arrays = {file: pdparams.read_arrays(file) for file in (start, tuned)}
    files, dictionary, note = average.with_one_dictionary(arrays)
    if note:
        click.echo(note, err=True)
    with tempfile.TemporaryDirectory() as folder:
        for share in shares:
            click.echo(f"{share:g} of the fine-tune", err=True)
            if 0 < share < 1:
                params = average.average_trainings(files, [1 - share, share]).params
                weights = pdparams.write_checkpoint(params, folder, "mean", dictionary)
            else:
                weights = tuned if share else start
            yield [f"{share:g}", *(f"{evaluate(config, str(weights)):.3f}" for config in configs)]


def evaluate(config: dict, weights: str) -> float:
    """The main metric of a recognizer on the Eval data of its config, as `ppocrv2 eval` computes it."""
    from ppocr.data import build_dataloader
    from ppocr.metrics import build_metric
    from ppocr.postprocess import build_post_process
    from tools.program import eval as evaluate_network

    from ppocrv2_ext.host.networks.trained_network import init_device, load_trained_network

    logger = logging.getLogger("ppocr")
    logger.setLevel(logging.WARNING)
    config = copy.deepcopy(config)
    settings: dict[str, Any] = config["Global"]
    settings.update(pretrained_model=weights, checkpoints=None, distributed=False)
    init_device(settings)
    network = load_trained_network(config, len(requirements.read_characters(config)))
    loader = build_dataloader(config, "Eval", None, logger)
    metric = build_metric(config["Metric"])
    found = evaluate_network(network, loader, build_post_process(config["PostProcess"], settings), metric, "rec")
    return float(found[metric.main_indicator])


if __name__ == "__main__":
    main()
