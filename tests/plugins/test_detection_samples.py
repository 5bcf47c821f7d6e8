"""Crops and windows of scenes: PaddleOCR's distribution, its pictures and outlines for the same draws, bad input."""

import cv2
import numpy as np
import pytest
from scipy.stats import ks_2samp

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.detection_samples.crop import choose_crop, find_gaps
from ppocrv2_ext.plugins.detection_samples.normalise import NormalizeToCHW
from ppocrv2_ext.plugins.detection_samples.pose import (
    Step,
    choose_steps,
    compose,
    map_points,
    read_augmenters,
    scale_by,
    shift_by,
)
from ppocrv2_ext.plugins.detection_samples.scene_crop import RandomSceneCrop
from ppocrv2_ext.plugins.detection_samples.scene_window import RandomSceneWindow
from ppocrv2_ext.plugins.detection_samples.warp import warp

RARELY_WRONG = 1e-3  # a test of a distribution fails for one seed in a thousand; the seeds are fixed
DRAWN = [{"type": "Affine", "args": {"rotate": [-10, 10]}}, {"type": "Resize", "args": {"size": [0.8, 1.25]}}]


def smooth_picture(rng, height, width):
    return cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


def scene(height=180, width=320, seed=0):
    """A smooth picture with six boxes of text, one of them ignored."""
    corners = [(20, 20), (140, 30), (250, 40), (40, 90), (180, 100), (90, 140)]
    boxes = np.array([[[x, y], [x + 50, y], [x + 50, y + 16], [x, y + 16]] for x, y in corners], np.float32)
    return {
        "image": smooth_picture(np.random.default_rng(seed), height, width),
        "polys": boxes,
        "texts": [f"text {i}" for i in range(6)],
        "ignore_tags": np.array([False] * 5 + [True]),
    }


def copy(data):
    return {key: value.copy() for key, value in data.items()}


@pytest.fixture
def stock(wheel):
    from ppocr.data import imaug

    return imaug


# ---- pixels


def warp_in_steps(image, steps, crop, size):
    """What PaddleOCR does: mirror, turn, scale the whole picture, cut the crop out, scale that."""
    for kind, value in steps:
        height, width = image.shape[:2]
        if kind == "Fliplr" and value:
            image = image[:, ::-1]
        elif kind == "Affine":
            turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), value, 1)
            image = cv2.warpAffine(np.ascontiguousarray(image), turn, (width, height))
        elif kind == "Resize":
            image = cv2.resize(image, (max(1, int(width * value)), max(1, int(height * value))))
    x, y, width, height = crop
    return cv2.resize(np.ascontiguousarray(image[y : y + height, x : x + width]), size)


def test_one_warp_gives_the_pixels_of_five_steps_in_500_random_cases():
    rng = np.random.default_rng(0)
    augmenters = read_augmenters(None)
    for _ in range(500):
        height, width = rng.integers(60, 120, 2).tolist()
        image, steps = smooth_picture(rng, height, width), choose_steps(rng, augmenters)
        pose = compose(steps, width, height)
        # Away from the border of the frame, where five steps blend the black of the corners differently.
        x, y = int(0.2 * pose.width), int(0.2 * pose.height)
        crop = x, y, max(1, int(rng.uniform(0.2, 0.6) * pose.width)), max(1, int(rng.uniform(0.2, 0.6) * pose.height))
        size = int(crop[2] * rng.uniform(0.6, 2)) + 1, int(crop[3] * rng.uniform(0.6, 2)) + 1
        matrix = scale_by(size[0] / crop[2], size[1] / crop[3]) @ shift_by(-x, -y) @ pose.matrix
        difference = warp(image, matrix, *size, pose.detail) - warp_in_steps(image, steps, crop, size).astype(float)
        assert np.abs(difference).mean() < 3
        assert abs(difference.mean()) < 1


