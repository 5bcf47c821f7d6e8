"""What the commands share: to prepare a config, to drop its broken samples, to run a script of PaddleOCR with it."""

from __future__ import annotations

import errno
import logging
import shutil
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import vocabulary, yaml_files
from ..config.networks import with_settings_of_loading
from ..config.resolve import NO_GPU, resolve
from ..errors import UserError, summarise
from ..process import count_local_ranks, read_rank
from .terminal import warn

LOADERS = {"tools/train.py": ("Train", "Eval"), "tools/eval.py": ("Eval",)}  # that a script of PaddleOCR starts
SHARED_MEMORY = Path("/dev/shm")
ENDS_OF_LOADERS = ("DataLoader process", "Blocking queue is killed")  # what Paddle says when such a process ended

# Sections of a config whose components a command does not build. It runs where PaddleOCR lacks these: the wheel lacks
# most schedules of the learning rate, and many losses and metrics.
NOT_BUILT: dict[str, tuple[str, ...]] = {
    "check": (),
    "eval": ("Loss", "Optimizer"),
    **dict.fromkeys(("centers", "export", "infer", "preview"), ("Loss", "Metric", "Optimizer")),
}
WITHOUT_DEVICE = ("check", "export", "preview")  # commands that neither train nor evaluate a network

if TYPE_CHECKING:
    from ..data.findings import Report
    from ..host import Host
    from ..host.training.watching import ChooseObservers


def prepare_config(
    name: str, overrides: Sequence[str], directory: str | None, command: str | None = None
) -> tuple[Host, dict]:
    """Read a config, override it, check its words against the connected PaddleOCR and resolve it.

    Args:
        name: a config file, or the name of a built-in one.
        overrides: ``KEY=VALUE`` of ``-o``.
        directory: a clone of PaddleOCR; None to look for one (:func:`ppocrv2_ext.host.find_host`).
        command: what runs, a key of :data:`NOT_BUILT`; ``infer`` is a script such as ``tools/infer_rec.py``. None if it
            may build every component.
    Returns:
        (host, config)
    Raises:
        UserError: the config cannot be read or would not work.
    """
    config, doubled = _read_config(name, overrides)
    vocabulary.check_settings(config)
    # Only now: it imports Paddle, which takes seconds, and a wrong setting is refused without it.
    from ..host import connect
    from ..host.components import catalog

    host = connect(directory)
    warnings = vocabulary.check(config, catalog, host.root, NOT_BUILT[command] if command else ())
    config, notes = resolve(config, host.root, host.defaults)
    for line in [*doubled, *warnings, *notes]:
        if line != NO_GPU or command not in WITHOUT_DEVICE:
            warn(line)
    return host, with_settings_of_loading(config)


def _read_config(name: str, overrides: Sequence[str]) -> tuple[dict, list[str]]:
    """(config, warnings) of a file, with the overrides applied."""
    keys = {assignment.partition("=")[0] for assignment in overrides}
    if "Global.pretrained_model" in keys and "Global.checkpoints" not in keys:
        # PaddleOCR would prefer the checkpoints that the file names to the weights that the user asks for.
        overrides = [*overrides, "Global.checkpoints="]
    config, warnings = yaml_files.read_with_warnings(yaml_files.locate(name))
    return yaml_files.override(config, overrides), warnings


def check_samples(host: Host, config: dict, modes: Sequence[str]) -> Report:
    """Check every sample of the data, and every text against the frames of the network.

    Args:
        modes: sections to check, of "Train" and "Eval".
    """
    from ..data.check import check_data
    from ..host.networks.frame_count import measure_frames

    frames, notes = measure_frames(config, modes)
    report = check_data(config, modes, frames, host.loads_addresses)
    return report._replace(notes=(*report.notes, *notes))


