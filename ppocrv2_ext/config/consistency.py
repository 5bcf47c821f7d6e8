"""Do the parts of a config fit together? What would stop a training at its first step or evaluation, found before."""

from ..errors import did_you_mean
from .names import DETECTION_EVAL_BATCH, DETECTION_TRAIN_BATCH
from .networks import networks
from .numbers import positive, whole_number

STRIDE = 32  # of a detector: a crop of another size does not come out as it went in
# What a metric reports, of which Metric.main_indicator is one.
VALUES = {
    "DetMetric": ("hmean", "precision", "recall"),
    "RecMetric": ("acc", "norm_edit_dis"),
    "ClsMetric": ("acc",),
}
RANGES = {  # (least, most), None for no bound
    "Global.epoch_num": (1, None),
    "Global.print_batch_step": (1, None),
    "Global.save_epoch_step": (1, None),
    "Global.log_smooth_window": (1, None),
    "Global.seed": (0, 2**32 - 1),
    "Train.loader.batch_size_per_card": (1, None),
    "Train.loader.num_workers": (0, None),
    "Eval.loader.batch_size_per_card": (1, None),
    "Eval.loader.num_workers": (0, None),
}


def conflicts(config):
    """A sentence for everything in a config, whose words and shapes are fine, that would end its training."""
    yield from _loss_networks(config)
    yield from _metric_networks(config)
    yield from _detector_batch(config)
    yield from _detector_scene(config)
    yield from _image_first(config)
    yield from _ranges(config)


def _loss_networks(config):
    """Names of networks in a loss that the model does not have."""
    members = config["Architecture"].get("Models", {})
    loss = config["Loss"]
    terms = {"Loss": loss}
    if loss.get("name") == "CombinedLoss":
        listed = enumerate(loss.get("loss_config_list") or ())
        terms = {f"Loss.loss_config_list.{n}.{name}": term for n, entry in listed for name, term in entry.items()}
    for where, term in terms.items():
        for key in ("pair", "students", "network", "teacher"):
            named = (term or {}).get(key)
            for name in named if isinstance(named, list) else [named]:
                if isinstance(name, str) and name not in members:
                    there = did_you_mean(name, members) if members else ", but Architecture has a single network."
                    yield f"{where}.{key} names {name!r}{there}"


def _metric_networks(config):
    """Names of networks, and of the deciding value, that only an evaluation would miss."""
    metric, post_process = config["Metric"], config["PostProcess"]
    values = VALUES.get(metric.get("base_metric_name", metric.get("name")), ())
    if values:
        indicator = metric.get("main_indicator", values[0])
        if indicator not in values:
            yield f"Metric.main_indicator is {indicator!r}{did_you_mean(indicator, values)}"
    members, decoded = config["Architecture"].get("Models", ()), post_process.get("model_name")
    if not members or not isinstance(decoded, list):
        return
    competing = metric.get("networks")
    for where, names, known in (
        ("PostProcess.model_name", decoded, members),
        ("Metric.networks", competing if isinstance(competing, list) else [], decoded),
    ):
        for name in names:
            if name not in known:
                yield f"{where} names {name!r}{did_you_mean(name, known)}"


def _transforms(config, mode):
    """{transform: its arguments} of a set."""
    entries = (config[mode].get("dataset") or {}).get("transforms") or ()
    return {name: arguments or {} for entry in entries for name, arguments in entry.items()}


def _keep_keys(config, mode):
    return _transforms(config, mode).get("KeepKeys", {}).get("keep_keys")


def _image_first(config):
    """What the networks of these types are called with is what the transforms keep first."""
    types = [network.get("model_type") for network in networks(config["Architecture"]).values()]
    for mode in ("Train", "Eval"):
        kept = _keep_keys(config, mode)
        if set(types) <= {"det", "rec", "cls"} and isinstance(kept, list) and kept[:1] != ["image"]:
            yield f"{mode}.dataset.transforms.KeepKeys.keep_keys must begin with image, got {kept!r}."


def _detector_scene(config):
    """What the evaluation of a detector takes for granted."""
    metric, kept = config["Metric"], _keep_keys(config, "Eval")
    if metric.get("base_metric_name", metric.get("name")) != "DetMetric":
        return
    if kept is not None and kept[:4] != list(DETECTION_EVAL_BATCH):
        yield f"Eval.dataset.transforms.KeepKeys.keep_keys must be {', '.join(DETECTION_EVAL_BATCH)}, got {kept!r}."
    batch = (config["Eval"].get("loader") or {}).get("batch_size_per_card", 1)
    if batch != 1:
        yield f"Eval.loader.batch_size_per_card must be 1, scenes are of any size; got {batch!r}."


def _detector_batch(config):
    """What a detector's loss and network take for granted of the training samples."""
    arguments, kept = _transforms(config, "Train"), _keep_keys(config, "Train")
    unpacks = config["Loss"].get("name") in ("DBLoss", "CMLLoss")
    if unpacks and kept is not None and kept != list(DETECTION_TRAIN_BATCH):
        yield f"Train.dataset.transforms.KeepKeys.keep_keys must be {', '.join(DETECTION_TRAIN_BATCH)}, got {kept!r}."
    for name in ("EastRandomCropData", "RandomTextWindow"):
        size = arguments.get(name, {}).get("size")
        if isinstance(size, list) and any(isinstance(side, int) and side % STRIDE for side in size):
            yield f"Train.dataset.transforms.{name}.size must be multiples of {STRIDE}, got {size!r}."


def _ranges(config):
    """Numbers with which PaddleOCR's loops end in a traceback, some of them after hours."""
    for path, (least, most) in RANGES.items():
        section, *steps, key = path.split(".")
        node = config[section]
        for step in steps:
            node = node.get(step) or {}
        yield from _refused(whole_number, node.get(key, least), path, least, most)
    step = config["Global"].get("eval_batch_step", 1)
    start, interval = step if isinstance(step, list) and len(step) == 2 else (0, step)
    if [*_refused(whole_number, start, "start", 0), *_refused(whole_number, interval, "interval")]:
        yield f"Global.eval_batch_step must be [first step, every so many], such as [0, 500], got {step!r}."
    rate = (config["Optimizer"].get("lr") or {}).get("learning_rate", 1.0)
    yield from _refused(positive, rate, "Optimizer.lr.learning_rate")


def _refused(rule, *arguments):
    """The sentence of a rule of :mod:`.arguments`, if it refuses."""
    try:
        rule(*arguments)
    except ValueError as error:
        yield str(error)
