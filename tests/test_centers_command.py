"""Centers from a trained network: ``ppocrv2 centers``, its file, and training that starts from it."""

import re
from pathlib import Path

import numpy as np
import paddle
import pytest
from click.testing import CliRunner
from paddle import nn

from ppocrv2_ext import config, networks
from ppocrv2_ext.cli import main
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins import means
from ppocrv2_ext.plugins.alignment import align
from ppocrv2_ext.plugins.center_head import CenterCTCHead
from ppocrv2_ext.report.coverage import coverage, render, require_some
from ppocrv2_ext.weights.centers import fingerprint, read_centers, write_centers
from ppocrv2_ext.weights.dictionary import read_dictionary
from ppocrv2_ext.weights.load import load_pretrained

ROOT = Path(__file__).resolve().parent.parent
CENTER = "rec/ch_PP-OCRv2_rec_enhanced_ctc_loss"
PAIR = "rec/ch_PP-OCRv2_rec_udml_center"
C, D = 5, 4
CHARACTERS = ["blank", "a", "b", "c", " "]


def _random(seed, *shape):
    return np.random.RandomState(seed).randn(*shape).astype("float32")


def _centers():
    """Centers of three classes of five; the blank and class 3 have none."""
    counts = np.array([0, 4, 2, 0, 9])
    return _random(0, C, D) * (counts > 0)[:, None], counts


@pytest.fixture
def file(tmp_path):
    write_centers(tmp_path / "centers.npz", *_centers(), CHARACTERS)
    return tmp_path / "centers.npz"


# --- the rules -------------------------------------------------------------------------------------------------------


def _merged(path):
    return [int(c) for c, before in zip(path, [0, *path]) if c not in (0, before)]


def test_lines_read_right_are_those_whose_path_merges_to_the_label():
    random = np.random.RandomState(0)
    paths, lengths = random.randint(0, 3, (900, 5)), random.randint(0, 4, 900)
    labels = random.randint(1, 3, (900, 3))
    logits = paddle.to_tensor(np.eye(3, dtype="float32")[paths])
    classes, right = means.read_right(logits, paddle.to_tensor(labels), paddle.to_tensor(lengths))
    expected = [_merged(path) == label[:n].tolist() for path, label, n in zip(paths, labels, lengths)]
    assert right.numpy().tolist() == expected
    assert 20 < sum(expected) < 500
    assert (classes.numpy() == paths * np.array(expected)[:, None]).all()


def test_by_alignment_a_label_that_does_not_fit_is_left_out():
    logits = paddle.to_tensor(_random(0, 2, 3, C))
    classes, fits = means.aligned(logits, paddle.to_tensor([[1, 2], [2, 2]]), paddle.to_tensor([2, 2]))
    assert fits.numpy().tolist() == [True, True]
    classes, fits = means.aligned(logits[:, :2], paddle.to_tensor([[1, 2], [2, 2]]), paddle.to_tensor([2, 2]))
    assert fits.numpy().tolist() == [True, False]
    assert classes.numpy().tolist() == [[1, 2], [0, 0]]


# --- gathering -------------------------------------------------------------------------------------------------------


class _Network(nn.Layer):
    """Dropout and a head of ours or of PaddleOCR: a network that is another one in training."""

    def __init__(self, head):
        super().__init__()
        self.dropout, self.head = nn.Dropout(0.5), head

    def forward(self, x):
        return self.head(self.dropout(x))


def _batches(sizes=(3, 3, 1)):
    x, lengths = _random(1, 7, 6, 7), np.array([3, 2, 1, 3, 3, 1, 2])
    labels = np.random.RandomState(2).randint(1, C - 1, (7, 3))
    edges = np.cumsum([0, *sizes])
    return [[paddle.to_tensor(part[a:b]) for part in (x, labels, lengths)] for a, b in zip(edges, edges[1:])]


def _head():
    paddle.seed(0)
    return CenterCTCHead(7, C, mid_channels=D)


