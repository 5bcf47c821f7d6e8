"""Copy-Paste: where it may paste, that pixels and labels agree, and that it leaves everything else alone."""

import json
from typing import NamedTuple

import cv2
import numpy as np
import paddle
import pytest
import shapely
from shapely.geometry import Polygon
from text_scenes import BAND, SQUARE, plain_image, sample, with_other
from workers import load_two_epochs

from ppocrv2_ext.plugins.copy_paste import pasting
from ppocrv2_ext.plugins.copy_paste.pasting import Paste, Scene, choose, paste
from ppocrv2_ext.plugins.copy_paste.transform import TextCopyPaste, read_scene
from ppocrv2_ext.plugins.polygons import areas

CASES = 600


def random_sample(rng, name):
    """A picture of 20 to 200 pixels with up to eight boxes or curved bands, in any direction, some ignored."""
    height, width = rng.integers(30, 240, 2)
    points = 2 * int(rng.integers(2, 7))
    polygons = []
    for _ in range(int(rng.integers(1, 9))):
        x = np.linspace(-1, 1, points // 2) * rng.uniform(6, 30)
        h, bend, turn = rng.uniform(3, 15), rng.uniform(-0.01, 0.01), rng.uniform(-3, 3)
        band = np.stack([np.append(x, x[::-1]), np.append(bend * x**2 - h, (bend * x**2 + h)[::-1])], 1)
        band = band @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
        polygons.append(band + rng.uniform(0, (width, height)))
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return sample(image, polygons, [f"{name} {i}" for i in range(len(polygons))], rng.random(len(polygons)) < 0.2)


class Case(NamedTuple):
    target: dict
    other: dict
    result: dict
    limit: float

    def new_polygons(self):
        return self.result["polys"][len(self.target["polys"]) :]


@pytest.fixture(scope="module")
def cases():
    """Random pictures, pasted into with random settings."""
    rng, found = np.random.default_rng(0), []
    for seed in range(CASES):
        target, other = random_sample(rng, "target"), random_sample(rng, "other")
        limit = float(rng.choice([0.0, 0.0, 0.2, 0.6]))
        op = TextCopyPaste(
            scale_range=(0.3, 2), angle_range=(-60, 60), flip_p=0.3, objects_ratio=1, max_overlap=limit, seed=seed
        )
        found.append(Case(target, other, op(with_other(target, other)), limit))
    assert sum(len(case.new_polygons()) for case in found) > CASES  # so that the claims below are about something
    return found


def test_pasted_labels_lie_inside_the_picture(cases):
    for case in cases:
        height, width = case.target["image"].shape[:2]
        assert (case.new_polygons() >= 0).all()
        assert (case.new_polygons() <= (width - 1, height - 1)).all()


def covered_shares(case):
    """Of every text, how much of its area is covered by what was pasted after it."""
    outlines = [Polygon(polygon).buffer(0) for polygon in case.result["polys"]]
    old = len(case.target["polys"])
    for i, outline in enumerate(outlines):
        if outline.area > 0:
            later = outlines[max(i + 1, old) :]
            yield case.result["ignore_tags"][i], sum(outline.intersection(each).area for each in later) / outline.area


def test_text_is_covered_up_to_the_limit_and_ignored_text_never(cases):
    shares = [(case.limit, ignored, share) for case in cases for ignored, share in covered_shares(case)]
    assert all(share <= (0 if ignored else limit) + 1e-4 for limit, ignored, share in shares)
    assert max(share for _, _, share in shares) > 0.25


def test_only_pasted_areas_change(cases):
    for case in cases:
        allowed = np.zeros(case.target["image"].shape[:2], np.uint8)
        for polygon in case.new_polygons():
            cv2.fillPoly(allowed, [np.rint(polygon * 16).astype(int)], 1, shift=4)
        changed = (case.result["image"] != case.target["image"]).any(axis=2)
        assert not (changed & (cv2.dilate(allowed, np.ones((3, 3))) == 0)).any()


def draw_finely(polygons, height, width, finer=16):
    """The share of each pixel that lies inside any of them, in 1/255, by OpenCV at a multiple of the size."""
    mask = np.zeros((height * finer, width * finer), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.rint((polygon + 0.5) * finer - 0.5).astype(int)], 255)
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)


def test_without_overlap_no_pixel_of_old_text_changes(cases):
    for case in cases:
        changed = (case.result["image"] != case.target["image"]).any(axis=2)
        if case.limit == 0 and changed.any():
            assert not changed[draw_finely(case.target["polys"], *changed.shape, finer=4) > 16].any()


