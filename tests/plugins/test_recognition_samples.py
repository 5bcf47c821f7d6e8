"""Augmented lines: PaddleOCR's pictures for the same draws, and draws of PaddleOCR's distribution."""

import random

import cv2
import numpy as np
import pytest
from scipy.stats import ks_2samp

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.recognition_samples import deform as deformations
from ppocrv2_ext.plugins.recognition_samples.augment import (
    Probabilities,
    TextLineAugment,
    augment,
    choose,
    shift_diagonally,
)
from ppocrv2_ext.plugins.recognition_samples.deform import (
    ControlPoints,
    choose_deformations,
    cv2_interpolate,
    deform,
    find_sources,
    interpolate_plainly,
    move_points,
)

CHANGES = [f"{name}_prob" for name in Probabilities._fields]
HALF = Probabilities(*[0.5] * 7)
RARELY_WRONG = 1e-3  # a test of a distribution fails for one seed in a thousand; the seeds are fixed


def random_line(rng, smallest=1, largest=60, longest=260):
    """A smooth picture with a few sharp edges, of random size."""
    height, width = int(rng.integers(smallest, largest)), int(rng.integers(smallest, longest))
    image = cv2.resize(rng.integers(0, 256, (4, 9, 3), dtype=np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    image[height // 3 : height // 2, width // 4 : width // 2] = rng.integers(0, 256, 3)
    return image


@pytest.fixture
def stock(wheel):
    from ppocr.data.imaug import rec_img_aug

    return rec_img_aug


class Replay:
    """Stands in for `random` and `np.random`: gives PaddleOCR's code the draws that :func:`choose` made."""

    def __init__(self, changes):
        self.randoms, self.randints, self.moves = [], [], []
        self.changes = changes

        def gate(is_on):
            self.randoms.append(0.25 if is_on else 0.75)

        gate(changes.deformations)
        if changes.deformations:
            self._replay_deformations(*changes.deformations)
        cut = changes.rows != (0, changes.height)
        gate(cut)
        if cut:
            above = changes.rows[0] > 0
            self.randints += [changes.rows[0] if above else changes.height - changes.rows[1], int(above)]
        gate(changes.blur)
        gate(changes.darken is not None)
        if changes.darken is not None:
            self.randoms += [0.7, 0.2 if changes.darken else 0.8]
        gate(changes.shift)
        if changes.shift:
            self.randoms.append((changes.shift + 1.5) / 0.01 / changes.shorter_side)
        gate(changes.noise is not None)
        gate(changes.invert)

    def _replay_deformations(self, waves, stretch, perspective):
        step = [len(points.source) // 2 - 1 for points in (waves, stretch)]
        self.randints += step
        width = int(waves.source[1].real)
        moves = waves.target - waves.source
        corner_moves, cut_moves = moves[:4], moves[4:] + (width // step[0] // 3) / 2 * (1 + 1j)
        moves = np.concatenate([np.abs(corner_moves.real) + 1j * np.abs(corner_moves.imag), cut_moves])
        self.moves += np.stack([moves.real, moves.imag], axis=1).ravel().tolist()
        reach = width // step[1] * 4 // 5
        self.moves += ((stretch.target - stretch.source)[4::2].real + reach / 2).tolist()
        self.moves += np.abs((perspective.target - perspective.source).imag).tolist()

    def random(self):
        return self.randoms.pop(0)

    def randint(self, low, high=None):
        if high is None:  # np.random
            move = self.moves.pop(0)
            assert move == int(move)
            assert 0 <= move < low
            return int(move)
        value = self.randints.pop(0)
        assert low <= value <= high
        return value

    def normal(self, mean, deviation, shape):
        assert shape == self.changes.noise.shape
        return np.where(self.changes.noise, -1, 1) * deviation


class Drawn:
    """The changes, and the sizes that the replay needs."""

    def __init__(self, changes, image):
        self.__dict__.update(changes._asdict())
        self.height = image.shape[0]
        self.shorter_side = min(changes.rows[1] - changes.rows[0], image.shape[1])


def run_stock(stock, monkeypatch, image, changes):
    """The picture of PaddleOCR's RecAug for these draws. It takes all of them, each in a range of its own draws."""
    replay = Replay(Drawn(changes, image))
    with monkeypatch.context() as patch:
        for name in ("random", "randint"):
            patch.setattr(random, name, getattr(replay, name))
        for name in ("randint", "normal"):
            patch.setattr(np.random, name, getattr(replay, name))
        op = stock.RecAug(**dict.fromkeys(CHANGES, 0.5))
        result = op({"image": image.copy()})["image"]
    assert (replay.randoms, replay.randints, replay.moves) == ([], [], [])
    return result


def test_without_a_deformation_the_same_draws_give_paddleocrs_picture_bit_by_bit(stock, monkeypatch):
    rng = np.random.default_rng(0)
    for _ in range(500):
        image = random_line(rng, largest=420, longest=420) if rng.random() < 0.1 else random_line(rng)
        changes = choose(rng, *image.shape[:2], HALF._replace(tia=0))
        np.testing.assert_array_equal(augment(image, changes), run_stock(stock, monkeypatch, image, changes))


def test_with_deformations_the_same_draws_give_paddleocrs_picture_up_to_rounding(stock, monkeypatch):
    rng = np.random.default_rng(1)
    for _ in range(150):
        image = random_line(rng, smallest=20, longest=230)
        changes = choose(rng, *image.shape[:2], Probabilities(1, 0.5, 0, 0, 0.5, 0.5, 0.5))
        ours, theirs = augment(image, changes), run_stock(stock, monkeypatch, image, changes)
        difference = np.abs(ours.astype(int) - theirs)
        assert difference.mean() < 0.5  # OpenCV 4 rounds places to 1/32 of a pixel
        assert np.percentile(difference, 99) <= 8


def test_moving_least_squares_equals_paddleocrs_loops(wheel):
    from ppocr.data.imaug.text_image_aug.warp_mls import WarpMLS

    rng, exact = np.random.default_rng(2), 0
    for _ in range(200):
        height, width = int(rng.integers(20, 130)), int(rng.integers(20, 330))
        for points in choose_deformations(rng, height, width):
            pairs = [np.stack([side.real, side.imag], axis=1) for side in points]
            loops = WarpMLS(np.zeros((height, width)), *map(list, pairs), width, height)
            loops.calc_delta()
            x, y = (np.unique([*range(0, side, 100), side - 1]) for side in (width, height))
            grid = (x + 1j * y[:, None]).ravel()
            expected = (loops.rdx + 1j * loops.rdy)[y][:, x].ravel()
            np.testing.assert_allclose(move_points(grid, points) - grid, expected, atol=0.01)  # it sums in float32
            exact += np.isin(grid, points.target).sum()
    assert exact > 200  # the control points on the grid, the last one among them, are a case of their own


def test_the_last_control_point_is_left_out_at_itself_and_the_others_are_exact():
    target = np.array([0, 10, 10 + 10j, 10j])
    points = ControlPoints(target + np.array([1, 2, 3, 50]), target)
    first, last = move_points(target[[0, 3]], points)
    assert first == 1
    assert abs(last - 10j) < 5


def test_interpolation_of_the_moves_equals_paddleocrs(wheel):
    from ppocr.data.imaug.text_image_aug.warp_mls import WarpMLS

    rng = np.random.default_rng(3)
    for height, width in [(20, 20), (100, 99), (101, 100), (99, 101), (201, 45), (45, 200), (130, 260)]:
        image = random_line(rng)
        image = cv2.resize(image, (width, height))
        for points in choose_deformations(rng, height, width):
            pairs = [np.stack([side.real, side.imag], axis=1) for side in points]
            theirs = WarpMLS(image, *map(list, pairs), width, height).generate()
            ours = interpolate_plainly(image.astype(np.float32), *find_sources(height, width, points))
            assert np.abs(np.floor(ours + 1e-3) - theirs).max() <= 1
            assert (np.floor(ours + 1e-3) != theirs).mean() < 0.01  # its places are off by up to 0.01 pixels


def test_opencv_interpolates_as_the_plain_formula_does():
    rng = np.random.default_rng(4)
    for _ in range(500):
        image = random_line(rng).astype(np.float32)
        height, width = image.shape[:2]
        x, y = rng.uniform(-3, 1, (2, 7, 11)).astype(np.float32) + rng.uniform(0, 1, (2, 7, 11)).astype(np.float32) * [
            [[width + 2]],
            [[height + 2]],
        ]
        x, y = x.astype(np.float32), y.astype(np.float32)
        rounded = interpolate_plainly(image, np.rint(x * 32) / 32, np.rint(y * 32) / 32)
        exact, ours = interpolate_plainly(image, x, y), cv2_interpolate(image, x, y)
        assert min(np.abs(ours - exact).max(), np.abs(ours - rounded).max()) < 0.01  # OpenCV 5, OpenCV 4


def test_a_picture_too_long_for_opencv_is_deformed_too():
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (20, deformations.MOST_WARPED + 10, 3), dtype=np.uint8)
    result = TextLineAugment(tia_prob=1, seed=0, **dict.fromkeys(CHANGES[1:], 0))({"image": image})["image"]
    assert result.shape == image.shape
    assert (result != image).any()


def test_points_that_do_not_move_change_nothing():
    image = random_line(np.random.default_rng(6), smallest=30).astype(np.float32)
    height, width = image.shape[:2]
    corners = np.array([0, width, width + 1j * height, 1j * height])
    np.testing.assert_array_equal(deform(image, ControlPoints(corners, corners)), image)


def test_a_diagonal_shift_by_hand():
    image = np.arange(9, dtype=np.uint8).reshape(3, 3, 1)
    assert shift_diagonally(image, 1)[..., 0].tolist() == [[0, 1, 2], [3, 0, 1], [6, 3, 4]]


# What is drawn


def record_stock_points(stock, monkeypatch, height, width, count):
    """The moves of the control points in ``count`` runs of PaddleOCR's deformations: [waves, stretch, perspective]."""
    from ppocr.data.imaug.text_image_aug import augment as stock_augment

    found = []

    class Recorder:
        def __init__(self, image, source, target, *size):
            found.append(np.array(target, float) - source)
            self.image = image

        def generate(self):
            return self.image

    monkeypatch.setattr(stock_augment, "WarpMLS", Recorder)
    random.seed(0)
    np.random.seed(0)
    op = stock.RecAug(**{**dict.fromkeys(CHANGES, 0), "tia_prob": 1})
    for _ in range(count):
        op({"image": np.zeros((height, width, 3), np.uint8)})
    return [found[kind::3] for kind in range(3)]


@pytest.mark.parametrize(("height", "width"), [(20, 20), (32, 150), (70, 400)])
def test_control_points_are_drawn_with_paddleocrs_distribution(stock, monkeypatch, height, width):
    count, rng = 600, np.random.default_rng(7)
    drawn = [choose_deformations(rng, height, width) for _ in range(count)]
    for kind, theirs in enumerate(record_stock_points(stock, monkeypatch, height, width, count)):
        moves = [each[kind].target - each[kind].source for each in drawn]
        ours = [np.stack([move.real, move.imag], axis=1) for move in moves]
        assert ks_2samp(list(map(len, ours)), list(map(len, theirs))).pvalue > RARELY_WRONG
        # The first five points are four corners and the first cut, where there is one.
        for point in range(min(5, len(ours[0]))):
            for axis in range(2):
                a, b = ([each[point, axis] for each in side] for side in (ours, theirs))
                assert (min(a), max(a)) == pytest.approx((min(b), max(b)), abs=0.1 * width)
                assert ks_2samp(a, b).pvalue > RARELY_WRONG


@pytest.mark.parametrize("probability", [0.1, 0.4])
def test_pictures_have_paddleocrs_distribution(stock, probability, samples):
    image = cv2.imread(str(sorted((samples / "icdar2015_words").rglob("*.png"))[3]))
    image = cv2.resize(image, (90, 40))
    random.seed(1)
    np.random.seed(1)
    options = dict.fromkeys(CHANGES, probability)
    ops = [stock.RecAug(**options), TextLineAugment(**options, seed=1)]
    pictures = [[op({"image": image.copy()})["image"] for _ in range(600)] for op in ops]
    measures = {
        "rows": len,
        "brightness": np.mean,
        "contrast": np.std,
        "sharpness": lambda picture: cv2.Laplacian(picture, cv2.CV_32F).std(),
        "left half": lambda picture: picture[:, :45].mean(),
        "upper half": lambda picture: picture[:16].mean(),
        "changed values": lambda picture: (picture[:32] != image[: len(picture[:32])]).mean(),
    }
    for name, measure in measures.items():
        theirs, ours = ([float(measure(picture)) for picture in side] for side in pictures)
        assert ks_2samp(theirs, ours).pvalue > RARELY_WRONG, name


def test_noise_takes_one_off_half_of_the_values_as_paddleocrs_does(stock):
    np.random.seed(2)
    image = np.full((64, 500, 3), 100, np.uint8)
    theirs = stock.add_gasuss_noise(image).astype(int) - 100
    ours = (
        augment(image, choose(np.random.default_rng(8), 64, 500, Probabilities(0, 0, 0, 0, 0, 1, 0))).astype(int) - 100
    )
    assert set(np.unique(theirs)) == set(np.unique(ours)) == {-1, 0}
    assert theirs.mean() == pytest.approx(-0.5, abs=0.01)
    assert ours.mean() == pytest.approx(-0.5, abs=0.01)


def test_each_probability_is_that_of_its_change():
    rng, count = np.random.default_rng(9), 2000
    probabilities = Probabilities(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
    drawn = [choose(rng, 900, 400, probabilities) for _ in range(count)]
    shares = [
        np.mean([bool(each.deformations) for each in drawn]),
        np.mean([each.rows != (0, 900) for each in drawn]),
        np.mean([each.blur for each in drawn]),
        np.mean([each.darken is not None for each in drawn]),
        np.mean([each.shift > 0 for each in drawn]) * 4 / 2,  # at 400 pixels a draw from 0 to 4 must exceed 2
        np.mean([each.noise is not None for each in drawn]),
        np.mean([each.invert for each in drawn]),
    ]
    assert shares == pytest.approx(list(probabilities), abs=0.05)


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    image = random_line(np.random.default_rng(10), smallest=30)

    def run(seed):
        op = TextLineAugment(seed=seed)
        return [op({"image": image})["image"].tolist() for _ in range(5)]

    assert run(3) == run(3) != run(4)


def test_the_input_is_not_modified_and_other_keys_stay():
    rng = np.random.default_rng(11)
    op = TextLineAugment(**dict.fromkeys(CHANGES, 1), seed=0)
    for image in (random_line(rng, smallest=30), random_line(rng, smallest=250, largest=400, longest=400)):
        before = image.copy()
        image.flags.writeable = False
        result = op({"image": image, "label": "a"})
        np.testing.assert_array_equal(image, before)
        assert result["label"] == "a"
        assert result["image"].dtype == np.uint8


def test_without_any_change_the_image_is_the_same_object():
    image = random_line(np.random.default_rng(12))
    op = TextLineAugment(**dict.fromkeys(CHANGES, 0))
    np.testing.assert_array_equal(op({"image": image})["image"], image)


# Bad input


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((30, 40), np.uint8),
        np.zeros((30, 40, 1), np.uint8),
        np.zeros((30, 40, 4), np.uint8),
        np.zeros((30, 40, 3), np.uint16),
        np.zeros((30, 40, 3), np.float32),
        np.zeros((3, 30, 40), np.uint8),
        np.zeros((0, 40, 3), np.uint8),
    ],
    ids=lambda image: f"{image.shape} {image.dtype}",
)
def test_an_image_of_another_form_is_refused_in_one_sentence(image):
    with pytest.raises(UserError, match=r"^TextLineAugment takes images of .* got .*\.$"):
        TextLineAugment(seed=0)({"image": image})


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (4, 1), (19, 300), (300, 19), (20, 20)])
def test_tiny_images_become_what_paddleocr_makes_of_them(stock, monkeypatch, size):
    rng = np.random.default_rng(13)
    for _ in range(20):
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        changes = choose(rng, *size, Probabilities(0.5, 0.5, 0.5, 1, 0.5, 0.5, 0.5))
        theirs = run_stock(stock, monkeypatch, image, changes)
        ours = augment(image, changes)
        assert ours.shape == theirs.shape
        if not changes.deformations:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["a", "grey", "rgba", "deep", "tiny"])
def test_files_of_any_pixel_format_can_be_augmented(wheel, folder, name):
    from ppocr.data.imaug import DecodeImage

    sample = DecodeImage(img_mode="BGR", channel_first=False)({"image": (folder / f"{name}.png").read_bytes()})
    result = TextLineAugment(**dict.fromkeys(CHANGES, 1), seed=0)(sample)["image"]
    assert (result.ndim, result.dtype) == (3, np.uint8)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("value", [-0.1, 1.1, "often", None, True])
def test_a_probability_outside_0_to_1_is_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a number from 0 to 1, got"):
        TextLineAugment(**{name: value})
