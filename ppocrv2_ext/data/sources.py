"""Where a data set reads from: label files and a folder of images, or LMDBs. A sentence says what is missing."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ..errors import UserError, did_you_mean
from ..files import open_regular
from .transforms import list_transforms

# OpenCV and shapely are imported inside functions: every command looks whether its files are there.
if TYPE_CHECKING:
    from .images import ImageCheck
    from .label_files import Entry

# The names under which PaddleOCR knows the data sets that read label files. The second kind draws widths too.
SIMPLE_SETS = frozenset({"SimpleDataSet", "TextDetDataset", "TextRecDataset", "KieDataset"})
MULTI_SCALE_SETS = frozenset({"MultiScaleDataSet", "MSTextRecDataset"})
LABEL_FILE_SETS = SIMPLE_SETS | MULTI_SCALE_SETS
LMDB_SETS = frozenset({"LMDBDataSet"})
CHECKED_SETS = LABEL_FILE_SETS | LMDB_SETS
LMDB_FILE = "data.mdb"
Labels = Mapping[str, Optional[str]]  # {number of a sample of an LMDB: its label, or None to leave it out}


class Source(NamedTuple):
    """A label file or an LMDB."""

    file: Path
    entries: list[Entry]
    look: Callable[[str], ImageCheck]  # from the name of an image
    close: Callable[[], object] = bool  # what to call when nobody looks any more; a process may open an LMDB only once


def list_label_files(dataset: Mapping[str, Any]) -> list[Path]:
    """The label files of a config's ``dataset``, in order. A config may name a single one without a list."""
    files = dataset["label_file_list"]
    return [Path(file) for file in ([files] if isinstance(files, str) else files)]


def require_sources(config: Mapping[str, Any], modes: Sequence[str]) -> None:
    """Refuse files and folders that do not exist or are something else, empty ones, and a wrong ``ratio_list``.

    Args:
        config: a resolved config.
        modes: sections to look at, of "Train" and "Eval".
    Raises:
        UserError: the sentence names the key of the config and the path that was looked for.
    """
    for mode in modes:
        dataset = config[mode]["dataset"]
        if dataset.get("name") in LMDB_SETS:
            _require_folder(mode, dataset)
            _lmdb_share(mode, dataset)
            read_corrections(mode, dataset)
            if not sum(map(count_lmdb, list_lmdbs(mode, dataset["data_dir"]))):
                raise UserError(f"{mode}.dataset.data_dir: the LMDB in {dataset['data_dir']} has no samples.")
        elif dataset.get("label_file_list"):
            _require_folder(mode, dataset)
            for file in list_label_files(dataset):
                _require_label_file(mode, file)
            list_ratios(mode, dataset)
        elif dataset.get("name") in LABEL_FILE_SETS:  # any other kind of set is PaddleOCR's to judge
            raise UserError(f"{mode}.dataset.label_file_list must name the label files of the set.")


def _require_folder(mode: str, dataset: Mapping[str, Any]) -> None:
    key = f"{mode}.dataset.data_dir"
    if not dataset.get("data_dir"):
        raise UserError(f"{key} must name the folder that the images lie in.")
    folder = Path(dataset["data_dir"])
    if folder.is_dir():
        return
    if folder.exists():
        raise UserError(f"{key}: {folder} is a file; name the folder that it lies in.")
    beside = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
    place = "" if folder.is_absolute() else f" in {Path.cwd()}"
    raise UserError(f"{key}: there is no folder {folder}{place}{did_you_mean(folder.name, beside)}")


def _require_label_file(mode: str, file: Path) -> None:
    key = f"{mode}.dataset.label_file_list"
    if file.is_dir():
        inside = sorted(path.name for path in file.glob("*.txt"))
        hint = f"; in it are {', '.join(inside[:5])}." if inside else ", and it holds no .txt; name a label file."
        raise UserError(f"{key}: {file} is a folder{hint}")
    if not file.exists():
        beside = [path.name for path in file.parent.glob("*.txt")] if file.parent.is_dir() else []
        place = "" if file.is_absolute() else f" in {Path.cwd()}"
        raise UserError(f"{key}: there is no file {file}{place}{did_you_mean(file.name, beside)}")
    try:
        with open_regular(file) as stream:
            if any(line.strip() for line in stream):
                return
    except OSError as error:
        raise UserError(f"{key}: cannot read {file}: {error.strerror or error}; name a label file.") from None
    raise UserError(f"{file} is empty: a label file has one `image<TAB>label` per line.")


