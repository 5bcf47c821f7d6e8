"""CMLLoss: the sum it is, what every option does, which networks learn, and the errors."""

import itertools

import numpy as np
import paddle
import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.cml.loss import CMLLoss, maps
from ppocrv2_ext.plugins.terms import find_broken_term, read_terms
from ppocrv2_ext.registry import LOSSES

B, H, W = 2, 6, 8


def probabilities(seed, *shape):
    return 1 / (1 + np.exp(-2 * np.random.RandomState(seed).normal(size=shape))).astype("float32")


def binary(seed, share):
    return (np.random.RandomState(seed).uniform(size=(B, H, W)) < share).astype("float32")


ARRAYS = {name: probabilities(i, B, 3, H, W) for i, name in enumerate(("Student", "Student2", "Student3"))}
ARRAYS["Teacher"] = probabilities(7, B, 1, H, W) ** 20  # in evaluation DBHead gives the probability map alone
LABELS = (probabilities(12, B, H, W), binary(13, 0.5), binary(10, 0.2), binary(11, 0.8))
GT, DISTILL, MUTUAL = (
    {"gt_Student", "gt_Student2"},
    {"distill_Student", "distill_Student2"},
    {"mutual_Student_Student2"},
)


def case(change=lambda array: array, dtype="float32"):
    """(predicts, batch), every map with a gradient of its own."""
    predicts = {}
    for name, array in ARRAYS.items():
        predicts[name] = {"maps": paddle.to_tensor(change(array)).astype(dtype)}
        predicts[name]["maps"].stop_gradient = False
    return predicts, [paddle.zeros([1]), *(paddle.to_tensor(change(label)) for label in LABELS)]


def values(loss, **changes):
    return {key: float(value) for key, value in loss(*case(**changes)).items()}


@pytest.fixture
def default():
    return values(CMLLoss())


# ---- the sum and its terms


def test_the_loss_is_registered_under_its_own_name():
    assert LOSSES["CMLLoss"] is CMLLoss


def test_the_loss_is_a_scalar_and_the_sum_of_every_term_of_every_student(default):
    assert CMLLoss()(*case())["loss"].shape == []
    assert set(default) == {"loss"} | GT | DISTILL | MUTUAL
    assert default["loss"] == pytest.approx(sum(v for k, v in default.items() if k != "loss"), rel=1e-6)  # weights of 1


def test_the_terms_are_the_published_formulas():
    predicts, batch = case()
    student, peer, teacher = (predicts[name]["maps"] for name in ("Student", "Student2", "Teacher"))
    threshold_gt, threshold_mask, gt, mask = batch[1:]
    found = CMLLoss(alpha=2, beta=7, ohem_ratio=1.5, gamma=4, threshold=0.4, dilation=3)(predicts, batch)
    text = maps.dilate((teacher[:, 0] > 0.4).astype("float32"), 3)

    def l_p(target):
        return maps.balanced_bce(student[:, 0], target, mask, ohem_ratio=1.5)

    def l_b(target):
        return maps.dice_loss(student[:, 2], target, mask)

    expected = {
        "gt_Student": 2 * l_p(gt) + l_b(gt) + 7 * maps.masked_l1(student[:, 1], threshold_gt, threshold_mask),
        "distill_Student": 4 * l_p(text) + l_b(text),
        "mutual_Student_Student2": maps.bernoulli_kl(student[:, 0], peer[:, 0]),
    }
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(float(value), rel=1e-6)


def test_without_a_teacher_it_is_the_same_loss_with_distill_weight_0():
    expected = values(CMLLoss(teacher=None))
    assert values(CMLLoss(distill_weight=0)) == expected
    assert set(expected) == {"loss"} | GT | MUTUAL


def test_mutual_weight_0_leaves_only_the_terms_of_labels_and_teacher(default):
    found = values(CMLLoss(mutual_weight=0))
    assert found == {"loss": found["loss"], **{name: default[name] for name in GT | DISTILL}}


def test_one_student_has_no_mutual_term():
    assert set(values(CMLLoss(students=["Student"]))) == {"loss", "gt_Student", "distill_Student"}


def test_three_students_have_three_mutual_terms():
    names = ["Student", "Student2", "Student3"]
    found = values(CMLLoss(students=names, teacher=None, gt_weight=0))
    assert set(found) == {"loss"} | {f"mutual_{a}_{b}" for a, b in itertools.combinations(names, 2)}


def test_the_mutual_term_of_two_equal_students_is_zero():
    predicts, batch = case()
    predicts["Student2"] = predicts["Student"]
    found = CMLLoss()(predicts, batch)
    assert float(found["mutual_Student_Student2"]) == 0
    assert float(found["gt_Student"]) == float(found["gt_Student2"])


