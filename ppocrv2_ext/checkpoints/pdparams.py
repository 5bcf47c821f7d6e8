"""Reading and writing files of weights: {parameter name: tensor}.

A ``.pdparams`` file is what ``paddle.save`` writes, a pickle. :mod:`.pickles` reads it as data. A ``.safetensors`` file
holds arrays alone; it is read and written by the package ``safetensors``.
"""

from __future__ import annotations

import lzma
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Union, cast

import numpy as np
import paddle

from ..errors import UserError, reason_of
from ..files import PathLike, atomic_write, open_regular
from . import pickles
from .paths import DICTIONARY_SUFFIX, SAFE_SUFFIX, SUFFIX, require_file

MEMBER = "best_accuracy.pdparams"  # the file in PaddleOCR's published .tar files that holds the weights
MOST_PACKED = 10  # bytes in an archive for each byte of its file; weights hardly shrink when they are packed
VARIANCE = "_variance"  # how the name of a BatchNorm's variance ends
EPSILON = 1e-5  # what Paddle's BatchNorm adds to it
NETWORK_PARTS = {"transform", "backbone", "neck", "head"}  # of PaddleOCR's BaseModel, which is one network

Array = Union[np.ndarray, paddle.Tensor]


def as_array(value: Array) -> np.ndarray:
    """The value as an ndarray. NumPy has no bfloat16, so a bfloat16 tensor becomes float32."""
    if isinstance(value, np.ndarray):
        return value
    return (value.astype("float32") if "bfloat16" in str(value.dtype) else value).numpy()


def read_params(path: PathLike) -> dict[str, Array]:
    """{name: Tensor} of a ``.pdparams`` file, whose suffix may be left out, or of a ``.safetensors`` file.

    Entries of the file without a shape are no parameters and are left out.

    Raises:
        UserError: the path is a URL, there is no such file, it is broken, or it holds no parameters.
    """
    if "://" in str(path):
        raise UserError(f"{path} is a URL; download the file and give its path.")
    file = require_file("checkpoint", path)
    content = _read_safetensors(file) if file.suffix == SAFE_SUFFIX else pickles.read(file)
    return _select_params(content, file)


def require_usable_values(params: Mapping[str, Array], path: PathLike) -> None:
    """Refuse weights with which a network computes no numbers. Only tensors of floats are looked at.

    Args:
        params: {name: value} of what is used of a file.
        path: the file, which the message names.
    Raises:
        UserError: a tensor holds NaN or infinity, or the variance of a BatchNorm has no square root.
    """
    broken = list_broken_values(params)
    if broken:
        name, problem = next(iter(broken.items()))
        count = f" (first of {len(broken)})" if len(broken) > 1 else ""
        raise UserError(f"{path}: tensor {name!r} holds {problem}{count}; take another checkpoint.")


def list_broken_values(params: Mapping[str, Array]) -> dict[str, str]:
    """{name: what it holds} of the tensors with which a network computes no numbers."""
    problems = ((name, _find_broken_value(name, as_array(value))) for name, value in params.items())
    return {name: problem for name, problem in problems if problem}


def _find_broken_value(name: str, array: np.ndarray) -> str | None:
    if array.dtype.kind != "f":
        return None
    if not np.isfinite(array).all():
        return "NaN or infinity"
    # A GPU may round the variance of a constant channel to slightly less than 0, which epsilon makes up for.
    if name.rpartition(".")[2] == VARIANCE and (array <= -EPSILON).any():
        return "a negative variance"
    return None


def read_arrays(path: PathLike) -> dict[str, np.ndarray]:
    """:func:`read_params` with every value as an ndarray."""
    return {name: as_array(value) for name, value in read_params(path).items()}


def _select_params(content: Any, path: Any) -> dict[str, Array]:
    content = pickles.without_tensor_names(content)
    params = {}
    if isinstance(content, dict):
        # Of uint16, which NumPy has in place of bfloat16, Paddle makes a bfloat16.
        params = {name: paddle.to_tensor(value) for name, value in content.items() if isinstance(value, np.ndarray)}
    if not params:
        holds = f"the keys {sorted(map(str, content))[:6]}" if isinstance(content, dict) else type(content).__name__
        raise UserError(f"{path} holds {holds}, and no parameters; give the {SUFFIX} file of a trained network.")
    return params


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    numpy_files = _import_safetensors(path)
    try:
        return numpy_files.load_file(str(path))
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason_of(error)}.") from error
    except Exception as error:  # SafetensorError; KeyError or TypeError for a type that NumPy lacks
        raise UserError(
            f"{path} is not a readable .safetensors file of NumPy's types ({error}); write it again."
        ) from error