def list_ratios(mode: str, dataset: Mapping[str, Any]) -> list[float]:
    """The share that ``ratio_list`` takes of each label file, or of each LMDB.

    Raises:
        UserError: a share is no number above 0 and up to 1, or there is not one for each label file.
    """
    if dataset.get("name") in LMDB_SETS:
        return [_lmdb_share(mode, dataset)] * len(list_lmdbs(mode, dataset["data_dir"]))
    files, ratios = list_label_files(dataset), dataset.get("ratio_list", 1.0)
    ratios = ratios if isinstance(ratios, list) else [ratios] * len(files)
    if not all(map(_is_share, ratios)) or len(ratios) != len(files):
        raise UserError(
            f"{mode}.dataset.ratio_list must hold a share above 0 and up to 1 for each of {len(files)} label files,"
            f" got {ratios}."
        )
    return ratios


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1


def _lmdb_share(mode: str, dataset: Mapping[str, Any]) -> float:
    """The one share that is taken of every LMDB. Their order is that of the disk, so each cannot have its own."""
    ratios = dataset.get("ratio_list", 1.0)
    shares = ratios if isinstance(ratios, list) and ratios else [ratios]
    if not all(map(_is_share, shares)) or len(set(shares)) > 1:
        raise UserError(
            f"{mode}.dataset.ratio_list must hold one share above 0 and up to 1 for all of an LMDBDataSet,"
            f" got {ratios}."
        )
    return shares[0]


def count_samples(config: Mapping[str, Any], mode: str) -> list[int] | None:
    """Numbers of samples, one for each label file (lines that are not blank) or LMDB; None for another kind of set."""
    dataset = config[mode]["dataset"]
    if dataset.get("name") in LMDB_SETS:
        return [count_lmdb(folder) for folder in list_lmdbs(mode, dataset["data_dir"])]
    if "label_file_list" not in dataset:
        return None
    return [_count_lines(file) for file in list_label_files(dataset)]


def _count_lines(file: Path) -> int:
    with open_regular(file) as stream:
        return sum(bool(line.strip()) for line in stream)


def read_sources(config: Mapping[str, Any], mode: str, is_remote: bool) -> list[Source]:
    """The label files or LMDBs of a data set.

    Args:
        config: a resolved config whose ``mode`` is one of :data:`CHECKED_SETS`.
        is_remote: whether an image may be at a web address.
    Raises:
        UserError: one cannot be read.
    """
    from .images import check_image
    from .label_files import read_entries

    dataset, settings = config[mode]["dataset"], config["Global"]
    limits = choose_limits(dataset, settings)
    if dataset["name"] in LMDB_SETS:
        corrections = read_corrections(mode, dataset)
        folders = list_lmdbs(mode, dataset["data_dir"])
        return [_read_lmdb(folder, corrections.get(os.path.normpath(folder), {}), limits) for folder in folders]
    delimiter, with_sizes = dataset.get("delimiter", "\t"), bool(dataset.get("ds_width", False))
    with_sizes = with_sizes and dataset["name"] in MULTI_SCALE_SETS
    is_silent = settings.get("outside_images", "warn") == "allow"
    look = functools.partial(check_image, **limits)
    find = _Finder(Path(dataset["data_dir"]), is_remote, is_silent, look)
    return [Source(file, read_entries(file, delimiter, with_sizes), find) for file in list_label_files(dataset)]


