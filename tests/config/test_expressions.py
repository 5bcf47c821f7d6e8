"""No text of a config reaches an `eval` of PaddleOCR, nor a look-up of an attribute by its name."""

import ast
import copy
from collections import Counter
from pathlib import Path

import pytest

from ppocrv2_ext import config
from ppocrv2_ext.config import expressions, vocabulary
from ppocrv2_ext.errors import UserError

BY_NAME = "the name of a component: the vocabulary compares it with what PaddleOCR defines"
OWN = "the name is PaddleOCR's own and no part of a config"
# Every place of PaddleOCR 2.10 (the wheel) and 3.7 (a clone) that evaluates a text or looks an attribute up by a text
# that is no constant, and what keeps the texts of a config from it. A name of an argument in place of a sentence: the
# argument is in EVALUATED_NAMES or EVALUATED_NUMBERS.
SITES = {
    "ppocr/data/__init__.py": {
        "eval(module_name)": BY_NAME,
        "eval(sampler_name)": BY_NAME,
        "getattr(collate_fn, loader_config['collate_fn'])": BY_NAME,
    },
    "ppocr/data/imaug/__init__.py": {"eval(op_name)": BY_NAME},
    "ppocr/data/imaug/iaa_augment.py": {
        "getattr(A, augmenter_type_mapped)": "a class of albumentations: AUGMENTER",
        **dict.fromkeys(("getattr(iaa, args[0])", "getattr(iaa, args['type'])"), "a class of imgaug: AUGMENTER"),
    },
    "ppocr/data/imaug/label_ops.py": {"eval(gtc_encode)": "gtc_encode", "getattr(self, '_' + attr)": OWN},
    "ppocr/data/imaug/operators.py": {"eval(scale)": "scale"},
    "ppocr/data/imaug/rec_img_aug.py": {"eval(inter_type)": "inter_type"},
    "ppocr/losses/__init__.py": {"eval(module_name)": BY_NAME},
    "ppocr/losses/combined_loss.py": {"eval(name)": BY_NAME},
    "ppocr/losses/rec_multi_loss.py": {"eval(name)": BY_NAME},
    "ppocr/metrics/__init__.py": {"eval(module_name)": BY_NAME},
    "ppocr/metrics/distillation_metric.py": {
        "importlib.import_module(__name__)": OWN,
        "getattr(mod, self.base_metric_name)": BY_NAME,
    },
    "ppocr/modeling/architectures/__init__.py": {
        "importlib.import_module(__name__)": OWN,
        "getattr(mod, name)": BY_NAME,
    },
    "ppocr/modeling/backbones/__init__.py": {"eval(module_name)": BY_NAME},
    "ppocr/modeling/backbones/rec_lcnetv4.py": {
        "getattr(self.channel_mixer, name, None)": OWN,
        "getattr(self, attr)": OWN,
    },
    "ppocr/modeling/backbones/rec_micronet.py": {"eval(mode + '_cfgs')": "one of MODES_OF_MICRONET"},
    "ppocr/modeling/backbones/rec_pphgnetv2.py": {
        "eval(block_type)": "block_type",
        "getattr(parent_layer, target_layer_name, None)": OWN,
        "getattr(sub_layer_parent, sub_layer_name)": OWN,
    },
    "ppocr/modeling/backbones/rec_repvit.py": {"getattr(parent, p)": OWN},
    "ppocr/modeling/backbones/rec_resnet_31.py": {
        f"getattr(self, f'{layer}{{layer_index}}')": OWN for layer in ("pool", "block", "conv", "bn", "relu")
    },
    "ppocr/modeling/backbones/rec_svtrnet.py": {
        "eval(block_unit)": "block_unit",
        "eval(sub_norm)": "sub_norm",
        "eval(norm_layer)": "norm_layer",
        "eval(act)": "act",
    },
    "ppocr/modeling/backbones/rec_vit.py": {"eval(norm_layer)": "norm_layer", "eval(act)": "act"},
    "ppocr/modeling/backbones/rec_vit_parseq.py": {"eval(norm_layer)": "norm_layer"},
    "ppocr/modeling/backbones/rec_vitstr.py": {"eval(norm_layer)": "norm_layer", "eval(act_layer)": "act_layer"},
    "ppocr/modeling/heads/__init__.py": {"eval(module_name)": BY_NAME},
    "ppocr/modeling/heads/det_db_head.py": {
        "getattr(self, 'aux_binarize_' + level)": OWN,
        "getattr(self, 'aux_thresh_' + level)": OWN,
    },
    "ppocr/modeling/heads/rec_cppd_head.py": {"eval(norm_layer)": "norm_layer"},
    "ppocr/modeling/heads/rec_multi_head.py": {"eval(name)": BY_NAME},
    "ppocr/modeling/heads/rec_unimernet_head.py": {
        "getattr(self, class_fields[0].name)": OWN,
        "getattr(self, field.name)": OWN,
    },
    "ppocr/modeling/necks/__init__.py": {"eval(module_name)": BY_NAME},
    "ppocr/modeling/necks/db_fpn.py": {
        "getattr(self, 'dil_conv_k{}_{}'.format(k, r))": OWN,
        "getattr(self, 'dil_bn_k{}_{}'.format(k, r))": OWN,
    },
    "ppocr/modeling/transforms/__init__.py": {"eval(module_name)": BY_NAME},
    **{
        f"ppocr/modeling/transforms/{file}.py": {
            "getattr(self, 'block%d' % (self.srb_nums + 3))": OWN,
            "getattr(self, 'block%d' % (i + 2))": OWN,
        }
        for file in ("tbsrn", "tsrn")
    },
    "ppocr/optimizer/__init__.py": {
        "getattr(optimizer, optim_name)": BY_NAME,
        "getattr(learning_rate, lr_name)": BY_NAME,
        "getattr(regularizer, reg_name)": BY_NAME,
    },
    "ppocr/postprocess/__init__.py": {"eval(module_name)": BY_NAME},
    "ppocr/postprocess/rec_postprocess.py": {"getattr(self, '_' + attr)": OWN},
}
EVALUATES = ("eval", "exec", "compile", "__import__", "globals")
CODE = "__import__('pathlib').Path('ran').touch()"