def test_old_labels_stay_and_new_ones_belong_to_readable_text(cases):
    for case in cases:
        old = len(case.target["polys"])
        np.testing.assert_allclose(areas(case.result["polys"][:old]), areas(case.target["polys"]), rtol=1e-5)
        points = case.target["polys"].shape[1]
        np.testing.assert_array_equal(case.result["polys"][:old, :points], case.target["polys"])
        assert case.result["texts"][:old] == case.target["texts"]
        readable = {t for t, ignored in zip(case.other["texts"], case.other["ignore_tags"]) if not ignored}
        assert set(case.result["texts"][old:]) <= readable
        assert not case.result["ignore_tags"][old:].any()


def test_the_result_has_the_formats_of_det_label_encode(cases):
    for case in cases:
        result, count = case.result, len(case.result["texts"])
        assert set(result) == {"image", "polys", "texts", "ignore_tags"}
        assert (result["image"].dtype, result["polys"].dtype) == (np.uint8, np.float32)
        assert (result["ignore_tags"].dtype, type(result["texts"])) == (bool, list)
        assert len(result["polys"]) == len(result["ignore_tags"]) == count


def test_inputs_are_not_modified():
    rng = np.random.default_rng(1)
    target, other = random_sample(rng, "target"), random_sample(rng, "other")
    before = [{key: np.array(value).copy() for key, value in each.items()} for each in (target, other)]
    TextCopyPaste(objects_ratio=1, seed=0)(with_other(target, other))
    for each, copy in zip((target, other), before):
        for key, value in copy.items():
            np.testing.assert_array_equal(np.array(each[key]), value)


def test_the_same_seed_gives_the_same_result():
    data = with_other(sample(plain_image(), [SQUARE]), sample(plain_image(value=255), [BAND]))
    first, second, third = (TextCopyPaste(objects_ratio=1, seed=seed)(data) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first["image"], second["image"])
    np.testing.assert_array_equal(first["polys"], second["polys"])
    assert not np.array_equal(first["image"], third["image"])


def test_without_a_seed_numpys_global_generator_decides():
    data = with_other(sample(plain_image(), []), sample(plain_image(value=255), [SQUARE]))

    def paste_with(seed):
        np.random.seed(seed)
        return TextCopyPaste()(data)["polys"]

    np.testing.assert_array_equal(paste_with(1), paste_with(1))
    assert not np.array_equal(paste_with(1), paste_with(2))


class CornerDataset(paddle.io.Dataset):
    """Each item is the corner at which the transform pastes. The index makes no difference."""

    def __init__(self, seed):
        super().__init__()
        self.op = TextCopyPaste(seed=seed)
        self.data = with_other(sample(plain_image(), []), sample(plain_image(value=255), [SQUARE]))

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.op(self.data)["polys"][0, 0]


@pytest.mark.parametrize("seed", [None, 3])
def test_workers_and_their_epochs_draw_differently_but_reproducibly(seed):
    first, second = (load_two_epochs(lambda: CornerDataset(seed), batch_size=1) for _ in range(2))
    assert len(set(first)) == len(first) == 8
    assert second == first


def exact_shares(polygon, height, width):
    """The share of each pixel that lies inside a polygon, one pixel at a time."""
    shares = np.zeros((height, width))
    y, x = np.nonzero(draw_finely([polygon], height, width, finer=2))
    shares[y, x] = shapely.area(shapely.intersection(Polygon(polygon), shapely.box(x - 0.5, y - 0.5, x + 0.5, y + 0.5)))
    return shares


def test_pasted_pixels_and_their_label_agree():
    rng, settings = np.random.default_rng(3), TextCopyPaste(angle_range=(-45, 45)).settings
    ious = []
    for _ in range(60):
        w, h = rng.uniform(20, 80), rng.uniform(10, 40)
        box = np.array([[0, 0], [w, 0], [w, h], [0, h]]) + rng.uniform(1, 15, 2)
        scene, other = Scene((150, 200), np.zeros((0, 4, 2)), np.zeros(0, bool)), Scene((100, 120), box[None], [False])
        pastes = choose(rng, scene, other._replace(ignored=np.array([False])), settings)
        changed = paste(plain_image(150, 200), plain_image(value=255), pastes)[..., 0] >= 128
        label = exact_shares(pastes[0].polygon, 150, 200) >= 0.5
        ious.append((changed & label).sum() / (changed | label).sum())
    assert np.mean(ious) >= 0.99
    assert np.min(ious) >= 0.97


