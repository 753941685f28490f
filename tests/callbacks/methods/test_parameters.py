from __future__ import annotations

import pytest

from mk_lightning.callbacks.methods.parameters import matching_names
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.utils.errors import UserError

NETWORK = NatureDueling(3, hidden=2)
NAMES = [name for name, _ in NETWORK.named_parameters()]


def layer(*names: str) -> set[str]:
    return {f"{name}.{kind}" for name in names for kind in ("weight", "bias")}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("convolutions", layer("convolutions.0", "convolutions.2", "convolutions.4")),
        ("convolutions.2", layer("convolutions.2")),
        ("convolutions.[02].*", layer("convolutions.0", "convolutions.2")),
        ("value.bias", {"value.bias"}),
        ("first_linear", layer("features.1")),
        ("heads", layer("value", "advantage")),
        (r"re:convolutions\.[24]\.weight", {"convolutions.2.weight", "convolutions.4.weight"}),
        ("re:.*(value|advantage).*", layer("value", "advantage")),
        ("*", set(NAMES)),
    ],
)
def test_what_a_pattern_stands_for(pattern, expected):
    assert matching_names(NETWORK, [pattern], "X") == expected


def test_the_first_linear_layer_is_the_first_after_the_convolutions():
    after = [name for name in NAMES if not name.startswith("convolutions.")]
    assert matching_names(NETWORK, ["first_linear"], "X") == set(after[:2])


def test_several_patterns_add_up_and_none_is_nothing():
    assert matching_names(NETWORK, ["heads", "value", "*.4.bias"], "X") == layer("value", "advantage") | {
        "convolutions.4.bias"
    }
    assert matching_names(NETWORK, [], "X") == set()


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("head", "X: pattern 'head' matches no parameter; did you mean 'heads'?"),
        ("first_layer", "did you mean 'first_linear'?"),
        ("features.2", "did you mean 'features.1'?"),
        ("q_net", "matches no parameter; valid: advantage, convolutions, features, first_linear, heads, value, adv"),
        ("re:values.*", "X: pattern 're:values.*' matches no parameter; did you mean 'value'?"),
        ("re:value", "matches no parameter; did you mean 'value'?"),
        (
            "re:(value",
            "X: pattern 're:(value' is no regular expression: missing ), unterminated subpattern at position 0",
        ),
    ],
)
def test_an_error_is_a_line_that_says_what_would_match(pattern, message):
    with pytest.raises(UserError) as error:
        matching_names(NETWORK, ["features", pattern], "X")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
