"""What a config's list of transforms must look like for the transforms in it to work."""

import numpy

from .errors import UserError

LABELS, COPY_PASTE = "DetLabelEncode", "TextCopyPaste"
AFTER = {"NormalizeImage", "ToCHWImage", "KeepKeys"}  # what they return is no picture to paste on


def with_copy_paste_placed(config):
    """``config`` that tells PaddleOCR where TextCopyPaste stands; it assumes the third place.

    Raises:
        UserError: TextCopyPaste does not stand right after DetLabelEncode, or ``ext_op_transform_idx`` says otherwise.
    """
    for mode in ("Train", "Eval"):
        dataset = config[mode]["dataset"]
        index = _copy_paste_index(mode, transform_names(dataset))
        if index is None:
            continue
        stated = dataset.get("ext_op_transform_idx", index)
        if stated != index:
            raise UserError(
                f"{mode}.dataset.ext_op_transform_idx must be {index}, where {COPY_PASTE} stands counted from 0, "
                f"got {stated!r}; leave it out."
            )
        config = {**config, mode: {**config[mode], "dataset": {**dataset, "ext_op_transform_idx": index}}}
    return config


def transform_names(dataset):
    """Names of the transforms of a ``dataset`` section, in order."""
    return [name for entry in dataset.get("transforms") or () for name in entry]


def _copy_paste_index(mode, names):
    if COPY_PASTE not in names:
        return None
    index = names.index(COPY_PASTE)
    where = f"{mode}.dataset.transforms: {COPY_PASTE} must stand once, right after {LABELS}"
    if names.count(COPY_PASTE) > 1 or LABELS not in names:
        raise UserError(f"{where}, got {', '.join(names)}.")
    if index != names.index(LABELS) + 1:
        raise UserError(f"{where}, before anything that crops or pads; move it there from number {index + 1}.")
    early = [name for name in names[:index] if name in AFTER]
    if early:
        raise UserError(f"{where}, and {early[0]} must come later: it leaves no picture to paste on.")
    return index


def require_numpy(config):
    """Refuse to train with a NumPy in which PaddleOCR's EastRandomCropData fails on every image with several boxes."""
    new = tuple(int(part) for part in numpy.__version__.split(".")[:2]) >= (2, 4)
    if new and "EastRandomCropData" in transform_names(config["Train"]["dataset"]):
        raise UserError(
            f"NumPy {numpy.__version__} makes PaddleOCR's EastRandomCropData fail on every image with several boxes: "
            "run `pip install 'numpy<2.4'`."
        )
