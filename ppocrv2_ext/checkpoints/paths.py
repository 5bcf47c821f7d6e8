"""Names of ``.pdparams`` files, whose suffix PaddleOCR's configs leave out; without Paddle, as commands look first."""

from pathlib import Path

from ..errors import UserError, did_you_mean

SUFFIX = ".pdparams"


def with_suffix(path):
    """``path`` with ``.pdparams``, added where it is missing."""
    path = str(path)
    return Path(path if path.endswith(SUFFIX) else path + SUFFIX)


def without_suffix(path):
    """``path`` as PaddleOCR wants it, without ``.pdparams``."""
    path = str(path)
    return path[: -len(SUFFIX)] if path.endswith(SUFFIX) else path


def require_file(key, path):
    """The file that ``path``, with or without suffix, names.

    Args:
        key: of the config, where ``path`` comes from, for the sentence.
    Raises:
        UserError: there is none.
    """
    file = with_suffix(path)
    if not file.is_file():
        beside = [other.stem for other in file.parent.glob("*" + SUFFIX)] if file.parent.is_dir() else []
        raise UserError(f"{key}: there is no file {file}{did_you_mean(file.stem, beside)}")
    return file
