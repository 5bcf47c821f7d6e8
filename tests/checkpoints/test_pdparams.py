"""Checkpoints and training files: the weights in them, and files that appear complete or not at all."""

import io
import tarfile

import numpy as np
import paddle
import pytest
from arrays import count_up

from ppocrv2_ext.checkpoints.paths import find_dictionary
from ppocrv2_ext.checkpoints.pdparams import read_arrays, read_network, read_params, write_checkpoint
from ppocrv2_ext.errors import UserError


def _tar(path, files):
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _saved(tmp_path, params):
    paddle.save({name: paddle.to_tensor(value) for name, value in params.items()}, str(tmp_path / "saved.pdparams"))
    return (tmp_path / "saved.pdparams").read_bytes()


def test_a_sub_network_of_a_training_tar_loses_its_prefix_and_nothing_is_unpacked(tmp_path):
    content = _saved(tmp_path, {"Student.head.w": count_up(2), "Teacher.head.w": count_up(2, start=5)})
    path = _tar(tmp_path / "x.tar", {"../../best_accuracy.pdparams": content, "x/train.log": b"epoch"})
    before = sorted(tmp_path.rglob("*"))
    assert {name: value.tolist() for name, value in read_network(path).items()} == {"head.w": [0, 1]}
    assert read_network(path, network="Teacher")["head.w"].tolist() == [5, 6]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_sub_network_is_refused_with_the_prefixes_of_the_file(tmp_path):
    _saved(tmp_path, {"Student2.head.w": count_up(2), "Teacher.head.w": count_up(2)})
    with pytest.raises(UserError, match="no sub-network 'Student'; its names start with Student2, Teacher"):
        read_network(tmp_path / "saved.pdparams")


def test_the_parameters_of_a_single_network_keep_their_names(tmp_path):
    _saved(tmp_path, {"backbone.w": count_up(2), "head.w": count_up(2)})
    assert list(read_network(tmp_path / "saved")) == ["backbone.w", "head.w"]
    with pytest.raises(UserError, match="holds a single network and no 'Student2'; leave --network out"):
        read_network(tmp_path / "saved", network="Student2")


def test_a_tar_that_is_truncated_or_has_no_weights_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"one best_accuracy.pdparams, got 0"):
        read_network(_tar(tmp_path / "x.tar", {"x/inference.pdiparams": b"x"}))
    (tmp_path / "cut.tar").write_bytes(b"short")
    with pytest.raises(UserError, match=r"not a readable .tar"):
        read_network(tmp_path / "cut.tar")
    with pytest.raises(UserError, match=r"cannot read .*gone.tar"):
        read_network(tmp_path / "gone.tar")


def test_a_link_in_a_tar_is_not_followed(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        link = tarfile.TarInfo("best_accuracy.pdparams")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    with pytest.raises(UserError, match="got 0"):
        read_network(tmp_path / "x.tar")


def test_a_written_checkpoint_is_read_back_bit_equal_with_its_dictionary(tmp_path):
    (tmp_path / "d.txt").write_bytes("中\r\na\n".encode())
    params = {"a.weight": count_up(2, 3) / 7, "a.bias": np.float32([np.pi])}
    path = write_checkpoint(params, tmp_path / "new/folder", "rec", tmp_path / "d.txt")
    loaded = paddle.load(str(path))
    assert all(np.array_equal(loaded[name].numpy(), value) for name, value in params.items())
    assert find_dictionary(path).read_bytes() == (tmp_path / "d.txt").read_bytes()
    assert sorted(file.name for file in path.parent.iterdir()) == ["rec.dict.txt", "rec.pdparams"]


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "taken").write_text("a file, not a directory")
    with pytest.raises(UserError, match=r"cannot write .*taken.*name another place"):
        write_checkpoint({"a": count_up(2)}, tmp_path / "taken", "det")
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_a_write_that_fails_half_way_leaves_the_old_checkpoint_and_nothing_else(tmp_path, monkeypatch):
    path = write_checkpoint({"a": count_up(2)}, tmp_path, "det")
    before = path.read_bytes()

    def full(content, target):
        with open(target, "wb") as file:
            file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(paddle, "save", full)
    with pytest.raises(UserError, match="No space left"):
        write_checkpoint({"a": count_up(2)}, tmp_path, "det")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["det.pdparams"]