def test_means_and_spreads_match_a_loop_over_frames():
    network = _Network(_head())
    found = means.class_means(means.gather(network, _batches(), C))
    frames = {c: [] for c in range(C)}
    for x, labels, lengths in _batches((1,) * 7):
        features = network.head.fc1(x)
        for feature, c in zip(features[0].numpy(), align(network.head.fc2(features), labels, lengths)[0].numpy()):
            frames[int(c)].append(feature.astype("float64"))
    for c in (1, 2, 3):
        mean = sum(frames[c]) / len(frames[c])
        np.testing.assert_allclose(found.centers[c], mean, rtol=1e-5, atol=1e-6)
        spread = np.sqrt(np.mean([((feature - mean) ** 2).sum() for feature in frames[c]]))
        assert found.spreads[c] == pytest.approx(spread, rel=1e-4)
    assert found.counts.tolist() == [0, *(len(frames[c]) for c in (1, 2, 3)), 0]
    assert not found.centers[[0, 4]].any()


@pytest.mark.parametrize("sizes", [(7,), (4, 3), (1,) * 7])
def test_the_batches_do_not_matter(sizes):
    reference, found = (means.class_means(means.gather(_Network(_head()), _batches(s), C)) for s in ((3, 3, 1), sizes))
    np.testing.assert_allclose(found.centers, reference.centers, rtol=1e-5, atol=1e-6)
    for name in ("counts", "labelled", "used", "unused"):
        assert np.array_equal(getattr(found, name), getattr(reference, name)), name
    assert found.labelled.sum() == 15
    assert found.used + found.unused == 7


def test_the_heads_of_paddleocr_serve_as_well(wheel):
    from ppocr.modeling.heads.rec_ctc_head import CTCHead

    ours, stock = _head(), CTCHead(7, C, mid_channels=D)
    stock.set_state_dict(ours.state_dict())
    totals = [means.gather(_Network(head), _batches(), C) for head in (ours, stock)]
    assert (totals[0].frames.numpy() == totals[1].frames.numpy()).all()


def test_gathering_leaves_the_network_as_it_is_and_without_hooks():
    network = _Network(_head())
    before = {name: value.numpy().tobytes() for name, value in network.state_dict().items()}
    means.gather(network, _batches(), C)
    assert {name: value.numpy().tobytes() for name, value in network.state_dict().items()} == before
    assert not network.head.fc2._forward_post_hooks
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_network_without_such_a_layer_is_an_error():
    with pytest.raises(UserError, match=r"one linear layer of 9 classes at its end, this one has 0"):
        means.gather(_Network(_head()), _batches(), 9)


# --- the file --------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read(file):
    found = read_centers(file)
    centers, counts = _centers()
    assert found.centers.tobytes() == centers.tobytes()
    assert found.counts.tolist() == counts.tolist()
    assert found.dictionary == fingerprint(CHARACTERS)
    assert [path.name for path in file.parent.iterdir()] == ["centers.npz"]


def test_the_fingerprint_knows_order_space_and_empty_characters():
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
def test_another_file_is_an_error_that_says_how_to_make_one(tmp_path, content, message):
    _broken(content, tmp_path / "x.npz")
    with pytest.raises(UserError, match=rf"{message}.*`ppocrv2 centers -c CONFIG"):
        read_centers(tmp_path / "x.npz")


def test_half_a_file_is_an_error(file):
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(UserError, match="not a complete .npz file"):
        read_centers(file)


def test_a_missing_file_suggests_its_neighbour(file):
    with pytest.raises(UserError, match=r"no file of centers .*centres\.npz; did you mean 'centers\.npz'"):
        read_centers(file.with_name("centres.npz"))


def test_a_folder_that_cannot_be_written_to_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(UserError, match=r"cannot write .*taken.*name another place"):
        write_centers(tmp_path / "taken" / "x.npz", *_centers(), CHARACTERS)
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


# --- training from it ------------------------------------------------------------------------------------------------


