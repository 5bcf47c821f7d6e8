"""What a command requires before it starts: data, weights, centers, NumPy, a folder to write into.

Every check refuses with a UserError that says what is missing and what to do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..checkpoints.paths import find_dictionary, require_file, with_suffix
from ..config.networks import find_ctc_head, has_dictionary, networks, without_centers
from ..data.batches import explain_empty_share, explain_no_batch
from ..data.dictionary import read_dictionary
from ..data.sources import require_sources
from ..data.transforms import list_transforms
from ..errors import UserError
from ..files import find_obstacle
from ..write_checks import make_writable_folder

WHOLE_NETWORK = 0.9  # least share of a network's tensors in a file of its weights; not 1, as centers may be missing
WRITTEN_IN_PLACE = ("train.log", "config.yml", "history.jsonl")  # the first two by PaddleOCR


def require_data(config: dict, modes: Sequence[str]) -> None:
    """Refuse data that are missing or empty, and transforms that would fail on any picture.

    Args:
        config: a config that :func:`.prepare.prepare_config` returned.
        modes: sections to look at, of "Train" and "Eval".
    """
    from ..host.samples.transform_check import require_usable_transforms

    require_sources(config, modes)
    for mode in modes:
        require_usable_transforms(config, mode)


def require_batches(config: dict, counts: Mapping[str, Sequence[int] | None], ranks: int = 1) -> None:
    """Refuse a data set that gives no batch, or of one of its files nothing. Training would not learn, or not judge.

    Args:
        counts: {section: numbers of samples, one for each label file or LMDB}; None for a set that was not counted.
        ranks: processes that share each batch of a training.
    """
    for mode, numbers in counts.items():
        if numbers is None:
            continue
        reason = explain_empty_share(config, mode, numbers) or explain_no_batch(config, mode, numbers, ranks)
        if reason:
            raise UserError(reason)


def weights_file(config: dict) -> str | None:
    """The weights that PaddleOCR loads, without their suffix: ``Global.checkpoints`` wins over ``pretrained_model``."""
    return config["Global"].get("checkpoints") or config["Global"].get("pretrained_model")


def require_weights(config: dict, training: bool = False) -> None:
    """Refuse a path of weights at which there is no file. Weights that PaddleOCR does not load may be missing.

    Args:
        training: also look at the ``pretrained`` of each of several networks, unless ``Global`` names weights for all.
    """
    settings = config["Global"]
    loaded = "checkpoints" if settings.get("checkpoints") else "pretrained_model"
    files, starts = {f"Global.{loaded}": settings.get(loaded)}, {}
    if training and not any(files.values()):
        models = config["Architecture"].get("Models", {})
        starts = {f"Architecture.Models.{name}.pretrained": network for name, network in models.items()}
        files.update({key: network.get("pretrained") for key, network in starts.items()})
    for key, file in files.items():
        if file and not str(file).startswith("http"):
            require_file(key, file, _advise(key, str(file), starts.get(key)))


def _advise(key: str, file: str, network: dict | None) -> str | None:
    """What to do if there is no ``file``; None if it is there, or if nothing is known to write it."""
    if with_suffix(file).is_file():
        return None
    from .weights_sources import describe_source

    source = describe_source(file, network)
    if network is None:
        return source
    return f"{f'{source}; ' if source else ''}name other weights with -o {key}=PATH"


def require_trained_network(config: dict) -> dict:
    """``config`` for evaluation and export, which take a whole network from its weights, centers too.

    ``Global.pretrained_min_matched`` is the least share of the network's tensors that a file must fit. A fine-tune may
    set it low, to start from part of a file; the other tensors stay random. Such a network is not worth judging or
    shipping, so here the share is :data:`WHOLE_NETWORK` or more.

    Raises:
        UserError: the config names no weights, or there is no such file.
    """
    config = without_centers(config)
    settings = config["Global"]
    if not weights_file(config):
        raise UserError("the config names no weights: set -o Global.pretrained_model=PATH (without .pdparams).")
    require_weights(config)
    least = max(WHOLE_NETWORK, settings.get("pretrained_min_matched", WHOLE_NETWORK))
    return {**config, "Global": {**settings, "pretrained_min_matched": least}}


def read_characters(config: dict) -> list[str]:
    """The characters of a recognizer's config, blank first, as ``read_dictionary`` returns them.

    Raises:
        UserError: it is no recognizer's config, or names no dictionary.
    """
    settings = config["Global"]
    if not has_dictionary(config):
        raise UserError("this needs a recognizer's config, with the dictionary in Global.character_dict_path.")
    return read_dictionary(settings["character_dict_path"], space=settings.get("use_space_char", False))


def require_known_characters(config: dict) -> None:
    """Refuse to export a recognizer with characters that its training did not have: their weights are random.

    The dictionary of the training lies beside its checkpoint. Without it, nothing is refused.
    """
    if not has_dictionary(config):
        return
    file = str(weights_file(config))  # require_trained_network has seen that there is one
    dictionary = find_dictionary(file)
    if dictionary is None:
        return
    from ..checkpoints import character_rows, pdparams

    known = character_rows.read_trained_characters(pdparams.read_arrays(file), dictionary)
    new = [character for character in read_characters(config) if character not in known]
    if new:
        raise UserError(
            f"{file} was trained with {dictionary}, which lacks {len(new)} of the characters in"
            f" {config['Global']['character_dict_path']}, such as {new[0]!r};"
            " export with the dictionary of the training."
        )


def require_centers(config: dict) -> None:
    """Refuse a ``Head.centers`` that is no file of centers, or was made with another dictionary than the config's.

    A checkpoint holds its own centers, and needs no file.
    """
    if config["Global"].get("checkpoints"):
        return
    from ..checkpoints.centers_file import require_same_dictionary

    for network in networks(config["Architecture"]).values():
        file = find_ctc_head(network).section.get("centers")
        if file is not None and not isinstance(file, str):
            raise UserError(f"Head.centers must be the path of a file, got {file!r}.")
        if file:
            characters = read_characters(config)
            require_same_dictionary(file, config["Global"]["character_dict_path"], characters)


def require_picture(file: str | Path) -> Path:
    """``file`` as a Path, its folder created. Refuse one that is no PNG or JPEG, or cannot be written."""
    path = Path(file)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UserError(f"--output {file}: a picture must end in .png or .jpg.")
    make_writable_folder(path.parent)
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        raise UserError(f"cannot write to {path}: it is a folder, or read-only; name another file.")
    return path


def require_output_folder(directory: str | Path) -> Path:
    """:func:`.make_writable_folder` for a training. Refuse a pipe or a folder in place of a file that it adds to."""
    folder = make_writable_folder(directory)
    for name in WRITTEN_IN_PLACE:
        obstacle = find_obstacle(folder / name)
        if obstacle:
            raise UserError(f"cannot write {folder / name}: {obstacle}; remove it, or name another folder.")
    return folder


def require_numpy(config: dict) -> None:
    """Refuse a NumPy with which PaddleOCR's EastRandomCropData fails, if the config uses that."""
    import numpy

    new = tuple(int(part) for part in numpy.__version__.split(".")[:2]) >= (2, 4)
    if new and "EastRandomCropData" in dict(list_transforms(config["Train"]["dataset"])):
        raise UserError(
            f"NumPy {numpy.__version__} makes PaddleOCR's EastRandomCropData fail on every image with several boxes: "
            "run `pip install 'numpy<2.4'`."
        )
