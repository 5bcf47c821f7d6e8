"""The class rows of a recognizer whose dictionary changes."""

import numpy as np
import paddle
import pytest
from arrays import count_up

from ppocrv2_ext.checkpoints.character_rows import find_class_axes, remap_rows


def _head(characters, start):
    """A recognizer's last layers: whole numbers, so that sums are exact; C classes, mid width 3, centers of 2."""
    size = len(characters)
    return {
        "head.fc1.weight": count_up(2, 3, start=start),
        "head.fc2.weight": count_up(3, size, start=start),
        "head.fc2.bias": count_up(size, start=start),
        "head.centers": count_up(size, 2, start=start),
    }


def _logits(params, features):
    return features @ params["head.fc2.weight"] + params["head.fc2.bias"]


@pytest.mark.parametrize("new", ["cabx ", "ca", "bca "], ids=["larger", "smaller", "same size, other order"])
def test_shared_characters_keep_their_logits_bit_for_bit(new):
    old, new = ["blank", *"abc "], ["blank", *new]
    params, model = _head(old, 100), _head(new, 900)
    remapped, shared = remap_rows(params, model, old, new)
    features = count_up(4, 3)
    before, after, fresh = (_logits(values, features) for values in (params, remapped, model))
    assert shared == len(set(old) & set(new))
    for row, character in enumerate(new):
        expected = before[:, old.index(character)] if character in old else fresh[:, row]
        np.testing.assert_array_equal(after[:, row], expected)
        origin = params["head.centers"][old.index(character)] if character in old else model["head.centers"][row]
        np.testing.assert_array_equal(remapped["head.centers"][row], origin)


def test_a_remap_leaves_its_inputs_and_other_parameters_unchanged():
    old, new = ["blank", "a", "b"], ["blank", "b", "a"]
    params, model = _head(old, 0), _head(new, 50)
    remapped, _ = remap_rows(params, model, old, new)
    assert remapped["head.fc1.weight"] is params["head.fc1.weight"]  # (2, 3): as wide as there are classes
    np.testing.assert_array_equal(params["head.fc2.weight"], _head(old, 0)["head.fc2.weight"])
    np.testing.assert_array_equal(model["head.fc2.weight"], _head(new, 50)["head.fc2.weight"])


def test_the_last_layer_of_each_network_in_a_distillation_model_counts_classes():
    one = {"head.fc1.weight": np.zeros((4, 4)), "head.fc1.bias": np.zeros(4)}
    one.update({"head.fc2.weight": np.zeros((4, 4)), "head.fc2.bias": np.zeros(4), "neck.fc.weight": np.zeros((4, 4))})
    both = {f"{network}.{name}": value for network in ("Student", "Teacher") for name, value in one.items()}
    ends = {"head.fc2.weight": 1, "head.fc2.bias": 0}
    assert find_class_axes(both, both, 4, 4) == {
        f"{n}.{e}": axis for n in ("Student", "Teacher") for e, axis in ends.items()
    }


def test_a_character_that_is_listed_twice_gets_its_last_row():
    # PaddleOCR's label encoder builds {character: index}: only the last index of a repeated character is ever trained.
    old, new = ["blank", "a", "b", "a"], ["blank", "a", "b"]
    remapped, _ = remap_rows(_head(old, 0), _head(new, 50), old, new)
    np.testing.assert_array_equal(remapped["head.fc2.bias"], [0, 3, 2])


def test_without_a_layer_that_counts_classes_nothing_is_remapped():
    params = {"backbone.weight": np.zeros((2, 2))}
    assert remap_rows(params, params, ["blank", "a"], ["blank", "b", "a"]) == (params, 0)


def test_tensors_are_remapped_like_arrays():
    old, new = ["blank", "a", "b"], ["blank", "b", "a", "c"]
    arrays, model = _head(old, 0), _head(new, 50)
    tensors = {name: paddle.to_tensor(value) for name, value in arrays.items()}
    remapped, _ = remap_rows(tensors, {name: paddle.to_tensor(value) for name, value in model.items()}, old, new)
    np.testing.assert_array_equal(
        remapped["head.fc2.weight"], remap_rows(arrays, model, old, new)[0]["head.fc2.weight"]
    )
