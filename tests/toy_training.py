"""PaddleOCR's own training loop on a toy: four steps an epoch, an evaluation after every second."""

import logging
from types import SimpleNamespace

import numpy as np
import paddle

from ppocrv2_ext.checkpoints import sets

STEPS_PER_EPOCH, EPOCHS, BATCH = 4, 5, 3
logger = logging.getLogger("toy")


class Loader:
    """Batches as PaddleOCR's loaders give them, the same in every epoch."""

    def __init__(self, count):
        self.dataset = SimpleNamespace(need_reset=False)
        self.batch_sampler = None
        rng = np.random.default_rng(3)
        self.batches = [
            [paddle.to_tensor(rng.normal(size=(BATCH, 2)), dtype="float32"), paddle.zeros([BATCH], dtype="int64")]
            for _ in range(count)
        ]

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


class Metric:
    """Gives the values of a list, one an evaluation; the last one again and again."""

    main_indicator = "acc"

    def __init__(self, values):
        self.values, self.evaluations = list(values), 0

    def __call__(self, results, batch):
        self.results = results

    def get_metric(self):
        self.evaluations += 1
        return {"acc": self.values[min(self.evaluations, len(self.values)) - 1]}


class Watched:
    """Keeps the steps and the end that it is told."""

    def __init__(self):
        self.steps, self.outcome = [], None

    def __getattr__(self, method):
        def note(*values):
            if method == "step":
                self.steps.append(values[0])
            if method == "end":
                self.outcome = values[0]

        return note


def toy(values=(0.5,), schedule=None, before=None, **settings):
    """The arguments of ``tools.program.train``, by name.

    Args:
        values: of the metric, by evaluation.
        schedule: a rate or an LRScheduler.
        before: what was loaded from a checkpoint.
        settings: keys of ``Global``.
    """
    model = paddle.nn.Linear(2, 2)
    schedule = 0.1 if schedule is None else schedule
    config = {
        "Global": {
            "epoch_num": EPOCHS,
            "log_smooth_window": 2,
            "print_batch_step": 2,
            "eval_batch_step": [0, 2],
            "save_epoch_step": 100,
            "save_model_dir": "out",
            **settings,
        },
        "Architecture": {"algorithm": "CRNN", "model_type": "rec", "Backbone": {}},
        "Optimizer": {"name": "Adam", "lr": {"name": "Cosine", "learning_rate": 0.1}},
        "Loss": {"name": "Toy"},
        "Metric": {"name": "RecMetric", "main_indicator": "acc"},
        "Train": {"loader": {"num_workers": 0}},
        "Eval": {"dataset": {"data_dir": "data"}},
        "profiler_options": None,
    }
    return {
        "config": config,
        "train_dataloader": Loader(STEPS_PER_EPOCH),
        "valid_dataloader": Loader(1),
        "device": "cpu",
        "model": model,
        "loss_class": lambda predicts, batch: {"loss": (predicts**2).mean(), "term": predicts.mean()},
        "optimizer": paddle.optimizer.SGD(learning_rate=schedule, parameters=model.parameters()),
        "lr_scheduler": schedule,
        "post_process_class": lambda predicts, labels: ([("a", 0.5)] * BATCH, [("b", 1.0)] * BATCH),
        "eval_class": Metric(values),
        "pre_best_model_dict": dict(before or {}),
        "logger": logger,
        "step_pre_epoch": STEPS_PER_EPOCH,
    }


def save_place(folder, position):
    """Leave a checkpoint without weights at a place of a training. Returns ``Global.checkpoints``."""
    with sets.writing(folder, "latest", {"position": position._asdict()}) as part:
        (part / "latest.pdparams").touch()
    return str(folder / "latest")


def run(arguments, observers, monkeypatch, around=()):
    """Run the loop with its observers.

    Args:
        observers: a list, or what makes it of the training.
        around: contexts of the loop within theirs.
    Returns:
        The checkpoints that were written: (prefix, step).
    """
    from tools import program

    from ppocrv2_ext.host.training import loop, ranks, watching

    saved = []
    monkeypatch.setattr(
        program, "save_model", lambda *_, prefix, global_step, **__: saved.append((prefix, global_step))
    )
    choose = observers if callable(observers) else lambda training: observers
    loop.surround(program.train, [ranks.join_ranks, watching.tell_observers(choose), *around])(**arguments)
    return saved
