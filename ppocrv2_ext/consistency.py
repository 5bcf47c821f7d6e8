"""Do the parts of a config fit together? What would stop a training at its first step or evaluation, found before."""

from .errors import did_you_mean

# What DBLoss and CMLLoss unpack by position.
DB_BATCH = ["image", "threshold_map", "threshold_mask", "shrink_map", "shrink_mask"]
STRIDE = 32  # of a detector: a crop of another size does not come out as it went in
# What a metric reports, of which Metric.main_indicator is one.
VALUES = {
    "DetMetric": ("hmean", "precision", "recall"),
    "RecMetric": ("acc", "norm_edit_dis"),
    "ClsMetric": ("acc",),
}
LEAST = {
    "Global.epoch_num": 1,
    "Global.print_batch_step": 1,
    "Global.save_epoch_step": 1,
    "Global.log_smooth_window": 1,
    "Global.seed": 0,
    "Train.loader.batch_size_per_card": 1,
    "Train.loader.num_workers": 0,
    "Eval.loader.batch_size_per_card": 1,
    "Eval.loader.num_workers": 0,
}


def conflicts(config):
    """A sentence for everything in a config, whose words and shapes are fine, that would end its training."""
    yield from _taught(config)
    yield from _decoded(config)
    yield from _detector_batch(config)
    yield from _ranges(config)


def _taught(config):
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


def _decoded(config):
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


def _detector_batch(config):
    """What a detector's loss and network take for granted of the training samples."""
    arguments = {}
    for entry in config["Train"].get("dataset", {}).get("transforms") or ():
        arguments.update(entry)
    kept = (arguments.get("KeepKeys") or {}).get("keep_keys")
    if config["Loss"].get("name") in ("DBLoss", "CMLLoss") and kept is not None and kept != DB_BATCH:
        yield f"Train.dataset.transforms.KeepKeys.keep_keys must be {', '.join(DB_BATCH)}, got {kept!r}."
    for name in ("EastRandomCropData", "RandomTextWindow"):
        size = (arguments.get(name) or {}).get("size")
        if isinstance(size, list) and any(isinstance(side, int) and side % STRIDE for side in size):
            yield f"Train.dataset.transforms.{name}.size must be multiples of {STRIDE}, got {size!r}."


def _ranges(config):
    """Numbers with which PaddleOCR's loops end in a traceback, some of them after hours."""
    for path, least in LEAST.items():
        section, *steps, key = path.split(".")
        node = config[section]
        for step in steps:
            node = node.get(step) or {}
        value = node.get(key, least)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            yield f"{path} must be a whole number of at least {least}, got {value!r}."
    step = config["Global"].get("eval_batch_step", 1)
    start, interval = step if isinstance(step, list) and len(step) == 2 else (0, step)
    if type(start) is not int or type(interval) is not int or start < 0 or interval < 1:
        yield f"Global.eval_batch_step must be [first step, every so many], such as [0, 500], got {step!r}."
    rate = (config["Optimizer"].get("lr") or {}).get("learning_rate", 1.0)
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < float("inf"):
        yield f"Optimizer.lr.learning_rate must be a number > 0, got {rate!r}."
