"""Which terms of a loss act? The value of each, the norm of its gradient, and its share against CTC or the labels.

    python scripts/gradient_shares.py -c rec/ch_PP-OCRv2_rec_udml_center_finetune -o Global.use_gpu=false \\
        Train.dataset.data_dir=words Train.dataset.label_file_list=[words/train.txt]

It builds the networks, the loss and the training batches of a config as `ppocrv2 train` does, starts from the weights
that the config names, and trains nothing. A share of 1 % means that the term hardly acts at this point of a training.

A few tensors can have most of a gradient. The median of the shares of single tensors shows what the others get. It
counts the tensors that the term reaches.
"""

from __future__ import annotations

import copy
import itertools
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import paddle
from experiments import loss_terms
from experiments.markdown import markdown_table
from experiments.records import provenance
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.cli import ConfigCommand, config_options
from ppocrv2_ext.commands import requirements
from ppocrv2_ext.commands.prepare import prepare_config
from ppocrv2_ext.config.networks import networks, trainable_networks
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.networks.trained_network import init_device
from ppocrv2_ext.host.samples.steps import DEFAULT_SEED

SINGLE = "network"  # what the only network of a config is called here


@click.command(cls=ConfigCommand, context_settings={"help_option_names": ["-h", "--help"]})
@config_options
@click.option("--batches", type=click.IntRange(1), default=4, show_default=True, help="Batches to measure on.")
@click.option(
    "--warm-up",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Batches before, which fill empty class centers; left out if there are no centers.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="[default: Global.seed, or 1024]")
def main(
    name: str, overrides: tuple[str, ...], directory: str | None, batches: int, warm_up: int, seed: int | None
) -> None:
    """Print how strongly each term of a config's loss pulls at its networks."""
    try:
        _, config = prepare_config(name, overrides, directory)
        requirements.require_data(config, ("Train",))
        requirements.require_weights(config, training=True)
        requirements.require_numpy(config)
        seed = next(value for value in (seed, config["Global"].get("seed"), DEFAULT_SEED) if value is not None)
        pulls, warm_up = measure_pulls(config, batches, warm_up, seed)
    except UserError as error:
        click.echo(f"gradient_shares: {error}", err=True)
        sys.exit(2)
    notes = {
        "config": " ".join([name, *overrides]),
        "weights": describe_weights(config),
        "batches": f"{batches} of {config['Train']['loader']['batch_size_per_card']}",
        "warm-up": warm_up,
        "seed": seed,
        **provenance(),
    }
    print_table(loss_terms.make_rows(pulls), loss_terms.choose_reference(list(pulls)), notes)


def measure_pulls(config: dict, batches: int, warm_up: int, seed: int) -> tuple[dict[str, loss_terms.Pull], int]:
    """({term: mean Pull}, number of batches that filled the centers before).

    Args:
        batches: to measure on.
        warm_up: batches before them, for a network with class centers.
    """
    from ppocr.losses import build_loss
    from ppocr.utils.utility import set_seed

    logging.getLogger("ppocr").setLevel(logging.WARNING)
    init_device(config["Global"])
    set_seed(seed)
    model = build_model(config)
    feed = make_batches(config, seed)
    whole = build_loss(copy.deepcopy(config["Loss"]))
    if not any(name.endswith("center_counts") for name, _ in model.named_buffers()):
        warm_up = 0
    with paddle.no_grad():
        for batch in itertools.islice(feed, warm_up):
            whole(model(batch[0]), batch)
    measured = list(itertools.islice(feed, batches))
    with paddle.no_grad(), loss_terms.unchanged_buffers(model):
        report = whole(model(measured[0][0]), measured[0])
    losses = {term: build_loss(section) for term, section in loss_terms.split_terms(config["Loss"], report).items()}
    trunks = {}
    for name in trainable_networks(config["Architecture"]):
        network = model if name is None else getattr(model, name)
        trunks[name or SINGLE] = [each for each in network.parameters() if not each.stop_gradient]
    return loss_terms.mean_pulls([loss_terms.measure(model, losses, trunks, batch) for batch in measured]), warm_up


def build_model(config: dict) -> paddle.nn.Layer:
    """The networks of a config in training mode, with the weights that it names, as PaddleOCR's trainer has them."""
    from ppocr.modeling.architectures import build_model
    from ppocr.utils.save_load import load_model

    config = copy.deepcopy(config)
    architecture = config["Architecture"]
    if architecture["model_type"] == "rec":
        classes = len(requirements.read_characters(config))
        for network in networks(architecture).values():
            network["Head"] = {**network["Head"], "out_channels": classes}
    model = build_model(architecture)
    load_model(config, model, model_type=architecture["model_type"])
    model.train()
    return model


def make_batches(config: dict, seed: int) -> Iterator[list[paddle.Tensor]]:
    """Training batches of a config, epoch after epoch, read in this process so that a seed gives the same ones.

    Raises:
        UserError: an epoch has no whole batch.
    """
    from ppocr.data import build_dataloader

    train = config["Train"]
    config = {"Global": config["Global"], "Train": {**train, "loader": {**train["loader"], "num_workers": 0}}}
    logger = logging.getLogger("ppocrv2.gradient_shares")
    logger.setLevel(logging.ERROR)
    loader = build_dataloader(config, "Train", "cpu", logger, seed)
    if not len(loader):
        raise UserError("Train: the samples do not fill one batch; lower Train.loader.batch_size_per_card.")
    return itertools.chain.from_iterable(iter(loader) for _ in itertools.count())


def describe_weights(config: dict) -> str:
    """The files that the networks start from."""
    file = requirements.weights_file(config)
    if file:
        return str(file)
    files = {name: section.get("pretrained") for name, section in networks(config["Architecture"]).items()}
    return ", ".join(f"{name}: {file}" for name, file in files.items() if file) or "none: random networks"


def print_table(rows: Sequence[loss_terms.Row], reference: str, notes: Mapping[str, Any]) -> None:
    """Print the table for people, then as Markdown.

    Args:
        reference: the term that the shares are of.
        notes: what to say below the table.
    """
    header = ["term", "network", "weighted value", "gradient", f"share of {reference}", "median per tensor"]
    cells = [
        [
            row.term,
            row.network,
            f"{row.value:.4g}",
            f"{row.norm:.4g}",
            *map(format_share, (row.share, row.tensor_share)),
        ]
        for row in rows
    ]
    table = Table(*header)
    for row in cells:
        table.add_row(*row)
    Console(highlight=False, width=120).print(table)
    click.echo("\n".join(["", *markdown_table(header, cells), "", "; ".join(f"{k} {v}" for k, v in notes.items())]))


def format_share(share: float | None) -> str:
    """A share as text; three digits, because shares differ by orders of magnitude."""
    return "-" if share is None else f"{100 * share:.3g} %"


if __name__ == "__main__":
    main()
