"""`configs`: the built-in configs, listed, printed or copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from .. import config
from ..errors import UserError
from ..files import atomic_write


def list_configs() -> None:
    """Print the name and the title of each built-in config. Those that need a clone of PaddleOCR come last."""
    for name in sorted(config.built_in(), key=lambda name: (name.startswith("clone/"), name)):
        title = config.locate(name).read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        click.echo(f"{name:48} {title.partition('. ')[0].rstrip('.')}")


def print_config(name: str) -> None:
    """Print one config, with its comments."""
    click.echo(config.locate(name).read_text(encoding="utf-8"), nl=False)


def copy_configs(name: str | None, folder: str) -> None:
    """Copy one built-in config, or without ``name`` all of them, into ``folder``. No file is overwritten.

    Raises:
        UserError: there is no such config, or a file of its name exists.
    """
    sources = [config.locate(each) for each in ([name] if name else config.built_in())]
    targets = [Path(folder) / source.parent.name / source.name for source in sources]
    for target in targets:
        if target.exists():
            raise UserError(f"{target} is there already; name another folder.")
    for source, target in zip(sources, targets):
        with atomic_write(target) as part:
            shutil.copy(source, part)
        click.echo(target)
