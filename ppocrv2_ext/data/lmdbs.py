"""LMDBs of PaddleOCR's LMDBDataSet, and the corrections that are read in place of their samples."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ..errors import UserError, reason_of
from ..files import open_regular
from .label_files import Entry

# OpenCV is imported inside functions: every command looks whether its files are there.
if TYPE_CHECKING:
    from .images import ImageCheck, Limits

    Look = Callable[[str], ImageCheck]  # from the name of an image

LMDB_FILE = "data.mdb"
Labels = Mapping[str, Optional[str]]  # {number of a sample of an LMDB: its label, or None to leave it out}


def list_lmdbs(mode: str, folder: str | os.PathLike) -> list[Path]:
    """The LMDBs of a data set: PaddleOCR takes every folder without folders in it for one.

    Raises:
        UserError: one of them is none. PaddleOCR would end in a traceback.
    """
    leaves = sorted(Path(parent) for parent, folders, _ in os.walk(os.path.join(folder, "")) if not folders)
    lacking = [leaf for leaf in leaves if not (leaf / LMDB_FILE).is_file()]
    if lacking:
        hint = "an LMDBDataSet takes every folder without folders in it for an LMDB, so move this one away"
        if len(lacking) == len(leaves):
            hint = f"so {folder} is not an LMDB; for label files and pictures, set {mode}.dataset.name=SimpleDataSet"
        raise UserError(f"{mode}.dataset.data_dir: {lacking[0]} holds no {LMDB_FILE}, {hint}.")
    return leaves


def count_lmdb(folder: Path) -> int:
    """The number of samples that an LMDB says it has.

    Raises:
        UserError: it cannot be opened, or does not say.
    """
    with contextlib.closing(_open_lmdb(folder)) as environment:
        return _count(folder, environment)


def _count(folder: Path, environment: Any) -> int:
    with environment.begin() as transaction:
        number = transaction.get(b"num-samples")
    try:
        return max(0, int(number or b""))
    except ValueError:
        raise UserError(f"{folder}: the LMDB has no number under the key num-samples; write it again.") from None


def _open_lmdb(folder: Path) -> Any:
    import lmdb

    try:
        return lmdb.open(str(folder), readonly=True, lock=False, readahead=False, meminit=False, max_readers=126)
    except lmdb.Error as error:
        raise UserError(f"{folder}: cannot open the LMDB: {error}; copy or write it again.") from None


def read_corrections(mode: str, dataset: Mapping[str, Any]) -> dict[str, Labels]:
    """What is read in place of samples of the LMDBs of a ``dataset``, by its key ``corrections``: {folder: labels}.

    Raises:
        UserError: the file cannot be read, or holds something else.
    """
    file = dataset.get("corrections")
    if not file:
        return {}
    key = f"{mode}.dataset.corrections"
    try:
        with open_regular(file) as stream:
            content = json.load(stream)
    except OSError as error:
        raise UserError(f"{key}: cannot read {file}: {reason_of(error)}; leave the key out.") from None
    except (ValueError, RecursionError):
        raise UserError(f"{key}: {file} is not JSON; leave the key out, and a new file is written.") from None
    if not _are_corrections(content):
        raise UserError(f"{key}: {file} must hold {{LMDB: {{number: label, or null to leave the sample out}}}}.")
    return {os.path.normpath(folder): labels for folder, labels in content.items()}


def _are_corrections(content: Any) -> bool:
    if not isinstance(content, dict) or not all(isinstance(labels, dict) for labels in content.values()):
        return False
    pairs = [pair for labels in content.values() for pair in labels.items()]
    return all(re.fullmatch("[0-9]+", number) and isinstance(label, (str, type(None))) for number, label in pairs)


def read_lmdb(folder: Path, corrections: Labels, limits: Limits) -> tuple[list[Entry], Look, Callable[[], object]]:
    """The samples of an LMDB, a function that checks an image in it by its name, and one that closes the LMDB.

    Raises:
        UserError: it cannot be opened, or does not say how many samples it has.
    """
    from .images import ImageCheck, check_image_bytes

    environment = _open_lmdb(folder)

    def look(name: str) -> ImageCheck:
        with environment.begin() as transaction:
            data = transaction.get(name.encode())
        return ImageCheck(("no-entry",)) if data is None else check_image_bytes(data, limits)

    everything = range(1, _count(folder, environment) + 1)
    numbers = [number for number in everything if corrections.get(str(number), "") is not None]
    with environment.begin() as transaction:
        labels = {number: transaction.get(b"label-%09d" % number) for number in numbers}
    labels.update({int(number): label.encode() for number, label in corrections.items() if label is not None})
    entries = [_read_entry(folder, number, labels[number]) for number in numbers]
    return entries, look, environment.close


def _read_entry(folder: Path, number: int, label: bytes | None) -> Entry:
    name = f"image-{number:09d}"
    if label is None:
        return Entry(folder, number, "", None, (), "", ("no-entry",))
    try:
        text = label.decode("utf-8")
    except UnicodeDecodeError:
        return Entry(folder, number, "", None, (), "", ("not-utf8",))
    return Entry(folder, number, f"{name}\t{text}", name, (name,), text, ())
