"""Data sets of rendered text: Chinese lines for a fine-tune, and made-up words for a training from noise."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import cv2

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import PathLike

from .drawing import Colour, Look, render
from .typefaces import require_typefaces
from .words import ALPHABETS, choose_text, read_chinese_words

LONGEST = 20  # most characters of a line; PaddleOCR's recipes train on up to 25
CHINESE_FONTS = ("sans", "serif")


class Palette(NamedTuple):
    """How much paper and ink differ."""

    contrasts: tuple[int, ...]  # grey levels between them, each as likely
    dark_ink: float  # share of the lines whose ink is the darker one


PALETTES = {
    "scene": Palette((35, 45, 60, 90, 130, 170), 0.6),  # faint and bright text too
    "print": Palette((90, 130, 170), 1.0),  # which a network that starts from noise learns to read sooner
}


def render_lines(
    directory: PathLike, count: int, seed: int, characters: Iterable[str], test_count: int = 100
) -> tuple[Path, Path]:
    """Write a data set in PaddleOCR's SimpleDataSet format; the same arguments write the same text and pixels.

    Args:
        directory: receives ``train/0000.png``, ..., ``train.txt``, ``test/0000.png``, ..., ``test.txt``.
        count, test_count: lines to train on and to test on, at least 1 each. No text occurs twice.
        characters: what the recognizer can read. The lines have no other character but the space.
    Returns:
        Paths of (train.txt, test.txt).
    Raises:
        UserError: there are not so many different lines, or the word list or a font is not installed.
    """
    if min(count, test_count) < 1:
        raise ValueError(f"`count` and `test_count` must be at least 1, got {count} and {test_count}.")
    rng, allowed = random.Random(seed), frozenset(characters) | {" "}
    words, weights = read_chinese_words(allowed)

    def choose(rng: random.Random) -> str | None:
        text = choose_text(rng, words, weights)
        return text if len(text) <= LONGEST and allowed.issuperset(text) else None

    files = _write_data_set(directory, {"train": count, "test": test_count}, rng, choose, CHINESE_FONTS)
    return files[0], files[1]


def render_words(
    directory: PathLike,
    counts: Mapping[str, int],
    seed: int,
    fonts: Iterable[str],
    alphabet: str = "words",
    palette: str = "scene",
) -> list[Path]:
    """Write a data set of made-up words or numbers; the same arguments write the same pixels.

    Args:
        directory: receives a folder of images and a label file for every part, and ``characters.txt``, the dictionary.
        counts: {part: number of words}, such as ``{"train": 6000, "val": 500, "test": 1000}``. No word occurs twice.
        fonts: keys of :data:`.typefaces.FONTS`.
        alphabet: key of :data:`.words.ALPHABETS`.
        palette: key of :data:`PALETTES`.
    Returns:
        The label files, in the order of ``counts``.
    Raises:
        UserError: there are not so many different words, or a font is not installed. Then nothing is written.
    """
    characters, choose, most = ALPHABETS[alphabet]
    total = sum(counts.values())
    if total > most:
        raise UserError(f"the alphabet {alphabet!r} gives up to {most} different words, got {total}; ask for fewer.")
    files = _write_data_set(directory, counts, random.Random(seed), choose, tuple(fonts), palette)
    (Path(directory) / "characters.txt").write_bytes("".join(f"{each}\n" for each in characters).encode())
    return files


def _write_data_set(
    directory: PathLike,
    counts: Mapping[str, int],
    rng: random.Random,
    choose: Callable[[random.Random], str | None],
    fonts: tuple[str, ...],
    palette: str = "scene",
) -> list[Path]:
    """Render ``counts[part]`` texts into every folder ``directory``/part, and write their label files beside them.

    Args:
        choose: draws a text, or None when the text it drew cannot be used.
    """
    require_typefaces(fonts)
    used, files = set(), []
    for part, lines in counts.items():
        folder = Path(directory) / part
        folder.mkdir(parents=True, exist_ok=True)
        labels = []
        for number in range(lines):
            text = _choose_new_text(rng, choose, used)
            file = folder / f"{number:04}.png"
            file.write_bytes(cv2.imencode(".png", render(text, choose_look(rng, fonts, palette)))[1].tobytes())
            labels.append(f"{part}/{file.name}\t{text}\n")
        files.append(Path(directory) / f"{part}.txt")
        files[-1].write_bytes("".join(labels).encode("utf-8"))  # bytes: the same line ends everywhere
    return files


def choose_look(rng: random.Random, fonts: tuple[str, ...] = CHINESE_FONTS, palette: str = "scene") -> Look:
    """Draw how a line looks. Every decision comes from ``rng``.

    Args:
        fonts: keys of :data:`.typefaces.FONTS` to choose from.
        palette: key of :data:`PALETTES`.
    """

    def gauss(deviation: float) -> float:
        return max(-2 * deviation, min(2 * deviation, rng.gauss(0, deviation)))

    papers, ink = choose_colours(rng, palette)
    return Look(
        font=rng.choice(fonts),
        size=rng.randint(28, 44),
        spacing=rng.choice((-0.1, -0.06, 0.0, 0.0, 0.1, 0.3)),
        weight=rng.choice((-0.02, 0.0, 0.0, 0.02, 0.04)),
        stretch=rng.uniform(0.6, 1.1),
        margins=tuple(rng.uniform(-0.05, 0.25) for _ in range(4)),
        rotation=gauss(1.2),
        corners=tuple((gauss(0.05), gauss(0.05)) for _ in range(4)),
        ink=ink,
        papers=papers,
        slope=rng.uniform(0, 2 * math.pi),
        shadow=(rng.random(), rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.4)) if rng.random() < 0.3 else None,
        reduction=rng.uniform(0.45, 0.9),
        motion=(rng.uniform(1.5, 4), rng.uniform(0, 180)) if rng.random() < 0.35 else (1, 0),
        blur=rng.uniform(0.3, 1.2),
        noise=rng.uniform(1, 9),
        noise_seed=rng.getrandbits(32),
        jpeg=rng.randint(25, 90),
    )


def choose_colours(rng: random.Random, palette: str = "scene") -> tuple[tuple[Colour, Colour], Colour]:
    """Draw the colours of a line: ((paper, paper), ink).

    Args:
        palette: key of :data:`PALETTES`. Each channel is up to 15 grey levels off its contrast.
    """
    contrasts, dark_ink = PALETTES[palette]
    contrast = rng.choice(contrasts)
    level = rng.uniform(20, 235 - contrast)
    dark, light = ([level + offset + rng.uniform(-15, 15) for _ in range(3)] for offset in (0, contrast))
    ink, paper = (dark, light) if rng.random() < dark_ink else (light, dark)
    other = [value + rng.uniform(-0.3, 0.3) * contrast for value in paper]
    return (tuple(paper), tuple(other)), tuple(ink)


def _choose_new_text(rng: random.Random, choose: Callable[[random.Random], str | None], used: set[str]) -> str:
    """A text that is not in ``used``, which it is then added to."""
    for _ in range(1000):
        text = choose(rng)
        if text is not None and text not in used:
            used.add(text)
            return text
    raise UserError(f"only {len(used)} different lines can be written with these characters; ask for fewer.")
