"""What a command asks for before it starts: data, weights, centers, NumPy, a folder to write into."""

import os
from pathlib import Path

import numpy

from ..checkpoints.centers_file import require_dictionary
from ..checkpoints.character_rows import find_dictionary
from ..checkpoints.paths import require_file
from ..config.networks import networks
from ..config.resolve import transform_names
from ..data.dictionary import read_dictionary
from ..data.labels import label_files
from ..errors import UserError, did_you_mean

WHOLE = 0.9  # share of a network's tensors that makes a file its own; centers, for one, may be missing


def require_data(config, modes):
    """Refuse missing label files and folders, and empty label files.

    Args:
        modes: sections to look at, of "Train" and "Eval".
    Returns:
        {mode: numbers of lines}, one for each label file, of the sets that have such.
    """
    lines = {}
    for mode in modes:
        dataset = config[mode]["dataset"]
        if not dataset.get("label_file_list") and dataset.get("name") == "SimpleDataSet":
            raise UserError(f"{mode}.dataset.label_file_list must name the label files of the set.")
        if "label_file_list" not in dataset:
            continue  # an LMDB or another kind of set: PaddleOCR's to judge
        if not dataset.get("data_dir"):
            raise UserError(f"{mode}.dataset.data_dir must name the folder that the label files are relative to.")
        folder = Path(dataset["data_dir"])
        if not folder.is_dir():
            raise UserError(f"{mode}.dataset.data_dir: there is no folder {folder}.")
        lines[mode] = [_lines(mode, file) for file in label_files(dataset)]
        _shares(mode, dataset)
    return lines


def require_batch(config, lines, ranks=1):
    """Refuse a training set smaller than one batch.

    Args:
        lines: {"Train": numbers of samples in its label files}; without it, the set is not of lines.
        ranks: processes that share each batch.
    """
    if "Train" not in lines:
        return
    dataset, loader = config["Train"]["dataset"], config["Train"]["loader"]
    files, shares = label_files(dataset), _shares("Train", dataset)
    count = sum(round(number * share) for number, share in zip(lines["Train"], shares))
    needed = loader["batch_size_per_card"] * ranks if loader.get("drop_last") else 1
    if count < needed:
        after = "" if set(shares) == {1.0} else f" after Train.dataset.ratio_list={shares}"
        raise UserError(
            f"{', '.join(map(str, files))}: {count} samples{after} do not fill one batch of {needed};"
            " lower Train.loader.batch_size_per_card or set Train.loader.drop_last=false."
        )


def _shares(mode, dataset):
    """The share of each label file that ``ratio_list`` takes."""
    files, ratios = label_files(dataset), dataset.get("ratio_list", 1.0)
    ratios = ratios if isinstance(ratios, list) else [ratios] * len(files)
    fine = all(isinstance(ratio, (int, float)) and 0 < ratio <= 1 for ratio in ratios)
    if not fine or len(ratios) != len(files):
        raise UserError(
            f"{mode}.dataset.ratio_list must hold a share above 0 and up to 1 for each of {len(files)} label files,"
            f" got {ratios}."
        )
    return ratios


def _lines(mode, file):
    if not file.is_file():
        beside = [path.name for path in file.parent.glob("*.txt")] if file.parent.is_dir() else []
        raise UserError(f"{mode}.dataset.label_file_list: there is no file {file}{did_you_mean(file.name, beside)}")
    with file.open("rb") as stream:
        count = sum(1 for line in stream if line.strip())
    if count == 0:
        raise UserError(f"{file} is empty: a label file has one `image<TAB>label` per line.")
    return count


def require_weights(config, training=False):
    """Refuse weights that name no file, before a host is started for them.

    Args:
        training: also look at the ``pretrained`` of each network of several, which nothing else can bring then.
    """
    settings = config["Global"]
    named = {f"Global.{key}": settings.get(key) for key in ("checkpoints", "pretrained_model")}
    if training and not any(named.values()):
        for name, network in config["Architecture"].get("Models", {}).items():
            named[f"Architecture.Models.{name}.pretrained"] = network.get("pretrained")
    for key, value in named.items():
        if value and not str(value).startswith("http"):
            require_file(key, value)


def for_inference(config):
    """``config`` for evaluation and export, which would judge or ship random numbers without weights of its network.

    ``pretrained_min_matched``, by which a fine-tune may start from part of a file, is that of a whole network here.
    """
    settings = config["Global"]
    if not settings.get("checkpoints") and not settings.get("pretrained_model"):
        raise UserError("no weights are named: set -o Global.pretrained_model=PATH (without .pdparams).")
    require_weights(config)
    least = max(WHOLE, settings.get("pretrained_min_matched", WHOLE))
    return {**config, "Global": {**settings, "pretrained_min_matched": least}}


def characters(config):
    """The classes of a recognizer's config, blank first, as ``read_dictionary`` returns them."""
    settings = config["Global"]
    if config["Architecture"].get("model_type") != "rec" or not settings.get("character_dict_path"):
        raise UserError("this needs a recognizer's config, with the dictionary in Global.character_dict_path.")
    return read_dictionary(settings["character_dict_path"], space=settings.get("use_space_char", False))


def require_known_characters(config):
    """Refuse to ship a recognizer for characters that its weights were not trained on: their rows would be chance."""
    settings = config["Global"]
    if config["Architecture"].get("model_type") != "rec" or not settings.get("character_dict_path"):
        return
    file = settings.get("checkpoints") or settings["pretrained_model"]
    trained = find_dictionary(file)
    if trained is None:
        return
    known = set(read_dictionary(trained))
    new = [each for each in characters(config) if each not in known]
    if new:
        raise UserError(
            f"{file} was trained with {trained}, which lacks {len(new)} of the characters in"
            f" {settings['character_dict_path']}, such as {new[0]!r}; export with the dictionary of the training."
        )


def require_centers(config):
    """Refuse a ``Head.centers`` that is no file of centers, or one of another dictionary than the config's."""
    for network in networks(config["Architecture"]).values():
        file = (network.get("Head") or {}).get("centers")
        if file is not None and not isinstance(file, str):
            raise UserError(f"Head.centers must be the path of a file, got {file!r}.")
        if file:
            classes = characters(config)
            require_dictionary(file, config["Global"]["character_dict_path"], classes)


def picture(file):
    """``file`` as a Path, its folder created; refuse one that cannot be written to, or is no PNG or JPEG."""
    path = Path(file)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UserError(f"--output {file}: a picture must end in .png or .jpg.")
    writable(path.parent)
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        raise UserError(f"cannot write to {path}: it is a folder, or read-only.")
    return path


def writable(directory):
    """``directory`` as a Path, created; refuse one that cannot be written to."""
    path = Path(directory)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror or error}.") from None
    return path


def require_numpy(config):
    """Refuse to train with a NumPy in which PaddleOCR's EastRandomCropData fails on every image with several boxes."""
    new = tuple(int(part) for part in numpy.__version__.split(".")[:2]) >= (2, 4)
    if new and "EastRandomCropData" in transform_names(config["Train"]["dataset"]):
        raise UserError(
            f"NumPy {numpy.__version__} makes PaddleOCR's EastRandomCropData fail on every image with several boxes: "
            "run `pip install 'numpy<2.4'`."
        )
