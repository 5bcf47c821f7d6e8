"""Pickles read as data: arrays, numbers, texts and plain containers. Nothing that a file asks for is run.

``.pdparams``, ``.pdopt``, ``.pdema`` and ``.states`` are pickles. ``pickle.load`` calls whatever function a pickle
names. :func:`load` follows the instructions of a pickle itself, with ``pickletools``. It knows those that Paddle and
NumPy write, and makes arrays from their own bytes. It refuses every other instruction and every other name.

A file that lies about its size costs no memory: no value takes more bytes than the file has, and values that a file
refers to many times are counted as often.
"""

from __future__ import annotations

import io
import math
import os
import pickletools
import re
from collections.abc import Callable, Sequence
from typing import IO, Any, NamedTuple, cast

import numpy as np

from ..errors import UserError, reason_of
from ..files import PathLike, open_regular

DEEPEST = 50  # containers in containers
MOST_VALUES = 20_000_000  # in a file, those that it refers to several times counted as often
LONGEST_NAME = 200  # bytes of the line that names a module or a class
MESSAGE = 300  # characters
SHARED = 8  # how many times the size of the file its arrays may take; Paddle lists each weight of an LSTM twice
DTYPE = re.compile(r"[biufcUS]\d{1,5}")
ATOMS = (str, bytes, bool, int, float, type(None))

ARGUMENTS = frozenset(  # instructions that put their argument on the stack
    "BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINSTRING SHORT_BINSTRING"
    " BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8".split()
)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
WITHOUT_EFFECT = ("PROTO", "FRAME")


class _RefusedError(Exception):
    """The pickle does something that data does not need. The message, half a sentence, says what."""


class _Name(NamedTuple):
    """A class or function that the pickle names."""

    module: str
    attribute: str


class _Unfinished:
    """What NumPy's ``_reconstruct`` and ``dtype`` make. The instruction BUILD turns it into ``finish(state)``."""

    def __init__(self, finish: Callable[[Any], Any]):
        self.finish = finish
        self.memo_keys: list[int] = []


def load(stream: IO[bytes], path: PathLike | None = None, size: int | None = None, **_: Any) -> Any:
    """What a pickle holds. It takes the place of ``pickle.load``, and ignores its options.

    Args:
        stream: the pickle, from where it stands.
        path: the file, for the error message; None for the name of ``stream``.
        size: its bytes; None to ask ``stream``, which must then be able to seek.
    Returns:
        Dicts, lists and tuples of arrays, NumPy numbers and :data:`ATOMS`. Strings of Python 2 are read as Latin-1. A
        tensor of Paddle is the pair (its name, its array).
    Raises:
        UserError: the file is no complete pickle, or it names anything that is not data.
    """
    path = getattr(stream, "name", "a pickle") if path is None else path
    if size is None:
        start = stream.tell()
        size = stream.seek(0, os.SEEK_END) - start
        stream.seek(start)
    try:
        value = _Reader(_Source(stream, size)).read()
        _measure(value, SHARED * size)
        return value
    except _RefusedError as error:
        raise UserError(
            f"{path} is refused: {_clean(error)}; weights and records of a training hold data alone."
        ) from error
    except Exception as error:  # a broken pickle can raise nearly anything
        reason = _clean(error) or type(error).__name__
        raise UserError(f"{path} cannot be read as a checkpoint ({reason}); is it complete?") from error


def _clean(error: Exception) -> str:
    """The message on one line. A file may put control characters of a terminal into it."""
    return "".join(letter if letter.isprintable() else " " for letter in str(error)[:MESSAGE])


def loads(content: bytes, **_: Any) -> Any:
    """:func:`load` from bytes. It takes the place of ``pickle.loads``."""
    return load(io.BytesIO(content), "a pickle in a data set")


def read(path: PathLike) -> Any:
    """:func:`load` from a file.

    Raises:
        UserError: it cannot be read, or is refused.
    """
    try:
        with open_regular(path) as stream:
            return load(stream, path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason_of(error)}.") from error


def without_tensor_names(content: Any) -> Any:
    """``content`` of a state dict with arrays in place of Paddle's (name, array), and large arrays in one piece.

    Paddle writes arrays of more than 2**30 bytes in slices at protocols below 4.
    """
    if not isinstance(content, dict):
        return content
    plain = {key: _without_name(value) for key, value in content.items() if key != "StructuredToParameterName@@"}
    for key, big in (plain.pop("UnpackBigParamInfor@@", None) or {}).items():
        plain[key] = np.concatenate([plain.pop(part) for part in big["slices"]]).reshape(big["OriginShape"])
    return plain


def _without_name(value: Any) -> Any:
    is_tensor = isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], np.ndarray)
    if is_tensor:
        return value[1]
    return {key: _without_name(each) for key, each in value.items()} if isinstance(value, dict) else value


