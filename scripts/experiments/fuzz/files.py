"""Hostile files of weights, given to every command that reads one.

Each case must end in a sentence and exit code 2 within its time limit. The code in a file must not run, and this
process must not grow by more than :data:`MOST_MEMORY`.
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import resource
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from ppocrv2_ext.cli import main

from . import ROOT, VERDICT_OF_CODE, Outcome, TimeoutReached, time_limit

COUNT = 1000  # there are 86
LIMIT = 60
MOST_MEMORY = 1 << 30  # bytes
MANY = 10**13


class Call:
    """A pickle of it calls ``function(*arguments)`` when it is loaded."""

    def __init__(self, function: Callable, *arguments: object):
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


class LyingArray:
    """A pickle of it claims an array of 10**12 numbers."""

    def __reduce__(self) -> tuple:
        make = np.zeros(1).__reduce__()[0]
        return make, (np.ndarray, (0,), b"b"), (1, (10**6, 10**6), np.dtype("f4"), False, b"\0" * 8)


def _doubled(start: bytes, end: bytes) -> bytes:
    return start + b"".join(b"q%ch%ch%c\x86" % (i, i, i) for i in range(39)) + end


def make_pickles(touch: str) -> dict[str, bytes]:
    """{what is in it: the file}. Those with code run the shell command ``touch``."""
    evil = Call(os.system, touch)
    return {
        **{f"a shell command, protocol {p}": pickle.dumps({"x": evil}, p) for p in (0, 2, 4, 5)},
        "eval": pickle.dumps({"x": Call(eval, f"__import__('os').system({touch!r})")}, 2),
        "exec": pickle.dumps({"x": Call(exec, f"import os; os.system({touch!r})")}, 4),
        "an array of objects": pickle.dumps({"x": np.array([evil], dtype=object)}, 4),
        "a class of the standard library": pickle.dumps({"x": io.BytesIO(b"x")}, 4),
        "an array that lies": pickle.dumps({"x": LyingArray()}, 4),
        "bytes that lie": b"\x80\x04\x8e" + MANY.to_bytes(8, "little") + b"x.",
        "a memo of gigabytes": b"\x80\x04Nr\xff\xff\xff\xff.",
        "tuples of the same tuples": _doubled(b"\x80\x04]", b"."),
        "tuples of tuples as a key": _doubled(b"\x80\x04N", b"q\x27}h\x27Ns."),
        "a list of itself": b"\x80\x04]q\0h\0a.",
        "lists in lists": b"\x80\x04" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
        "the same array over and over": pickle.dumps({str(i): ARRAY for i in range(10**4)}, 4),
        "no end": pickle.dumps({"x": np.zeros(99)}, 4)[:-9],
        "nothing": b"",
        "noise": np.random.default_rng(7).bytes(10**4),
    }


ARRAY = np.zeros(10**5)


def _tar(member: tarfile.TarInfo, content: bytes = b"") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def make_archives(touch: str) -> dict[str, bytes]:
    """{what is in it: the .tar file}"""
    member, big, link = (tarfile.TarInfo("x/best_accuracy.pdparams") for _ in range(3))
    evil = pickle.dumps({"x": Call(os.system, touch)}, 2)
    member.size, big.size = len(evil), 40 << 30
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return {
        "a shell command in an archive": _tar(member, evil),
        "an archive that claims gigabytes": big.tobuf() + b"\0" * 10240,
        "an archive of a link": _tar(link),
        "zeros that are packed": gzip.compress(_tar(_zeros(), b"\0" * (200 << 20)), 1),
    }


def _zeros() -> tarfile.TarInfo:
    member = tarfile.TarInfo("zeros")
    member.size = 200 << 20
    return member


def make_centers(touch: str) -> dict[str, bytes]:
    """{what is in it: the .npz file}"""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)})
    objects = io.BytesIO()
    np.save(objects, np.array([Call(os.system, touch)], dtype=object), allow_pickle=True)
    return {"centers that lie": _zip(header.getvalue()), "centers of objects": _zip(objects.getvalue())}


def _zip(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("centers", "counts", "dictionary_sha256", "format"):
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


HEADER = b'{"x":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}'
SAFETENSORS = {
    "a header of terabytes": MANY.to_bytes(8, "little"),
    "a tensor past the end": len(HEADER).to_bytes(8, "little") + HEADER,
}


def list_cases(folder: Path, touch: str) -> Iterator[tuple[str, str, Callable[[], list[str]]]]:
    """(what the file is for, what is in it, a function that writes it and returns the command)"""

    def write(name: str, content: bytes) -> str:
        (folder / name).write_bytes(content)
        return str(folder / name)

    output = str(folder / "o")
    honest = pickle.dumps({"head.w": np.zeros(3, "f4")}, 2)
    for kind, content in make_pickles(touch).items():
        yield (
            "weights --from",
            kind,
            lambda c=content: ["weights", "rec", "--from", write("x.pdparams", c), "--output", output],
        )
        yield (
            "average",
            kind,
            lambda c=content: ["average", write("x.pdparams", c), write("y.pdparams", c), "--output", output],
        )
        yield "the record beside weights", kind, lambda c=content: _with_record(write, honest, c, output)
        yield "--resume", kind, lambda c=content: _resume(folder, write, honest, c)
    for kind, content in make_archives(touch).items():
        yield (
            "weights --from",
            kind,
            lambda c=content: ["weights", "rec", "--from", write("x.tar", c), "--output", output],
        )
    for kind, content in make_centers(touch).items():
        yield (
            "Head.centers",
            kind,
            lambda c=content: [
                *("train", "-c", "rec/ch_PP-OCRv2_rec_enhanced_ctc_loss_finetune", "-o", "Global.pretrained_model="),
                f"Architecture.Head.centers={write('x.npz', c)}",
                *DATA,
            ],
        )
    for kind, content in SAFETENSORS.items():
        yield (
            "weights --from",
            kind,
            lambda c=content: ["weights", "rec", "--from", write("x.safetensors", c), "--output", output],
        )
    for name, make in (("a pipe", os.mkfifo), ("a folder", os.mkdir)):
        yield "weights --from", name, lambda m=make: _special(folder, m, output)


WORDS = ROOT / "tests" / "samples" / "icdar2015_words"
DATA = [
    *(f"{mode}.dataset.data_dir={WORDS}" for mode in ("Train", "Eval")),
    *(f"{mode}.dataset.label_file_list=[{WORDS / 'train.txt'}]" for mode in ("Train", "Eval")),
    *("Train.loader.batch_size_per_card=2", "Global.use_gpu=false"),
]


def _with_record(write: Callable, honest: bytes, record: bytes, output: str) -> list[str]:
    write("x.states", record)
    return ["weights", "rec", "--from", write("x.pdparams", honest), "--output", output]


def _resume(folder: Path, write: Callable, honest: bytes, content: bytes) -> list[str]:
    write("latest.pdparams", honest)
    write("latest.pdopt", content)
    return ["train", "-c", "rec/ch_PP-OCRv2_rec_finetune", "--resume", str(folder), "-o", *DATA]


def _special(folder: Path, make: Callable, output: str) -> list[str]:
    make(folder / "x.pdparams")
    return ["weights", "rec", "--from", str(folder / "x.pdparams"), "--output", output]


def run(count: int, seed: int, folder: Path, clone: str | None = None, commands: int = 0) -> Iterator[Outcome]:
    """The first ``count`` cases. ``seed`` and ``commands`` are not used: nothing here is drawn, all are commands."""
    canary = folder / "ran"
    for number, (road, kind, make) in enumerate(list_cases(folder / "case", f"touch {canary}")):
        if number >= count:
            break
        for path in sorted((folder / "case").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (folder / "case").mkdir(exist_ok=True)
        arguments = make()
        start, memory = time.monotonic(), _read_memory()
        try:
            with time_limit(LIMIT):
                done = CliRunner().invoke(main, arguments)
            verdict, said = _judge(done, canary.exists(), _read_memory() - memory)
        except TimeoutReached:
            verdict, said = "no end", f"after {LIMIT} s"
        canary.unlink(missing_ok=True)
        yield Outcome(road, verdict, time.monotonic() - start, kind, said)


def _judge(done: object, code_ran: bool, growth: int) -> tuple[str, str]:
    said = done.output.strip().splitlines()[-1:] or [""]
    if code_ran:
        return "code ran", said[0]
    if growth > MOST_MEMORY:
        return "damage", f"{growth >> 20} MiB; {said[0]}"
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return "traceback", repr(done.exception)
    return VERDICT_OF_CODE.get(done.exit_code, "wrong exit code"), said[0]


def _read_memory() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
