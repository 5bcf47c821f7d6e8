"""Files of centers: one ``.npz`` with the class means of a trained network and the dictionary they belong to.

``centers`` (C, D) float32 and ``counts`` (C,) int64, the blank's 0; ``dictionary_sha256`` of the C characters;
``format``. C counts the blank. Nothing in it is pickled, so a file from a stranger is safe to read.
"""

import hashlib
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import UserError, did_you_mean
from ..files import atomic_write

FORMAT = "ppocrv2 centers 1"
REMEDY = "make it with `ppocrv2 centers -c CONFIG --output FILE.npz`"
BROKEN = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)  # what numpy raises, by how it is broken


class Centers(NamedTuple):
    """What a file of centers holds."""

    centers: np.ndarray  # (C, D) float32
    counts: np.ndarray  # (C,) int64, frames that each center is the mean of
    dictionary: str  # :func:`fingerprint` of the characters


def fingerprint(characters):
    """sha256, in hex, of a list of characters, as :func:`~.dictionary.read_dictionary` gives it, joined by newlines."""
    return hashlib.sha256("\n".join(characters).encode("utf-8")).hexdigest()


def no_centers(classes, features):
    """:class:`Centers` of classes without frames."""
    return Centers(np.zeros([classes, features], "float32"), np.zeros([classes], "int64"), "")


def write_centers(path, centers, counts, characters):
    """Write a file of centers, whole or not at all.

    Args:
        centers: (C, D) floats. counts: (C,) integers. characters: the C characters, blank first.
    """
    with atomic_write(path) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream,
            centers=np.asarray(centers, "float32"),
            counts=np.asarray(counts, "int64"),
            dictionary_sha256=fingerprint(characters),
            format=FORMAT,
        )


def read_centers(path, shape=None):
    """The :class:`Centers` of a file.

    Args:
        shape: the (C, D) that a network asks for; None for any.
    Raises:
        UserError: there is no such file, it is not one of centers, or of another shape.
    """
    path = Path(path)
    if not path.is_file():
        beside = [file.name for file in path.parent.glob("*.npz")] if path.parent.is_dir() else []
        raise UserError(f"there is no file of centers {path}{did_you_mean(path.name, beside)}")
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except (*BROKEN, AttributeError, TypeError) as error:  # the last two: a plain .npy is an array, without `files`
        raise UserError(f"{path} is not a complete .npz file ({type(error).__name__}); {REMEDY}.") from error
    missing = {"centers", "counts", "dictionary_sha256", "format"} - set(arrays)
    if missing:
        raise UserError(f"{path} is no file of centers, it has no {sorted(missing)[0]!r}; {REMEDY}.")
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
            f"{path} holds {centers.shape} centers, classes and features, but the head has {tuple(shape)};"
            f" {REMEDY} from a network with this head."
        )
    return Centers(centers.astype("float32"), counts.astype("int64"), str(arrays["dictionary_sha256"]))


def require_dictionary(path, dictionary_path, characters):
    """Refuse a file of centers made with another dictionary: its rows would belong to other characters.

    Args:
        dictionary_path: where ``characters`` come from, for the sentence.
    """
    found = read_centers(path)
    if found.dictionary != fingerprint(characters):
        raise UserError(
            f"the {len(found.counts)} centers in {path} were made with another dictionary than {dictionary_path}"
            f" ({len(characters)} classes with blank and space): make them again from a model of this dictionary,"
            f" `ppocrv2 centers -c CONFIG --output {path}`, or set Global.character_dict_path and"
            " Global.use_space_char to theirs."
        )