# ---- every option does something, and nothing else


@pytest.mark.parametrize(
    ("option", "value", "terms"),
    [
        ("alpha", 2.0, GT),
        ("beta", 3.0, GT),
        ("gt_weight", 0.5, set()),
        ("ohem_ratio", 1.0, GT | DISTILL),
        ("main_loss", "dice", GT | DISTILL),
        ("main_loss", "bce+dice", GT | DISTILL),
        ("mutual", "stock", MUTUAL),
        ("mutual_weight", 0.5, set()),
        ("distill_weight", 0.5, set()),
        ("gamma", 1.0, DISTILL),
        ("threshold", 0.6, DISTILL),
        ("dilation", 3, DISTILL),
        ("teacher", "Student3", DISTILL),
    ],
)
def test_an_option_changes_its_terms_and_no_other(default, option, value, terms):
    changed = values(CMLLoss(**{option: value}))
    assert {name for name in default if changed[name] != pytest.approx(default[name], rel=1e-4)} == {"loss"} | terms


@pytest.mark.parametrize(
    ("weight", "terms"), [("gt_weight", GT), ("mutual_weight", MUTUAL), ("distill_weight", DISTILL)]
)
def test_a_weight_multiplies_its_terms_in_the_sum_and_not_in_the_log(default, weight, terms):
    found = values(CMLLoss(**{weight: 2.5}))
    assert found["loss"] == pytest.approx(default["loss"] + 1.5 * sum(default[name] for name in terms), rel=1e-6)
    assert {name: found[name] for name in GT | DISTILL | MUTUAL} == {
        name: default[name] for name in GT | DISTILL | MUTUAL
    }


def test_the_teachers_text_is_computed_once(monkeypatch):
    calls = []
    monkeypatch.setattr(maps, "teacher_text", lambda *a, real=maps.teacher_text: calls.append(a) or real(*a))
    CMLLoss()(*case())
    assert len(calls) == 1


# ---- the batch, the precision


@pytest.mark.parametrize(
    "options", [{}, {"main_loss": "dice", "mutual": "stock"}, {"main_loss": "bce+dice", "ohem_ratio": 0.7}]
)
def test_a_repeated_batch_has_the_same_loss_and_its_share_of_the_gradient(options):
    loss = CMLLoss(**options)

    def gradients(repeats):
        predicts, batch = case(lambda array: np.concatenate([array] * repeats))
        total = loss(predicts, batch)["loss"]
        total.backward()
        return float(total), [predicts[name]["maps"].grad.numpy()[:B] for name in ("Student", "Student2")]

    (once, mine), (thrice, theirs) = gradients(1), gradients(3)
    assert thrice == pytest.approx(once, rel=1e-5)
    np.testing.assert_allclose(3 * np.array(theirs), np.array(mine), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_maps_are_compared_in_float32(dtype):
    predicts, batch = case(dtype=dtype)
    loss = CMLLoss()(predicts, batch)["loss"]
    loss.backward()
    single = {name: {"maps": output["maps"].astype("float32")} for name, output in predicts.items()}
    assert loss.dtype == paddle.float32
    assert float(loss) == float(CMLLoss()(single, batch)["loss"])
    assert np.isfinite(predicts["Student"]["maps"].grad.astype("float32").numpy()).all()


def test_automatic_mixed_precision_changes_no_value(default):
    with paddle.amp.auto_cast(level="O2", dtype="bfloat16"):
        assert values(CMLLoss()) == default


# ---- which networks learn


def test_every_map_of_every_student_gets_a_gradient_and_the_teacher_gets_none():
    predicts, batch = case()
    CMLLoss()(predicts, batch)["loss"].backward()
    for name in ("Student", "Student2"):
        assert (predicts[name]["maps"].grad.numpy() != 0).any(axis=(0, 2, 3)).all()
    assert predicts["Teacher"]["maps"].grad is None  # though nobody froze it


def test_of_a_teacher_in_training_mode_only_the_probability_map_counts(default):
    predicts, batch = case()
    others = paddle.rand([B, 2, H, W])
    predicts["Teacher"] = {"maps": paddle.concat([predicts["Teacher"]["maps"], others], axis=1)}
    assert float(CMLLoss()(predicts, batch)["loss"]) == pytest.approx(default["loss"], rel=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"teacher": None}, {"main_loss": "dice"}, {"main_loss": "bce+dice"}, {"mutual": "stock"}]
)
def test_following_the_gradient_lowers_the_loss(options):
    loss, (predicts, batch) = CMLLoss(**options), case()
    logits = [
        paddle.to_tensor(np.log(ARRAYS[n] / (1 - ARRAYS[n])), stop_gradient=False) for n in ("Student", "Student2")
    ]
    optimizer = paddle.optimizer.Adam(0.1, parameters=logits)
    totals = []
    for _ in range(30):
        for name, logit in zip(("Student", "Student2"), logits):
            predicts[name] = {"maps": paddle.nn.functional.sigmoid(logit)}
        total = loss(predicts, batch)["loss"]
        total.backward()
        optimizer.step()
        optimizer.clear_grad()
        totals.append(float(total))
    assert totals[-1] < 0.7 * totals[0]


