"""Enhanced U-DML and CTC + center loss through PaddleOCR's own trainer, on real words."""

import re

import paddle
import pytest

CONFIGS = {
    "rec/ch_PP-OCRv2_rec_distillation": ["ctc_Student", "ctc_Teacher", "feature", "mutual"],
    "rec/ch_PP-OCRv2_rec_enhanced_ctc_loss": ["ctc", "center"],
    "rec/ch_PP-OCRv2_rec_udml_center": ["ctc_Student", "feature", "mutual", "center_Student", "center_Teacher"],
}


@pytest.fixture
def words(short_training):
    """Overrides for six real words at 32 x 64, a small dictionary, and two steps."""
    return [
        *short_training("icdar2015_words", 6),
        *(f"{mode}.dataset.transforms.RecResizeImg.image_shape=[3,32,64]" for mode in ("Train", "Eval")),
        "Global.character_dict_path=ppocr/utils/en_dict.txt",
    ]


@pytest.mark.parametrize("on_checkout", [False, pytest.param(True, marks=pytest.mark.checkout)])
@pytest.mark.parametrize("config", CONFIGS)
def test_the_recipe_trains_and_logs_every_term(ppocrv2_here, words, config, on_checkout, request, tmp_path):
    host = request.getfixturevalue("checkout") if on_checkout else None
    trained = ppocrv2_here("train", "-c", config, "-o", *words, paddleocr=host)
    log = trained.stdout + trained.stderr
    assert trained.returncode == 0, log
    for term in [*CONFIGS[config], "loss"]:
        assert len(re.findall(rf"global_step: \d+, .*\b{term}: [0-9.]+", log)) == 2, term
    saved = paddle.load(str(tmp_path / "out" / "latest.pdparams"))
    counts = [value for name, value in saved.items() if name.endswith("center_counts")]
    assert len(counts) == sum("center" in term for term in CONFIGS[config])
    assert all(int(count.sum()) > 0 for count in counts)
