"""Reading and writing ``.pdparams`` files: {parameter name: tensor} dicts as paddle.save writes them.

paddle.load unpickles, as it does everywhere in PaddleOCR: load files only from people you trust.
"""

import pickle
import shutil
import tarfile
from io import BytesIO
from pathlib import Path

import paddle

from ..errors import UserError
from ..files import atomic_write
from .arrays import as_array
from .paths import SUFFIX, require_file, with_suffix

MEMBER = "best_accuracy.pdparams"
PLAIN = {"transform", "backbone", "neck", "head"}  # the parts of one network, PaddleOCR's BaseModel


def read_params(path):
    """{name: Tensor or ndarray} of a ``.pdparams`` file (the suffix may be left out); entries without a shape go."""
    if "://" in str(path):
        raise UserError(f"{path} is a URL; download the file and give its path.")
    file = require_file("checkpoint", path)
    return _load(str(file), file)


def read_arrays(path):
    """:func:`read_params` as {name: ndarray}."""
    return {name: as_array(value) for name, value in read_params(path).items()}


def _load(source, path):
    try:
        content = paddle.load(source)
    except Exception as error:  # a broken pickle can raise nearly anything
        raise UserError(f"{path} cannot be read as a checkpoint ({error}); is it complete?") from error
    params = {}
    if isinstance(content, dict):
        params = {name: value for name, value in content.items() if hasattr(value, "shape") and hasattr(value, "dtype")}
    if not params:
        holds = f"the keys {sorted(map(str, content))[:6]}" if isinstance(content, dict) else type(content).__name__
        raise UserError(f"{path} holds no parameters but {holds}; give the {SUFFIX} file of a trained network.")
    return params


def recorded(path):
    """What PaddleOCR saves beside a checkpoint of a training, such as its ``epoch``; empty if it did not."""
    states = with_suffix(path).with_suffix(".states")
    if not states.is_file():
        return {}
    with states.open("rb") as file:
        return pickle.load(file, encoding="latin1")


def recorded_metrics(path):
    """{name: value} of the best evaluation so far, recorded beside a checkpoint; empty if none is."""
    return recorded(path).get("best_model_dict", {})


def better_network(path, indicator):
    """Name of the network whose value of ``indicator`` is recorded as the best beside a checkpoint; None for none."""
    values, ending = recorded_metrics(path), f"_{indicator}"
    best = values.get(indicator)
    return next((name[: -len(ending)] for name in values if name.endswith(ending) and values[name] == best), None)


def read_training(path, network=None):
    """Weights from one of PaddleOCR's training files: a ``.pdparams``, or a ``.tar`` with best_accuracy.pdparams.

    Args:
        network: the sub-network to take from a distillation checkpoint, None for Student; its prefix is stripped. A
            file of one plain network (``backbone.*``, ``neck.*``, ``head.*``) has no prefixes, is returned as it is,
            and to name a network of it is an error.
    Returns:
        {parameter name: Tensor or ndarray}
    """
    params = _read_tar(path) if str(path).endswith(".tar") else read_params(path)
    prefixes = sorted({name.partition(".")[0] for name in params})
    if set(prefixes) <= PLAIN:
        if network is not None:
            raise UserError(
                f"{path} holds a single network and no {network!r}; leave --network out, and export it by the config"
                " of a single network."
            )
        return params
    network = network or "Student"
    start = network + "."
    chosen = {name[len(start) :]: value for name, value in params.items() if name.startswith(start)}
    if not chosen:
        raise UserError(f"{path} has no sub-network {network!r}; its names start with {', '.join(prefixes)}.")
    return chosen


def _read_tar(path):
    """The one member called best_accuracy.pdparams, read into memory: nothing is unpacked onto the disk."""
    try:
        with tarfile.open(path) as archive:
            members = [member for member in archive if member.isfile() and Path(member.name).name == MEMBER]
            if len(members) == 1:
                return _load(BytesIO(archive.extractfile(members[0]).read()), f"{path}:{members[0].name}")
    except (tarfile.TarError, EOFError) as error:
        raise UserError(f"{path} is not a readable .tar file ({error}); is it complete?") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}.") from error
    raise UserError(
        f"{path} should hold one {MEMBER}, got {len(members)}; unpack it and give the {SUFFIX} file you mean."
    )


def write_checkpoint(params, directory, name, dictionary=None):
    """Write ``<directory>/<name>.pdparams`` and, for a recognizer, its dictionary as ``<name>.dict.txt``.

    Each appears whole or not at all, the weights last: whoever sees them finds their dictionary.

    Args:
        params: {parameter name: ndarray or Tensor}.
        dictionary: path of the dictionary file to copy, or None.
    Returns:
        The path of the ``.pdparams`` file.
    """
    directory = Path(directory)
    if dictionary is not None and not Path(dictionary).is_file():
        raise UserError(f"there is no dictionary {dictionary} to put beside the checkpoint {name!r}.")
    tensors = {
        key: value if isinstance(value, paddle.Tensor) else paddle.to_tensor(value) for key, value in params.items()
    }
    file = directory / (name + SUFFIX)
    with atomic_write(file) as weights:
        paddle.save(tensors, str(weights))
        if dictionary is not None:
            with atomic_write(directory / (name + ".dict.txt")) as copied:
                shutil.copyfile(dictionary, copied)
    return file