@pytest.mark.parametrize("flip_p", [0, 1])
def test_every_pixel_comes_from_where_the_label_says(flip_p):
    # Every pixel of the other picture tells its own x, y, which sampling and averaging keep. Floats, to see fractions.
    y, x = np.mgrid[:200, :250]
    atlas = np.stack([x, y, 0 * x], axis=2).astype(np.float32)
    box = np.array([[60, 80], [170, 90], [165, 130], [58, 115]], np.float32)
    rng = np.random.default_rng(4)
    settings = TextCopyPaste(angle_range=(-180, 180), scale_range=(0.2, 2), flip_p=flip_p).settings
    for _ in range(30):
        empty = Scene((300, 400), np.zeros((0, 4, 2)), np.zeros(0, bool))
        pastes = choose(rng, empty, Scene((200, 250), box[None], np.array([False])), settings)
        _, matrix, polygon = pastes[0]
        inside = cv2.erode(draw_finely([polygon], 300, 400, finer=2), np.ones((5, 5))) == 255
        found = paste(plain_image(300, 400).astype(np.float32), atlas, pastes)[inside][:, :2]
        back = cv2.invertAffineTransform(matrix)
        expected = np.argwhere(inside)[:, ::-1] @ back[:, :2].T + back[:, 2]
        np.testing.assert_allclose(found, expected, atol=0.05)
        corners = box @ matrix[:, :2].T + matrix[:, 2]
        assert sorted(map(tuple, corners.round(3))) == sorted(map(tuple, polygon.round(3)))


def test_pasted_edges_are_smooth():
    box = np.array([[20.3, 20.6], [70.3, 20.6], [70.3, 40.6], [20.3, 40.6]])
    identity = np.eye(2, 3)
    weights = paste(plain_image(), plain_image(value=255), [Paste(0, identity, box)])[:, 45, 0] / 255
    # None of row 20 lies inside, 0.9 of row 21, all of row 22; no row weighs more than the mean of itself and its two
    # neighbours.
    np.testing.assert_allclose(weights[19:24], [0, 0, 1.9 / 3, 2.9 / 3, 1], atol=0.02)


@pytest.fixture
def opencv_4(monkeypatch):
    """Let every OpenCV refuse to warp what OpenCV 4 refuses."""
    warp = cv2.warpAffine

    def warp_as_opencv_4(source, *arguments, **options):
        assert max(source.shape[:2]) <= 32766
        return warp(source, *arguments, **options)

    monkeypatch.setattr(cv2, "warpAffine", warp_as_opencv_4)


@pytest.mark.parametrize("turned", [False, True])
def test_text_is_pasted_out_of_a_picture_larger_than_opencv_4_warps(opencv_4, turned):
    rng, angle = np.random.default_rng(5), np.radians(20)
    small = rng.integers(0, 256, (200, 40, 3) if turned else (40, 200, 3), dtype=np.uint8)
    start = np.array([0, 35_000] if turned else [35_000, 0])
    large = np.pad(small, [(start[1], 5_000), (start[0], 0), (0, 0)] if turned else [(0, 0), (start[0], 5_000), (0, 0)])
    box = np.array([[5, 5], [30, 6], [29, 30], [4, 28]])
    linear = 0.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    polygon = box @ linear.T + 40
    pastes = [Paste(0, np.column_stack([linear, 40 - linear @ corner]), polygon) for corner in (start, start * 0)]
    found, expected = (paste(plain_image(), image, [one]) for image, one in zip((large, small), pastes))
    assert expected.any()
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_text_longer_than_opencv_4_warps_is_pasted(opencv_4):
    picture = np.zeros((200, 40_000, 3), np.uint8)
    picture[:, 20_000:] = 255
    polygon = np.array([[0, 0], [799, 0], [799, 3.9], [0, 3.9]])
    result = paste(plain_image(10, 800, 100), picture, [Paste(0, np.array([[0.02, 0, 0], [0, 0.02, 0]]), polygon)])
    assert (result[2, 2:398].max(), result[2, 402:797].min()) == (0, 255)


def test_text_has_the_same_pixels_in_its_surroundings_as_in_the_whole_picture():
    rng, count = np.random.default_rng(6), 0
    limits = {"scale_range": (0.1, 3), "angle_range": (-180, 180), "flip_p": 0.3, "objects_ratio": 1, "min_size": 2}
    for _ in range(200):
        target, other = random_sample(rng, "target"), random_sample(rng, "other")
        pastes = choose(rng, read_scene(target), read_scene(other), TextCopyPaste(**limits).settings)
        found = target["image"]
        for part, one in (pasting.cut_object(other["image"], one) for one in pastes):
            found = paste(found, part, [one])
            count += part.size < other["image"].size
        difference = np.abs(paste(target["image"], other["image"], pastes).astype(int) - found)
        # OpenCV 5 computes places in float32, which rounds otherwise where the numbers are smaller.
        assert difference.max() <= (0 if cv2.__version__.startswith("4.") else 1)
        assert (difference > 0).mean() < 0.001
    assert count > 200