def test_a_head_starts_from_the_file_and_trains_on(file):
    head = CenterCTCHead(7, C, mid_channels=D, centers=str(file))
    centers, counts = _centers()
    assert head.centers.numpy().tobytes() == centers.tobytes()
    assert head.center_counts.numpy().tolist() == counts.tolist()
    assert head.state_dict().keys() == _head().state_dict().keys()


def test_a_head_of_another_size_is_an_error(file):
    with pytest.raises(UserError, match=r"centers\.npz holds \(5, 4\) centers.*but the head has \(5, 7\)"):
        CenterCTCHead(7, C, centers=str(file))


def test_pretrained_weights_leave_the_chosen_centers_be(file, tmp_path):
    trained = _Network(_head())
    trained.head.center_counts[1] = 77
    paddle.save(trained.state_dict(), str(tmp_path / "best.pdparams"))
    network, said = _Network(CenterCTCHead(7, C, mid_channels=D, centers=str(file))), []
    load_pretrained(network, tmp_path / "best", minimum=1.0, log=said.append)
    assert network.head.center_counts.numpy().tolist() == _centers()[1].tolist()
    assert (network.head.fc1.weight.numpy() == trained.head.fc1.weight.numpy()).all()
    assert "head.centers, head.center_counts: as the config's file has them" in said[0]