# ---- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"students": "Student"}, "`students` must list names of networks"),
        ({"students": []}, "`students` must list names"),
        ({"students": ["Student", "Student"]}, "each once"),
        ({"teacher": "Student"}, "`teacher` must name a network that is not a student"),
        ({"alpha": -1}, "`alpha` must be a number >= 0, got -1"),
        ({"beta": "10"}, "`beta` must be a number"),
        ({"gamma": float("nan")}, "`gamma` must be a number"),
        ({"mutual_weight": True}, "`mutual_weight` must be a number"),
        ({"main_loss": "DiceLoss"}, "no `main_loss` 'DiceLoss'; there are 'bce', 'bce\\+dice', 'dice'"),
        ({"main_loss": "bcee"}, "did you mean 'bce'"),
        ({"mutual": "bernouli"}, "did you mean 'bernoulli'"),
        ({"ohem_ratio": 0}, "`ohem_ratio` must be a number > 0"),
        ({"main_loss": "dice", "ohem_ratio": 3}, "`ohem_ratio` has no effect on main_loss 'dice'"),
        ({"threshold": 1}, r"`threshold` must be a number in \[0, 1\), got 1"),
        ({"dilation": 2.0}, "`dilation` must be a whole number of at least 1"),
        ({"gt_weight": 0, "teacher": None, "students": ["Student"]}, "nothing to learn from"),
    ],
)
def test_the_error_for_a_wrong_option_names_it(options, message):
    with pytest.raises(ValueError, match=message):
        CMLLoss(**options)


def changed_case(change):
    """(predicts, batch) after ``change(predicts, batch)``."""
    predicts, batch = case()
    change(predicts, batch)
    return predicts, batch


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, b: p.pop("Student2"), "no network 'Student2'; did you mean 'Student"),
        (lambda p, b: p.pop("Teacher"), "no network 'Teacher'; there are 'Student', 'Student2', 'Student3'"),
        (lambda p, b: p["Student"].pop("maps"), r"'Student' must end in a head with `maps`, such as DBHead; got \[\]"),
        (lambda p, b: p.update(Student=paddle.zeros([1])), "must end in a head with `maps`.*got Tensor"),
        (lambda p, b: b.pop(), "needs KeepKeys to keep image, threshold_map, .*got 4 entries"),
    ],
)
def test_the_error_names_a_missing_network_or_label(change, message):
    with pytest.raises(UserError, match=message):
        CMLLoss()(*changed_case(change))


def test_the_output_of_a_single_network_is_refused():
    with pytest.raises(UserError, match="needs a model of several networks"):
        CMLLoss()(paddle.zeros([1]), case()[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda p, b: p["Student"].update(maps=paddle.zeros([B, 1, H, W])),
            "'Student' must be .B, 3, H, W.*training mode",
        ),
        (lambda p, b: p["Student"].update(maps=paddle.zeros([B, 3, H, 4])), "'Student' must be of the labels' size"),
        (lambda p, b: p["Teacher"].update(maps=paddle.zeros([B, 1, 3, W])), "'Teacher' must be of the students' size"),
        (
            lambda p, b: b.__setitem__(3, paddle.zeros([B, 1, H, W])),
            "`shrink_map` must be .B, H, W. like the other labels",
        ),
    ],
)
def test_the_error_names_a_map_of_another_shape(change, message):
    with pytest.raises(UserError, match=message):
        CMLLoss()(*changed_case(change))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("network", "options", "term"),
    [
        ("Student2", {}, "gt_Student2"),
        ("Student2", {"gt_weight": 0}, "mutual_Student_Student2"),
        ("Student2", {"gt_weight": 0, "mutual_weight": 0}, "distill_Student2"),
        ("Teacher", {}, "distill_Student"),
    ],
)
def test_a_nan_or_infinite_loss_is_reported_by_the_name_of_its_term(network, options, term, bad):
    array = ARRAYS[network].copy()
    array[0, 0, 2, 3] = bad
    predicts, batch = case()
    predicts[network] = {"maps": paddle.to_tensor(array)}
    assert find_broken_term(read_terms(CMLLoss(**options)(predicts, batch)))[0] == term
