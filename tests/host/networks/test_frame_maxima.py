"""The decoder of CTC that reads each frame once, against PaddleOCR's own."""

import numpy as np
import paddle
import pytest

from ppocrv2_ext.host.networks.frame_maxima import FrameMaxima
from ppocrv2_ext.plugins.fast_cpu.memory import paddle_only


@pytest.fixture
def decoder(wheel):
    from ppocr.postprocess.rec_postprocess import CTCLabelDecode

    return CTCLabelDecode()


def draw_frames(seed):
    """(B, T, 37) with equal maxima, and in some cases NaN or infinity."""
    rng = np.random.default_rng(seed)
    frames = np.round(rng.normal(size=(*rng.integers(1, (5, 20)), 37)), 1).astype("float32")
    if seed % 3 == 0:
        frames[0, 0, rng.integers(37)] = rng.choice([np.nan, np.inf, -np.inf])
    return frames


def test_the_maxima_are_numpys():
    for seed in range(500):
        frames = draw_frames(seed)
        found = FrameMaxima(frames)
        np.testing.assert_array_equal(found.argmax(axis=2), frames.argmax(axis=2))
        np.testing.assert_array_equal(found.max(axis=2), frames.max(axis=2))


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: (None, x), lambda x: [x]])
def test_texts_and_scores_are_those_of_paddleocr(decoder, wrap):
    for seed in range(1, 60, 3):
        frames = paddle.to_tensor(draw_frames(seed))
        labels = np.random.default_rng(seed).integers(1, 37, (len(frames), 4))
        found = decoder(wrap(frames), labels)
        with paddle_only():
            assert found == decoder(wrap(frames), labels)
        assert found[0] == decoder(frames.numpy())


def test_a_tensor_in_another_type_goes_paddleocrs_way(decoder):
    frames = draw_frames(1)
    assert decoder(paddle.to_tensor(frames, dtype="float64")) == decoder(frames.astype("float64"))


def test_the_decoder_of_a_distilled_recognizer_gives_the_same_texts(wheel):
    from ppocr.postprocess.rec_postprocess import CTCLabelDecode, DistillationCTCLabelDecode

    frames = paddle.to_tensor(draw_frames(1))
    decode = DistillationCTCLabelDecode(model_name=["Student"], key="head_out")
    assert decode({"Student": {"head_out": frames}}) == {"Student": CTCLabelDecode()(frames)}