@pytest.mark.parametrize("new", [["blank", " ", "c", "b", "a"], ["blank", "x", "c", " ", "y", "a", "z"]])
def test_with_another_dictionary_centers_move_along_with_their_characters(file, tmp_path, new):
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


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def words(wheel, shared_data, tmp_path, monkeypatch):
    """Overrides for six real words at 32 x 64, a small dictionary, and a small network with random weights."""
    folder = shared_data / "icdar2015_words"
    lines = (folder / "train.txt").read_text(encoding="utf-8-sig").splitlines()
    (tmp_path / "words.txt").write_text("\n".join(lines[:6]) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return [
        *(f"{mode}.dataset.data_dir={folder}" for mode in ("Train", "Eval")),
        *(f"{mode}.dataset.label_file_list=[words.txt]" for mode in ("Train", "Eval")),
        *(f"{mode}.dataset.transforms.RecResizeImg.image_shape=[3,32,64]" for mode in ("Train", "Eval")),
        *("Train.loader.num_workers=0", "Eval.loader.num_workers=0", "Eval.loader.batch_size_per_card=4"),
        *("Global.use_gpu=false", "Global.character_dict_path=ppocr/utils/en_dict.txt"),
    ]


SMALL = ["Architecture.Backbone.scale=0.25", "Global.pretrained_model=trained"]


@pytest.fixture
def trained(wheel, tmp_path):
    """The small network whose weights are ``trained.pdparams``, in evaluation mode."""
    from ppocrv2_ext.host import build_network

    architecture = config.read(config.locate(CENTER))["Architecture"]
    architecture["Backbone"]["scale"], architecture["Head"]["out_channels"] = 0.25, 97
    paddle.seed(0)
    network = build_network(architecture)
    network.eval()
    paddle.save(network.state_dict(), str(tmp_path / "trained.pdparams"))
    return network


def _run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def _values(output, row):
    return re.findall(rf"\| +{row} +\| (.*?) +\|", output)


def _refused(result, *parts):
    assert result.exit_code == 2, result.output
    for part in parts:
        assert part in result.output, result.output


def _reference(network, words_file, folder, characters):
    """(C, D) sums and (C,) counts of the words, one line and one frame at a time, from files read here."""
    from ppocr.data.imaug import create_operators, transform

    resize = [
        {"DecodeImage": {"img_mode": "BGR", "channel_first": False}},
        {"RecResizeImg": {"image_shape": [3, 32, 64]}},
    ]
    operators = create_operators(resize, {"infer_mode": False})
    sums, counts = np.zeros((len(characters), 96)), np.zeros(len(characters), int)
    for line in words_file.read_text(encoding="utf-8").splitlines():
        name, text = line.split("\t")
        image = transform({"image": (folder / name).read_bytes()}, operators)["image"]
        features = network.head.fc1(network.neck(network.backbone(paddle.to_tensor(image[None]))))
        label = paddle.to_tensor([[characters.index(character) for character in text]])
        path = align(network.head.fc2(features), label, paddle.to_tensor([len(text)]))
        for feature, c in zip(features[0].numpy(), path[0].numpy()):
            if c:
                sums[c] += feature
                counts[c] += 1
    return sums, counts


def test_the_command_equals_a_loop_on_real_words(words, trained, wheel, shared_data, tmp_path):
    done = _run("centers", "-c", CENTER, "-o", *words, *SMALL, "--output", "made/c.npz")
    assert done.exit_code == 0, done.output
    characters = read_dictionary(wheel.root / "ppocr/utils/en_dict.txt")
    with paddle.no_grad():
        sums, counts = _reference(trained, tmp_path / "words.txt", shared_data / "icdar2015_words", characters)
    found = read_centers(tmp_path / "made" / "c.npz", shape=(len(characters), 96))
    assert found.counts.tolist() == counts.tolist()
    np.testing.assert_allclose(found.centers, sums / counts.clip(min=1)[:, None], rtol=1e-4, atol=1e-6)
    assert found.dictionary == fingerprint(characters)
    assert _values(done.output, "used") == ["6"]
    assert _values(done.output, "frames") == [str(counts.sum())]


def test_each_line_is_read_once_and_none_twice_for_one_without_a_sample(words, trained, tmp_path):
    good = (tmp_path / "words.txt").read_text(encoding="utf-8").splitlines()
    bad = ["nowhere.png\ta", "train/word_1.png\t", "no tabulator"]
    (tmp_path / "all.txt").write_text("\n".join([bad[0], *good[:4], *bad[1:], *good[4:]]) + "\n", encoding="utf-8")
    mixed = "Train.dataset.label_file_list=[all.txt]"
    outputs = [
        _run("centers", "-c", CENTER, "-o", *words, *SMALL, *more, "--output", f"{number}.npz").output
        for number, more in enumerate([[], [mixed], [mixed, "Eval.loader.batch_size_per_card=1"]])
    ]
    found = [read_centers(f"{number}.npz") for number in range(3)]
    for other in found[1:]:
        assert other.counts.tolist() == found[0].counts.tolist()
        np.testing.assert_allclose(other.centers, found[0].centers, rtol=1e-5, atol=1e-5)
    for output in outputs[1:]:
        assert _values(output, "lines") == ["9"]
        assert _values(output, "no sample") == ["3:"]
        assert all(line.partition("\t")[0] in output for line in bad)


def test_every_process_reads_its_share(words, trained):
    from ppocrv2_ext.host.evaluation import TrainingLines

    settled = config.override(config.read(config.locate(CENTER)), words[:-1])
    settled["Global"]["character_dict_path"] = None
    shares = [TrainingLines(settled, rank, 4) for rank in range(4)]
    lengths = [[int(n) for *_, lengths in share for n in lengths] for share in shares]
    assert [len(share) for share in lengths] == [2, 2, 1, 1]
    (whole,) = [[int(n) for *_, lengths in TrainingLines(settled) for n in lengths]]
    assert [lengths[i % 4][i // 4] for i in range(6)] == whole


def test_of_a_pair_the_student_or_the_named_network_is_taken(words, wheel, tmp_path):
    from ppocrv2_ext.host import build_network

    names = ("Student", "Teacher")
    small = [f"Architecture.Models.{name}.Backbone.scale=0.25" for name in names]
    heads = [f"Architecture.Models.{name}.Head.out_channels=97" for name in names]
    pair = config.override(config.read(config.locate(PAIR)), [*small, *heads])
    paddle.save(build_network(pair["Architecture"]).state_dict(), str(tmp_path / "pair.pdparams"))
    options = ["-o", *words, *small, "Global.pretrained_model=pair"]
    for file, network in (
        ("default", ()),
        ("student", ("--network", "Student")),
        ("teacher", ("--network", "Teacher")),
    ):
        done = _run("centers", "-c", PAIR, "--output", f"{file}.npz", *network, *options)
        assert done.exit_code == 0, done.output
    default, student, teacher = (read_centers(f"{file}.npz").centers for file in ("default", "student", "teacher"))
    assert (default == student).all()
    assert (student != teacher).any()


def test_a_file_of_another_dictionary_is_refused_before_training(words, file, tmp_path):
    head = f"Architecture.Head.centers={file}"
    start = ["Train.loader.batch_size_per_card=2", "Global.save_model_dir=out"]
    refused = _run("train", "-c", CENTER, "-o", *words, *start, head)
    _refused(refused, str(file), "en_dict.txt", "another dictionary", "`ppocrv2 centers -c CONFIG --output")
    assert not (tmp_path / "out").exists()
    member = f"Architecture.Models.Student.Head.centers={file}"
    _refused(_run("train", "-c", PAIR, "-o", *words, *start, member), str(file), "another dictionary")
    _refused(_run("train", "-c", CENTER, "-o", *words, *start, head + "x"), "no file of centers")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["Global.pretrained_model="], ["no weights"]),
        (["Global.pretrained_model=nowhere"], ["no file nowhere.pdparams"]),
        (["Train.dataset.label_file_list=[nowhere.txt]"], ["Train.dataset.label_file_list", "nowhere.txt"]),
        (["Eval.dataset.transforms.KeepKeys.keep_keys=[image]"], ["KeepKeys", "keeps no 'label'"]),
        (["--network", "Student"], ["single network"]),
        (["--output", "words.txt/c.npz"], ["cannot write to words.txt"]),
    ],
)
def test_bad_input_to_the_command_is_refused(words, trained, arguments, parts):
    _refused(_run("centers", "-c", CENTER, "--output", "c.npz", "-o", *words, *SMALL, *arguments), *parts)
    assert not Path("c.npz").exists()


