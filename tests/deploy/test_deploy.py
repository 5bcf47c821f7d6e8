"""Exported recognizers: ONNX conversion and parity, decoding, preparing images, reading files of every kind."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, ImageOps

from ppocrv2_ext.deploy import decoding, engine, lines, model_folder, ocr, onnx_metadata, pictures, read, settings
from ppocrv2_ext.errors import UserError

LETTERS = list("abc")
DESCRIPTION = {
    "PreProcess": {
        "transform_ops": [{"DecodeImage": {"img_mode": "BGR"}}, {"RecResizeImg": {"image_shape": [3, 32, 64]}}]
    },
    "PostProcess": {"name": "CTCLabelDecode", "character_dict": LETTERS},
}


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """An exported recognizer of a, b, c and the space: one convolution, a BiLSTM and a linear layer."""
    import paddle

    class Recognizer(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv = paddle.nn.Conv2D(3, 8, (32, 4), stride=(32, 4))
            self.lstm = paddle.nn.LSTM(8, 8, direction="bidirectional")
            self.fc = paddle.nn.Linear(16, 5)

        def forward(self, x):
            frames = self.conv(x).squeeze(2).transpose([0, 2, 1])
            return paddle.nn.functional.softmax(8 * self.fc(self.lstm(frames)[0]), axis=2)

    folder = tmp_path_factory.mktemp("exported")
    paddle.seed(3)
    network = Recognizer()
    network.eval()
    spec = [paddle.static.InputSpec([None, 3, 32, -1], "float32")]
    paddle.jit.save(paddle.jit.to_static(network, input_spec=spec), str(folder / "inference"))
    (folder / "inference.yml").write_text(yaml.safe_dump(DESCRIPTION), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def onnx_file(model_dir):
    for package in ("onnx", "paddle2onnx", "onnxruntime"):
        pytest.importorskip(package)
    from ppocrv2_ext.deploy.onnx_conversion import convert_to_onnx

    return convert_to_onnx(model_dir, model_dir / "inference.onnx")


def export_detector(function, folder):
    """Write an exported model into ``folder`` whose output is the sigmoid of ``function``."""
    import paddle

    class Detector(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.function = function

        def forward(self, x):
            return paddle.nn.functional.sigmoid(self.function(x))

    network = Detector()
    network.eval()
    spec = [paddle.static.InputSpec([None, 3, -1, -1], "float32")]
    paddle.jit.save(paddle.jit.to_static(network, input_spec=spec), str(folder / "inference"))
    description = {"PreProcess": {"transform_ops": [{"DetResizeForTest": None}]}, "PostProcess": {"name": "DB"}}
    (folder / "inference.yml").write_text(yaml.safe_dump(description), encoding="utf-8")


@pytest.fixture
def line():
    return np.random.default_rng(0).integers(0, 256, (16, 40, 3), dtype=np.uint8)


class TestOnnx:
    def test_the_outputs_equal_paddles_for_any_batch_and_width(self, model_dir, onnx_file):
        from ppocrv2_ext.deploy.onnx_conversion import measure_difference

        rng = np.random.default_rng(0)
        inputs = [rng.uniform(-1, 1, (b, 3, 32, w)).astype(np.float32) for b, w in ((1, 64), (3, 320), (2, 100))]
        assert measure_difference(model_dir, onnx_file, inputs) < 1e-5

    def test_the_file_holds_the_dictionary_and_the_shape(self, onnx_file):
        import onnxruntime

        metadata = onnx_metadata.read_metadata(onnx_file)
        assert metadata == {"character": "a\nb\nc", "image_shape": "3,32,64"}
        assert metadata == onnxruntime.InferenceSession(str(onnx_file)).get_modelmeta().custom_metadata_map

    def test_the_file_alone_reads_what_the_folder_reads(self, model_dir, onnx_file, line, tmp_path):
        alone = tmp_path / "alone.onnx"
        alone.write_bytes(onnx_file.read_bytes())
        assert list(read.read_lines([line], alone)) == list(read.read_lines([line], model_dir))

    def test_a_conversion_leaves_no_other_file_behind(self, model_dir, onnx_file):
        assert sorted(path.name for path in model_dir.glob("*onnx*")) == ["inference.onnx"]

    def test_another_model_has_a_large_difference(self, model_dir, onnx_file, tmp_path):
        import onnx

        from ppocrv2_ext.deploy.onnx_conversion import measure_difference

        model = onnx.load(str(onnx_file))
        last = next(node for node in model.graph.node if node.op_type == "Softmax")
        model.graph.node.remove(last)
        model.graph.node.append(onnx.helper.make_node("Identity", [last.input[0]], [last.output[0]]))
        onnx.save(model, str(tmp_path / "other.onnx"))
        assert measure_difference(model_dir, tmp_path / "other.onnx", [np.ones((1, 3, 32, 64), np.float32)]) > 1e-2

    def test_every_network_of_a_distillation_export_is_converted(self, model_dir, onnx_file, tmp_path, capsys):
        from ppocrv2_ext.deploy.onnx_conversion import convert_and_compare

        for name in ("Student", "Teacher"):
            (tmp_path / name).mkdir()
            for file in model_dir.glob("inference.*"):
                folder = tmp_path if file.suffix == ".yml" else tmp_path / name
                (folder / file.name).write_bytes(file.read_bytes())
        files = convert_and_compare(tmp_path)
        assert files == [tmp_path / name / "inference.onnx" for name in ("Student", "Teacher")]
        assert "largest difference from Paddle" in capsys.readouterr().out

    def test_a_detector_with_upsampling_is_converted(self, onnx_file, tmp_path):
        import paddle

        from ppocrv2_ext.deploy.onnx_conversion import convert_and_compare

        conv = paddle.nn.Conv2D(3, 1, 3, stride=2, padding=1)
        enlarge = paddle.nn.Upsample(scale_factor=2, mode="nearest", align_mode=1)
        export_detector(paddle.nn.Sequential(conv, enlarge), tmp_path)
        (file,) = convert_and_compare(tmp_path)
        assert engine.load_onnx_engine(file)(np.zeros((2, 3, 64, 96))).shape == (2, 1, 64, 96)
        assert onnx_metadata.read_metadata(file) == {}

    def test_the_rounding_of_large_maps_in_paddle_is_no_difference(self, onnx_file, tmp_path):
        import paddle

        from ppocrv2_ext.deploy import onnx_conversion

        class Rounding(paddle.nn.Layer):
            """20 times how far Paddle's mean of a map is from the mean of the means of its rows."""

            def forward(self, x):
                y = x + 2
                return 20 * (y.mean([2, 3], keepdim=True) - y.mean(3, keepdim=True).mean(2, keepdim=True)) + x

        paddle.seed(0)
        export_detector(paddle.nn.Sequential(paddle.nn.Conv2D(3, 1, 1), Rounding()), tmp_path)
        (file,) = onnx_conversion.convert_and_compare(tmp_path)
        large = onnx_conversion._make_blocks([3, 1280, 1280])
        if onnx_conversion.measure_difference(tmp_path, file, large) <= onnx_conversion.TOLERANCE:
            pytest.skip(
                "Paddle does not round the mean of a large map on this processor, so nothing was put to the test"
            )

    @pytest.mark.parametrize("image_shape", [[3, -1, -1], [3, 32, 320], [1, 48, 320]])
    def test_text_to_compare_on_is_dark_on_light(self, image_shape):
        from ppocrv2_ext.deploy import onnx_conversion

        for blocks in onnx_conversion._make_blocks(image_shape):
            written = onnx_conversion._write_on(blocks)
            ink = written == -1
            assert 0.01 < ink.mean() < 0.3
            assert written[~ink].min() >= 0
            assert written.dtype == blocks.dtype == np.float32

    def test_a_file_that_differs_where_there_is_text_is_refused(self, onnx_file, tmp_path, monkeypatch):
        import paddle

        from ppocrv2_ext.deploy import onnx_conversion

        class Darkest(paddle.nn.Layer):
            """How dark a pixel is, times a weight: as of a trained detector, the same wherever nothing is written."""

            def __init__(self, weight):
                super().__init__()
                self.conv = paddle.nn.Conv2D(3, 1, 1)
                self.weight = weight

            def forward(self, x):
                return 0 * self.conv(x) + self.weight * paddle.clip(-1 - 3 * x.min(axis=1, keepdim=True), min=0)

        convert, wrong = onnx_conversion.convert_to_onnx, tmp_path / "wrong"
        export_detector(Darkest(1.01), wrong)
        export_detector(Darkest(1.0), tmp_path / "right")
        monkeypatch.setattr(onnx_conversion, "convert_to_onnx", lambda folder, file: convert(wrong, file))
        monkeypatch.setattr(onnx_conversion, "_make_blocks", lambda shape: [np.zeros((1, 3, 64, 64), np.float32)])
        with pytest.raises(UserError, match=r"by 2\.1e-03, and at most 1e-03 is rounding"):
            onnx_conversion.convert_and_compare(tmp_path / "right")

    def test_a_file_that_computes_something_else_is_refused(self, onnx_file, tmp_path, monkeypatch):
        import onnx
        import paddle

        from ppocrv2_ext.deploy import onnx_conversion

        paddle.seed(0)
        export_detector(paddle.nn.Conv2D(3, 1, 5, padding=2), tmp_path)
        convert = onnx_conversion.convert_to_onnx

        def convert_wrong(folder, file):
            model = onnx.load(str(convert(folder, file)))
            image = model.graph.input[0].name
            for node in model.graph.node:
                node.input[:] = ["brighter" if name == image else name for name in node.input]
            model.graph.initializer.append(onnx.helper.make_tensor("light", onnx.TensorProto.FLOAT, [], [0.01]))
            model.graph.node.insert(0, onnx.helper.make_node("Add", [image, "light"], ["brighter"]))
            onnx.save(model, str(file))
            return file

        monkeypatch.setattr(onnx_conversion, "convert_to_onnx", convert_wrong)
        with pytest.raises(UserError, match="at most 1e-04 is rounding"):
            onnx_conversion.convert_and_compare(tmp_path)

    def test_a_difference_without_inputs_is_refused(self, model_dir, onnx_file):
        from ppocrv2_ext.deploy.onnx_conversion import measure_difference

        with pytest.raises(ValueError, match="at least one array"):
            measure_difference(model_dir, onnx_file, [])

    def test_a_missing_converter_is_named_with_the_command(self, model_dir, monkeypatch):
        from ppocrv2_ext.deploy.onnx_conversion import convert_to_onnx

        monkeypatch.setitem(__import__("sys").modules, "paddle2onnx", None)
        with pytest.raises(UserError, match=r"pip install paddle2onnx==\d"):
            convert_to_onnx(model_dir, "unused.onnx")