@pytest.mark.parametrize(("name", "value"), [("a.weight", np.nan), ("a._variance", -1.0)])
def test_weights_that_compute_no_numbers_are_not_written(name, value, tmp_path):
    with pytest.raises(UserError, match=rf"weights for .*/new/det: tensor '{name}' holds"):
        write_checkpoint({"a": count_up(2), name: np.float32([1, value])}, tmp_path / "new", "det")
    assert list(tmp_path.iterdir()) == []


def test_the_network_that_is_taken_must_compute_numbers_and_the_others_need_not(tmp_path):
    params = {"Student.head.w": np.float32([1]), "Teacher.head.w": np.float32([np.nan])}
    paddle.save({name: paddle.to_tensor(value) for name, value in params.items()}, str(tmp_path / "pair.pdparams"))
    assert list(read_network(tmp_path / "pair", "Student")) == ["head.w"]
    with pytest.raises(UserError, match=r"pair: tensor 'head.w' holds NaN or infinity; take another checkpoint"):
        read_network(tmp_path / "pair", "Teacher")


def test_a_missing_dictionary_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=r"no dictionary .*gone.txt"):
        write_checkpoint({"a": count_up(2)}, tmp_path, "rec", tmp_path / "gone.txt")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_claims_more_than_it_can_hold_is_refused(tmp_path):
    member = tarfile.TarInfo("x/best_accuracy.pdparams")
    member.size = 40 << 30
    (tmp_path / "x.tar").write_bytes(member.tobuf() + b"\0" * 10240)
    with pytest.raises(UserError, match="claims 42949672960 bytes, more than it can hold"):
        read_network(tmp_path / "x.tar")


def test_an_archive_with_code_in_it_is_refused(tmp_path):
    evil = b"\x80\x02cposix\nsystem\n(X\x04\x00\x00\x00true\x85R."
    with pytest.raises(UserError, match=r"x.tar:best_accuracy.pdparams is refused: it names posix.system"):
        read_network(_tar(tmp_path / "x.tar", {"best_accuracy.pdparams": evil}))


def test_safetensors_hold_what_pdparams_hold(tmp_path):
    params = {"a.w": np.arange(6, dtype="float32").reshape(2, 3).T, "a.n": np.arange(3), "a.h": np.ones(2, "float16")}
    (tmp_path / "dict.txt").write_text("a\nb\n", encoding="utf-8")
    safe = write_checkpoint(params, tmp_path, "net.safetensors", tmp_path / "dict.txt")
    plain = write_checkpoint(params, tmp_path, "net", tmp_path / "dict.txt")
    assert (safe.name, plain.name) == ("net.safetensors", "net.pdparams")
    assert find_dictionary(safe) == tmp_path / "net.dict.txt"
    for name, value in read_arrays(safe).items():
        assert value.dtype == params[name].dtype
        np.testing.assert_array_equal(value, params[name])
        np.testing.assert_array_equal(value, read_arrays(plain)[name])


def test_bfloat16_weights_of_pdparams_become_float32_in_safetensors(tmp_path):
    half = paddle.to_tensor([1.5, -2.0]).astype("bfloat16")
    plain = write_checkpoint({"w": half}, tmp_path, "half")
    assert "bfloat16" in str(read_params(plain)["w"].dtype)
    safe = write_checkpoint(read_params(plain), tmp_path, "half.safetensors")
    assert read_arrays(safe)["w"].dtype == np.float32
    assert read_arrays(safe)["w"].tolist() == [1.5, -2.0]


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, (10**12).to_bytes(8, "little"), b"\x02" + b"\0" * 7 + b"{}"])
def test_a_broken_safetensors_file_is_refused(content, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"x.safetensors"):
        read_arrays(tmp_path / "x.safetensors")