def test_a_detectors_config_is_refused(words, trained):
    detector = ["-c", "det/ch_PP-OCRv2_det_student", "-o", *words[:4], "Global.pretrained_model=trained"]
    _refused(_run("centers", *detector, "Global.use_gpu=false", "--output", "c.npz"), "recognizer's config")


def test_which_network_of_a_pair():
    pair = config.read(config.locate(PAIR))["Architecture"]
    assert networks.named(pair) == "Student"
    assert networks.named(pair, "Teacher") == "Teacher"
    models = {"T": {"freeze_params": True}, "A": {}, "B": {}}
    assert networks.named({"Models": models}) == "A"
    with pytest.raises(UserError, match="--network Studnt: .*did you mean 'Student'"):
        networks.named(pair, "Studnt")


def test_the_file_is_needed_by_training_alone():
    pair = config.override(config.read(config.locate(PAIR)), ["Architecture.Models.Student.Head.centers=gone.npz"])
    members = networks.without_centers(pair)["Architecture"]["Models"]
    assert all("centers" not in member["Head"] for member in members.values())
    assert pair["Architecture"]["Models"]["Student"]["Head"]["centers"] == "gone.npz"


# --- the table -------------------------------------------------------------------------------------------------------


def _found(counts, labelled, **changes):
    fields = {"spreads": np.array([0, 1.0, 3.0, 0, 9.0]), "used": 4, "unused": 1, **changes}
    return means.ClassMeans(np.diag([0.0, 3, 0, 0, 4])[:, :D], np.array(counts), labelled=np.array(labelled), **fields)


def test_coverage_by_hand():
    found = _found([0, 12, 9, 0, 1], [0, 2, 2, 5, 1])
    rows = dict(coverage(found, CHARACTERS, "misread", ["a.png\tx"], 3))
    assert rows["classes with a center"] == "3 of 4"
    assert rows["characters in the labels"] == "4"
    assert rows["  without a center"] == "1: c"
    assert rows["frames"] == "22"
    assert [rows[f"  classes with {band}"] for band in ("0", "1 to 9", "10 to 99", "10000 or more")] == list("1210")
    assert rows["distance to the own center"] == "2.000"  # of classes with more than one frame
    assert rows["lines"] == "8"
    assert rows["  no sample"] == "3:\na.png\tx\n..."
    assert rows["  misread"] == "1"


