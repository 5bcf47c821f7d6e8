"""Dictionaries: read, found beside a checkpoint, and rows kept when they change."""

from pathlib import Path

import numpy as np
import paddle
import pytest
from arrays import counting

from ppocrv2_ext.checkpoints.character_rows import class_axes, find_dictionary, remap_rows
from ppocrv2_ext.data.dictionary import read_dictionary
from ppocrv2_ext.errors import UserError


def test_a_dictionary_is_blank_its_lines_and_a_space(tmp_path):
    (tmp_path / "d.txt").write_bytes("a\r\n 中 \n \nb".encode())
    assert read_dictionary(tmp_path / "d.txt") == ["blank", "a", " 中 ", " ", "b", " "]
    assert read_dictionary(tmp_path / "d.txt", space=False) == ["blank", "a", " 中 ", " ", "b"]


def test_repeated_and_inner_empty_lines_are_classes_as_in_stocks_own_dictionaries(tmp_path):
    (tmp_path / "d.txt").write_text("a\n\na\n")
    assert read_dictionary(tmp_path / "d.txt", space=False) == ["blank", "a", "", "a"]


def test_bad_lines_of_a_dictionary_are_errors_with_file_and_line(tmp_path):
    for content, where in [(b"a\n\xff\n", "d.txt:2: not UTF-8"), (b"a\nb\n\n", "d.txt:3: .*empty"), (b"", "d.txt:1: ")]:
        (tmp_path / "d.txt").write_bytes(content)
        with pytest.raises(UserError, match=where):
            read_dictionary(tmp_path / "d.txt")
    with pytest.raises(UserError, match="cannot read the dictionary"):
        read_dictionary(tmp_path / "gone.txt")


def test_stock_decodes_the_same_characters(wheel):
    from ppocr.postprocess.rec_postprocess import CTCLabelDecode

    folder = Path(wheel.root) / "ppocr/utils"
    for path in (folder / "ppocr_keys_v1.txt", folder / "en_dict.txt", *sorted(folder.glob("dict/[bglt]*_dict.txt"))):
        assert read_dictionary(path) == CTCLabelDecode(str(path), use_space_char=True).character


def test_a_dictionary_is_found_beside_the_checkpoint_then_through_its_config(tmp_path):
    assert find_dictionary(tmp_path / "best") is None
    (tmp_path / "chars.txt").write_text("a\n")
    (tmp_path / "config.yml").write_text("Global:\n  character_dict_path: chars.txt\n")
    assert find_dictionary(tmp_path / "best.pdparams") == tmp_path / "chars.txt"
    (tmp_path / "best.dict.txt").write_text("b\n")
    assert (
        find_dictionary(tmp_path / "best.pdparams") == find_dictionary(tmp_path / "best") == tmp_path / "best.dict.txt"
    )


def test_a_config_never_runs_code(tmp_path):
    (tmp_path / "config.yml").write_text("Global: !!python/object/apply:os.mkdir ['%s']\n" % (tmp_path / "ran"))
    assert find_dictionary(tmp_path / "best") is None
    assert not (tmp_path / "ran").exists()


def _head(characters, start):
    """A recognizer's last layers: whole numbers, so that sums are exact; C classes, mid width 3, centers of 2."""
    size = len(characters)
    return {
        "head.fc1.weight": counting(2, 3, start=start),
        "head.fc2.weight": counting(3, size, start=start),
        "head.fc2.bias": counting(size, start=start),
        "head.centers": counting(size, 2, start=start),
    }


def _logits(params, features):
    return features @ params["head.fc2.weight"] + params["head.fc2.bias"]


@pytest.mark.parametrize("new", ["cabx ", "ca", "bca "], ids=["larger", "smaller", "same size, other order"])
def test_shared_characters_keep_their_logits_bit_for_bit(new):
    old, new = ["blank", *"abc "], ["blank", *new]
    params, model = _head(old, 100), _head(new, 900)
    remapped, shared = remap_rows(params, model, old, new)
    features = counting(4, 3)
    before, after, fresh = (_logits(values, features) for values in (params, remapped, model))
    assert shared == len(set(old) & set(new))
    for row, character in enumerate(new):
        expected = before[:, old.index(character)] if character in old else fresh[:, row]
        np.testing.assert_array_equal(after[:, row], expected)
        origin = params["head.centers"][old.index(character)] if character in old else model["head.centers"][row]
        np.testing.assert_array_equal(remapped["head.centers"][row], origin)


def test_a_remap_changes_neither_its_inputs_nor_other_parameters():
    old, new = ["blank", "a", "b"], ["blank", "b", "a"]
    params, model = _head(old, 0), _head(new, 50)
    remapped, _ = remap_rows(params, model, old, new)
    assert remapped["head.fc1.weight"] is params["head.fc1.weight"]  # (2, 3): as wide as there are classes
    np.testing.assert_array_equal(params["head.fc2.weight"], _head(old, 0)["head.fc2.weight"])
    np.testing.assert_array_equal(model["head.fc2.weight"], _head(new, 50)["head.fc2.weight"])


def test_each_network_of_a_distillation_model_has_its_own_last_layer():
    one = {"head.fc1.weight": np.zeros((4, 4)), "head.fc1.bias": np.zeros(4)}
    one.update({"head.fc2.weight": np.zeros((4, 4)), "head.fc2.bias": np.zeros(4), "neck.fc.weight": np.zeros((4, 4))})
    both = {f"{network}.{name}": value for network in ("Student", "Teacher") for name, value in one.items()}
    ends = {"head.fc2.weight": 1, "head.fc2.bias": 0}
    assert class_axes(both, both, 4, 4) == {
        f"{n}.{e}": axis for n in ("Student", "Teacher") for e, axis in ends.items()
    }


def test_of_a_character_listed_twice_the_last_row_is_taken():
    # PaddleOCR's label encoder builds {character: index}: only the last index of a repeated character is ever trained.
    old, new = ["blank", "a", "b", "a"], ["blank", "a", "b"]
    remapped, _ = remap_rows(_head(old, 0), _head(new, 50), old, new)
    np.testing.assert_array_equal(remapped["head.fc2.bias"], [0, 3, 2])


def test_without_a_layer_that_counts_the_classes_nothing_is_shared():
    params = {"backbone.weight": np.zeros((2, 2))}
    assert remap_rows(params, params, ["blank", "a"], ["blank", "b", "a"]) == (params, 0)


def test_tensors_remap_like_arrays():
    old, new = ["blank", "a", "b"], ["blank", "b", "a", "c"]
    arrays, model = _head(old, 0), _head(new, 50)
    tensors = {name: paddle.to_tensor(value) for name, value in arrays.items()}
    remapped, _ = remap_rows(tensors, {name: paddle.to_tensor(value) for name, value in model.items()}, old, new)
    np.testing.assert_array_equal(
        remapped["head.fc2.weight"], remap_rows(arrays, model, old, new)[0]["head.fc2.weight"]
    )