def _import_safetensors(path: Path) -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise UserError(
            f"{path} needs the package safetensors; run `pip install '.[safetensors]'` in the folder of this package."
        ) from error
    return safetensors.numpy


def read_network(path: PathLike, network: str | None = None) -> dict[str, Array]:
    """The weights of one network in a training's file.

    A file of several networks starts each name with the network, such as ``Student.backbone.conv.weight``. That prefix
    is cut off. A file of one network has names such as ``backbone.conv.weight``, which stay as they are.

    Args:
        path: a ``.pdparams`` or ``.safetensors`` file, or a ``.tar`` as PaddleOCR publishes them, with a
            ``best_accuracy.pdparams``.
        network: the network to take from a file of several; None for ``Student``.
    Returns:
        {parameter name: Tensor or ndarray}
    Raises:
        UserError: the file is missing or broken, has no such network, or holds one network and ``network`` is given; or
            the network computes no numbers (:func:`require_usable_values`).
    """
    params = _select_network(_read_tar(path) if str(path).endswith(".tar") else read_params(path), path, network)
    require_usable_values(params, path)
    return params


def _select_network(params: dict[str, Array], path: PathLike, network: str | None) -> dict[str, Array]:
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
        most_bytes = MOST_PACKED * Path(path).stat().st_size
        with open_regular(path) as file, tarfile.open(fileobj=file) as archive:
            members = _list_weights(archive, path, most_bytes)
            if len(members) == 1:
                stream = cast("IO[bytes]", archive.extractfile(members[0]))  # only a folder has none
                name = f"{path}:{members[0].name}"
                return _select_params(pickles.load(stream, name, members[0].size), name)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{path} is not a readable .tar file ({error}); is it complete?") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason_of(error)}.") from error
    raise UserError(
        f"{path} should hold one {MEMBER}, got {len(members)}; unpack it and give the {SUFFIX} file you mean."
    )


def _list_weights(archive: tarfile.TarFile, path: PathLike, most_bytes: int) -> list[tarfile.TarInfo]:
    """The members called :data:`MEMBER`. An archive that claims more than ``most_bytes`` in all is refused."""
    members, total = [], 0
    for member in archive:
        total += member.size
        if total > most_bytes:
            raise UserError(
                f"{path} is refused: {member.name} claims {member.size} bytes, more than it can hold; get it again."
            )
        if member.isfile() and Path(member.name).name == MEMBER:
            members.append(member)
    return members


def write_checkpoint(
    params: Mapping[str, Array], directory: PathLike, name: str, dictionary: PathLike | None = None
) -> Path:
    """Write ``<directory>/<name>.pdparams`` and, for a recognizer, its dictionary as ``<name>.dict.txt``.

    A ``name`` that ends in ``.safetensors`` is written as such a file.

    Each file appears complete or not at all. The weights appear last, so their dictionary is always there already.

    Args:
        params: {parameter name: value}.
        dictionary: the dictionary file to copy; None for a network without one.
    Returns:
        The path of the file of weights.
    Raises:
        UserError: the dictionary is missing, or the folder cannot be written to; or a network computes no numbers with
            these weights.
    """
    directory = Path(directory)
    require_usable_values(params, f"weights for {directory / name}")
    if dictionary is not None and not Path(dictionary).is_file():
        raise UserError(f"there is no dictionary {dictionary} to put beside the checkpoint {name!r}.")
    is_safe = name.endswith(SAFE_SUFFIX)
    name = name[: -len(SAFE_SUFFIX)] if is_safe else name
    file = directory / (name + (SAFE_SUFFIX if is_safe else SUFFIX))
    with atomic_write(file) as weights:
        if is_safe:
            arrays = {key: np.ascontiguousarray(as_array(value)) for key, value in params.items()}
            # Python writes the bytes: an error of the disk is an OSError then, and not one of the package's own.
            weights.write_bytes(_import_safetensors(file).save(arrays))
        else:
            tensors = {key: v if isinstance(v, paddle.Tensor) else paddle.to_tensor(v) for key, v in params.items()}
            paddle.save(tensors, str(weights))
        if dictionary is not None:
            with atomic_write(directory / (name + DICTIONARY_SUFFIX)) as copy:
                shutil.copyfile(dictionary, copy)
    return file