class TestFolders:
    def test_a_folder_without_a_model_is_refused(self, tmp_path):
        with pytest.raises(UserError, match=r"no inference.json or inference.pdmodel"):
            model_folder.find_model_files(tmp_path)

    def test_of_a_folder_with_an_onnx_file_alone_it_is_said_what_runs_it(self, tmp_path):
        (tmp_path / "inference.onnx").touch()
        with pytest.raises(UserError, match=r"onnx alone, which onnxruntime and OpenVINO run, and Paddle needs"):
            model_folder.find_model_files(tmp_path)

    def test_a_refused_folder_lists_the_models_in_it(self, tmp_path):
        (tmp_path / "Student").mkdir()
        (tmp_path / "Student" / "inference.json").touch()
        with pytest.raises(UserError, match="give one of .*Student"):
            model_folder.find_model_files(tmp_path)

    def test_a_model_without_its_weights_is_refused(self, tmp_path):
        (tmp_path / "inference.pdmodel").touch()
        with pytest.raises(UserError, match=r"inference.pdiparams is missing"):
            model_folder.find_model_files(tmp_path)

    def test_a_model_without_its_description_is_refused(self, tmp_path):
        with pytest.raises(UserError, match=r"inference.yml is missing: .*export the model with `ppocrv2 export`"):
            model_folder.read_description(tmp_path)

    def test_a_description_cannot_run_code(self, tmp_path):
        (tmp_path / "inference.yml").write_text("PostProcess: !!python/object/apply:os.getcwd []")
        with pytest.raises(UserError, match="cannot read .*inference.yml \\(ConstructorError: could not determine"):
            model_folder.read_description(tmp_path)

    def test_a_model_that_paddle_cannot_load_is_refused(self, model_dir, tmp_path):
        program, _ = model_folder.find_model_files(model_dir)
        (tmp_path / program.name).write_bytes(program.read_bytes())
        (tmp_path / "inference.pdiparams").write_bytes(b"cut off")
        with pytest.raises(UserError, match="Paddle cannot load"):
            engine.load_paddle_engine(tmp_path)

    def test_a_file_that_is_not_onnx_is_refused(self, tmp_path):
        pytest.importorskip("onnxruntime")
        (tmp_path / "broken.onnx").write_bytes(b"nonsense")
        with pytest.raises(UserError, match="cannot load"):
            engine.load_onnx_engine(tmp_path / "broken.onnx")


