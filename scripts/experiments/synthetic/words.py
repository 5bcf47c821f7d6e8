"""What rendered text says: Chinese words by their frequency, Latin words, numbers, dates, codes, and made-up words."""

from __future__ import annotations

import bisect
import itertools
import random
import string
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from importlib import util
from pathlib import Path
from typing import NamedTuple

from ppocrv2_ext.errors import UserError

LATIN = """
    about account address airport appeal arrival avenue bakery balance bank beauty bicycle book bottle bridge
    building bureau camera central center change channel check chicken city classic clinic coffee college
    company control corner culture daily danger delivery design discount district dragon drink electric
    elevator emergency energy engine entrance exit express factory fashion festival final floor flower forest
    fresh gallery garden gate general global golden green group guide harbor health history holiday hospital
    hotel industry island jewelry journal keep kitchen language laundry library license lucky machine market
    medical member metro model mountain museum music national network notice number office online open orange
    order palace paper park parking passenger payment pharmacy phone photo please police pottery powder price
    product public quality quick railway receipt repair restaurant river road safety school science service
    shanghai shop smoking special square station street student studio summer supermarket system taxi theater
    ticket toilet tower traffic travel union university valid vehicle video village visitor warning water
    welcome window winter workshop world yellow zone
    """.split()

CHARACTERS = string.digits + string.ascii_lowercase  # of made-up words; with the blank, 37 classes
VOWELS = "aeiouy"
CONSONANTS = "bcdfghjklmnpqrstvwxz"

LEAST_FREQUENCY = 50  # in jieba's dictionary; rarer words are left out
# People will see the lines, so no word has one of these characters.
UNWELCOME = frozenset("杀死淫奸尸毒匪屠惨妓嫖裸贼屎尿粪恐炸鬼罪狱刑娼虐贱")


def read_chinese_words(characters: AbstractSet[str]) -> tuple[list[str], list[float]]:
    """Read jieba's dictionary: words of 2 characters, and names of places of up to 4, as on signs.

    Args:
        characters: the words have no others.
    Returns:
        (words, cumulative weights). A weight is the square root of the frequency, so that common words stay common and
        rare characters occur too.
    Raises:
        UserError: jieba is not installed, or no word can be written with ``characters``.
    """
    spec = util.find_spec("jieba")
    if spec is None:
        raise UserError("rendering Chinese lines needs jieba's word list; run `pip install jieba==0.42.1`.")
    words, weights = [], []
    with open(Path(spec.submodule_search_locations[0]) / "dict.txt", encoding="utf-8") as file:
        for row in file:
            word, frequency, part_of_speech = row.split()
            longest = 4 if part_of_speech == "ns" else 2
            if int(frequency) < LEAST_FREQUENCY or not 2 <= len(word) <= longest or word.isascii():
                continue
            if characters >= set(word) and UNWELCOME.isdisjoint(word):
                words.append(word)
                weights.append(int(frequency) ** 0.5)
    if not words:
        raise UserError("no Chinese word can be written with the dictionary's characters; give the recognizer's own.")
    return words, list(itertools.accumulate(weights))


def choose_text(rng: random.Random, words: Sequence[str], weights: Sequence[float]) -> str:
    """Draw one line of text.

    Args:
        words, weights: as :func:`read_chinese_words` returns them.
    """
    kind = rng.random()
    if kind < 0.6:
        return _choose_chinese(rng, lambda: words[bisect.bisect(weights, rng.random() * weights[-1])])
    if kind < 0.8:
        case = rng.choice((str.upper, str.title, str.title, str.lower))
        return " ".join(case(rng.choice(LATIN)) for _ in range(rng.choice((1, 1, 2))))
    return _choose_figures(rng)


def choose_made_up_word(rng: random.Random) -> str:
    """Draw a word of :data:`CHARACTERS`: 1 or 2 syllables, or, one time in four, a code of 2 to 5 characters.

    Nobody can know such a word by heart, so reading it takes every letter.
    """
    if rng.random() < 0.25:
        return "".join(rng.choice(CHARACTERS) for _ in range(rng.randint(2, 5)))
    endings = ("", "", *CONSONANTS)
    return "".join(rng.choice(CONSONANTS) + rng.choice(VOWELS) + rng.choice(endings) for _ in range(rng.randint(1, 2)))


def choose_number(rng: random.Random) -> str:
    """Draw a number of 3 to 6 digits. The first may be 0."""
    return "".join(rng.choice(string.digits) for _ in range(rng.randint(3, 6)))


class Alphabet(NamedTuple):
    """What made-up data sets are written in."""

    characters: str
    choose: Callable[[random.Random], str]  # draws a text of them
    most: int  # texts that a data set may have; of more, hardly a draw would be new


# With few classes a network needs fewer steps. There are 1,111,000 numbers, and far more words.
ALPHABETS = {
    "words": Alphabet(CHARACTERS, choose_made_up_word, 3_000_000),
    "digits": Alphabet(string.digits, choose_number, 1_000_000),
}


def _choose_chinese(rng: random.Random, word: Callable[[], str]) -> str:
    text = "".join(word() for _ in range(rng.choice((1, 1, 2, 2, 3))))
    form = rng.random()
    if form < 0.08:
        return f"{text}{rng.randint(1, 300)}号"
    if form < 0.14:
        return f"{text}：{word()}"
    if form < 0.18:
        return f"（{text}）"
    return text


def _choose_figures(rng: random.Random) -> str:
    def digits(count: int) -> str:
        return "".join(rng.choice("0123456789") for _ in range(count))

    def letters(count: int) -> str:
        return "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(count))

    return rng.choice(
        (
            lambda: f"{rng.randint(1998, 2026)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
            lambda: f"{rng.randint(1998, 2026)}年{rng.randint(1, 12)}月{rng.randint(1, 28)}日",
            lambda: f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}",
            lambda: f"{rng.randint(1, 9999)}.{digits(2)}",
            lambda: f"¥{rng.randint(1, 999)}.{digits(2)}",
            lambda: f"1{rng.choice('3578')}{digits(9)}",
            lambda: f"0{rng.randint(10, 99)}-{digits(8)}",
            lambda: f"{letters(2)}{digits(6)}",
            lambda: f"{letters(1)}{digits(2)}-{letters(2)}{digits(3)}",
            lambda: f"{rng.randint(1, 100)}%",
        )
    )()
