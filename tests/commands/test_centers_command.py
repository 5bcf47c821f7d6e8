"""Centers from a trained network: ``ppocrv2 centers``, its file, and training that starts from it."""

import re
from pathlib import Path

import numpy as np
import paddle
import pytest
from click.testing import CliRunner

from ppocrv2_ext import config
from ppocrv2_ext.checkpoints.centers_file import fingerprint, read_centers, write_centers
from ppocrv2_ext.cli import main
from ppocrv2_ext.data.dictionary import read_dictionary
from ppocrv2_ext.plugins.ctc.alignment import align

CENTER = "rec/ch_PP-OCRv2_rec_enhanced_ctc_loss"
PAIR = "rec/ch_PP-OCRv2_rec_udml_center"
C, D = 5, 4


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def words(wheel, samples, tmp_path, monkeypatch):
    """Overrides for six real words at 32 x 64, a small dictionary, and a small network with random weights."""
    folder = samples / "icdar2015_words"
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


def test_the_command_equals_a_loop_on_real_words(words, trained, wheel, samples, tmp_path):
    done = _run("centers", "-c", CENTER, "-o", *words, *SMALL, "--output", "made/c.npz")
    assert done.exit_code == 0, done.output
    characters = read_dictionary(wheel.root / "ppocr/utils/en_dict.txt")
    with paddle.no_grad():
        sums, counts = _reference(trained, tmp_path / "words.txt", samples / "icdar2015_words", characters)
    written = read_centers(tmp_path / "made" / "c.npz", shape=(len(characters), 96))
    assert written.counts.tolist() == counts.tolist()
    np.testing.assert_allclose(written.centers, sums / counts.clip(min=1)[:, None], rtol=1e-4, atol=1e-6)
    assert written.dictionary == fingerprint(characters)
    assert _values(done.output, "used") == ["6"]
    assert _values(done.output, "frames") == [str(counts.sum())]


def test_a_line_without_a_sample_is_named_and_left_out_and_no_other_is_read_in_its_place(words, trained, tmp_path):
    good = (tmp_path / "words.txt").read_text(encoding="utf-8").splitlines()
    bad = ["nowhere.png\ta", "train/word_1.png\t", "no tabulator"]
    (tmp_path / "all.txt").write_text("\n".join([bad[0], *good[:4], *bad[1:], *good[4:]]) + "\n", encoding="utf-8")
    mixed = "Train.dataset.label_file_list=[all.txt]"
    outputs = [
        _run("centers", "-c", CENTER, "-o", *words, *SMALL, *more, "--output", f"{number}.npz").output
        for number, more in enumerate([[], [mixed], [mixed, "Eval.loader.batch_size_per_card=1"]])
    ]
    files = [read_centers(f"{number}.npz") for number in range(3)]
    for other in files[1:]:
        assert other.counts.tolist() == files[0].counts.tolist()
        np.testing.assert_allclose(other.centers, files[0].centers, rtol=1e-5, atol=1e-5)
    for output in outputs[1:]:
        assert _values(output, "lines") == ["6"]
        assert "6 of 9 lines of all.txt are usable" in output
        assert all(reason in output for reason in ("missing-image", "empty-label", "no-tab")), output


def test_files_that_a_training_mends_are_mended_here_too(words, trained, wheel, tmp_path):
    """A label file in UTF-16, a dictionary that begins with a byte-order mark, letters and accents apart."""
    lines = (tmp_path / "words.txt").read_text(encoding="utf-8")
    Path("utf16.txt").write_text(lines, encoding="utf-16")
    names = [line.partition("\t")[0] for line in lines.splitlines()]
    for form, accented in (("nfc", "\xe9"), ("nfd", "e\u0301")):
        Path(f"{form}.txt").write_text("".join(f"{name}\tcaf{accented}\n" for name in names), encoding="utf-8")
    dictionary = (wheel.root / "ppocr/utils/en_dict.txt").read_text(encoding="utf-8").split("\n")
    dictionary.insert(0, dictionary.pop(dictionary.index("a")))
    Path("marked.txt").write_text("\n".join(dictionary), encoding="utf-8-sig")
    Path("plain.txt").write_text("\n".join(dictionary), encoding="utf-8")
    labels, characters = "Train.dataset.label_file_list", "Global.character_dict_path"
    accents = [f"{characters}=accents.txt", "Global.unicode_form=NFC"]
    Path("accents.txt").write_text(
        "\n".join(["\xe9" if each == "~" else each for each in dictionary]), encoding="utf-8"
    )
    for wanted, mended in (
        ([], [f"{labels}=[utf16.txt]"]),
        ([f"{characters}=plain.txt"], [f"{characters}=marked.txt"]),
        ([*accents, f"{labels}=[nfc.txt]"], [*accents, f"{labels}=[nfd.txt]"]),
    ):
        for file, more in (("wanted.npz", wanted), ("mended.npz", mended)):
            done = _run("centers", "-c", CENTER, "-o", *words, *SMALL, *more, "--output", file)
            assert done.exit_code == 0, done.output
        one, other = read_centers("wanted.npz"), read_centers("mended.npz")
        assert one.counts.any()
        assert one.counts.tolist() == other.counts.tolist()


