"""The generators that transforms draw from."""

import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from ppocrv2_ext.host.samples.generators import follow_numpy, keep_generators, seed_generators


@pytest.fixture
def imgaug(monkeypatch):
    """The seeds that are given to imgaug, which older clones of PaddleOCR import."""
    seeds = []
    monkeypatch.setitem(sys.modules, "imgaug", SimpleNamespace(seed=seeds.append))
    return seeds


def test_the_one_generator_of_imgaug_is_seeded_by_the_key(imgaug):
    with keep_generators():
        for key in ((7, 0), (7, 0), (7, 1)):
            seed_generators(key)
    first, again, other = imgaug
    assert first == again != other


def test_the_one_generator_of_imgaug_follows_that_of_numpy(imgaug):
    with keep_generators():
        for seed in (1, 1, 2):
            np.random.seed(seed)
            follow_numpy([])
    first, again, other = imgaug
    assert first == again != other


def test_the_global_generators_are_left_as_they_were():
    random.seed(3), np.random.seed(3)
    expected = random.random(), np.random.rand()
    random.seed(3), np.random.seed(3)
    with keep_generators():
        seed_generators((1,))
    assert (random.random(), np.random.rand()) == expected
