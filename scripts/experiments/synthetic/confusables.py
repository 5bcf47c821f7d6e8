"""A data set of Chinese characters that differ by one stroke, drawn in several fonts."""

from __future__ import annotations

import random
from pathlib import Path

import cv2

from ppocrv2_ext.files import PathLike

from .drawing import Look, render
from .lines import choose_look
from .typefaces import FONTS, require_typefaces

# The characters of a group are easily confused: a stroke is longer, is one more, or goes through another.
GROUPS = tuple(
    "木本未末 己已巳 土士 日曰 人入八 千干于 大太犬 田由甲申 天夫 王玉主 午牛 今令 乌鸟 戊戌戍 兔免 刀力".split()
)
CHARACTERS = "".join(GROUPS)
LONGEST = 1  # most characters of a line


def render_confusables(directory: PathLike, count: int, test_count: int, seed: int) -> None:
    """Write lines of 1 to :data:`LONGEST` characters in PaddleOCR's SimpleDataSet format, and their dictionary.

    The same arguments write the same text and pixels. All characters are equally likely, and a character tells nothing
    about its neighbour.

    Args:
        directory: receives ``train/00000.png``, ..., ``train.txt``, the same of ``test``, and ``characters.txt``.
        count, test_count: lines to train on and to test on, at least 1 each.
    Raises:
        UserError: a font is not installed.
    """
    if min(count, test_count) < 1:
        raise ValueError(f"`count` and `test_count` must be at least 1, got {count} and {test_count}.")
    require_typefaces(FONTS)
    rng, directory = random.Random(seed), Path(directory)
    for name, lines in (("train", count), ("test", test_count)):
        (directory / name).mkdir(parents=True, exist_ok=True)
        labels = []
        for number in range(lines):
            text = "".join(rng.choice(CHARACTERS) for _ in range(rng.randint(1, LONGEST)))
            file = directory / name / f"{number:05}.png"
            file.write_bytes(cv2.imencode(".png", render(text, choose_glyph_look(rng)))[1].tobytes())
            labels.append(f"{name}/{file.name}\t{text}\n")
        (directory / f"{name}.txt").write_bytes("".join(labels).encode("utf-8"))  # bytes: the same line ends everywhere
    (directory / "characters.txt").write_bytes("".join(f"{character}\n" for character in CHARACTERS).encode("utf-8"))


def choose_glyph_look(rng: random.Random) -> Look:
    """A look as :func:`.lines.choose_look` draws it, but in any of the fonts, and turned further."""
    look = choose_look(rng)
    return look._replace(font=rng.choice(sorted(FONTS)), rotation=rng.uniform(-6, 6), stretch=rng.uniform(0.8, 1.0))
