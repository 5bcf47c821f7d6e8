"""Files of centers: what they hold, which files are refused, and training that starts from one."""

import io
import zipfile

import numpy as np
import paddle
import pytest
from arrays import draw_normal
from paddle import nn

from ppocrv2_ext.checkpoints.centers_file import fingerprint, read_centers, write_centers
from ppocrv2_ext.checkpoints.loading import load_pretrained
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.center_loss.head import CenterCTCHead

C, D = 5, 4
CHARACTERS = ["blank", "a", "b", "c", " "]


def _centers():
    """Centers of three classes of five; the blank and class 3 have none."""
    counts = np.array([0, 4, 2, 0, 9])
    return draw_normal(0, C, D) * (counts > 0)[:, None], counts


class _Network(nn.Layer):
    def __init__(self, head):
        super().__init__()
        self.head = head


def _head():
    return CenterCTCHead(in_channels=7, out_channels=C, mid_channels=D)


@pytest.fixture
def file(tmp_path):
    write_centers(tmp_path / "centers.npz", *_centers(), CHARACTERS)
    return tmp_path / "centers.npz"


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_written_file_is_read_back_bit_equal(file):
    content = read_centers(file)
    centers, counts = _centers()
    assert content.centers.tobytes() == centers.tobytes()
    assert content.counts.tolist() == counts.tolist()
    assert content.dictionary == fingerprint(CHARACTERS)
    assert [path.name for path in file.parent.iterdir()] == ["centers.npz"]


def test_the_fingerprint_depends_on_order_space_and_empty_characters():
    others = (["blank", "b", "a", "c", " "], CHARACTERS[:-1], ["blank", "a", "", "b", "c", " "], ["blank", "abc", " "])
    assert len({fingerprint(characters) for characters in (CHARACTERS, *others)}) == 5


def _broken(content, path):
    if isinstance(content, dict):
        arrays = dict(zip(("centers", "counts"), _centers()), dictionary_sha256="x", format="ppocrv2 centers 1")
        arrays = {name: value for name, value in {**arrays, **content}.items() if value is not None}
        np.savez(path, **arrays)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with path.open("wb") as stream:
            np.save(stream, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a complete .npz file"),
        (b"<html>404</html>", "not a complete .npz file"),
        (b"PK\x03\x04cut short", "not a complete .npz file"),
        (np.zeros(3), "not a complete .npz file"),
        (np.array([{}], dtype=object), "not a complete .npz file"),
        ({"counts": None}, "it has no 'counts'"),
        ({"format": "ppocrv2 centers 9"}, "format 'ppocrv2 centers 9', this version reads 'ppocrv2 centers 1'"),
        ({"counts": np.zeros(4, int)}, r"`counts` \(C,\), got \(5, 4\) and \(4,\)"),
        ({"centers": np.full((C, D), np.nan)}, "finite floats"),
        ({"counts": np.full(C, -1)}, ">= 0"),
        ({"counts": np.zeros(C)}, "integers"),
    ],
)
def test_another_file_is_refused_with_the_command_that_makes_one(tmp_path, content, message):
    _broken(content, tmp_path / "x.npz")
    with pytest.raises(UserError, match=rf"{message}.*`ppocrv2 centers -c CONFIG"):
        read_centers(tmp_path / "x.npz")


def test_a_truncated_file_is_refused(file):
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(UserError, match="not a complete .npz file"):
        read_centers(file)


def test_a_missing_file_is_refused_with_the_name_of_its_neighbour(file):
    with pytest.raises(UserError, match=r"no file of centers .*centres\.npz; did you mean 'centers\.npz'"):
        read_centers(file.with_name("centres.npz"))


def test_a_folder_that_cannot_be_written_to_is_refused_and_nothing_is_left_in_it(tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(UserError, match=r"cannot write .*taken.*name another place"):
        write_centers(tmp_path / "taken" / "x.npz", *_centers(), CHARACTERS)
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


# --- training from it ------------------------------------------------------------------------------------------------


def test_a_head_starts_from_the_file_and_has_the_same_state_dict(file):
    head = CenterCTCHead(7, C, mid_channels=D, centers=str(file))
    centers, counts = _centers()
    assert head.centers.numpy().tobytes() == centers.tobytes()
    assert head.center_counts.numpy().tolist() == counts.tolist()
    assert head.state_dict().keys() == _head().state_dict().keys()


def test_a_head_of_another_size_is_refused(file):
    with pytest.raises(UserError, match=r"centers\.npz holds \(5, 4\) centers.*but the head has \(5, 7\)"):
        CenterCTCHead(7, C, centers=str(file))


def test_pretrained_weights_do_not_replace_the_centers_of_the_configs_file(file, tmp_path):
    trained = _Network(_head())
    trained.head.center_counts[1] = 77
    paddle.save(trained.state_dict(), str(tmp_path / "best.pdparams"))
    network, said = _Network(CenterCTCHead(7, C, mid_channels=D, centers=str(file))), []
    load_pretrained(network, tmp_path / "best", minimum=1.0, log=said.append)
    assert network.head.center_counts.numpy().tolist() == _centers()[1].tolist()
    assert (network.head.fc1.weight.numpy() == trained.head.fc1.weight.numpy()).all()
    assert "head.centers, head.center_counts: taken from the file that the config names" in said[0]


@pytest.mark.parametrize("new", [["blank", " ", "c", "b", "a"], ["blank", "x", "c", " ", "y", "a", "z"]])
def test_with_another_dictionary_centers_move_with_their_characters(file, tmp_path, new):
    """Also with as many classes as before, where no shape tells."""
    trained = _Network(CenterCTCHead(7, C, mid_channels=D, centers=str(file)))
    paddle.save(trained.state_dict(), str(tmp_path / "best.pdparams"))
    (tmp_path / "best.dict.txt").write_text("a\nb\nc\n", encoding="utf-8")
    network, said = _Network(CenterCTCHead(7, len(new), mid_channels=D)), []
    load_pretrained(network, tmp_path / "best", characters=new, log=said.append)
    centers, counts = _centers()
    for row, character in enumerate(new):
        old = CHARACTERS.index(character) if character in CHARACTERS else 0
        assert (network.head.centers.numpy()[row] == centers[old]).all()
        assert int(network.head.center_counts[row]) == counts[old]
        if old:
            assert (network.head.fc2.weight.numpy()[:, row] == trained.head.fc2.weight.numpy()[:, old]).all()
    kept = sum(character in new for character in "ab ")
    assert f"head.center_counts: {kept} of the 3 centers in the file" in said[1]


def test_centers_that_claim_terabytes_are_refused_before_memory_is_asked_for(tmp_path):
    header = io.BytesIO()
    claim = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}
    np.lib.format.write_array_header_1_0(header, claim)
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        for name in ("centers", "counts", "dictionary_sha256", "format"):
            archive.writestr(name + ".npy", header.getvalue())
    with pytest.raises(UserError, match=r"huge.npz is not a complete .npz file"):
        read_centers(tmp_path / "huge.npz")
