"""Render made-up words or numbers in several fonts: data to train a recognizer from noise within minutes.

    python scripts/render_words.py --output output/words
    python scripts/render_words.py --alphabet digits --output output/numbers

Writes train.txt, val.txt and test.txt in PaddleOCR's format, their images, and characters.txt, the dictionary: ten
digits and 26 letters, with the blank 37 classes, or the digits alone. With ``--palette print`` the text is dark on
light paper; in ``scene``, the default, it may also be faint or bright. DIR must be new or empty.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from experiments.synthetic.lines import PALETTES, render_words
from experiments.synthetic.typefaces import FONTS
from experiments.synthetic.words import ALPHABETS

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.staged_folders import fill_folder

COUNT = click.IntRange(1, 1_000_000)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--train", type=COUNT, default=12000, show_default=True, help="Words to train on.")
@click.option("--val", type=COUNT, default=1000, show_default=True, help="Words to choose on.")
@click.option("--test", type=COUNT, default=2000, show_default=True, help="Words to report on.")
@click.option("--fonts", default="sans,serif", show_default=True, help=f"Of {', '.join(FONTS)}.")
@click.option("--alphabet", type=click.Choice(list(ALPHABETS)), default="words", show_default=True)
@click.option("--palette", type=click.Choice(list(PALETTES)), default="scene", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR")
def main(train: int, val: int, test: int, fonts: str, alphabet: str, palette: str, seed: int, output: Path) -> None:
    """Render a data set of made-up words."""
    names = fonts.split(",")
    try:
        unknown = [name for name in names if name not in FONTS]
        if unknown:
            raise UserError(f"--fonts: there is no font {unknown[0]!r}; there are {', '.join(FONTS)}.")
        with fill_folder(output) as part:
            files = render_words(part, {"train": train, "val": val, "test": test}, seed, names, alphabet, palette)
    except UserError as error:
        click.echo(f"render_words: {error}", err=True)
        sys.exit(2)
    click.echo("  ".join(str(output / file.name) for file in files))


if __name__ == "__main__":
    main()
