"""Forced CTC alignment against every path there is, against a slow Viterbi, and at the edges."""

import itertools

import numpy as np
import paddle
import pytest

from ppocrv2_ext.plugins.ctc import cpu_paths
from ppocrv2_ext.plugins.ctc.alignment import align, is_feasible
from ppocrv2_ext.plugins.fast_cpu import memory

C = 4


def _scores(lines, frames, seed=0):
    return np.random.RandomState(seed).randn(lines, frames, C).astype("float32")


def _collapse(path):
    return [int(c) for i, c in enumerate(path) if c != 0 and (i == 0 or c != path[i - 1])]


def _padded(labels, width=None):
    """Lists of classes -> (B, L) and (B,) tensors."""
    width = width or max(1, *map(len, labels))
    rows = [list(label) + [0] * (width - len(label)) for label in labels]
    return paddle.to_tensor(rows, dtype="int64"), paddle.to_tensor([len(label) for label in labels], dtype="int64")


def _align(scores, labels, frames=None):
    return align(paddle.to_tensor(scores), *_padded(labels), frames).numpy()


def _best_of_all_paths(scores, label):
    """The best of the C ** T sequences of classes that read as the label; None if there is none."""
    paths = [p for p in itertools.product(range(C), repeat=len(scores)) if _collapse(p) == list(label)]
    return max(paths, key=lambda p: sum(scores[t, c] for t, c in enumerate(p)), default=None)


def _viterbi(scores, label):
    """One line, one frame, one state at a time, float64."""
    states = [0] + [s for c in label for s in (c, 0)]
    best = {0: (scores[0, 0], [0])}
    if label:
        best[1] = (scores[0, states[1]], [states[1]])
    for row in scores[1:].astype("float64"):
        new = {}
        for s, c in enumerate(states):
            sources = [s, s - 1] + ([s - 2] if s > 1 and c != 0 and c != states[s - 2] else [])
            candidates = [best[i] for i in sources if i in best]
            if candidates:
                value, path = max(candidates, key=lambda f: f[0])
                new[s] = (value + row[c], [*path, c])
        best = new
    ends = [best[s] for s in (len(states) - 1, len(states) - 2) if s in best]
    return max(ends, key=lambda f: f[0])[1] if ends else None


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_the_path_is_the_best_of_all_paths(frames):
    labels = [label for n in range(4) for label in itertools.product(range(1, C), repeat=n)]
    scores = _scores(len(labels), frames, seed=frames)
    for path, label, row in zip(_align(scores, labels), labels, scores):
        assert tuple(path) == (_best_of_all_paths(row, label) or (0,) * frames)


def test_the_path_matches_a_slow_viterbi_on_long_lines():
    rng = np.random.RandomState(1)
    labels = [rng.randint(1, C, rng.randint(0, 12)).tolist() for _ in range(12)]
    scores = _scores(len(labels), 25, seed=2)
    for path, label, row in zip(_align(scores, labels), labels, scores):
        assert path.tolist() == _viterbi(row, label)


@pytest.fixture(params=["numba", "NumPy"])
def _way(request, monkeypatch):
    """Run a test by the compiled loop, and as if numba was missing."""
    if request.param == "NumPy":
        monkeypatch.setattr(cpu_paths, "has_numba", lambda: False)
    elif not memory.has_numba():
        pytest.skip("numba is not installed")


@pytest.mark.usefixtures("_way")
def test_a_cpu_finds_the_paths_of_paddles_operators_in_600_random_batches():
    rng = np.random.RandomState(5)
    for case in range(600):
        lines, frames, longest = (int(rng.randint(1, most)) for most in (4, 30, 9))
        scores = rng.randn(lines, frames, C) * rng.choice([1, 10, 1e4])
        if case % 3 == 0:
            scores = scores.round()  # paths with equal scores
        if case % 5 == 0:
            scores[rng.rand(*scores.shape) < 0.2] = -np.inf
        arguments = (
            paddle.to_tensor(scores.astype("float32")),
            paddle.to_tensor(rng.randint(1, C, (lines, longest))),
            paddle.to_tensor(rng.randint(0, longest + 1, lines)),
            paddle.to_tensor(rng.randint(1, frames + 1, lines)) if case % 2 else None,
        )
        path = align(*arguments)
        with memory.paddle_only():
            assert (path == align(*arguments)).all()


