"""The right place of a key that is in the wrong section of a config, or has the name that another program gives it."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

from .names import (
    DATASET_KEYS,
    GLOBAL_KEYS,
    LOADER_KEYS,
    MEMBER_KEYS,
    NETWORK_OPTIONS,
    NETWORK_PARTS,
    SINGLE_NETWORK_KEYS,
)

# Where the keys belong that are known by their names alone. Train stands for Train and Eval, Architecture for each
# network.
HOMES = {
    "Global": GLOBAL_KEYS,
    "Architecture": {*NETWORK_OPTIONS, *NETWORK_PARTS, "model_type", "perturbation", "freeze_params"},
    "Optimizer": {"regularizer", "clip_norm", "clip_norm_global"},
    "Optimizer.lr": {"learning_rate", "warmup_epoch"},
    "Train.dataset": DATASET_KEYS - {"name"},
    "Train.loader": LOADER_KEYS,
    "Train.sampler": {"first_bs", "fix_bs", "divided_factor"},
    "Metric": {"main_indicator"},
}
# What other programs call a key, in lower case and without underscores.
SYNONYMS = {
    "Global.epoch_num": "epochs maxepoch maxepochs nepochs numepochs numtrainepochs totalepochs trainepochs",
    "Global.save_model_dir": (
        "checkpointdir logdir modeldir modelsavedir outdir output outputdir outputpath savedir savepath workdir"
    ),
    "Global.pretrained_model": (
        "initweights loadfrom pretrain pretrained pretrainedpath pretrainedweights pretrainmodel weights"
    ),
    "Global.checkpoints": "resume resumefrom resumefromcheckpoint",
    "Global.character_dict_path": "chardict chardictpath characterdict dict dictionary dictpath vocab vocabpath",
    "Global.max_text_length": "maxlabellength maxlength maxtextlen",
    "Global.seed": "randomseed",
    "Global.use_gpu": "cuda device gpu usecuda",
    "Global.use_amp": "amp fp16 mixedprecision usefp16",
    "Global.use_ema": "ema",
    "Global.early_stop": "earlystopping patience",
    "Global.print_batch_step": "loginterval logstep printfreq printinterval",
    "Global.eval_batch_step": "evalfreq evalinterval evalperiod evalstep evalsteps",
    "Global.save_epoch_step": "savefreq saveinterval saveperiod savesteps",
    "Optimizer.lr.learning_rate": "baselr initiallr initlr learningrate lr",
    "Optimizer.lr.warmup_epoch": "warmup warmupepochs",
    "Optimizer.clip_norm_global": "clipgrad clipgradnorm gradclip gradientclipping maxgradnorm",
    "Train.loader.batch_size_per_card": "batch batchsize bs perdevicebatchsize trainbatchsize",
    "Train.loader.num_workers": "dataloadernumworkers nworkers numworker workers",
    "Train.dataset.data_dir": "datapath dataroot datasetdir imagedir imagesdir imgdir",
    "Train.dataset.label_file_list": "annfile annotations labelfile labelfiles labelpath trainlabels",
    "Train.dataset.ratio_list": "ratio ratios",
}

# How schedules call the learning rate that is not `learning_rate` there.
RATES = {"Piecewise": "values", "OneCycle": "max_lr"}


def suggest_key(key: str, where: str, known: Collection[str], config: dict) -> str:
    """The end of a sentence about an unknown key: which key is meant, of this section or another; "" if none."""
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
    place = find_place(key, where, config)
    if place and place.rpartition(".")[0] != where:
        return f"; its place is {place}."
    close = [place.rpartition(".")[2]] if place else close
    return f"; did you mean {close[0]!r}?" if close else ""


def find_place(key: str, where: str, config: dict) -> str | None:
    """The place, as -o takes it, of a key that is in the wrong section or has the name that another program gives it.

    Args:
        where: the section that holds the key; "" for the whole config.
    Returns:
        None if it has no place that is known, or if the same value stands there already.
    """
    plain = str(key).replace("_", "").replace("-", "").lower()
    place = next((f"{home}.{key}" for home, keys in HOMES.items() if key in keys), None)
    place = place or next((home for home, names in SYNONYMS.items() if plain in names.split()), None)
    if place and place.startswith("Train.") and where.startswith("Eval"):
        place = place.replace("Train.", "Eval.", 1)
    elif place and place.startswith("Architecture."):
        place = _find_place_in_network(key, place, config.get("Architecture"))
    elif place == "Optimizer.lr.learning_rate":
        place = "Optimizer.lr." + RATES.get(_look_up(config, "Optimizer.lr.name"), "learning_rate")
    # The configs of PaddleOCR say a value in one place and refer to it by & and *.
    return None if place and _look_up(config, place) == _look_up(config, f"{where}.{key}".lstrip(".")) else place


def _look_up(config: Any, path: str) -> Any:
    """What a config has at a place; None if it has nothing there."""
    for key in path.split("."):
        config = config.get(key) if isinstance(config, dict) else None
    return config


def _find_place_in_network(key: str, place: str, architecture: Any) -> str | None:
    """Where a key of a network belongs: to the first one that learns, if there are several."""
    models = architecture.get("Models") if isinstance(architecture, dict) else None
    if not models or not isinstance(models, dict) or key not in MEMBER_KEYS:
        return place if key in SINGLE_NETWORK_KEYS else None
    learning = [name for name, each in models.items() if not (isinstance(each, dict) and each.get("freeze_params"))]
    return f"Architecture.Models.{[*learning, *models][0]}.{key}"
