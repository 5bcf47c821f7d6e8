"""The generators that transforms draw from: the global ones of Python, NumPy and imgaug, and those of transforms."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import paddle

from ...plugins.draws import Draws

DEEPEST = 4  # how deep in the attributes of a transform its generators are looked for
NO_TRANSFORMS = (type, ModuleType, FunctionType, MethodType, np.ndarray, paddle.Tensor)


def find_generators(transforms: Iterable[Any]) -> Iterator[Any]:
    """The :class:`Draws`, and the transforms of albumentations (from 1.4.19 on), among the attributes of transforms."""
    seen: set[int] = set()

    def find(value: Any, depth: int) -> Iterator[Any]:
        if id(value) in seen or depth > DEEPEST:
            return
        seen.add(id(value))
        if isinstance(value, Draws) or hasattr(type(value), "set_random_state"):
            yield value
        elif isinstance(value, (list, tuple)):
            for part in value:
                yield from find(part, depth + 1)
        elif hasattr(value, "__dict__") and not isinstance(value, NO_TRANSFORMS):
            for part in vars(value).values():
                yield from find(part, depth + 1)

    for transform in transforms:
        for part in vars(transform).values() if hasattr(transform, "__dict__") else ():
            yield from find(part, 1)


def seed_generators(key: Sequence[int], generators: Iterable[Any] = ()) -> None:
    """Seed the global generators of Python, NumPy and imgaug, and others.

    Args:
        key: whole numbers >= 0. The first is the seed of a training.
        generators: of :func:`find_generators`.
    """
    words = np.random.SeedSequence(key).generate_state(4)
    random.seed(words.tobytes())
    np.random.seed(words)
    _seed_imgaug(int(words[0]))
    for generator in generators:
        if isinstance(generator, Draws):
            generator.restart(key)
        else:
            generator.set_random_state(np.random.default_rng(words), random.Random(words.tobytes()))


def follow_numpy(generators: Iterable[Any]) -> None:
    """Seed imgaug and the transforms of albumentations by NumPy's global generator.

    :class:`Draws` takes its seed there itself.
    """
    seed = np.random.randint(2**31)
    _seed_imgaug(seed)
    for generator in generators:
        if not isinstance(generator, Draws):
            generator.set_random_state(np.random.default_rng(seed), random.Random(seed))


def _seed_imgaug(seed: int) -> None:
    """Seed the generator that all transforms of imgaug draw from. Older clones of PaddleOCR have such transforms."""
    if "imgaug" in sys.modules:  # a clone that uses it has imported it
        sys.modules["imgaug"].seed(seed)


@contextlib.contextmanager
def keep_generators() -> Iterator[None]:
    """A context that leaves Python's and NumPy's global generators as it found them."""
    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