def choose_limits(dataset: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The options of :func:`~.images.check_image` that a config chooses."""
    decoding = dict(list_transforms(dataset)).get("DecodeImage", {})
    chosen = {"ignore_orientation": bool(decoding.get("ignore_orientation", False))}
    if settings.get("max_image_pixels"):
        chosen["most_pixels"] = settings["max_image_pixels"]
    return {**chosen, "decode": settings.get("check_images", "header") == "decode"}


class _Finder:
    """Looks at an image that a label file names. Two files of one set share the looks, so each image has one."""

    def __init__(self, folder: Path, is_remote: bool, may_lie_outside: bool, look: Callable[[str], ImageCheck]):
        self.folder = str(folder)
        self.base = os.path.join(os.path.abspath(folder), "")
        self.is_remote = is_remote
        self.may_lie_outside = may_lie_outside
        self.look = look

    def __call__(self, name: str) -> ImageCheck:
        from .images import ImageCheck

        # A clone of PaddleOCR can load an image from a web address. The wheel takes the address for a file name.
        if self.is_remote and name.startswith(("http://", "https://")):
            return ImageCheck(("remote-image",))
        check = self.look(os.path.join(self.folder, name))
        if self.may_lie_outside or not self._is_outside(name):
            return check
        return check._replace(reasons=("outside-image", *check.reasons))

    def _is_outside(self, name: str) -> bool:
        """Whether the path leads out of the folder. Links inside it are its owner's and may lead anywhere."""
        if not os.path.isabs(name) and ".." not in name:
            return False
        return not os.path.normpath(os.path.join(self.base, name)).startswith(self.base)


def list_lmdbs(mode: str, folder: str | os.PathLike) -> list[Path]:
    """The LMDBs of a data set: PaddleOCR takes every folder without folders in it for one.

    Raises:
        UserError: one of them is none. PaddleOCR would end in a traceback.
    """
    leaves = sorted(Path(place) for place, folders, _ in os.walk(os.path.join(folder, "")) if not folders)
    lacking = [leaf for leaf in leaves if not (leaf / LMDB_FILE).is_file()]
    if lacking:
        hint = "an LMDBDataSet takes every folder without folders in it for an LMDB, so move this one away"
        if len(lacking) == len(leaves):
            hint = f"so {folder} is no LMDB; for label files and pictures, set {mode}.dataset.name=SimpleDataSet"
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
        raise UserError(f"{key}: cannot read {file}: {error.strerror or error}; leave the key out.") from None
    except (ValueError, RecursionError):
        raise UserError(f"{key}: {file} is no JSON; leave the key out, and a new file is written.") from None
    if not _are_corrections(content):
        raise UserError(f"{key}: {file} must hold {{LMDB: {{number: label, or null to leave the sample out}}}}.")
    return {os.path.normpath(folder): labels for folder, labels in content.items()}


def _are_corrections(content: Any) -> bool:
    if not isinstance(content, dict) or not all(isinstance(labels, dict) for labels in content.values()):
        return False
    pairs = [pair for labels in content.values() for pair in labels.items()]
    return all(re.fullmatch("[0-9]+", number) and isinstance(label, (str, type(None))) for number, label in pairs)


def _read_lmdb(folder: Path, corrections: Labels, limits: Mapping[str, Any]) -> Source:
    from .images import ImageCheck, check_image_bytes

    environment = _open_lmdb(folder)

    def look(name: str) -> ImageCheck:
        with environment.begin() as transaction:
            data = transaction.get(name.encode())
        return ImageCheck(("no-entry",)) if data is None else check_image_bytes(data, **limits)

    everything = range(1, _count(folder, environment) + 1)
    numbers = [number for number in everything if corrections.get(str(number), "") is not None]
    with environment.begin() as transaction:
        labels = {number: transaction.get(b"label-%09d" % number) for number in numbers}
    labels.update({int(number): label.encode() for number, label in corrections.items() if label is not None})
    entries = [_lmdb_entry(folder, number, labels[number]) for number in numbers]
    return Source(folder, entries, look, environment.close)


def _lmdb_entry(folder: Path, number: int, label: bytes | None) -> Entry:
    from .label_files import Entry

    name = f"image-{number:09d}"
    if label is None:
        return Entry(folder, number, "", None, (), "", ("no-entry",))
    try:
        text = label.decode("utf-8")
    except UnicodeDecodeError:
        return Entry(folder, number, "", None, (), "", ("not-utf8",))
    return Entry(folder, number, f"{name}\t{text}", name, (name,), text, ())