def drop_broken_samples(
    host: Host, config: dict, modes: Sequence[str], folder: str | Path
) -> tuple[dict, dict[str, list[int]], list[str]]:
    """Check every sample of the data, and let ``config`` name label files without the broken ones.

    Standard error says what is dropped.

    Args:
        modes: sections to check, of "Train" and "Eval".
        folder: where the new label files go; a section without broken samples keeps its own.
    Returns:
        (config, counts, remarks): counts are {section: numbers of usable samples, one for each label file or LMDB}.
        Another kind of data set is not checked and has none. remarks are what to say beside the metrics.
    Raises:
        UserError: a section has no usable sample.
    """
    from ..data import check_report, clean

    report = check_samples(host, config, modes)
    clean.require_usable(report)
    check_report.warn(report)
    return clean.with_clean_label_files(config, report, folder), report.counts, check_report.list_remarks(report)


def with_room_for_batches(config: dict, modes: Sequence[str]) -> tuple[dict, list[str]]:
    """``config``, with ``use_shared_memory: false`` in loaders whose batches do not fit into the shared memory.

    A container of Docker has 64 MB of it. Paddle's loader ends the training when it is full. A loader holds two batches
    for each of its processes, and two more. What the user set stays.

    Args:
        modes: sections whose loaders run at the same time.
    Returns:
        (config, notes): a sentence for each loader that does not fit.
    """
    from ..host.samples.transform_check import measure_batch

    if not SHARED_MEMORY.is_dir():
        return config, []
    free, notes = shutil.disk_usage(SHARED_MEMORY).free, []
    for mode in modes:
        loader = config[mode]["loader"]
        workers, is_shared = loader["num_workers"], loader.get("use_shared_memory")
        if not workers or is_shared is False:
            continue
        # Each process of a distributed training has a loader.
        needed = (2 * workers + 2) * measure_batch(config, mode) * count_local_ranks()
        if needed <= free:
            free -= needed
            continue
        reason = f"batches take up to {needed / 1e6:.0f} MB of {SHARED_MEMORY}, which has {free / 1e6:.0f} MB free"
        if is_shared is None:
            config = {**config, mode: {**config[mode], "loader": {**loader, "use_shared_memory": False}}}
            notes.append(f"{mode}.loader.use_shared_memory was set to false: its {reason}.")
        else:
            advice = "set it to false, or lower batch_size_per_card or num_workers"
            notes.append(f"{mode}.loader.use_shared_memory is true, but its {reason}: {advice}.")
    return config, notes


def run_host_script(
    host: Host, script: str, config: dict, arguments: Sequence[str] = (), observe: ChooseObservers | None = None
) -> None:
    """Run a script of PaddleOCR with ``-c FILE``, where the file holds ``config``. The script reads it at its start.

    Args:
        arguments: more of the script's own.
        observe: chooses the observers of a training.
    Raises:
        UserError: the script ended in an exception. Its traceback is in the log file of the training, if there is one.
        FloatingPointError: a loss or a weight became NaN or infinite.
    """
    from ..host.run import run_script

    config, notes = with_room_for_batches(config, LOADERS.get(script, ()))
    for note in notes if read_rank() == 0 else ():
        warn(note)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "resolved.yml"
        yaml_files.write(config, file)
        try:
            run_script(host, script, ["-c", str(file), *arguments], observe)
        except (UserError, FloatingPointError):
            raise
        except Exception as error:
            raise UserError(_explain(script, error)) from error


def _explain(script: str, error: Exception) -> str:
    """The sentence for an exception of PaddleOCR or Paddle: what it says, and where it came from."""
    logger = logging.getLogger("ppocr")
    files = [handler for handler in logger.handlers if isinstance(handler, logging.FileHandler)]
    for handler in files:
        handler.emit(logger.makeRecord("ppocr", logging.ERROR, script, 0, "stopped", (), sys.exc_info()))
    last = traceback.extract_tb(error.__traceback__)[-1]
    whole = f"the traceback is in {files[0].baseFilename}" if files else "`ppocrv2 --debug` shows the traceback"
    advice = ""
    if isinstance(error, SystemError) and any(words in str(error) for words in ENDS_OF_LOADERS):
        keys = " ".join(f"{mode}.loader.use_shared_memory=false" for mode in LOADERS.get(script, ("Train", "Eval")))
        advice = f"; a process that loads data ended, as it does where {SHARED_MEMORY} is full (set -o {keys} then)"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        advice = "; is the disk full? Make room, and run the command again"
    return f"PaddleOCR's {script} stopped at {last.filename}:{last.lineno} with {summarise(error)}{advice}; {whole}."