def test_paddles_operators_match_a_slow_viterbi_too():
    rng = np.random.RandomState(6)
    labels = [rng.randint(1, C, rng.randint(0, 12)).tolist() for _ in range(12)]
    for frames in (1, 2, 7, 24, 25):
        scores = _scores(len(labels), frames, seed=frames)
        with memory.paddle_only():
            found = _align(scores, labels)
        for path, label, row in zip(found, labels, scores):
            assert path.tolist() == (_viterbi(row, label) or [0] * frames)


@pytest.mark.usefixtures("_way")
def test_scores_that_are_not_numbers_end_in_a_path_of_known_classes():
    assert set(_align(np.full((2, 6, C), np.nan, "float32"), [[1, 2], [3]]).ravel()) <= set(range(C))


def test_the_path_reads_as_the_label_whatever_the_scores():
    labels = [[1, 2, 3], [2, 2], [3], []]
    for scale in (0, 1, 1e4):
        for path, label in zip(_align(scale * _scores(4, 7), labels), labels):
            assert _collapse(path) == label


def test_a_blank_separates_equal_neighbours():
    scores = np.zeros((1, 3, C), "float32")
    scores[..., 2] = 9
    assert _align(scores, [[2, 2]]).tolist() == [[2, 0, 2]]


def test_a_constant_added_to_all_classes_of_a_frame_changes_nothing():
    scores, labels = _scores(3, 8), [[1, 2], [3, 3], [2]]
    shift = 100 * np.random.RandomState(3).randn(3, 8, 1).astype("float32")
    assert (_align(scores, labels) == _align(scores + shift, labels)).all()


def test_the_path_avoids_a_probability_of_zero_where_it_can():
    scores = np.full((1, 3, C), -np.inf, "float32")
    scores[0, [0, 1, 2], [1, 0, 1]] = 0
    assert _align(scores, [[1, 1]]).tolist() == [[1, 0, 1]]
    assert _collapse(_align(scores, [[2, 3]])[0]) == [2, 3]


def test_the_path_of_an_infeasible_label_is_all_blank():
    assert _align(_scores(3, 3), [[1, 1], [1, 1, 2], [1, 2, 3, 1]]).tolist()[1:] == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("label", "frames"), [([], 0), ([2], 1), ([1, 2], 2), ([1, 1], 3), ([1, 1, 1, 2], 6)])
def test_a_label_is_feasible_from_its_length_plus_its_repeats_on(label, frames):
    labels, lengths = _padded([label], width=4)
    assert [bool(is_feasible(labels, lengths, n)) for n in (frames - 1, frames)] == [False, True]


def test_padding_does_not_count_as_a_repeat():
    labels = paddle.to_tensor([[1, 2, 2, 2]])
    assert bool(is_feasible(labels, paddle.to_tensor([2]), 2))


def test_frames_after_the_end_of_a_line_are_blank_and_change_nothing():
    scores, labels = _scores(3, 9, seed=4), [[1, 2], [3, 3], [2]]
    paths = _align(scores, labels, paddle.to_tensor([9, 5, 1]))
    for path, row, label, end in zip(paths, scores, labels, (9, 5, 1)):
        assert path.tolist() == _viterbi(row[:end], label) + [0] * (9 - end)


def test_the_path_of_a_line_does_not_depend_on_the_batch():
    scores, labels = _scores(4, 8), [[1, 2, 3, 2, 1], [3, 3], [2], []]
    together = _align(scores, labels)
    for i in range(4):
        assert (_align(scores[i : i + 1], labels[i : i + 1]) == together[i]).all()


def test_the_path_carries_no_gradient():
    scores = paddle.to_tensor(_scores(1, 4), stop_gradient=False)
    path = align(scores, *_padded([[1]]))
    assert path.stop_gradient
    assert path.dtype == paddle.int64


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_scores_may_be_of_every_float_type(dtype):
    scores = paddle.to_tensor(np.round(_scores(2, 6) * 8) / 8)
    expected = align(scores, *_padded([[1, 2], [3]]))
    assert (align(scores.astype(dtype), *_padded([[1, 2], [3]])) == expected).all()


def test_labels_may_be_int32():
    labels, lengths = _padded([[1, 2], [3, 3]])
    scores = paddle.to_tensor(_scores(2, 6))
    assert (align(scores, labels.astype("int32"), lengths.astype("int32")) == align(scores, labels, lengths)).all()