class TestDecoding:
    def _one_hot(self, *classes):
        return np.eye(4, dtype=np.float32)[list(classes)][None]

    def test_repeats_merge_unless_a_blank_is_between_them(self):
        assert decoding.ctc_greedy(self._one_hot(1, 1, 0, 1, 2, 2, 0), ["", *LETTERS]) == [("aab", 1.0)]

    def test_all_blank_is_no_text_with_score_zero(self):
        assert decoding.ctc_greedy(self._one_hot(0, 0, 0), ["", *LETTERS]) == [("", 0.0)]

    def test_the_score_is_the_mean_over_the_frames_that_gave_characters(self):
        frames = np.array([[[0.1, 0.9, 0, 0], [0.3, 0.7, 0, 0], [1, 0, 0, 0], [0.4, 0, 0.6, 0]]])
        assert decoding.ctc_greedy(frames, ["", *LETTERS]) == [("ab", pytest.approx((0.9 + 0.6) / 2))]

    def test_fewer_characters_than_classes_are_refused(self):
        with pytest.raises(ValueError, match="C=4"):
            decoding.ctc_greedy(self._one_hot(0), LETTERS)

    @pytest.mark.parametrize(("count", "last"), [(4, "c"), (5, " ")])
    def test_one_class_more_than_the_dictionary_is_the_space(self, count, last):
        names = decoding.name_classes(LETTERS, count)
        assert (len(names), names[-1]) == (count, last)

    def test_the_dictionary_of_another_model_is_refused(self):
        with pytest.raises(UserError, match="9 classes, but its dictionary of 3"):
            decoding.name_classes(LETTERS, 9)

    def test_parity_with_paddleocr(self, wheel, tmp_path):
        from ppocr.postprocess.rec_postprocess import CTCLabelDecode

        (tmp_path / "dict.txt").write_text("a\nb\nc\n")
        stock = CTCLabelDecode(character_dict_path=str(tmp_path / "dict.txt"), use_space_char=True)
        p = np.random.default_rng(0).dirichlet(np.full(5, 0.2), (6, 12)).astype(np.float32)
        for (text, score), (stock_text, stock_score) in zip(
            decoding.ctc_greedy(p, decoding.name_classes(LETTERS, 5)), stock(p)
        ):
            assert (text, score) == (stock_text, pytest.approx(stock_score, abs=1e-6))


