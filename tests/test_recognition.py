"""The main job on real words: official weights, PaddleOCR's own train, eval and export, and reading with the result."""

import copy
import re
import shutil

import cv2
import numpy as np
import paddle
import pytest

from ppocrv2_ext.deploy.engine import load_onnx_engine, load_paddle_engine
from ppocrv2_ext.deploy.read import read_lines
from ppocrv2_ext.plugins.fast_cpu.memory import paddle_only

FINETUNE = "rec/ch_PP-OCRv2_rec_finetune"
SMALL = ("Train.loader.num_workers=0", "Eval.loader.num_workers=0", "Global.use_gpu=false", "Global.print_batch_step=1")


def read_words(folder):
    """[(path, text)] of the test words in a folder."""
    lines = (folder / "test.txt").read_text(encoding="utf-8-sig").splitlines()
    return [(folder / image, text) for image, text in (line.split("\t", 1) for line in lines)]


@pytest.fixture(scope="module")
def words(samples):
    """[(path, text)] of 25 real words."""
    return read_words(samples / "icdar2015_words")


@pytest.fixture(scope="module")
def official(wheel):
    """The official recognizer as a network that trains, built from the fine-tune config."""
    from ppocr.modeling.architectures import build_model

    from ppocrv2_ext import config
    from ppocrv2_ext.checkpoints import inference_graph, published
    from ppocrv2_ext.host.networks.merging import list_parameters_in_order

    architecture = config.read(config.locate(FINETUNE))["Architecture"]
    network = build_model({**architecture, "Head": {**architecture["Head"], "out_channels": 6625}})
    tensors = inference_graph.read_in_order(published.locate(published.find("rec")))
    used = list_parameters_in_order(network, (3, 32, 320))
    converted = inference_graph.convert_to_parameters(tensors, used, network.state_dict())
    network.set_state_dict({name: paddle.to_tensor(value) for name, value in converted.params.items()})
    network.eval()
    return network


def prepare_images(paths):
    """(B, 3, 32, 320) through PaddleOCR's own transforms."""
    from ppocr.data.imaug import create_operators, transform

    operators = create_operators(
        [
            {"DecodeImage": {"img_mode": "BGR", "channel_first": False}},
            {"RecResizeImg": {"image_shape": [3, 32, 320]}},
            {"KeepKeys": {"keep_keys": ["image"]}},
        ],
        {"infer_mode": False},
    )
    return np.stack([transform({"image": path.read_bytes()}, operators)[0] for path in paths])


def strings(wheel, probabilities):
    from ppocr.postprocess import build_post_process

    decode = build_post_process(
        {"name": "CTCLabelDecode"},
        {"character_dict_path": str(wheel.root / "ppocr/utils/ppocr_keys_v1.txt"), "use_space_char": True},
    )
    return [text for text, _ in decode(probabilities)]


def require_parity(official, wheel, paths):
    """The probabilities equal those of the published graph, and the strings those of that graph after optimisation."""
    import onnxruntime

    from ppocrv2_ext.checkpoints import published

    file = published.locate(published.find("rec"))
    # onnxruntime's optimisations alone move a probability of these words by up to 6e-4.
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    optimised = load_onnx_engine(file)
    for start in range(0, len(paths), 25):
        images = prepare_images(paths[start : start + 25])
        tensor = paddle.to_tensor(images)
        with paddle.no_grad():
            ours = official(tensor).numpy()
            theirs = plain.run(None, {plain.get_inputs()[0].name: images})[0]
            difference, bound = np.abs(ours - theirs).max(), 1e-4
            if difference > bound:  # a processor on which Paddle's own operators round more
                with paddle_only():
                    bound = np.abs(official(tensor).numpy() - theirs).max()
        assert difference <= bound
        assert strings(wheel, ours) == strings(wheel, optimised(images))


def test_the_official_recognizer_has_the_published_number_of_parameters(official):
    """2.077 M with BatchNorm's statistics; Paddle lists an LSTM's weights twice."""
    assert sum(value.size for name, value in official.state_dict().items() if ".cell_" not in name) == 2_077_377