def test_processes_share_the_lines_and_each_is_read_once(words, trained):
    from ppocrv2_ext.host.samples.training_lines import TrainingLines

    recipe = config.override(config.read(config.locate(CENTER)), words[:-1])
    recipe["Global"]["character_dict_path"] = None
    shares = [TrainingLines(recipe, rank, 4) for rank in range(4)]
    lengths = [[int(n) for *_, lengths in share for n in lengths] for share in shares]
    assert [len(share) for share in lengths] == [2, 2, 1, 1]
    (whole,) = [[int(n) for *_, lengths in TrainingLines(recipe) for n in lengths]]
    assert [lengths[i % 4][i // 4] for i in range(6)] == whole


def test_the_label_for_ctc_of_a_multi_head_is_that_of_ctc_alone(words, trained):
    from ppocrv2_ext.host.samples.training_lines import TrainingLines

    recipe = config.override(config.read(config.locate(CENTER)), words[:-1])
    recipe["Global"]["character_dict_path"] = None
    (alone, *_) = list(TrainingLines(recipe))
    keys = ["image", "label_ctc", "label_gtc", "length", "valid_ratio"]
    transforms = [{"DecodeImage": {"img_mode": "BGR", "channel_first": False}}]
    transforms += [{"MultiLabelEncode": {"gtc_encode": "NRTRLabelEncode"}}]
    transforms += [{"RecResizeImg": {"image_shape": [3, 32, 64]}}, {"KeepKeys": {"keep_keys": keys}}]
    recipe["Eval"]["dataset"]["transforms"] = transforms
    (multi, *_) = list(TrainingLines(recipe))
    assert [len(multi), len(alone)] == [3, 3]
    assert all((one.numpy() == other.numpy()).all() for one, other in zip(multi, alone))


def test_the_network_of_a_pair_is_the_student_unless_the_user_names_another(words, wheel, tmp_path):
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


def test_a_file_of_another_dictionary_is_refused_before_training(words, tmp_path):
    file = tmp_path / "centers.npz"
    write_centers(file, np.zeros([5, 4]), np.zeros(5), ["blank", "a", "b", "c", " "])
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
        (["Eval.dataset.transforms.KeepKeys.keep_keys=[image,label]"], ["KeepKeys", "keeps no 'length'"]),
        (["Eval.dataset.transforms.KeepKeys.keep_keys=[image]"], ["KeepKeys", "must begin with image, label"]),
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


# --- whole processes -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_processes_make_the_file_of_one(words, trained, two_processes, command_script):
    alone = _run("centers", "-c", CENTER, "-o", *words, *SMALL, "--output", "one.npz")
    logs = two_processes(command_script, "centers", "-c", CENTER, "-o", *words, *SMALL, "--output", "two.npz")
    one, two = read_centers("one.npz"), read_centers("two.npz")
    assert one.counts.tolist() == two.counts.tolist()
    np.testing.assert_allclose(two.centers, one.centers, rtol=1e-5, atol=1e-6)
    for row in ("lines", "used", "frames", "distance of a frame to its center"):
        assert _values(logs, row) == _values(alone.output, row), row


@pytest.mark.slow
def test_training_starts_from_the_file_and_a_resumed_one_from_its_checkpoint(
    ppocrv2, words, trained, either_host, tmp_path
):
    """With a center weight of 0 the centers stay where they are."""
    made = ppocrv2("centers", "-c", CENTER, "-o", *words, *SMALL, "--output", "c.npz", paddleocr=either_host)
    assert made.returncode == 0, made.stdout + made.stderr
    first, other = read_centers(tmp_path / "c.npz"), read_dictionary(_dictionary())
    write_centers(tmp_path / "other.npz", first.centers + 1, first.counts + 1, other)
    training = [*words, *SMALL, "Train.loader.batch_size_per_card=6", "Global.save_model_dir=out"]
    training += ["Global.eval_batch_step=[0,1]", "Loss.center_weight=0.0"]
    for file, more in (("c.npz", ["Global.epoch_num=1"]), ("other.npz", ["Global.epoch_num=2"])):
        resume = ["--resume", "out"] if file == "other.npz" else []
        options = [*training, *more, f"Architecture.Head.centers={file}"]
        done = ppocrv2("train", "-c", CENTER, *resume, "-o", *options, paddleocr=either_host)
        assert done.returncode == 0, done.stdout + done.stderr
        saved = paddle.load(str(tmp_path / "out" / "latest.pdparams"))
        assert saved["head.centers"].numpy().tobytes() == first.centers.tobytes()
        assert saved["head.center_counts"].numpy().tobytes() == first.counts.tobytes()
    gone = [option for option in options if "centers=" not in option]
    best = "Global.pretrained_model=out/latest"
    evaluated = ppocrv2(
        "eval", "-c", CENTER, "-o", *gone, best, "Architecture.Head.centers=gone.npz", paddleocr=either_host
    )
    assert evaluated.returncode == 0, evaluated.stdout + evaluated.stderr


def _dictionary():
    from ppocrv2_ext.host import find_host

    return find_host().root / "ppocr/utils/en_dict.txt"