def test_an_ordinary_picture_is_warped_as_a_whole(monkeypatch):
    # Its pixels are then bit by bit what they were before larger pictures were cut.
    monkeypatch.setattr(pasting, "cut_object", None)
    longest = plain_image(20, 32_766, 255)
    assert paste(plain_image(), longest, [Paste(0, np.eye(2, 3), np.array(SQUARE))]).any()


def test_the_outline_of_mirrored_text_starts_top_left_and_runs_clockwise():
    data = with_other(
        sample(plain_image(), []), sample(plain_image(value=255), [[[10, 10], [60, 10], [60, 30], [10, 30]]])
    )
    box = TextCopyPaste(flip_p=1, angle_range=(0, 0), scale_range=(1, 1), seed=0)(data)["polys"][0]
    np.testing.assert_allclose(box - box[0], [[0, 0], [50, 0], [50, 20], [0, 20]], atol=1e-4)


def test_curved_text_is_pasted_with_all_its_points():
    data = with_other(sample(plain_image(), [SQUARE]), sample(plain_image(value=255), [BAND]))
    result = TextCopyPaste(scale_range=(1, 1), seed=0)(data)
    assert result["polys"].shape == (2, 14, 2)
    np.testing.assert_allclose(areas(result["polys"]), [100, areas(BAND)], rtol=1e-4)
    changed = (result["image"] > 127).any(axis=2)
    assert (changed == (draw_finely(result["polys"][1:], 100, 120) >= 128)).mean() > 0.99
    np.testing.assert_array_equal(result["polys"][0, 4:], np.tile(SQUARE[-1], (10, 1)))  # as DetLabelEncode does


def test_boxes_on_a_curved_picture_repeat_their_last_point():
    result = TextCopyPaste(seed=0)(with_other(sample(plain_image(), [BAND]), sample(plain_image(value=255), [SQUARE])))
    assert result["polys"].shape == (2, 14, 2)
    assert (result["polys"][1, 3:] == result["polys"][1, 3]).all()


def test_nothing_is_pasted_into_a_full_picture():
    full = sample(plain_image(), [[[0, 0], [119, 0], [119, 99], [0, 99]]])
    result = TextCopyPaste(tries=10000, seed=0)(with_other(full, sample(plain_image(value=255), [SQUARE])))
    assert result["image"] is full["image"]
    assert len(result["polys"]) == 1


def test_a_free_place_beside_slanted_text_is_found():
    # The box of this triangle is the whole picture, but half of it is free.
    triangle = np.array([[[0, 0], [119, 119], [0, 119], [0, 119]]], np.float32)
    target = sample(plain_image(120, 120), triangle)
    result = TextCopyPaste(scale_range=(1, 1), seed=0)(with_other(target, sample(plain_image(value=255), [SQUARE])))
    assert len(result["polys"]) == 2
    assert not Polygon(triangle[0]).intersects(Polygon(result["polys"][1]))


@pytest.mark.parametrize(
    "polygon",
    [
        [[np.nan, 2], [12, 2], [12, 12], [2, 12]],
        [[np.inf, 2], [12, 2], [12, 12], [2, 12]],
        [[2, 2], [2, 2], [2, 2], [2, 2]],
        [[2, 2], [50, 2], [50, 2], [2, 2]],
        [[2, 2], [50, 2], [50, 5], [2, 5]],
        [[2, 2], [62, 2], [20, 42], [30, 42]],
        [[-5, 2], [12, 2], [12, 22], [-5, 22]],
        [[100, 2], [125, 2], [125, 22], [100, 22]],
    ],
    ids=["nan", "infinite", "point", "line", "too low", "crossing itself", "cut off left", "cut off right"],
)
def test_an_invalid_cut_off_or_tiny_object_is_not_pasted(polygon):
    target = sample(plain_image(), [SQUARE])
    assert len(TextCopyPaste(seed=0)(with_other(target, sample(plain_image(), [polygon])))["polys"]) == 1


def test_invalid_old_labels_are_kept_and_block_no_place():
    target = sample(plain_image(), [[[np.nan] * 2] * 4, [[3, 3]] * 4, [[1e9, 0], [2e9, 0], [2e9, 9], [1e9, 9]]])
    result = TextCopyPaste(seed=0)(with_other(target, sample(plain_image(value=255), [SQUARE])))
    assert len(result["polys"]) == 4
    np.testing.assert_array_equal(result["polys"][:3], target["polys"])