def evaluations(root):
    """(file, call) of each place in a PaddleOCR that evaluates a text, or looks an attribute or a module up by one."""
    for file in sorted(path for folder in ("ppocr", "tools") for path in (Path(root) / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            is_plain = isinstance(node.func, ast.Name)
            looks_up = is_plain and name == "getattr" and not isinstance(node.args[1], ast.Constant)
            # `tools/program.py` has a function `eval` of its own, which evaluates a network.
            evaluates = is_plain and name in EVALUATES and not file.match("tools/program.py")
            if looks_up or evaluates or name == "import_module":
                yield file.relative_to(root).as_posix(), ast.unparse(node)


def unguarded(root):
    return [(file, call) for file, call in evaluations(root) if call not in SITES.get(file, ())]


def test_every_place_of_the_wheel_that_evaluates_a_text_is_known(wheel):
    assert unguarded(wheel.root) == []
    assert Counter(file for file, _ in evaluations(wheel.root))["ppocr/data/imaug/operators.py"] == 1


@pytest.mark.checkout
def test_every_place_of_a_clone_that_evaluates_a_text_is_known(checkout):
    assert unguarded(checkout) == []


def test_every_guard_that_is_an_argument_is_in_a_table_of_the_package():
    guards = {guard for calls in SITES.values() for guard in calls.values() if guard.isidentifier()}
    assert guards == {*expressions.EVALUATED_NAMES, *expressions.EVALUATED_NUMBERS}


@pytest.fixture
def catalog(wheel):
    from ppocrv2_ext.host.components import catalog

    return catalog


@pytest.mark.parametrize(
    "assignment",
    [
        *(f"Global.{key}" for key in (*expressions.EVALUATED_NAMES, *expressions.EVALUATED_NUMBERS)),
        *(f"Architecture.Backbone.{key}" for key in expressions.EVALUATED_NAMES),
        *(
            f"{section}.name"
            for section in ("Loss", "Metric", "PostProcess", "Optimizer", "Optimizer.lr", "Architecture")
        ),
        *(f"Architecture.{part}.name" for part in ("Backbone", "Neck", "Head")),
        *("Train.dataset.name", "Train.loader.collate_fn", "Metric.base_metric_name", "Optimizer.regularizer.name"),
    ],
)
def test_code_in_the_place_of_a_name_is_refused(catalog, assignment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = config.read(config.locate("rec/ch_PP-OCRv2_rec"))
    with pytest.raises(UserError):
        vocabulary.check(config.override(recipe, [config.assignment(assignment, CODE)]), catalog)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("Train.sampler", {"name": CODE}),
        ("Architecture.Transform", {"name": CODE}),
        ("Loss", {"name": "CombinedLoss", "loss_config_list": [{CODE: {"weight": 1.0}}]}),
        ("Train.dataset.transforms", [{CODE: None}, {"KeepKeys": {"keep_keys": ["image"]}}]),
    ],
)
def test_code_as_the_name_of_a_part_is_refused(catalog, section, value):
    recipe = config.read(config.locate("rec/ch_PP-OCRv2_rec"))
    *parents, last = section.split(".")
    node = recipe
    for key in parents:
        node = node[key]
    node[last] = value
    with pytest.raises(UserError):
        vocabulary.check(recipe, catalog)


@pytest.mark.parametrize(
    ("transform", "arguments"),
    [
        ("NormalizeImage", {"scale": CODE}),
        ("NormalizeImage", {"scale": "1 if True else 2"}),
        ("GrayRecResizeImg", {"inter_type": CODE}),
        ("GrayRecResizeImg", {"inter_type": "exit"}),
        ("MultiLabelEncode", {"gtc_encode": CODE}),
        ("MultiLabelEncode", {"gtc_encode": "breakpoint"}),
        ("IaaAugment", {"augmenter_args": [{"type": CODE}]}),
        ("IaaAugment", {"augmenter_args": [["seed", 1]]}),
        ("IaaAugment", {"augmenter_args": [{"type": "load", "args": {"filepath_or_buffer": "x"}}]}),
        ("SomeNewTransform", {"anything": CODE}),
        ("SomeNewTransform", {"anything": {"deeper": ["fine", CODE]}}),
    ],
)
def test_code_as_an_argument_of_a_transform_is_refused(transform, arguments):
    recipe = copy.deepcopy(config.read(config.locate("rec/ch_PP-OCRv2_rec")))
    recipe["Train"]["dataset"]["transforms"].insert(1, {transform: arguments})
    assert len(list(expressions.find_expressions(recipe))) >= 1


def test_no_built_in_config_has_a_text_that_could_be_code():
    for name in config.built_in():
        assert list(expressions.find_expressions(config.read(config.locate(name)))) == [], name


@pytest.mark.parametrize(
    ("text", "value"),
    [("1./255.", 1 / 255), ("1/255", 1 / 255), ("0.5", 0.5), ("-2", -2), ("1e-3 * (2 + 3)", 0.005), (" 1. ", 1.0)],
)
def test_arithmetic_of_numbers_is_computed(text, value):
    assert expressions.compute(text) == value


@pytest.mark.parametrize(
    "text", ["", "a", "1/0", "2**9**9", "1e999", "True", "1j", "()", "1,2", "[1]", "abs(1)", "1;2", "9" * 99, "(" * 50]
)
def test_anything_else_is_no_number(text):
    with pytest.raises(ValueError, match=r"^it(s value)? (has|is) "):
        expressions.compute(text)


def test_paddleocr_gets_the_number_and_normalizes_as_with_the_text(wheel):
    import numpy as np
    from ppocr.data.imaug import NormalizeImage

    recipe = {
        "Global": {"scale": "1/2"},
        "Train": {"dataset": {"transforms": [{"NormalizeImage": {"scale": "1./255."}}, {"ToCHWImage": None}]}},
        "Eval": {"dataset": {}},
    }
    result = expressions.with_numbers(recipe)
    arguments = result["Train"]["dataset"]["transforms"][0]["NormalizeImage"]
    assert arguments == {"scale": 1 / 255}
    assert result["Global"]["scale"] == 0.5
    assert recipe["Global"]["scale"] == "1/2"
    picture = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    ours, theirs = (
        NormalizeImage(order="hwc", **each)({"image": picture}) for each in (arguments, {"scale": "1./255."})
    )
    np.testing.assert_array_equal(ours["image"], theirs["image"])
