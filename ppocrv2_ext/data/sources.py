"""Where a data set reads from: label files and a folder of images, or LMDBs. A sentence says what is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UserError, did_you_mean, reason_of
from ..files import open_regular
from .label_files import Entry, read_entries
from .lmdbs import count_lmdb, list_lmdbs, read_corrections, read_lmdb
from .transforms import list_transforms

# OpenCV is imported inside functions: every command looks whether its files are there.
if TYPE_CHECKING:
    from .images import ImageCheck, Limits
    from .lmdbs import Look

# The names under which PaddleOCR knows the data sets that read label files. The second kind draws widths too.
SIMPLE_SETS = frozenset({"SimpleDataSet", "TextDetDataset", "TextRecDataset", "KieDataset"})
MULTI_SCALE_SETS = frozenset({"MultiScaleDataSet", "MSTextRecDataset"})
LABEL_FILE_SETS = SIMPLE_SETS | MULTI_SCALE_SETS
LMDB_SETS = frozenset({"LMDBDataSet"})
CHECKED_SETS = LABEL_FILE_SETS | LMDB_SETS


class Source(NamedTuple):
    """A label file or an LMDB."""

    file: Path
    entries: list[Entry]
    look: Look
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
                raise UserError(
                    f"{mode}.dataset.data_dir: the LMDB in {dataset['data_dir']} has no samples; name another folder."
                )
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
    where = "" if folder.is_absolute() else f" in {Path.cwd()}"
    raise UserError(f"{key}: there is no folder {folder}{where}{did_you_mean(folder.name, beside)}")


def _require_label_file(mode: str, file: Path) -> None:
    key = f"{mode}.dataset.label_file_list"
    if file.is_dir():
        inside = sorted(path.name for path in file.glob("*.txt"))
        hint = f"; in it are {', '.join(inside[:5])}." if inside else ", and it holds no .txt; name a label file."
        raise UserError(f"{key}: {file} is a folder{hint}")
    if not file.exists():
        beside = [path.name for path in file.parent.glob("*.txt")] if file.parent.is_dir() else []
        where = "" if file.is_absolute() else f" in {Path.cwd()}"
        raise UserError(f"{key}: there is no file {file}{where}{did_you_mean(file.name, beside)}")
    try:
        with open_regular(file) as stream:
            if any(line.strip() for line in stream):
                return
    except OSError as error:
        raise UserError(f"{key}: cannot read {file}: {reason_of(error)}; name a label file.") from None
    raise UserError(f"{file} is empty: a label file has one `image<TAB>label` per line.")


def list_ratios(mode: str, dataset: Mapping[str, Any]) -> list[float]:
    """The share that ``ratio_list`` takes of each label file, or of each LMDB.

    Raises:
        UserError: a share is no number above 0 and up to 1, or there is not one for each label file.
    """
    if dataset.get("name") in LMDB_SETS:
        return [_lmdb_share(mode, dataset)] * len(list_paths(mode, dataset))
    files, ratios = list_label_files(dataset), dataset.get("ratio_list", 1.0)
    ratios = ratios if isinstance(ratios, list) else [ratios] * len(files)
    if not all(map(_is_share, ratios)) or len(ratios) != len(files):
        raise UserError(
            f"{mode}.dataset.ratio_list must hold a share above 0 and up to 1 for each of {len(files)} label files,"
            f" got {ratios}."
        )
    return ratios


def count_taken(number: int, ratio: float) -> int:
    """How many of ``number`` samples a share takes, as PaddleOCR rounds it."""
    return round(number * ratio)


def list_paths(mode: str, dataset: Mapping[str, Any]) -> list[Path]:
    """The label files or LMDBs of a data set, in the order of :func:`list_ratios` and :func:`count_samples`."""
    return list_lmdbs(mode, dataset["data_dir"]) if dataset.get("name") in LMDB_SETS else list_label_files(dataset)


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
        return [count_lmdb(folder) for folder in list_paths(mode, dataset)]
    if "label_file_list" not in dataset:
        return None
    return [_count_lines(file) for file in list_label_files(dataset)]


def _count_lines(file: Path) -> int:
    with open_regular(file) as stream:
        return sum(bool(line.strip()) for line in stream)


def read_sources(config: Mapping[str, Any], mode: str, loads_addresses: bool) -> list[Source]:
    """The label files or LMDBs of a data set.

    Args:
        config: a resolved config whose ``mode`` is one of :data:`CHECKED_SETS`.
        loads_addresses: whether PaddleOCR loads an image from a web address.
    Raises:
        UserError: one cannot be read.
    """
    dataset, settings = config[mode]["dataset"], config["Global"]
    limits = _choose_limits(dataset, settings)
    if dataset["name"] in LMDB_SETS:
        corrections = read_corrections(mode, dataset)
        folders = list_lmdbs(mode, dataset["data_dir"])
        return [
            Source(folder, *read_lmdb(folder, corrections.get(os.path.normpath(folder), {}), limits))
            for folder in folders
        ]
    delimiter = dataset.get("delimiter", "\t")
    with_sizes = bool(dataset.get("ds_width", False)) and dataset["name"] in MULTI_SCALE_SETS
    may_lie_outside = settings.get("outside_images", "warn") == "allow"
    # One function for all files: an image that several of them name is looked at once.
    look = _look_into(dataset["data_dir"], limits, loads_addresses, may_lie_outside)
    return [Source(file, read_entries(file, delimiter, with_sizes), look) for file in list_label_files(dataset)]


def _choose_limits(dataset: Mapping[str, Any], settings: Mapping[str, Any]) -> Limits:
    from .images import MOST_PIXELS, Limits

    return Limits(
        ignore_orientation=bool(dict(list_transforms(dataset)).get("DecodeImage", {}).get("ignore_orientation", False)),
        most_pixels=settings.get("max_image_pixels") or MOST_PIXELS,
        decode=settings.get("check_images", "header") == "decode",
    )


def _look_into(folder: str, limits: Limits, loads_addresses: bool, may_lie_outside: bool) -> Look:
    """A function that checks an image by the name that a label file has for it."""
    from .images import ImageCheck, check_image

    base = os.path.join(os.path.abspath(folder), "")

    def is_outside(name: str) -> bool:
        """Whether the path leads out of the folder. Links inside it are its owner's and may lead anywhere."""
        if not os.path.isabs(name) and ".." not in name:
            return False
        return not os.path.normpath(os.path.join(base, name)).startswith(base)

    def look(name: str) -> ImageCheck:
        if loads_addresses and name.startswith(("http://", "https://")):
            return ImageCheck(("remote-image",))
        check = check_image(os.path.join(folder, name), limits)
        if may_lie_outside or not is_outside(name):
            return check
        return check._replace(reasons=("outside-image", *check.reasons))

    return look