def test_the_converted_network_reads_real_words_like_the_official_onnx(official, wheel, words):
    require_parity(official, wheel, [path for path, _ in words[:25]])


@pytest.mark.slow
def test_the_converted_network_reads_all_1000_words_like_the_official_onnx(official, wheel, shared_data):
    require_parity(official, wheel, [path for path, _ in read_words(shared_data / "icdar2015_words")])


def test_an_evaluation_by_the_fast_functions_reads_what_one_by_paddles_operators_reads(official, wheel, words):
    images = paddle.to_tensor(prepare_images([path for path, _ in words]))
    with paddle.no_grad():
        fast = strings(wheel, official(images))
        with paddle_only():
            assert fast == strings(wheel, official(images))


def test_with_freeze_norm_the_network_gives_the_same_outputs_in_training_and_in_evaluation(official, wheel, words):
    """Without freeze_norm, BatchNorm uses the statistics of the batch in training: most words are then read wrong."""
    images = paddle.to_tensor(prepare_images([path for path, _ in words[:24]]))
    with paddle.no_grad():
        evaluated = official(images).numpy()
        official.train()
        trained = paddle.nn.functional.softmax(official(images), axis=2).numpy()
        for layer in official.sublayers():
            if hasattr(layer, "_use_global_stats"):
                layer._use_global_stats = None
        unfrozen = paddle.nn.functional.softmax(official(images), axis=2).numpy()
    np.testing.assert_allclose(trained, evaluated, atol=1e-5)
    labels = [text for _, text in words[:24]]
    right, right_unfrozen = (
        sum(map(str.__eq__, strings(wheel, probabilities), labels)) for probabilities in (trained, unfrozen)
    )
    assert right >= 8
    assert right_unfrozen <= right // 2


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def pretrained(official, run_folder):
    from ppocrv2_ext.checkpoints.pdparams import write_checkpoint

    dictionary = run_folder / "characters.txt"
    from ppocrv2_ext.host import find_host

    dictionary.write_bytes((find_host().root / "ppocr/utils/ppocr_keys_v1.txt").read_bytes())
    return write_checkpoint(official.state_dict(), run_folder, "official", dictionary).with_suffix("")


@pytest.fixture
def one_batch(words, tmp_path):
    """Overrides for a set of six real words, which are one batch whatever their order."""
    label_file = tmp_path / "words.txt"
    label_file.write_text("".join(f"{path}\t{text}\n" for path, text in words[:6]), encoding="utf-8")
    return [
        *(f"{mode}.dataset.data_dir=/" for mode in ("Train", "Eval")),
        *(f"{mode}.dataset.label_file_list=[{label_file}]" for mode in ("Train", "Eval")),
        "Train.loader.batch_size_per_card=6",
        "Global.eval_batch_step=[0,1]",
        "Global.log_smooth_window=1",
        *(f"Train.dataset.transforms.RecAug.{name}_prob=0" for name in "tia crop reverse noise jitter blur".split()),
        "Train.dataset.transforms.RecAug.hsv_aug_prob=0",
        *SMALL,
    ]


def copy_in_evaluation(network):
    network_copy = copy.deepcopy(network)
    network_copy.eval()
    return network_copy


def losses(log):
    return [float(value) for value in re.findall(r"global_step: \d+, .*? loss: ([0-9.]+)", log)]


def accuracies(log):
    return [float(value) for value in re.findall(r"cur metric, acc: ([0-9.]+)", log)]