class _Source:
    """A stream as ``pickletools`` reads it. It never asks for more bytes than there are."""

    def __init__(self, stream: IO[bytes], size: int):
        self.stream, self.left, self.size = stream, size, size

    def read(self, count: int) -> bytes:
        content = self.stream.read(max(0, min(count, self.left)))
        self.left -= len(content)
        return content

    def readline(self) -> bytes:
        line = self.stream.readline(LONGEST_NAME)
        self.left -= len(line)
        return line


class _Reader:
    """Follows the instructions of one pickle."""

    def __init__(self, source: _Source):
        self.source = source
        self.stack: list[Any] = []
        self.marks: list[int] = []  # heights of the stack
        self.memo: dict[int, Any] = {}
        self.array_bytes = 0

    def read(self) -> Any:
        for opcode, argument, _ in pickletools.genops(cast("IO[bytes]", self.source)):
            name = opcode.name
            if name in ARGUMENTS:
                self.stack.append(argument)
            elif name in CONSTANTS:
                self.stack.append(CONSTANTS[name])
            elif name in EMPTY:
                self.stack.append(EMPTY[name]())
            elif name in TUPLES:
                self.stack.append(tuple(self._pop(TUPLES[name])))
            elif name in INSTRUCTIONS:
                INSTRUCTIONS[name](self, argument)
            elif name == "STOP":
                return self._pop(1)[0]
            elif name not in WITHOUT_EFFECT:
                raise _RefusedError(f"it has the instruction {name}, which no file of Paddle has")
        raise ValueError("it has no end")

    def _pop(self, count: int) -> list[Any]:
        start = len(self.stack) - count
        if start < (self.marks[-1] if self.marks else 0):
            raise ValueError("an instruction lacks a value")
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def _pop_to_mark(self) -> list[Any]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def _top(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise ValueError("an instruction lacks its container")
        return self.stack[-1]

    def mark(self, _: None) -> None:
        self.marks.append(len(self.stack))

    def remember(self, key: int | None) -> None:
        key = len(self.memo) if key is None else key  # MEMOIZE counts by itself
        value = self.memo[key] = self.stack[-1]
        if isinstance(value, _Unfinished):
            value.memo_keys.append(key)

    def recall(self, key: int) -> None:
        self.stack.append(self.memo[key])

    def make_tuple(self, _: None) -> None:
        self.stack.append(tuple(self._pop_to_mark()))

    def append(self, _: None) -> None:
        values = self._pop(1)
        self._top(list).extend(values)

    def append_all(self, _: None) -> None:
        values = self._pop_to_mark()
        self._top(list).extend(values)

    def set_item(self, _: None) -> None:
        self._set(self._pop(2))

    def set_items(self, _: None) -> None:
        self._set(self._pop_to_mark())

    def _set(self, values: Sequence[Any]) -> None:
        container = self._top(dict)
        for key, value in zip(values[::2], values[1::2]):
            container[_require_key(key)] = value

    def name(self, names: str) -> None:
        self._push_name(*names.split(" ", 1))

    def name_on_stack(self, _: None) -> None:
        self._push_name(*self._pop(2))

    def _push_name(self, module: str, attribute: str) -> None:
        if (module, attribute) not in MAKERS:
            raise _RefusedError(f"it names {module}.{attribute}, which would run when it is loaded")
        self.stack.append(_Name(module, attribute))

    def call(self, _: None) -> None:
        name, arguments = self._pop(2)
        if not isinstance(name, _Name) or not isinstance(arguments, tuple):
            raise _RefusedError("it calls something that has no name")
        self._push_made(MAKERS[name](*arguments))

    def build(self, _: None) -> None:
        unfinished, state = self._pop(2)
        if not isinstance(unfinished, _Unfinished):
            raise _RefusedError(f"it changes a {type(unfinished).__name__} after it was made")
        value = unfinished.finish(state)
        self.memo.update(dict.fromkeys(unfinished.memo_keys, value))
        self._push_made(value)

    def _push_made(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            self.array_bytes += value.nbytes
            if self.array_bytes > self.source.size:
                raise _RefusedError("its arrays are larger than the file")
        self.stack.append(value)


INSTRUCTIONS: dict[str, Callable[[_Reader, Any], None]] = {
    "MARK": _Reader.mark,
    "MEMOIZE": _Reader.remember,
    "BINPUT": _Reader.remember,
    "LONG_BINPUT": _Reader.remember,
    "BINGET": _Reader.recall,
    "LONG_BINGET": _Reader.recall,
    "TUPLE": _Reader.make_tuple,
    "APPEND": _Reader.append,
    "APPENDS": _Reader.append_all,
    "SETITEM": _Reader.set_item,
    "SETITEMS": _Reader.set_items,
    "GLOBAL": _Reader.name,
    "STACK_GLOBAL": _Reader.name_on_stack,
    "REDUCE": _Reader.call,
    "BUILD": _Reader.build,
}


def _require_key(key: Any) -> Any:
    """A key of a dict: text, a number, or a tuple of them. The hash of nested tuples can take forever."""
    parts = key if isinstance(key, tuple) else (key,)
    if not all(isinstance(part, (*ATOMS, np.generic)) for part in parts):
        raise _RefusedError(f"a {type(key).__name__} is a key of one of its dicts")
    return key


def _start_array(kind: Any, shape: Any, code: Any) -> _Unfinished:
    """``_reconstruct(ndarray, (0,), b"b")``: all that NumPy ever writes."""
    if kind != _Name("numpy", "ndarray") or shape != (0,):
        raise _RefusedError("it makes an array in an unusual way")
    return _Unfinished(_finish_array)


def _finish_array(state: Any) -> np.ndarray:
    _, shape, dtype, is_fortran, content = state
    return _array(content, dtype, shape, "F" if is_fortran else "C")


def _array(content: Any, dtype: Any, shape: Any, order: str = "C") -> np.ndarray:
    content = content.encode("latin1") if isinstance(content, str) else content  # Python 2 has one type for both
    if not isinstance(dtype, np.dtype) or not isinstance(content, (bytes, bytearray)):
        raise _RefusedError("one of its arrays holds objects")
    shape = tuple(shape)
    if not all(isinstance(size, int) and size >= 0 for size in shape) or order not in ("C", "F"):
        raise ValueError(f"an array of shape {shape}")
    if math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"an array of shape {shape} and {len(content)} bytes")
    array = np.frombuffer(bytearray(content), dtype).reshape(shape, order="F" if order == "F" else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _start_dtype(code: Any, *_: Any) -> _Unfinished:
    if not isinstance(code, str) or not DTYPE.fullmatch(code):
        raise _RefusedError(f"one of its arrays is of the type {code!r}")

    def finish(state: Any) -> np.dtype:
        _, order, *details = state
        if order not in ("<", ">", "|", "=") or any(detail is not None for detail in details[:3]):
            raise _RefusedError("one of its arrays is of an unusual type")
        return np.dtype(code).newbyteorder(order)

    return _Unfinished(finish)


def _scalar(dtype: Any, content: Any) -> Any:
    return _array(content, dtype, ())[()]


def _ordered_dict(items: Any = ()) -> dict:
    return {_require_key(key): value for key, value in items}


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """How Python 3 writes bytes at protocol 2."""
    if encoding != "latin1":
        raise _RefusedError(f"it encodes text as {encoding!r}")
    return text.encode("latin1")


def _dense_tensor(expression: Any, names: Any = None) -> Any:
    """``eval("data", {"data": array})``: how Paddle writes a DenseTensor."""
    if expression != "data" or not isinstance(names, dict) or not isinstance(names.get("data"), np.ndarray):
        raise _RefusedError("it evaluates an expression")
    return names["data"]


def _refuse_call(*_: Any) -> None:
    raise _RefusedError("it makes an array in an unusual way")


def _empty_bytes() -> bytes:
    """How Python 3 writes no bytes at protocol 2."""
    return b""


def _tuple(items: Any = ()) -> tuple:
    return tuple(items)


MAKERS: dict[tuple[str, str], Callable[..., Any]] = {  # (module, name): what is done instead
    ("collections", "OrderedDict"): _ordered_dict,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _start_dtype,
    ("numpy", "ndarray"): _refuse_call,  # only an argument of _reconstruct
    **{(module, "tuple"): _tuple for module in ("builtins", "__builtin__")},  # a tensor: tuple((name, array))
    **{(module, "bytes"): _empty_bytes for module in ("builtins", "__builtin__")},
    **{(module, "eval"): _dense_tensor for module in ("builtins", "__builtin__")},
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _start_array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _array for core in ("core", "_core")},  # protocol 5
}


def _measure(value: Any, most_bytes: int) -> None:
    """Refuse containers that hold themselves, and values that grow when everything shared is counted as often."""
    counts: dict[int, tuple[int, int] | None] = {}  # id of a container: values and bytes in it; None while it is open

    def count(value: Any, depth: int) -> tuple[int, int]:
        if not isinstance(value, (dict, list, tuple)) or isinstance(value, _Name):
            if not isinstance(value, (*ATOMS, bytearray, np.ndarray, np.generic)):
                raise _RefusedError(f"it holds a {type(value).__name__.lstrip('_')}")
            return 1, value.nbytes if isinstance(value, np.ndarray) else 0
        known = counts.get(id(value), ())
        if known is None or depth > DEEPEST:
            raise _RefusedError("its containers hold each other")
        if not known:
            counts[id(value)] = None
            parts = [count(part, depth + 1) for part in (value.values() if isinstance(value, dict) else value)]
            known = counts[id(value)] = 1 + sum(number for number, _ in parts), sum(size for _, size in parts)
        if known[0] > MOST_VALUES or known[1] > most_bytes:
            raise _RefusedError("it refers to the same values over and over")
        return known

    count(value, 0)