def test_a_point_moves_with_the_pixel_under_it():
    rng = np.random.default_rng(1)
    for _ in range(50):
        image = np.zeros((60, 90), np.float32)
        x, y = int(rng.integers(20, 70)), int(rng.integers(15, 45))
        image[y, x] = 1
        pose = compose(choose_steps(rng, read_augmenters(None)), 90, 60)
        matrix = scale_by(3, 3) @ pose.matrix
        shown = warp(image, matrix, 3 * pose.width, 3 * pose.height)
        rows, columns = np.nonzero(shown)
        centre = [np.average(each, weights=shown[rows, columns]) for each in (columns, rows)]
        np.testing.assert_allclose(centre, map_points(matrix, np.array([x, y])), atol=0.35 * 3 * max(1, pose.detail))


def test_the_identity_changes_nothing():
    image = np.random.default_rng(2).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(warp(image, np.eye(3), 50, 40), image)
    pose = compose([], 50, 40)
    assert (pose.width, pose.height, pose.detail) == (50, 40, 1)
    np.testing.assert_array_equal(pose.matrix, np.eye(3))


def test_a_picture_made_much_smaller_is_averaged_where_paddleocr_skips_pixels():
    noise = np.random.default_rng(3).integers(0, 256, (800, 1000), dtype=np.uint8)
    small = warp(noise, scale_by(0.1, 0.1), 100, 80)
    skipped = warp_in_steps(noise, [Step("Resize", 1.0)], (0, 0, 1000, 800), (100, 80))
    assert small.std() < 0.2 * skipped.std()
    assert abs(small.mean() - noise.mean()) < 2


def test_a_picture_scaled_down_and_up_again_loses_detail_as_in_paddleocr():
    noise = np.random.default_rng(4).integers(0, 256, (200, 300), dtype=np.uint8)
    steps = [Step("Resize", 0.5)]
    pose = compose(steps, 300, 200)
    blurred = warp(noise, scale_by(2, 2) @ pose.matrix, 300, 200, pose.detail)
    expected = warp_in_steps(noise, steps, (0, 0, 150, 100), (300, 200))
    np.testing.assert_allclose(blurred[2:-2, 2:-2].astype(float), expected[2:-2, 2:-2], atol=6)
    assert blurred.std() < 0.7 * noise.std()


def test_a_sample_that_shows_no_part_of_the_picture_is_black():
    image = np.full((40, 50, 3), 255, np.uint8)
    assert not warp(image, shift_by(500, 0), 30, 20).any()
    assert not warp(image, shift_by(-500, -500), 30, 20).any()


