"""Half precision: the hardest pixels of a detector keep their gradient, and centers are not rounded."""

import paddle
import pytest

from ppocrv2_ext.config import override, read
from ppocrv2_ext.config.consistency import find_conflicts
from ppocrv2_ext.config.resolve import resolve, with_exact_sigmoid
from ppocrv2_ext.config.yaml_files import locate
from ppocrv2_ext.plugins.cml.maps import balanced_bce

DETECTOR, CENTERS = "det/ch_PP-OCRv2_det_cml", "rec/ch_PP-OCRv2_rec_udml_center"


def gradient_of_a_wrong_pixel(logit, probability_type):
    """Of BCE with respect to the bfloat16 logit of one background pixel, beside one text pixel.

    A CPU has no sigmoid in bfloat16: it is computed in float32 and, as a GPU would, rounded.
    """
    logits = paddle.to_tensor([[[logit, 5.0]]]).astype("bfloat16")
    logits.stop_gradient = False
    probability = paddle.nn.functional.sigmoid(logits.astype("float32")).astype(probability_type)
    text = paddle.to_tensor([[[0.0, 1.0]]])
    balanced_bce(probability, text, paddle.ones_like(text)).backward()
    return float(logits.grad.astype("float32")[0, 0, 0])


def test_the_sigmoid_of_a_detector_is_on_the_black_list_of_amp(wheel):
    config = override(read(locate(DETECTOR)), ["Global.use_amp=true", "Global.amp_custom_black_list=[exp]"])
    assert resolve(config, wheel.root)[0]["Global"]["amp_custom_black_list"] == ["exp", "sigmoid"]
    assert with_exact_sigmoid({"amp_custom_black_list": ["sigmoid"]}) == {"amp_custom_black_list": ["sigmoid"]}


def test_without_amp_and_for_a_recognizer_the_black_list_stays(wheel):
    assert "amp_custom_black_list" not in resolve(read(locate(DETECTOR)), wheel.root)[0]["Global"]
    config = override(read(locate("rec/ch_PP-OCRv2_rec_distillation")), ["Global.use_amp=true"])
    assert "sigmoid" not in resolve(config, wheel.root)[0]["Global"]["amp_custom_black_list"]


@pytest.mark.parametrize("logit", [6.5, 10.0])
def test_a_wrong_pixel_keeps_its_gradient_in_bfloat16_when_the_sigmoid_is_in_float32(logit):
    # Two pixels are chosen, so that the gradient is that of one, sigmoid(logit), over two.
    assert gradient_of_a_wrong_pixel(logit, "float32") == pytest.approx(0.5, rel=0.01)


def test_a_sigmoid_in_bfloat16_would_lose_the_gradient():
    # Rounded to the nearest number nothing is left, as on a GPU; Paddle 2.6 cuts on a CPU, and most of it is lost.
    assert gradient_of_a_wrong_pixel(6.5, "bfloat16") < 0.5 * gradient_of_a_wrong_pixel(6.5, "float32")


def test_centers_in_half_precision_are_refused_before_the_first_step():
    settings = ["Global.use_amp=true", "Global.amp_level=O2"]
    assert any("amp_level must be O1" in each for each in find_conflicts(override(read(locate(CENTERS)), settings)))
    # PaddleOCR's default is O2.
    assert any("amp_level must be O1" in each for each in find_conflicts(override(read(locate(CENTERS)), settings[:1])))
    for assignment in ("Global.amp_level=O1", "Global.use_amp=false"):
        assert list(find_conflicts(override(read(locate(CENTERS)), [*settings, assignment]))) == []


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        (DETECTOR, {"use_amp": False, "amp_level": "O2", "amp_dtype": "bfloat16"}),
        (
            "rec/ch_PP-OCRv2_rec_distillation",
            {"amp_custom_black_list": ["matmul", "matmul_v2", "elementwise_add"]},
        ),
    ],
)
def test_configs_of_paddleocrs_names_have_its_amp_keys(name, keys):
    settings = read(locate(name))["Global"]
    assert {key: settings[key] for key in keys} == keys