def test_the_distance_between_centers_is_over_all_pairs():
    found = _found([0, 1, 1, 0, 1], [0] * 5)
    points = found.centers[[1, 2, 4]]
    pairs = [((points[i] - points[j]) ** 2).sum() for i, j in ((0, 1), (0, 2), (1, 2))]
    rows = dict(coverage(found, CHARACTERS, "misread", [], 0))
    assert float(rows["distance between centers"]) == pytest.approx(np.sqrt(np.mean(pairs)), abs=1e-3)


def test_twenty_characters_without_a_center_are_shown():
    characters = ["blank", *"abcdefghijklmnopqrstuvwxyz"]
    none = means.ClassMeans(np.zeros((27, D)), np.zeros(27, int), np.zeros(27), np.r_[0, np.ones(26, int)], 1, 0)
    rows = dict(coverage(none, characters, "misread", [], 0))
    assert rows["  without a center"] == "26: a b c d e f g h i j k l m n o p q r s t ..."
    assert "26: a b c" in render(rows.items(), "title")
    with pytest.raises(UserError, match="of 1 lines none gave a frame"):
        require_some(none)


# --- whole processes -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_processes_make_the_file_of_one(words, trained, two_processes, command_script):
    alone = _run("centers", "-c", CENTER, "-o", *words, *SMALL, "--output", "one.npz")
    logs = two_processes(command_script, "centers", "-c", CENTER, "-o", *words, *SMALL, "--output", "two.npz")
    one, two = read_centers("one.npz"), read_centers("two.npz")
    assert one.counts.tolist() == two.counts.tolist()
    np.testing.assert_allclose(two.centers, one.centers, rtol=1e-5, atol=1e-6)
    for row in ("lines", "used", "frames", "distance to the own center"):
        assert _values(logs, row) == _values(alone.output, row), row


@pytest.mark.slow
@pytest.mark.parametrize("on_checkout", [False, pytest.param(True, marks=pytest.mark.checkout)])
def test_training_starts_from_the_file_and_a_resumed_one_from_its_checkpoint(
    ppocrv2, words, trained, on_checkout, request, tmp_path
):
    """With a center weight of 0 the centers stay where they are."""
    host = request.getfixturevalue("checkout") if on_checkout else None
    made = ppocrv2("centers", "-c", CENTER, "-o", *words, *SMALL, "--output", "c.npz", paddleocr=host)
    assert made.returncode == 0, made.stdout + made.stderr
    first, other = read_centers(tmp_path / "c.npz"), read_dictionary(_dictionary())
    write_centers(tmp_path / "other.npz", first.centers + 1, first.counts + 1, other)
    training = [*words, *SMALL, "Train.loader.batch_size_per_card=6", "Global.save_model_dir=out"]
    training += ["Global.eval_batch_step=[0,1]", "Loss.center_weight=0.0"]
    for file, more in (("c.npz", ["Global.epoch_num=1"]), ("other.npz", ["Global.epoch_num=2"])):
        resume = ["--resume", "out"] if file == "other.npz" else []
        options = [*training, *more, f"Architecture.Head.centers={file}"]
        done = ppocrv2("train", "-c", CENTER, *resume, "-o", *options, paddleocr=host)
        assert done.returncode == 0, done.stdout + done.stderr
        saved = paddle.load(str(tmp_path / "out" / "latest.pdparams"))
        assert saved["head.centers"].numpy().tobytes() == first.centers.tobytes()
        assert saved["head.center_counts"].numpy().tobytes() == first.counts.tobytes()
    gone = [option for option in options if "centers=" not in option]
    best = "Global.pretrained_model=out/latest"
    evaluated = ppocrv2("eval", "-c", CENTER, "-o", *gone, best, "Architecture.Head.centers=gone.npz", paddleocr=host)
    assert evaluated.returncode == 0, evaluated.stdout + evaluated.stderr


def _dictionary():
    from ppocrv2_ext.host import find

    return find().root / "ppocr/utils/en_dict.txt"
