"""Advice for a training that waits for its data."""

import pytest

from ppocrv2_ext.report.waiting import LONG_WAIT, advise


@pytest.mark.parametrize("waiting", [0.0, LONG_WAIT - 1e-6])
def test_there_is_no_advice_when_data_are_fast_enough(waiting):
    assert advise(waiting, workers=0, cores=8, on_cpu=False) is None


def test_the_advice_names_the_key_and_the_number_of_cores():
    said = advise(0.5, workers=0, cores=8, on_cpu=False)
    assert said.startswith("Training waited for data 50% of the time.")
    assert "Train.loader.num_workers=8" in said


def test_a_network_on_the_cpu_keeps_a_core():
    assert "Train.loader.num_workers=7" in advise(0.5, workers=4, cores=8, on_cpu=True)


@pytest.mark.parametrize(("workers", "cores", "on_cpu"), [(8, 8, False), (7, 8, True), (1, 1, True), (16, 8, False)])
def test_more_workers_than_cores_are_never_proposed(workers, cores, on_cpu):
    said = advise(1.0, workers, cores, on_cpu)
    assert "ppocrv2 preview" in said
    assert "set Train.loader.num_workers" not in said
