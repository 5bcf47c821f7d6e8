"""Everything that can go wrong before the first step, found before the first step; and the config as it will run."""

import os
from pathlib import Path

from .errors import UserError, did_you_mean


def resolve(config, host):
    """``config`` with paths and switches made definite for ``host``.

    * a character dictionary that is not in the working directory is looked for in PaddleOCR;
    * ``use_gpu`` is turned off where Paddle has no CUDA;
    * the wheel's exporter needs ``export_with_pir`` under Paddle 3.

    Returns:
        (config, notes): a new config, and a sentence for each switch that was turned.
    Raises:
        UserError: there is no such dictionary, or two settings contradict each other.
    """
    import paddle

    settings = dict(config["Global"])
    notes = []
    networks = (config["Architecture"].get("Models") or {None: config["Architecture"]}).values()
    if settings.get("use_sync_bn") and any(network.get("freeze_norm") for network in networks):
        raise UserError("freeze_norm keeps BatchNorm to running statistics: set -o Global.use_sync_bn=false with it.")
    if settings.get("use_gpu") and not paddle.is_compiled_with_cuda():
        settings["use_gpu"] = False
        notes.append("Global.use_gpu is off: this Paddle has no CUDA (`pip install 'ppocrv2-ext[gpu]'` brings one).")
    dictionary = settings.get("character_dict_path")
    if dictionary:
        settings["character_dict_path"] = str(_dictionary(dictionary, host.root))
    if host.kind == "wheel" and int(paddle.__version__.split(".")[0]) >= 3:
        settings.setdefault("export_with_pir", True)
    return {**config, "Global": settings}, notes


def _dictionary(name, root):
    for candidate in (Path(name), root / name):
        if candidate.is_file():
            return candidate.resolve()
    known = [path.relative_to(root).as_posix() for path in root.glob("ppocr/utils/**/*.txt")]
    raise UserError(
        f"Global.character_dict_path: there is no file {name}, here or in {root}{did_you_mean(name, known)}"
    )


def require_data(config, modes, ranks=1):
    """Refuse missing label files and folders, empty label files, and a training set smaller than one batch.

    Args:
        modes: sections to look at, of "Train" and "Eval".
        ranks: processes that share each training batch.
    """
    for mode in modes:
        dataset, loader = config[mode]["dataset"], config[mode]["loader"]
        if "label_file_list" not in dataset:
            continue  # an LMDB or another kind of set: PaddleOCR's to judge
        folder = Path(dataset["data_dir"])
        if not folder.is_dir():
            raise UserError(f"{mode}.dataset.data_dir: there is no folder {folder}.")
        files = dataset["label_file_list"]
        files = [files] if isinstance(files, str) else files
        lines = sum(_lines(mode, Path(file)) for file in files)
        if mode == "Train":
            share = dataset.get("ratio_list", 1.0)
            share = min(share) if isinstance(share, list) else share
            needed = loader["batch_size_per_card"] * ranks if loader.get("drop_last") else 1
            if share == 1.0 and lines < needed:
                raise UserError(
                    f"{', '.join(map(str, files))}: {lines} samples do not fill one batch of {needed}; "
                    "lower Train.loader.batch_size_per_card or set Train.loader.drop_last=false."
                )


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
        if not value or str(value).startswith("http"):
            continue
        prefix = str(value)[: -len(".pdparams")] if str(value).endswith(".pdparams") else str(value)
        file = Path(prefix + ".pdparams")
        if not file.is_file():
            beside = [path.stem for path in file.parent.glob("*.pdparams")] if file.parent.is_dir() else []
            raise UserError(f"{key}: there is no file {file}{did_you_mean(file.stem, beside)}")


def require_trained(config):
    """Evaluation and export without weights would judge or ship random numbers."""
    settings = config["Global"]
    if not settings.get("checkpoints") and not settings.get("pretrained_model"):
        raise UserError("no weights are named: set -o Global.pretrained_model=PATH (without .pdparams).")


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
