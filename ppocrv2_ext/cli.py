"""The ``ppocrv2`` command: parsing only; what the commands do is in :mod:`ppocrv2_ext.commands`."""

import functools
import shutil
import sys
import warnings
from pathlib import Path

import click

from . import __version__, commands, config
from .errors import UserError

# Said by Paddle on every import, and by every command then; it concerns people who compile operators.
warnings.filterwarnings("ignore", message="No ccache found")

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Group(click.Group):
    """Prints a UserError as one sentence and exits with 2; ``--debug`` shows the traceback."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except UserError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"ppocrv2: {error}", err=True)
            sys.exit(2)


@click.group(cls=Group, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="ppocrv2")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug):
    """PP-OCRv2 as a plugin for PaddleOCR: train, evaluate and export with its own scripts."""


def host_option(command):
    return click.option(
        "--paddleocr",
        "directory",
        metavar="DIR",
        help="A clone of PaddleOCR to use [default: PADDLEOCR_HOME, else the wheel].",
    )(command)


def config_options(command):
    """``-c CONFIG -o KEY=VALUE ...`` as PaddleOCR takes them: several values may follow one ``-o``."""

    @click.option("-c", "--config", "name", required=True, metavar="CONFIG", help="A config file, or a built-in name.")
    @click.option(
        "-o", "--opt", "first", multiple=True, metavar="KEY=VALUE ...", help="Change the config, as in PaddleOCR."
    )
    @click.argument("more", nargs=-1, metavar="")
    @host_option
    @functools.wraps(command)
    def wrapped(first, more, **arguments):
        return command(overrides=[*first, *more], **arguments)

    return wrapped


@main.command()
@config_options
@click.option("--resume", metavar="DIR", help="Go on with the training that left its checkpoints in DIR.")
def train(name, overrides, directory, resume):
    """Train with PaddleOCR's tools/train.py."""
    commands.train(name, overrides, directory, resume)


@main.command("eval")
@config_options
def evaluate(name, overrides, directory):
    """Evaluate with PaddleOCR's tools/eval.py."""
    commands.evaluate(name, overrides, directory)


@main.command()
@config_options
@click.option("--onnx", is_flag=True, help="Convert to ONNX too, and check that it computes the same.")
def export(name, overrides, directory, onnx):
    """Export an inference model with PaddleOCR's tools/export_model.py."""
    commands.export(name, overrides, directory, onnx)


@main.command()
@click.argument("kind", type=click.Choice(["rec", "det", "cls"]))
@click.option("--output", required=True, metavar="DIR", help="Where the training checkpoint is written.")
@click.option(
    "--from", "source", metavar="FILE", help="An official ONNX, or PaddleOCR's training archive (.tar, .pdparams)."
)
@host_option
def weights(kind, output, source, directory):
    """Write the official PP-OCRv2 weights as a checkpoint to fine-tune from."""
    commands.weights(kind, output, source, directory)


@main.command()
@click.argument("name", required=False)
@click.option("--copy", metavar="DIR", help="Copy the built-in config(s) into DIR.")
def configs(name, copy):
    """List the built-in configs, show one, or copy them."""
    chosen = [config.locate(name)] if name else [config.BUILT_IN / f"{known}.yml" for known in config.built_in()]
    if copy:
        for source in chosen:
            target = Path(copy) / source.parent.name / source.name
            if target.exists():
                raise UserError(f"{target} is there already; name another folder.")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
            click.echo(target)
    elif name:
        click.echo(chosen[0].read_text(encoding="utf-8"), nl=False)
    else:
        for known, path in zip(config.built_in(), chosen):
            title = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
            click.echo(f"{known:48} {title}")


@main.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@host_option
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(script, arguments, directory):
    """Run any script of PaddleOCR, unchanged, with the plugins in place: ppocrv2 run tools/infer_rec.py -c ..."""
    commands.run(script, arguments, directory)


@main.command()
@host_option
def info(directory):
    """Show which PaddleOCR is used, the versions, the devices and what is plugged in."""
    commands.info(directory)
