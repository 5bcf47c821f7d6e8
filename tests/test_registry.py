"""What holds for every component this package registers, whichever it is."""

import inspect
import re

import pytest

from ppocrv2_ext import host, registry  # noqa: F401  (importing the host registers everything)
from ppocrv2_ext.errors import UserError

BUILDER_ARGUMENTS = {"in_channels", "out_channels", "config"}  # PaddleOCR's builders pass them
COMPONENTS = {f"{kind.kind} {name}": (kind, name) for kind in registry.REGISTRIES for name in kind}
# An argument that each cannot do without, and one that it refuses.
REFUSED_VALUES = {
    "backbone LCNet": {"scale": 0},
    "backbone BothWaysLCNet": {"scale": "wide"},
    "head LCNetClsHead": {"in_channels": 8, "class_dim": 2, "hidden_channels": -1},
    "head BothWaysClsHead": {"in_channels": 8, "class_dim": 3},
    "head CenterCTCHead": {"in_channels": 8, "out_channels": 5, "mid_channels": 0},
    "loss UDMLLoss": {"pair": 5},
    "loss CTCCenterLoss": {"center_weight": -1},
    "loss CMLLoss": {"alpha": "high"},
    "loss FocalCTCLoss": {"alpha": 0},
    "transform TextCopyPaste": {"p": 2},
    "transform RandomTextWindow": {"size": 0},
}


def arguments(component):
    return [p for p in inspect.signature(component).parameters.values() if p.name != "self"]


@pytest.fixture
def builder_of(wheel):
    """Where PaddleOCR builds a component by name: ``builder_of(kind)(name, options)``."""
    from ppocr.data import imaug
    from ppocr.losses import build_loss
    from ppocr.metrics import build_metric
    from ppocr.modeling.backbones import build_backbone
    from ppocr.modeling.heads import build_head

    builders = {
        "backbone": lambda name, options: build_backbone({"name": name, **options}, "rec"),
        "head": lambda name, options: build_head({"name": name, **options}),
        "loss": lambda name, options: build_loss({"name": name, **options}),
        "metric": lambda name, options: build_metric({"name": name, **options}),
        "transform": lambda name, options: getattr(imaug, name)(**options),
    }
    return builders.get


@pytest.mark.parametrize("title", COMPONENTS)
def test_a_component_names_each_of_its_arguments_and_explains_it(title):
    kind, name = COMPONENTS[title]
    component = kind[name]
    parameters = arguments(component)
    assert not [p for p in parameters if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)], "it takes anything"
    ours = [owner for owner in component.__mro__ if owner.__module__.startswith("ppocrv2_ext")]
    words = set(re.findall(r"\w+", " ".join(owner.__doc__ or "" for owner in ours)))
    missing = [p.name for p in parameters if p.name not in BUILDER_ARGUMENTS | words]
    assert missing == []


@pytest.mark.parametrize("title", [title for title, (kind, _) in COMPONENTS.items() if kind.kind != "transform"])
def test_a_misspelt_argument_is_refused_by_paddleocrs_builder(title, builder_of):
    kind, name = COMPONENTS[title]
    if kind.kind == "architecture":
        pytest.skip("an architecture takes the whole section, which the config's check reads")
    with pytest.raises(UserError, match=f"{kind.kind} '{name}' takes no `scle`"):
        builder_of(kind.kind)(name, {"scle": 0.5})


@pytest.mark.parametrize("title", REFUSED_VALUES)
def test_a_refused_value_is_a_user_error_that_names_the_argument(title, builder_of):
    kind, name = COMPONENTS[title]
    with pytest.raises(UserError) as error:
        builder_of(kind.kind)(name, REFUSED_VALUES[title])
    assert set(REFUSED_VALUES[title]) & set(re.findall(r"`(\w+)`", str(error.value)))
