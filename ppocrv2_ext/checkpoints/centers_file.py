"""Files of centers: one ``.npz`` with the class means of a trained network, and a hash of their dictionary.

It holds ``centers`` (C, D) float32, ``counts`` (C,) int64, ``dictionary_sha256`` of the C characters, and ``format``.
C counts the blank, whose count is 0. Nothing in it is pickled, so a file from a stranger is safe to read. Paddle is not
needed.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import UserError, did_you_mean
from ..files import PathLike, atomic_write

FORMAT = "ppocrv2 centers 1"
LARGEST = 1 << 30  # bytes of one array; 20 000 classes of 512 features take 41 MB
REMEDY = "make it with `ppocrv2 centers -c CONFIG --output FILE.npz`"
READ_ERRORS = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)  # what numpy raises for a broken file


class Centers(NamedTuple):
    """What a file of centers holds."""

    centers: np.ndarray  # (C, D) float32
    counts: np.ndarray  # (C,) int64, the number of frames in each class mean
    dictionary: str  # the :func:`fingerprint` of the characters


def fingerprint(characters: Sequence[str]) -> str:
    """The sha256, in hex, of the characters joined by newlines.

    Args:
        characters: the C characters, blank first, as :func:`~ppocrv2_ext.data.dictionary.read_dictionary` returns them.
    """
    return hashlib.sha256("\n".join(characters).encode("utf-8")).hexdigest()


def make_empty_centers(classes: int, features: int) -> Centers:
    """:class:`Centers` of classes that have seen no frame yet: (classes, features) zeros."""
    return Centers(np.zeros([classes, features], "float32"), np.zeros([classes], "int64"), "")


def write_centers(path: PathLike, centers: np.ndarray, counts: np.ndarray, characters: Sequence[str]) -> None:
    """Write a file of centers. It appears complete or not at all.

    Args:
        centers: (C, D) floats.
        counts: (C,) integers.
        characters: the C characters, blank first.
    Raises:
        UserError: the file cannot be written.
    """
    with atomic_write(path) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream,
            centers=np.asarray(centers, "float32"),
            counts=np.asarray(counts, "int64"),
            dictionary_sha256=fingerprint(characters),
            format=FORMAT,
        )


def read_centers(path: PathLike, shape: Sequence[int] | None = None) -> Centers:
    """Read a file of centers.

    Args:
        shape: the (C, D) that a network needs; None for any.
    Raises:
        UserError: there is no such file, it is no file of centers, or its centers have another shape.
    """
    arrays = _read_arrays(Path(path))
    missing = {"centers", "counts", "dictionary_sha256", "format"} - set(arrays)
    if missing:
        raise UserError(f"{path} is not a file of centers: it has no {sorted(missing)[0]!r}; {REMEDY}.")
    if str(arrays["format"]) != FORMAT:
        raise UserError(f"{path} has the format {str(arrays['format'])!r}, this version reads {FORMAT!r}; {REMEDY}.")
    centers, counts = arrays["centers"], arrays["counts"]
    if centers.ndim != 2 or counts.shape != centers.shape[:1]:
        raise UserError(
            f"{path}: `centers` must be (C, D) and `counts` (C,), got {centers.shape} and {counts.shape}; {REMEDY}."
        )
    if centers.dtype.kind + counts.dtype.kind != "fi" or not np.isfinite(centers).all() or (counts < 0).any():
        raise UserError(f"{path}: `centers` must be finite floats and `counts` integers >= 0; {REMEDY}.")
    if shape is not None and centers.shape != tuple(shape):
        raise UserError(
            f"{path} holds {centers.shape} centers (classes, features), but the head has {tuple(shape)};"
            f" {REMEDY} from a network with this head."
        )
    return Centers(centers.astype("float32"), counts.astype("int64"), str(arrays["dictionary_sha256"]))


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        neighbours = [file.name for file in path.parent.glob("*.npz")] if path.parent.is_dir() else []
        raise UserError(f"there is no file of centers {path}{did_you_mean(path.name, neighbours)}")
    try:
        _require_true_sizes(path)
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except (*READ_ERRORS, AttributeError, TypeError) as error:  # the last two: a plain .npy file is an array
        raise UserError(f"{path} is not a complete .npz file ({type(error).__name__}); {REMEDY}.") from error


def _require_true_sizes(path: Path) -> None:
    """Refuse arrays that claim another size than the archive has for them: NumPy would ask for all of that memory."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(stream)
                if math.prod(shape) * dtype.itemsize + stream.tell() != member.file_size or member.file_size > LARGEST:
                    raise ValueError(f"{member.filename} claims to be {shape}")


def require_same_dictionary(path: PathLike, dictionary_path: PathLike, characters: Sequence[str]) -> None:
    """Refuse a file of centers made with another dictionary: its rows would belong to other characters.

    Args:
        path: the file of centers.
        dictionary_path: the config's dictionary, for the error message.
        characters: what that dictionary holds, blank first.
    Raises:
        UserError: the characters differ, or the file cannot be read.
    """
    content = read_centers(path)
    if content.dictionary != fingerprint(characters):
        raise UserError(
            f"the {len(content.counts)} centers in {path} were made with another dictionary than {dictionary_path}"
            f" ({len(characters)} classes with blank and space): make them again from a model of this dictionary,"
            f" `ppocrv2 centers -c CONFIG --output {path}`, or set Global.character_dict_path and"
            " Global.use_space_char to theirs."
        )