@pytest.mark.parametrize(
    "ext_data",
    [
        "missing",
        None,
        [],
        {},
        [None],
        [{}],
        [{"image": plain_image()}],
        [sample(plain_image(), np.zeros((0, 4, 2)))],
        [sample(plain_image(), [])],
        [sample(None, [SQUARE])],
        [sample(plain_image(), [SQUARE], texts=[])],
        [sample(plain_image(), [SQUARE], texts=["###"], ignored=[True])],
    ],
    ids=lambda value: None,
)
def test_without_a_usable_other_picture_the_sample_is_unchanged(ext_data):
    target = sample(plain_image(), [SQUARE])
    result = TextCopyPaste(seed=0)(target if isinstance(ext_data, str) else {**target, "ext_data": ext_data})
    assert result == target


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (7, 7)])
def test_a_picture_too_small_for_any_text_is_unchanged(size):
    target = sample(plain_image(*size), [])
    assert TextCopyPaste(seed=0)(with_other(target, sample(plain_image(), [SQUARE])))["image"] is target["image"]


def test_text_as_large_as_the_picture_fits_exactly():
    target, other = (
        sample(plain_image(50, 90), []),
        sample(plain_image(50, 90, 255), [[[0, 0], [89, 0], [89, 49], [0, 49]]]),
    )
    result = TextCopyPaste(scale_range=(1, 1), angle_range=(0, 0), seed=0)(with_other(target, other))
    np.testing.assert_array_equal(result["polys"], other["polys"])


def test_text_larger_than_the_picture_is_scaled_to_fit():
    other = sample(plain_image(300, 300, 255), [[[10, 10], [290, 10], [290, 100], [10, 100]]])
    result = TextCopyPaste(seed=0)(with_other(sample(plain_image(100, 200), []), other))
    assert len(result["polys"]) == 1


def test_a_training_set_of_paddleocr_supplies_the_other_picture(wheel, samples, tmp_path):
    from ppocr.data.simple_dataset import SimpleDataSet
    from ppocr.utils.logging import get_logger

    scenes = samples / "icdar2015_scenes"
    lines = (scenes / "train.txt").read_text(encoding="utf-8-sig").splitlines()[:6]
    (tmp_path / "labels.txt").write_text("\n".join(lines), encoding="utf-8")
    transforms = [
        {"DecodeImage": {"img_mode": "BGR", "channel_first": False}},
        {"DetLabelEncode": None},
        {"TextCopyPaste": {"seed": 0}},
        {"KeepKeys": {"keep_keys": ["image", "polys", "texts", "ignore_tags"]}},
    ]
    dataset = {"data_dir": str(scenes), "label_file_list": [str(tmp_path / "labels.txt")], "transforms": transforms}
    config = {"Global": {}, "Train": {"dataset": dataset, "loader": {"shuffle": False}}}
    training_set = SimpleDataSet(config, "Train", get_logger(), seed=0)
    samples = [training_set[i] for i in range(6)]
    labelled = {len(json.loads(line.split("\t")[1])) for line in lines}
    assert any(len(texts) not in labelled for _, _, texts, _ in samples)
    assert all(len(polygons) == len(texts) == len(ignored) for _, polygons, texts, ignored in samples)


@pytest.fixture(scope="module")
def scenes(samples):
    """Six real scenes with text."""
    found = []
    for line in (samples / "icdar2015_scenes" / "train.txt").read_text(encoding="utf-8-sig").splitlines():
        name, objects = line.split("\t")
        objects, texts = json.loads(objects), [each["transcription"] for each in json.loads(objects)]
        image = cv2.imread(str(samples / "icdar2015_scenes" / name))
        found.append(sample(image, [each["points"] for each in objects], texts, [text == "###" for text in texts]))
    return found


def test_real_scenes_keep_their_text_and_get_more(scenes):
    op, count = TextCopyPaste(objects_ratio=1, seed=0), 0
    for target, other in zip(scenes, scenes[1:]):
        case = Case(target, other, op(with_other(target, other)), 0.0)
        old = [share for _, share in covered_shares(case)][: len(target["polys"])]
        assert max(old) <= 1e-6
        assert "###" not in case.result["texts"][len(target["texts"]) :]
        count += len(case.new_polygons())
    readable = sum(int((~other["ignore_tags"]).sum()) for other in scenes[1:])
    assert count >= 0.8 * readable
