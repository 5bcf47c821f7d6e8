"""Reading and writing ``.pdparams`` files: {parameter name: tensor} dicts, as ``paddle.save`` writes them.

``paddle.load`` unpickles, as everywhere in PaddleOCR. Load files only from people you trust.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Union, cast

import numpy as np
import paddle

from ..errors import UserError
from ..files import PathLike, atomic_write
from .paths import DICTIONARY_SUFFIX, SUFFIX, require_file

MEMBER = "best_accuracy.pdparams"  # the file in PaddleOCR's published .tar files that holds the weights
NETWORK_PARTS = {"transform", "backbone", "neck", "head"}  # of PaddleOCR's BaseModel, which is one network

Array = Union[np.ndarray, paddle.Tensor]


def as_array(value: Array) -> np.ndarray:
    """The value as an ndarray. NumPy has no bfloat16, so a bfloat16 tensor becomes float32."""
    if isinstance(value, np.ndarray):
        return value
    return (value.astype("float32") if "bfloat16" in str(value.dtype) else value).numpy()


def read_params(path: PathLike) -> dict[str, Array]:
    """{name: Tensor or ndarray} of a ``.pdparams`` file, whose suffix may be left out.

    Entries of the file without a shape are no parameters and are left out.

    Raises:
        UserError: the path is a URL, there is no such file, it is broken, or it holds no parameters.
    """
    if "://" in str(path):
        raise UserError(f"{path} is a URL; download the file and give its path.")
    file = require_file("checkpoint", path)
    return _load(str(file), file)


def read_arrays(path: PathLike) -> dict[str, np.ndarray]:
    """:func:`read_params` with every value as an ndarray."""
    return {name: as_array(value) for name, value in read_params(path).items()}


def _load(source: str | BytesIO, path: Any) -> dict[str, Array]:
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


def read_network(path: PathLike, network: str | None = None) -> dict[str, Array]:
    """The weights of one network in a training's file.

    A file of several networks starts each name with the network, such as ``Student.backbone.conv.weight``. That prefix
    is cut off. A file of one network has names such as ``backbone.conv.weight``, which stay as they are.

    Args:
        path: a ``.pdparams`` file, or a ``.tar`` as PaddleOCR publishes them, with a ``best_accuracy.pdparams``.
        network: the network to take from a file of several; None for ``Student``.
    Returns:
        {parameter name: Tensor or ndarray}
    Raises:
        UserError: the file is missing or broken, has no such network, or holds one network and ``network`` is given.
    """
    params = _read_tar(path) if str(path).endswith(".tar") else read_params(path)
    prefixes = sorted({name.partition(".")[0] for name in params})
    if set(prefixes) <= NETWORK_PARTS:
        if network is not None:
            raise UserError(
                f"{path} holds a single network and no {network!r}; leave --network out, and export it by the config"
                " of a single network."
            )
        return params
    network = network or "Student"
    start = network + "."
    own = {name[len(start) :]: value for name, value in params.items() if name.startswith(start)}
    if not own:
        raise UserError(f"{path} has no sub-network {network!r}; its names start with {', '.join(prefixes)}.")
    return own


def _read_tar(path: PathLike) -> dict[str, Array]:
    """The parameters in the archive's one ``best_accuracy.pdparams``, read into memory: nothing is unpacked to disk."""
    try:
        with tarfile.open(path) as archive:
            members = [member for member in archive if member.isfile() and Path(member.name).name == MEMBER]
            if len(members) == 1:
                stream = cast("IO[bytes]", archive.extractfile(members[0]))  # only a folder has none
                return _load(BytesIO(stream.read()), f"{path}:{members[0].name}")
    except (tarfile.TarError, EOFError) as error:
        raise UserError(f"{path} is not a readable .tar file ({error}); is it complete?") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}.") from error
    raise UserError(
        f"{path} should hold one {MEMBER}, got {len(members)}; unpack it and give the {SUFFIX} file you mean."
    )


def write_checkpoint(
    params: Mapping[str, Array], directory: PathLike, name: str, dictionary: PathLike | None = None
) -> Path:
    """Write ``<directory>/<name>.pdparams`` and, for a recognizer, its dictionary as ``<name>.dict.txt``.

    Each file appears complete or not at all. The weights appear last, so their dictionary is always there already.

    Args:
        params: {parameter name: value}.
        dictionary: the dictionary file to copy; None for a network without one.
    Returns:
        The path of the ``.pdparams`` file.
    Raises:
        UserError: the dictionary is missing, or the folder cannot be written to.
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
            with atomic_write(directory / (name + DICTIONARY_SUFFIX)) as copy:
                shutil.copyfile(dictionary, copy)
    return file
