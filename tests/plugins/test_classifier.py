"""The classifier of direction: its size, training on label files of words, export, and the official one beside it."""

import re

import cv2
import numpy as np
import paddle
import pytest

from ppocrv2_ext import config
from ppocrv2_ext.deploy.engine import load_onnx_engine, load_paddle_engine
from ppocrv2_ext.plugins.direction.classifier import BothWaysClsHead, rotate_180
from ppocrv2_ext.plugins.direction.turning import half_turn
from ppocrv2_ext.plugins.lcnet import LCNet

CONFIG = "cls/textline_orientation_lcnet"
CLASSES = ("0", "180")
TEXTS = "Carpark EXIT Library Rules Toyota Level Jurong Platform Bakery Hotel Gate Fresh Pay Queue Mail Dry".split()


def draw_word(text, rng):
    """A picture of a word in one of OpenCV's fonts, cut to its ink: room for descenders would give the answer away."""
    canvas = np.zeros((120, 600), np.uint8)
    cv2.putText(canvas, text, (20, 70), int(rng.integers(0, 8)), rng.uniform(0.6, 1.4), 255, 2, cv2.LINE_AA)
    x, y, width, height = cv2.boundingRect(canvas)
    left, top, right, bottom = rng.integers(0, 10, 4)
    ink = canvas[y - top : y + height + bottom, x - left : x + width + right]
    return np.repeat((ink if rng.random() < 0.5 else 255 - ink)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A folder with train.txt and test.txt, 32 and 16 words in PaddleOCR's format for recognition."""
    folder, rng = tmp_path_factory.mktemp("words"), np.random.default_rng(0)
    for name, count in (("train", 32), ("test", 16)):
        labels = []
        for number, text in enumerate(rng.choice(TEXTS, count)):
            cv2.imwrite(str(folder / f"{name}_{number}.png"), draw_word(str(text), rng))
            labels.append(f"{name}_{number}.png\t{text}\n")
        (folder / f"{name}.txt").write_text("".join(labels), encoding="utf-8")
    return folder


def options(folder, **more):
    """Overrides for a training on ``folder`` in one process."""
    chosen = {
        "Train.dataset.data_dir": folder,
        "Eval.dataset.data_dir": folder,
        "Train.dataset.label_file_list": f"[{folder / 'train.txt'}]",
        "Eval.dataset.label_file_list": f"[{folder / 'test.txt'}]",
        "Train.loader.num_workers": 0,
        "Eval.loader.num_workers": 0,
        "Global.use_gpu": "false",
        "Global.print_batch_step": 1,
        "Global.log_smooth_window": 1,
        "Global.save_model_dir": "out",
        "Global.pretrained_model": "",
        **{key.replace("__", "."): value for key, value in more.items()},
    }
    return [f"{key}={value}" for key, value in chosen.items()]


def deterministic_options(folder):
    """Overrides for two steps whose losses can be compared: one batch of all words, all turned, no augmentation."""
    names = ("tia", "crop", "reverse", "noise", "jitter", "blur", "hsv_aug")
    return [
        *options(folder, Train__loader__batch_size_per_card=32, Global__epoch_num=2, Global__eval_batch_step="[0,1]"),
        *(f"Train.dataset.transforms.RecAug.{name}_prob=0" for name in names),
        "Train.dataset.transforms.RandomHalfTurn.p=1",
        "Train.dataset.transforms.RandomSpan.p=0",
        "Architecture.Head.dropout=0",
    ]


def softmax(logits):
    return paddle.nn.functional.softmax(paddle.to_tensor(logits), axis=1).numpy()


def losses(log):
    return [float(value) for value in re.findall(r"global_step: \d+, .*? loss: ([0-9.]+)", log)]


def accuracies(log):
    return [float(value) for value in re.findall(r"cur metric, acc: ([0-9.]+)", log)]


@pytest.fixture
def network(wheel):
    """The network of the config, from scratch."""
    from ppocr.modeling.architectures import build_model

    return build_model(config.read(config.locate(CONFIG))["Architecture"])


def preprocess(paths):
    """(2 B, 3, H, W) by the transforms of the evaluation: the words upright, then the same words turned."""
    from ppocr.data.imaug import create_operators, transform

    steps = config.read(config.locate(CONFIG))["Eval"]["dataset"]["transforms"]
    resize = create_operators([step for step in steps if "Resize" in next(iter(step))], {"label_list": CLASSES})
    upright = [cv2.imread(str(path)) for path in paths]
    return np.stack([transform({"image": each}, resize)["image"] for each in [*upright, *map(half_turn, upright)]])


def test_parameters_and_batch_norm_statistics_take_less_than_a_megabyte(network):
    assert 4 * sum(value.size for value in network.state_dict().values()) == 972_032 < 1_000_000


def test_the_first_six_blocks_are_those_of_the_official_recognizer(network):
    recognizer = LCNet().state_dict()
    shared = [
        name
        for name, value in network.backbone.state_dict().items()
        if name in recognizer and recognizer[name].shape == value.shape
    ]
    assert {name.split(".")[1] for name in shared if name.startswith("block_list")} >= set("012345")
    share = len(shared) / len(network.state_dict())
    assert share > config.read(config.locate(CONFIG))["Global"]["pretrained_min_matched"]


def test_a_line_and_the_same_line_turned_get_opposite_answers(network):
    """With any weights; in evaluation, where nothing is dropped at random."""
    network.eval()
    images = paddle.randn([3, 3, 32, 96])
    upright, upside_down = network(images), network(images.flip([2, 3]))
    np.testing.assert_allclose(upright.numpy(), upside_down.numpy()[:, ::-1], atol=1e-6)
    assert (upright.numpy() != 0.5).all()


@pytest.mark.parametrize("shape", [(2, 3, 32, 96), (1, 1, 1, 1), (1, 2, 5, 300)])
def test_a_picture_turned_is_the_same_pixels_backwards(shape):
    x = paddle.randn(shape)
    np.testing.assert_array_equal(rotate_180(x).numpy(), x.numpy()[:, :, ::-1, ::-1])


def test_the_logits_are_the_difference_of_one_networks_scores_both_ways(network):
    network.eval()
    image = paddle.randn([1, 3, 32, 96])
    alone = [network.head.logits(LCNet.forward(network.backbone, x)).numpy() for x in (image, image.flip([2, 3]))]
    np.testing.assert_allclose(network(image).numpy(), softmax(alone[0] - alone[1]), atol=1e-6)


def test_other_than_two_classes_are_refused():
    with pytest.raises(ValueError, match="`class_dim` must be 2, got 4"):
        BothWaysClsHead(64, class_dim=4)


def test_the_layer_after_pooling_is_1280_wide(network):
    assert network.head.fc.weight.shape == [1280, 2]


def test_every_parameter_gets_a_gradient(network):
    images = paddle.randn([4, 3, 32, 96])
    paddle.nn.functional.cross_entropy(network(images), paddle.to_tensor([0, 1, 1, 0])).backward()
    trained = [(name, p) for name, p in network.named_parameters() if not p.stop_gradient]
    assert [name for name, p in trained if not float(p.grad.abs().sum()) > 0] == []


def test_a_label_file_of_words_trains_evaluates_exports_and_classifies(ppocrv2_here, network, words, tmp_path):
    trained = ppocrv2_here("train", "-c", CONFIG, "-o", *deterministic_options(words))
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert len(losses(trained.stdout)) == len(accuracies(trained.stdout)) == 2

    weights = "Global.pretrained_model=out/latest"
    evaluated = ppocrv2_here("eval", "-c", "out/resolved.yml", "-o", weights)
    assert float(re.findall(r"acc:([0-9.]+)", evaluated.stdout)[-1]) == pytest.approx(
        accuracies(trained.stdout)[-1], abs=1e-4
    )

    exported = ppocrv2_here(
        "export", "-c", "out/resolved.yml", "--onnx", "-o", weights, "Global.save_inference_dir=graph"
    )
    assert exported.returncode == 0, exported.stdout + exported.stderr
    images = preprocess(sorted(words.glob("test_*.png")))
    network.set_state_dict(paddle.load(str(tmp_path / "out" / "latest.pdparams")))
    network.eval()
    with paddle.no_grad():
        ours = network(paddle.to_tensor(images)).numpy()
    np.testing.assert_allclose(load_paddle_engine(tmp_path / "graph")(images), ours, atol=1e-5)
    np.testing.assert_allclose(load_onnx_engine(tmp_path / "graph" / "inference.onnx")(images), ours, atol=1e-5)

    picture = f"Global.infer_img={words / 'test_0.png'}"
    classified = ppocrv2_here("run", "tools/infer_cls.py", "-c", "out/resolved.yml", "-o", weights, picture)
    ((label, score),) = re.findall(r"result: \('(\d+)', (?:np\.float32\()?([0-9.]+)", classified.stdout)
    assert (CLASSES.index(label), float(score)) == (ours[0].argmax(), pytest.approx(ours[0].max(), abs=1e-4))


@pytest.mark.checkout
def test_both_hosts_train_to_the_same_losses(ppocrv2, checkout, network, words, tmp_path):
    paddle.save(network.state_dict(), str(tmp_path / "start.pdparams"))
    found = []
    for host in (None, checkout):
        overrides = [*deterministic_options(words), "Global.pretrained_model=start"]
        trained = ppocrv2("train", "-c", CONFIG, "-o", *overrides, paddleocr=host)
        assert trained.returncode == 0, trained.stdout + trained.stderr
        found.append(losses(trained.stdout))
    assert len(found[0]) == 2
    np.testing.assert_allclose(*found, atol=1e-4)