def test_a_fine_tune_can_be_evaluated_exported_and_read_with_on_the_wheel(
    ppocrv2, official, pretrained, one_batch, words, tmp_path
):
    trained = ppocrv2(
        "train", "-c", FINETUNE, "-o", *one_batch, f"Global.pretrained_model={pretrained}", "Global.epoch_num=3",
        "Global.save_model_dir=out",
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    log = (tmp_path / "out" / "train.log").read_text(encoding="utf-8")
    assert "179 of the model's 179 tensors matched (100.0%)" in log
    assert len(losses(log)) == 3
    assert (tmp_path / "out" / "resolved.yml").is_file()

    weights = "Global.pretrained_model=out/best_accuracy"
    evaluated = ppocrv2("eval", "-c", "out/resolved.yml", "-o", weights)
    assert f"acc:{max(accuracies(log))}" in evaluated.stdout + evaluated.stderr

    exported = ppocrv2("export", "-c", "out/resolved.yml", "--onnx", "--output", "inference", "-o", weights)
    assert exported.returncode == 0, exported.stdout + exported.stderr
    images = prepare_images([path for path, _ in words[:6]])
    by_paddle = load_paddle_engine(tmp_path / "inference")(images)
    by_onnx = load_onnx_engine(tmp_path / "inference" / "inference.onnx")(images)
    network = copy_in_evaluation(official)
    network.set_state_dict(paddle.load(str(tmp_path / "out" / "best_accuracy.pdparams")))
    with paddle.no_grad():
        trained_graph = network(paddle.to_tensor(images)).numpy()
    np.testing.assert_allclose(by_paddle, trained_graph, atol=1e-4)
    np.testing.assert_allclose(by_onnx, trained_graph, atol=1e-4)
    texts = [reading.text for reading in read_lines([path for path, _ in words[:6]], tmp_path / "inference")]
    # PaddleOCR's metric does not look at spaces.
    right = sum(text.replace(" ", "") == label.replace(" ", "") for text, (_, label) in zip(texts, words))
    assert right / 6 == pytest.approx(max(accuracies(log)), abs=1e-3)


def undo_epochs_after(folder, epoch):
    """Make ``folder`` look as if the training had stopped after ``epoch``."""
    for suffix in ("pdparams", "pdopt", "states", "resume"):
        shutil.copy(folder / f"iter_epoch_{epoch}.{suffix}", folder / f"latest.{suffix}")


def test_a_resumed_training_continues_at_its_epoch_and_remembers_its_best_accuracy(
    ppocrv2_here, pretrained, one_batch, tmp_path
):
    start = ["-c", FINETUNE, "-o", *one_batch, f"Global.pretrained_model={pretrained}", "Global.save_epoch_step=1"]
    first = ppocrv2_here("train", *start, "Global.epoch_num=2", "Global.save_model_dir=out")
    assert first.returncode == 0, first.stderr
    best = max(accuracies(first.stdout + first.stderr))
    undo_epochs_after(tmp_path / "out", 1)
    again = ppocrv2_here("train", "-c", "out/resolved.yml", "--resume", "out")
    log = again.stdout + again.stderr
    assert again.returncode == 0, log
    assert "resume from out/latest" in log
    assert "the schedule was" not in log
    assert re.findall(r"epoch: \[(\d+)/2\]", log) == ["2"]
    assert float(re.findall(r"best metric, .*?acc: ([0-9.]+)", log)[-1]) >= best

    # Its report and its config still name the config that it began with.
    assert f"<title>{FINETUNE}" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"\n# from {FINETUNE}\n" in (tmp_path / "out" / "resolved.yml").read_text(encoding="utf-8")

    # The config that a resumed training writes still obeys another pretrained_model.
    official = ppocrv2_here("eval", "-c", "out/resolved.yml", "-o", f"Global.pretrained_model={pretrained}")
    assert "resume from" not in official.stdout + official.stderr
    assert f"Weights of {pretrained}" in official.stdout + official.stderr


def test_a_resumed_training_follows_the_schedule_that_it_is_given_and_says_so(
    ppocrv2_here, pretrained, one_batch, tmp_path
):
    start = ["-c", FINETUNE, "-o", *one_batch, f"Global.pretrained_model={pretrained}", "Global.save_epoch_step=1"]
    first = ppocrv2_here("train", *start, "Global.epoch_num=2", "Global.save_model_dir=out")
    assert first.returncode == 0, first.stderr
    other = ["Global.epoch_num=4", "Optimizer.lr={name: Cosine, learning_rate: 2e-9}"]
    longer = ppocrv2_here("train", "-c", "out/resolved.yml", "-o", *other, "--resume", "out")
    assert longer.returncode == 0, longer.stderr
    assert "goes on at 1e-09, which Optimizer.lr has after 2 of 4 epochs." in longer.stdout + longer.stderr


def test_with_a_dictionary_of_another_size_shared_characters_keep_their_rows(
    ppocrv2_here, pretrained, one_batch, tmp_path
):
    small = "Global.character_dict_path=ppocr/utils/en_dict.txt"
    trained = ppocrv2_here(
        "train", "-c", FINETUNE, "-o", *one_batch, f"Global.pretrained_model={pretrained}", "Global.epoch_num=1",
        "Global.save_model_dir=out", small,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert "97 of 97 classes (with blank) keep their rows" in trained.stdout + trained.stderr
    # The first step is logged with the weights as loaded; a head without them reads nothing.
    assert float(re.findall(r"global_step: 1, .*norm_edit_dis: ([0-9.]+)", trained.stdout)[0]) > 0.3

    other = ["Global.pretrained_model=out/latest", "Global.use_gpu=false"]
    refused = ppocrv2_here("export", "-c", FINETUNE, "--output", "graph", "-o", *other)
    assert refused.returncode == 2
    assert re.search(r"out/latest.dict.txt, which lacks \d{4} of the characters in .*ppocr_keys_v1.txt", refused.stderr)
    assert not (tmp_path / "graph").exists()


def test_a_copy_of_trained_weights_keeps_the_dictionary_of_its_training(pretrained, tmp_path, monkeypatch):
    from ppocrv2_ext.checkpoints import pdparams
    from ppocrv2_ext.commands.weights import weights

    monkeypatch.chdir(tmp_path)
    characters = (pretrained.parent / "characters.txt").read_text(encoding="utf-8").splitlines()
    own = tmp_path / "own.txt"
    own.write_text("\n".join(reversed(characters)) + "\n", encoding="utf-8")
    pdparams.write_checkpoint(pdparams.read_arrays(pretrained), tmp_path / "mine", "latest", own)
    weights("rec", "copy", source="mine/latest")
    assert (tmp_path / "copy" / "ch_PP-OCRv2_rec.dict.txt").read_bytes() == own.read_bytes()


def test_a_checkpoint_of_another_network_is_refused_and_nothing_is_trained(ppocrv2_here, one_batch, tmp_path):
    paddle.save(paddle.nn.Linear(2, 2).state_dict(), str(tmp_path / "other.pdparams"))
    refused = ppocrv2_here("train", "-c", FINETUNE, "-o", *one_batch, "Global.pretrained_model=other")
    assert refused.returncode == 2
    sentence = refused.stderr.strip().splitlines()[-1]
    assert sentence.startswith("ppocrv2: the checkpoint gives 0.0% of the model's 179 tensors")
    assert "Traceback" not in refused.stderr
    assert not list(tmp_path.glob("output/**/*.pdparams"))


# A clone's CTCLoss calls Paddle's operator, whose rounding moves this loss by 6e-4. Ours computes the same on both.
LOSS_OF_BOTH_HOSTS = "Loss.name=FeasibleCTCLoss"


@pytest.mark.checkout
def test_both_hosts_give_the_same_losses(ppocrv2, checkout, pretrained, one_batch, tmp_path):
    logs = {}
    for name, host in (("wheel", None), ("checkout", checkout)):
        trained = ppocrv2(
            "train", "-c", FINETUNE, "-o", *one_batch, f"Global.pretrained_model={pretrained}", "Global.epoch_num=3",
            f"Global.save_model_dir={name}", LOSS_OF_BOTH_HOSTS, paddleocr=host,
        )  # fmt: skip
        assert trained.returncode == 0, trained.stderr
        logs[name] = (tmp_path / name / "train.log").read_text(encoding="utf-8")
    wheel, clone = losses(logs["wheel"]), losses(logs["checkout"])
    assert len(wheel) == 3
    assert wheel[0] == pytest.approx(clone[0], abs=1e-4)
    np.testing.assert_allclose(wheel, clone, rtol=1e-4)  # Adam's first steps enlarge what two processes round apart


@pytest.mark.checkout
def test_a_checkpoint_of_one_host_loads_on_the_other_with_every_tensor_matched(
    ppocrv2, checkout, pretrained, one_batch, tmp_path
):
    common = ["-c", FINETUNE, "-o", *one_batch]
    trained = ppocrv2(
        "train", *common, f"Global.pretrained_model={pretrained}", "Global.epoch_num=1", "Global.save_model_dir=out",
        paddleocr=checkout,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    scores = []
    for host in (checkout, None):
        evaluated = ppocrv2("eval", *common, "Global.pretrained_model=out/latest", paddleocr=host)
        said = evaluated.stdout + evaluated.stderr
        assert "179 of the model's 179 tensors matched (100.0%)" in said
        scores.append(re.findall(r"norm_edit_dis:([0-9.]+)", said))
    assert scores[0] == scores[1]


@pytest.mark.checkout
def test_a_clones_own_config_of_the_recognizer_runs_on_the_wheel(ppocrv2, checkout, pretrained, one_batch):
    plain = [option for option in one_batch if "RecAug" not in option]
    trained = ppocrv2(
        "train", "-c", checkout / "configs/rec/ch_PP-OCRv2/ch_PP-OCRv2_rec.yml", "-o", *plain, "Global.epoch_num=1",
        f"Global.pretrained_model={pretrained}", "Global.save_model_dir=out",
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert "179 of the model's 179 tensors matched (100.0%)" in trained.stdout + trained.stderr


@pytest.mark.slow
def test_two_processes_train_one_model_and_only_the_first_writes(
    pretrained, one_batch, two_processes, command_script, tmp_path
):
    half = [option.replace("batch_size_per_card=6", "batch_size_per_card=3") for option in one_batch]
    train = ["train", "-c", FINETUNE, "-o", *half, f"Global.pretrained_model={pretrained}", "Global.epoch_num=2"]
    two_processes(command_script, *train, "Global.save_model_dir=out")
    log = (tmp_path / "out" / "train.log").read_text(encoding="utf-8")
    assert len(losses(log)) == 2
    assert log.count("Weights of") == 1


@pytest.mark.slow
def test_a_fine_tune_on_real_words_never_ends_below_its_start(ppocrv2, pretrained, shared_data, tmp_path):
    folder = shared_data / "icdar2015_words"
    options = [
        *(f"{mode}.dataset.data_dir={folder}" for mode in ("Train", "Eval")),
        f"Train.dataset.label_file_list=[{folder / 'train.txt'}]",
        f"Eval.dataset.label_file_list=[{folder / 'test.txt'}]",
        f"Global.pretrained_model={pretrained}",
        "Global.save_model_dir=out",
        "Train.dataset.ratio_list=[0.25]",
        "Global.epoch_num=2",
        "Global.eval_batch_step=[0,17]",
        *SMALL,
    ]
    before = ppocrv2("eval", "-c", FINETUNE, "-o", *options)
    start = float(re.findall(r"acc:([0-9.]+)", before.stdout + before.stderr)[-1])
    trained = ppocrv2("train", "-c", FINETUNE, "-o", *options)
    after = accuracies(trained.stdout + trained.stderr)
    assert start == pytest.approx(0.491, abs=0.002)  # on a canvas of 128; on one of 320 it is 0.518
    assert len(after) == 2
    assert min(after) >= start


def test_a_line_is_resized_to_the_pixels_that_paddleocr_makes(words):
    from ppocrv2_ext.data.line_pixels import resize_line

    path = words[0][0]
    np.testing.assert_array_equal(resize_line(cv2.imread(str(path)), 32, 320), prepare_images([path])[0])