class TestImages:
    def _save(self, path, array, **options):
        Image.fromarray(array).save(path, **options)
        return pictures.load_image(path)

    def test_colour_is_bgr(self, tmp_path):
        assert self._save(tmp_path / "a.png", np.full((2, 3, 3), (255, 0, 9), np.uint8))[0, 0].tolist() == [9, 0, 255]

    def test_grey_is_repeated(self, tmp_path):
        assert self._save(tmp_path / "a.png", np.full((2, 3), 7, np.uint8)).tolist() == [[[7] * 3] * 3] * 2

    def test_transparent_is_white(self, tmp_path):
        pixels = np.array([[(0, 0, 0, 0), (200, 100, 0, 255), (0, 0, 0, 51)]], np.uint8)
        assert self._save(tmp_path / "a.png", pixels).tolist() == [[[255] * 3, [0, 100, 200], [204] * 3]]

    def test_of_sixteen_bits_the_upper_eight_are_kept(self, tmp_path):
        pixels = np.array([[0x1234, 0xFFFF]], np.uint16)
        assert self._save(tmp_path / "a.png", pixels).tolist() == [[[0x12] * 3, [0xFF] * 3]]

    @pytest.mark.parametrize(
        ("stored", "expected"), [([0, 7, 255], [0, 7, 255]), ([0, 256, 0xFFFF], [0, 1, 255])], ids=["8 bits", "16 bits"]
    )
    def test_a_tiff_of_32_bits_holds_values_of_8_or_of_16(self, tmp_path, stored, expected):
        pixels = self._save(tmp_path / "a.tif", np.array([stored], np.int32))
        assert pixels.tolist() == [[[value] * 3 for value in expected]]

    @pytest.mark.parametrize("name", ["a.png", "a.tif"])
    @pytest.mark.parametrize("order", ["<u2", ">u2"])
    def test_a_grey_file_of_16_bits_may_hold_values_of_8(self, tmp_path, name, order):
        pixels = self._save(tmp_path / name, np.array([[0, 7, 255]], order))
        assert pixels.tolist() == [[[value] * 3 for value in (0, 7, 255)]]
        pixels = self._save(tmp_path / name, np.array([[0, 256, 0xFFFF]], order))
        assert pixels.tolist() == [[[value] * 3 for value in (0, 1, 255)]]

    @pytest.mark.parametrize("value", [-1, 2**16])
    def test_a_tiff_of_32_bits_with_other_values_is_refused(self, tmp_path, value):
        with pytest.raises(ValueError, match=f"must be from 0 to 65535, got {value}; save the picture with 8"):
            self._save(tmp_path / "a.tif", np.array([[0, value]], np.int32))

    def test_a_picture_is_turned_by_its_exif_data(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6  # a quarter turn clockwise
        image = self._save(tmp_path / "a.jpg", np.zeros((20, 60, 3), np.uint8), exif=exif)
        assert image.shape == (60, 20, 3)

    @pytest.mark.parametrize("orientation", range(10))
    @pytest.mark.parametrize("is_odd", [False, True])
    def test_a_picture_is_turned_as_by_pillow_also_if_a_tag_cannot_be_written(self, tmp_path, orientation, is_odd):
        stored = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8))
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = orientation, "Maker"
        stored.save(tmp_path / "sound.png", exif=exif)
        expected = np.array(ImageOps.exif_transpose(Image.open(tmp_path / "sound.png")))[..., ::-1]
        data = exif.tobytes()
        if is_odd:  # the maker becomes a width, which is no text
            data = data.replace(b"\x01\x0f\x00\x02", b"\x01\x00\x00\x02").replace(
                b"\x0f\x01\x02\x00", b"\x00\x01\x02\x00"
            )
        stored.save(tmp_path / "a.png", exif=data)
        np.testing.assert_array_equal(pictures.load_image(tmp_path / "a.png"), expected)

    def test_a_picture_whose_exif_data_are_broken_is_read_as_it_is(self, tmp_path):
        assert self._save(tmp_path / "a.jpg", np.zeros((20, 60, 3), np.uint8), exif=b"Exif\0\0II*").shape == (20, 60, 3)

    def test_a_transparent_colour_of_a_palette_is_white(self, tmp_path):
        image = Image.new("P", (2, 1))
        image.putpalette([0, 0, 0, 10, 20, 30])
        image.putpixel((1, 0), 1)
        image.save(tmp_path / "a.png", transparency=0)
        assert pictures.load_image(tmp_path / "a.png").tolist() == [[[255] * 3, [30, 20, 10]]]

    def test_a_truncated_file_is_refused(self, tmp_path):
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        for name in ("a.png", "a.jpg"):
            self._save(tmp_path / name, noise)
            (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:900])
            with pytest.raises((OSError, ValueError)):
                pictures.load_image(tmp_path / name)

    @pytest.mark.parametrize("kind", ["RGB", "RGBA", "L", "1", "P", "I;16"])
    def test_an_image_of_pillow_is_taken_as_its_file_is(self, tmp_path, kind):
        exif = Image.Exif()
        exif[0x0112] = 6  # a quarter turn clockwise
        Image.new(kind, (6, 4)).save(tmp_path / "a.png", exif=exif)
        with Image.open(tmp_path / "a.png") as image:
            pixels = pictures.open_image(image)
        assert pixels.shape == (6, 4, 3)
        np.testing.assert_array_equal(pixels, pictures.load_image(tmp_path / "a.png"))

    @pytest.mark.parametrize(
        ("image", "name"),
        [(None, "None"), (b"\x89PNG" * 99, "bytes"), (io.BytesIO(), "BytesIO"), (7, "int"), ([], "list")],
    )
    def test_what_is_no_picture_is_named_by_its_type(self, image, name):
        sentence = rf"a picture must be a path, an array \(H, W\[, 1, 3 or 4\]\) or an image of Pillow, got {name}$"
        with pytest.raises(TypeError, match=sentence):
            pictures.open_image(image)

    @pytest.mark.parametrize("shape", [(0, 5, 3), (4, 4, 2), (4,)])
    def test_an_array_of_another_shape_is_refused(self, shape):
        with pytest.raises(ValueError, match=r"must be \(H, W\)"):
            pictures.to_bgr(np.zeros(shape, np.uint8))

    @pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint32, np.float32, bool])
    def test_an_array_of_another_type_is_refused(self, kind):
        with pytest.raises(ValueError, match=f"uint8 or uint16, got {np.dtype(kind)}"):
            pictures.to_bgr(np.ones((4, 4), kind))