def test_a_canvas_is_black_below_and_at_the_right_of_the_sample():
    image = np.random.default_rng(9).integers(1, 256, (40, 50, 3), dtype=np.uint8)
    shown = warp(image, np.eye(3), 50, 40, canvas=(64, 80))
    np.testing.assert_array_equal(shown[:40, :50], image)
    assert shown.shape == (64, 80, 3)
    assert not shown[40:].any()
    assert not shown[:, 50:].any()


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1), (40, 50, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pictures_of_other_kinds_are_warped_too(shape, dtype):
    image = np.full(shape, 200, dtype)
    shown = warp(image, scale_by(0.2, 0.2), 8, 6)
    assert shown.shape[:2] == (6, 8)
    assert shown.dtype == dtype
    assert (shown[1:-1, 1:-1] == 200).all()


def test_a_picture_larger_than_opencv_warps_is_warped():
    image = np.zeros((300, 40000), np.uint8)
    image[:, 20000:] = 100
    shown = warp(image, scale_by(0.01, 0.01), 400, 3)
    assert (shown[1, [1, 198, 201, 398]] == [0, 0, 100, 100]).all()


# ---- draws


def test_steps_move_outlines_as_paddleocrs_do(stock):
    for steps in (
        [("Fliplr", 1)],
        [("Affine", 7)],
        [("Fliplr", 1), ("Affine", -9), ("Resize", 1.5)],
        [("Resize", 0.5)],
    ):
        keys = {"Fliplr": "p", "Affine": "rotate", "Resize": "size"}
        values = {"Fliplr": lambda v: v, "Affine": lambda v: [v, v], "Resize": lambda v: [v, v]}
        augmenter_args = [{"type": kind, "args": {keys[kind]: values[kind](value)}} for kind, value in steps]
        data = scene()
        pose = compose(choose_steps(np.random.default_rng(0), read_augmenters(augmenter_args)), 320, 180)
        scale = pose.width / 320
        theirs = stock.IaaAugment(augmenter_args)(copy(data))
        assert theirs["image"].shape[:2] == (pose.height, pose.width)
        # Scaling moves PaddleOCR's points about the center of the first pixel, and its pixels about their corner.
        np.testing.assert_allclose(
            map_points(pose.matrix, data["polys"]), theirs["polys"] + (scale - 1) / 2, atol=1e-3 * scale
        )


def test_crops_have_paddleocrs_distribution(stock):
    from ppocr.data.imaug.random_crop_data import crop_area

    np.random.seed(0)
    rng, image = np.random.default_rng(0), np.zeros((180, 320, 3), np.uint8)
    for polygons in (scene()["polys"], scene()["polys"][:1], scene()["polys"][:2]):
        ours = np.array([choose_crop(rng, 320, 180, polygons, 10, 0.1) for _ in range(500)])
        theirs = np.array([crop_area(image, list(polygons), 0.1, 10) for _ in range(500)])
        for each, other in zip(ours.T, theirs.T):
            assert ks_2samp(each, other).pvalue > RARELY_WRONG


def test_a_crop_cuts_no_text_and_reaches_some():
    rng = np.random.default_rng(5)
    for _ in range(500):
        polygons = scene()["polys"] + rng.uniform(-30, 30, (6, 1, 2))
        x, y, width, height = choose_crop(rng, 320, 180, polygons, 20, 0.1)
        low, high = np.rint(polygons.min(axis=1)), np.rint(polygons.max(axis=1))
        if (width, height) == (320, 180):
            continue
        for start, side, axis in ((x, width, 0), (y, height, 1)):
            for cut in (start, start + side):
                assert not ((low[:, axis] <= cut) & (cut < high[:, axis])).any()
        assert ((low <= [x + width, y + height]) & (high >= [x, y])).all(axis=1).any()
        assert width >= 32
        assert height >= 18


@pytest.mark.parametrize(
    ("intervals", "gaps"),
    [
        ([(2, 4)], [(0, 2), (4, 9)]),
        ([(0, 3), (2, 5)], [(5, 9)]),
        ([(-4, 2), (7, 20)], [(2, 7)]),
        ([(0, 9)], []),
        ([(3, 3)], [(0, 9)]),
    ],
)
def test_gaps_are_what_no_text_covers(intervals, gaps):
    low, high = np.array(intervals, float).T
    assert find_gaps(low, high, 9).tolist() == [list(gap) for gap in gaps]


def describe(data):
    """Numbers that tell how a sample looks: boxes, their scale and angle, brightness, black pixels."""
    sides = data["polys"][:, 1] - data["polys"][:, 0] if len(data["polys"]) else np.zeros((1, 2))
    image = data["image"]
    return (
        len(data["polys"]),
        np.hypot(*sides.T).mean(),
        abs(np.degrees(np.arctan2(sides[:, 1], np.abs(sides[:, 0])))).mean(),
        image.mean(),
        (image == 0).mean(),
    )


def require_same_distribution(ours, theirs):
    ours, theirs = (np.array([describe(data) for data in samples]) for samples in (ours, theirs))
    for name, each, other in zip(("boxes", "scale", "angle", "brightness", "black"), ours.T, theirs.T):
        assert ks_2samp(each, other).pvalue > RARELY_WRONG, name


def test_samples_have_paddleocrs_distribution_of_boxes_scales_angles_and_brightness(stock):
    np.random.seed(1)
    augment, crop = stock.IaaAugment(), stock.EastRandomCropData(size=[160, 160], max_tries=50)
    ours = RandomSceneCrop(size=[160, 160], max_tries=50, seed=1)
    scenes = [scene(seed=seed) for seed in range(5)] * 60
    require_same_distribution([ours(data) for data in scenes], [crop(augment(copy(data))) for data in scenes])


def test_windows_have_the_distribution_of_paddleocrs_maps_that_are_cut(stock):
    from ppocrv2_ext.plugins.detection_samples.text_window import RandomTextWindow
    from ppocrv2_ext.plugins.detection_samples.visible_text import KeepVisibleText

    ours = RandomSceneWindow([96, 128], DRAWN, seed=1)
    steps = [stock.IaaAugment(DRAWN), KeepVisibleText(), stock.MakeBorderMap(), stock.MakeShrinkMap()]
    steps.append(RandomTextWindow([96, 128], seed=2))

    def make_theirs(data):
        for step in steps:
            data = step(data)
        return data

    scenes = [scene(seed=seed) for seed in range(5)] * 40
    require_same_distribution(
        [KeepVisibleText()(ours(data)) for data in scenes], [make_theirs(copy(data)) for data in scenes]
    )


@pytest.mark.parametrize("make", [RandomSceneCrop, lambda seed: RandomSceneWindow([96, 96], seed=seed)])
def test_the_same_seed_draws_the_same_sample_and_another_does_not(make):
    first, again, other = (make(seed=seed)(scene())["image"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("op", [RandomSceneCrop(size=[96, 96], seed=0), RandomSceneWindow([96, 96], seed=0)])
def test_the_input_is_not_modified(op):
    data = scene()
    before = {key: np.array(value) for key, value in data.items()}
    op(data)
    for key, value in before.items():
        np.testing.assert_array_equal(data[key], value)


def test_text_outside_the_crop_leaves_every_list():
    for seed in range(20):
        data = RandomSceneCrop(size=[96, 64], seed=seed)(scene())
        assert data["image"].shape == (64, 96, 3)
        assert len(data["texts"]) == len(data["polys"]) == len(data["ignore_tags"])


def test_without_the_ratio_outlines_and_pixels_are_stretched_alike():
    data = {**scene(), "image": np.zeros((180, 320, 3), np.uint8), "polys": scene()["polys"][:1], "texts": ["a"]}
    data["ignore_tags"] = np.array([False])
    data["image"][20:37, 20:71] = 255
    for seed in range(10):
        made = RandomSceneCrop([], [200, 200], keep_ratio=False, seed=seed)(data)
        rows, columns = np.nonzero(made["image"][:, :, 0] > 127)
        low, high = made["polys"][0].min(axis=0), made["polys"][0].max(axis=0)
        scale = np.ptp(made["polys"][0], axis=0) / [50, 16]
        assert abs(columns.min() - max(low[0], 0)) <= 0.5 * scale[0] + 1
        assert abs(columns.max() - min(high[0], 199)) <= 0.5 * scale[0] + 1
        assert abs(rows.min() - max(low[1], 0)) <= 0.5 * scale[1] + 1
        assert abs(rows.max() - min(high[1], 199)) <= 0.5 * scale[1] + 1


# ---- numbers


def test_normalised_pixels_are_paddleocrs_up_to_rounding_in_500_pictures(stock):
    rng, arguments = np.random.default_rng(6), {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    theirs, ours = (
        stock.NormalizeImage(scale="1./255.", order="hwc", **arguments),
        NormalizeToCHW("1./255.", **arguments),
    )
    for _ in range(500):
        image = rng.integers(0, 256, (*rng.integers(1, 30, 2), 3), dtype=np.uint8)
        expected = stock.ToCHWImage()(theirs({"image": image}))["image"]
        found = ours({"image": image})["image"]
        assert (found.dtype, found.flags.c_contiguous) == (np.float32, True)
        np.testing.assert_allclose(found, expected, rtol=0, atol=5e-7)  # the largest are 2.6


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_other_types_of_pixels_are_normalised_by_the_formula(stock, dtype):
    image = (np.random.default_rng(7).random((5, 7, 3)) * 1000).astype(dtype)
    expected = stock.ToCHWImage()(stock.NormalizeImage(order="hwc")({"image": image}))["image"]
    np.testing.assert_array_equal(NormalizeToCHW()({"image": image})["image"], expected)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 4)])
def test_pictures_without_three_channels_are_refused_in_paddleocrs_words(shape):
    with pytest.raises(UserError, match=r"invalid input 'img' in NormalizeToCHW: it must be \(height, width, 3\)"):
        NormalizeToCHW()({"image": np.zeros(shape, np.uint8)})


def test_a_view_that_is_not_contiguous_is_normalised():
    image = np.random.default_rng(8).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    found = NormalizeToCHW()({"image": image[::2, ::-1, ::-1]})["image"]
    np.testing.assert_array_equal(found, NormalizeToCHW()({"image": image[::2, ::-1, ::-1].copy()})["image"])


# ---- bad input


@pytest.mark.parametrize("make", [RandomSceneCrop, lambda: RandomSceneWindow([640, 640])])
def test_a_scene_without_text_becomes_a_sample_without_text(make):
    data = {**scene(), "polys": np.zeros((0, 4, 2), np.float32), "texts": [], "ignore_tags": np.zeros(0, bool)}
    made = make()(data)
    assert made["image"].shape == (640, 640, 3)
    assert len(made["polys"]) == 0


@pytest.mark.parametrize("make", [RandomSceneCrop, lambda: RandomSceneWindow([64, 64])])
def test_a_coordinate_that_is_no_number_is_refused(make):
    data = scene()
    data["polys"][2, 1, 0] = np.nan
    with pytest.raises(UserError, match="not a finite number; mend its label"):
        make()(data)


@pytest.mark.parametrize("side", [(1, 1), (1, 400), (400, 1)])
def test_the_smallest_pictures_make_samples(side):
    data = {**scene(), "image": np.full((*side, 3), 9, np.uint8)}
    for seed in range(10):
        assert RandomSceneCrop(size=[64, 32], seed=seed)(data)["image"].shape == (32, 64, 3)
        assert RandomSceneWindow([32, 64], seed=seed)(data)["image"].shape == (32, 64, 3)


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        (RandomSceneCrop, {"size": 640}),
        (RandomSceneCrop, {"size": [0, 640]}),
        (RandomSceneCrop, {"max_tries": 0}),
        (RandomSceneCrop, {"min_crop_side_ratio": 2}),
        (RandomSceneCrop, {"keep_ratio": 1}),
        (RandomSceneCrop, {"augmenter_args": "Fliplr"}),
        (RandomSceneCrop, {"augmenter_args": [{"type": "Affine", "args": {"rotate": [10, -10]}}]}),
        (RandomSceneCrop, {"augmenter_args": [{"type": "Resize", "args": {"size": [0, 3]}}]}),
        (RandomSceneWindow, {"size": [480]}),
        (RandomSceneWindow, {"size": [480, 480], "text_p": 2}),
        (RandomSceneWindow, {"size": [480, 480], "min_text_size": -1}),
        (NormalizeToCHW, {"scale": "1/0"}),
        (NormalizeToCHW, {"scale": "__import__('os')"}),
        (NormalizeToCHW, {"mean": [0.5]}),
        (NormalizeToCHW, {"std": [0, 1, 1]}),
        (NormalizeToCHW, {"order": "chw"}),
    ],
)
def test_an_argument_out_of_range_is_refused_by_its_name(op, arguments):
    name = next(key for key in arguments if key != "size" or len(arguments) == 1)
    with pytest.raises(ValueError, match=f"`{name}"):
        op(**arguments)


@pytest.mark.parametrize("entry", [{"type": "GaussNoise"}, {"type": "Affine", "args": {"shear": 3}}, ["Fliplr"]])
def test_an_augmenter_that_needs_paddleocrs_own_transforms_is_refused_with_their_names(entry):
    with pytest.raises(ValueError, match="put PaddleOCR's IaaAugment and EastRandomCropData in the place"):
        RandomSceneCrop([entry])
