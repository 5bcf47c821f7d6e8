"""Batches of a loader's processes lie in shared memory, of which a container of Docker has 64 MB."""

import shutil
from types import SimpleNamespace

import pytest

from ppocrv2_ext import config
from ppocrv2_ext.commands import prepare
from ppocrv2_ext.config.resolve import resolve

BOTH = ("Train", "Eval")


@pytest.fixture
def recipe(wheel):
    """The published recognizer: each section has 8 processes and batches of 128 lines of 32 x 320 in float32."""
    resolved, _ = resolve(config.read(config.locate("rec/ch_PP-OCRv2_rec")), wheel.root, wheel.defaults)
    return resolved


@pytest.fixture
def free(monkeypatch, tmp_path):
    """A function that sets how many bytes of shared memory are free."""
    monkeypatch.setattr(prepare, "SHARED_MEMORY", tmp_path)
    return lambda size: monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=size))


def _flags(changed):
    return [changed[mode]["loader"].get("use_shared_memory") for mode in BOTH]


def test_where_batches_do_not_fit_shared_memory_is_turned_off_and_that_is_said(recipe, free):
    free(64 * 2**20)
    changed, notes = prepare.with_room_for_batches(recipe, BOTH)
    assert _flags(changed) == [False, False]
    assert _flags(recipe) == [None, None]
    assert len(notes) == 2
    assert notes[0].startswith("Train.loader.use_shared_memory was set to false: its batches take up to 284 MB of ")
    assert notes[0].endswith(", which has 67 MB free.")


def test_loaders_that_run_at_the_same_time_share_what_is_free(recipe, free):
    batch = 128 * (3 * 32 * 320 * 4 + 26 * 8)
    free(18 * batch * 1.01)
    assert _flags(prepare.with_room_for_batches(recipe, BOTH)[0]) == [None, False]
    assert _flags(prepare.with_room_for_batches(recipe, ("Eval",))[0]) == [None, None]
    free(36 * batch * 1.01)
    assert prepare.with_room_for_batches(recipe, BOTH) == (recipe, [])


def test_the_processes_of_a_machine_share_what_is_free(recipe, free, monkeypatch):
    free(600 * 10**6)
    monkeypatch.setenv("PADDLE_LOCAL_SIZE", "3")
    assert _flags(prepare.with_room_for_batches(recipe, BOTH)[0]) == [False, False]


def test_what_the_user_set_stays_and_a_sentence_names_the_key(recipe, free):
    free(64 * 2**20)
    recipe = config.override(recipe, ["Train.loader.use_shared_memory=true", "Eval.loader.use_shared_memory=false"])
    changed, (note,) = prepare.with_room_for_batches(recipe, BOTH)
    assert changed == recipe
    assert note.startswith("Train.loader.use_shared_memory is true, but its batches take up to 284 MB")
    assert "set it to false" in note


def test_a_loader_without_processes_needs_no_shared_memory(recipe, free):
    free(0)
    alone = config.override(recipe, [f"{mode}.loader.num_workers=0" for mode in BOTH])
    assert prepare.with_room_for_batches(alone, BOTH) == (alone, [])


def test_a_batch_is_as_large_as_a_process_of_the_loader_makes_it(wheel):
    """Scenes travel as bytes, and one of their maps as float32; MultiScaleDataSet resizes lines by itself."""
    from ppocrv2_ext.host.samples.transform_check import measure_batch

    scenes, _ = resolve(config.read(config.locate("det/ch_PP-OCRv2_det_student")), wheel.root, wheel.defaults)
    assert measure_batch(scenes, "Train") == 8 * 960 * 960 * (3 + 4 + 3)
    sampler = "{name: MultiScaleSampler, scales: [[96, 32], [320, 32]], first_bs: 10, fix_bs: false}"
    lines = config.override(
        config.read(config.locate("rec/ch_PP-OCRv2_rec")),
        ["Train.dataset.name=MultiScaleDataSet", f"Train.sampler={sampler}"],
    )
    assert measure_batch(lines, "Train") == 10 * 3 * 32 * 96 * 4


def test_a_loader_that_ended_names_the_key(free):
    try:
        raise SystemError("(Fatal) Blocking queue is killed because the data reader raises an exception.")
    except SystemError as error:
        sentence = prepare._explain("tools/train.py", error)
    assert "Train.loader.use_shared_memory=false Eval.loader.use_shared_memory=false" in sentence