ONE_PICTURE = [
    "line.png",
    Path("line.png"),
    b"line.png",
    np.zeros((32, 64, 3), np.uint8),
    Image.new("L", (64, 32)),
    io.BytesIO(b"line"),
]


class TestReadLines:
    @pytest.mark.parametrize("image", ONE_PICTURE, ids=lambda image: type(image).__name__)
    def test_one_picture_in_place_of_a_list_is_refused(self, model_dir, image):
        sentence = rf"`images` must be several, got one {type(image).__name__}; give a list, such as \[image\]"
        with pytest.raises(TypeError, match=sentence):
            read.read_lines(image, model_dir)
        with pytest.raises(TypeError, match=sentence):
            ocr.OCR.read_many(None, image)

    def test_an_array_of_four_dimensions_holds_several_pictures(self, model_dir):
        assert len(list(read.read_lines(np.zeros((2, 32, 64, 3), np.uint8), model_dir, "paddle"))) == 2

    def test_an_image_of_pillow_is_read_as_its_array_and_what_is_no_picture_has_a_problem(self, model_dir, line):
        image = Image.fromarray(np.ascontiguousarray(line[:, :, ::-1]))
        array, pillow, nothing = read.read_lines([line, image, None], model_dir, "paddle")
        assert pillow == array._replace(path=1)
        assert nothing.path == 2
        assert nothing.problem.endswith("or an image of Pillow, got None")

    def test_every_image_has_a_reading_in_order_and_every_failure_a_reason(self, model_dir, line, tmp_path):
        Image.fromarray(line).save(tmp_path / "line.png")
        (tmp_path / "notes.txt").write_text("no image")
        paths = [tmp_path / name for name in ("notes.txt", "line.png", "absent.png")]
        notes, good, absent = read.read_lines(paths, model_dir, engine="paddle")
        assert [reading.path for reading in (notes, good, absent)] == paths
        assert (notes.text, notes.problem) == (None, "not an image, or of a kind that Pillow cannot read")
        assert (absent.text, absent.problem) == (None, "No such file or directory")
        assert good.problem is None
        assert set(good.text) <= set("abc ")
        assert 0 <= good.score <= 1

    def test_a_reading_does_not_depend_on_the_other_images(self, model_dir):
        rng = np.random.default_rng(0)
        images = [rng.integers(0, 256, (16, width, 3), dtype=np.uint8) for width in (20, 90, 30, 300, 88, 25)]
        together = list(read.read_lines(images, model_dir, "paddle", batch_size=4))
        alone = [next(read.read_lines([image], model_dir, "paddle")) for image in images]
        assert [reading.path for reading in together] == list(range(6))
        assert [reading.text for reading in together] == [reading.text for reading in alone]
        assert any(reading.text for reading in alone)

    @pytest.mark.parametrize("batch_size", [1, 3])
    def test_lines_are_read_as_by_the_commands(self, model_dir, batch_size):
        rng = np.random.default_rng(0)
        widths = (
            20,
            161,
            170,
            300,
            20,
            161,
        )  # at a height of 32, all but 20 are longer than the 64 pixels of the model
        images = [rng.integers(0, 256, (16, width, 3), dtype=np.uint8) for width in widths]
        run = engine.load_engine(model_dir, "paddle")
        expected = lines.read_texts(images, run, settings.read_settings(model_dir, "rec"))
        found = [(each.text, each.score) for each in read.read_lines(images, model_dir, "paddle", batch_size)]
        assert [text for text, _ in found] == [text for text, _ in expected]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-6)

    @pytest.mark.parametrize("name", ["openvino", "paddle"])
    def test_every_engine_reads_the_same(self, model_dir, onnx_file, line, name):
        pytest.importorskip(name)
        (a,), (b,) = (read.read_lines([line], model_dir, engine=each) for each in ("onnxruntime", name))
        assert a.text == b.text
        assert a.score == pytest.approx(b.score, abs=1e-5)

    def test_onnx_is_another_name_of_onnxruntime(self, model_dir, onnx_file, line):
        assert [*read.read_lines([line], model_dir, "onnx")] == [*read.read_lines([line], model_dir, "onnxruntime")]

    def test_images_are_taken_in_chunks(self, model_dir, line):
        taken = []
        images = (taken.append(number) or line for number in range(100))
        next(read.read_lines(images, model_dir, "paddle", batch_size=1))
        assert len(taken) == 8

    @pytest.mark.parametrize("name", ["paddle", "onnxruntime"])
    @pytest.mark.parametrize(
        ("step", "message"),
        [
            ({"DecodeImage": {"img_mode": "RGB"}}, "img_mode is RGB, and pictures are read here as if it were BGR"),
            ({"DecodeImage": {"img_mode": "BGR", "ignore_orientation": True}}, "ignore_orientation is True"),
            ({"GrayImageChannelFormat": None}, "GrayImageChannelFormat is not known here"),
            ({"RecResizeImg": {"image_shape": [3, 32, 64], "padding": False}}, "lines are not stretched here"),
        ],
    )
    def test_a_model_that_was_evaluated_on_other_pixels_is_refused(
        self, model_dir, onnx_file, tmp_path, name, step, message
    ):
        for file in model_dir.glob("inference.*"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
        steps = [*DESCRIPTION["PreProcess"]["transform_ops"], step]
        description = {**DESCRIPTION, "PreProcess": {"transform_ops": steps}}
        (tmp_path / "inference.yml").write_text(yaml.safe_dump(description), encoding="utf-8")
        with pytest.raises(UserError, match=message):
            read.read_lines([], tmp_path, engine=name)

    def test_an_onnx_file_with_its_dictionary_inside_needs_no_description(self, model_dir, onnx_file, line, tmp_path):
        (tmp_path / "inference.onnx").write_bytes(onnx_file.read_bytes())
        expected = list(read.read_lines([line], model_dir))
        assert list(read.read_lines([line], tmp_path)) == expected
        (tmp_path / "inference.yml").write_text("of another model", encoding="utf-8")
        assert list(read.read_lines([line], tmp_path / "inference.onnx")) == expected

    def test_an_onnx_file_is_opened_by_its_engine_alone(self, onnx_file, line, monkeypatch):
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        monkeypatch.setattr(engine, "load_openvino_engine", lambda *_: lambda inputs: np.eye(5)[None, 1:4])
        (reading,) = read.read_lines([line], onnx_file, "openvino")
        assert reading.text == "abc"

    def test_one_session_is_started_for_an_onnx_file(self, onnx_file, line, monkeypatch):
        started, start = [], engine._start_session
        monkeypatch.setattr(engine, "_start_session", lambda *given: started.append(given) or start(*given))
        list(read.read_lines([line], onnx_file))
        assert len(started) == 1

    def test_an_onnx_file_is_nothing_for_paddle(self, onnx_file):
        with pytest.raises(UserError, match="is an ONNX file, which Paddle does not run"):
            read.read_lines([], onnx_file, "paddle")

    def test_a_bad_argument_is_refused_before_the_first_image(self, model_dir, tmp_path):
        with pytest.raises(UserError, match="there is no engine 'torch'; there are 'onnxruntime', 'openvino', "):
            read.read_lines([], model_dir, engine="torch")
        with pytest.raises(ValueError, match="at least 1"):
            read.read_lines([], model_dir, batch_size=0)
        with pytest.raises(UserError, match="not an exported model"):
            read.read_lines([], tmp_path, engine="paddle")
