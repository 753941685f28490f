"""What no config says is what the dojo's configs say, but for a few values that differ on purpose."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml

import mk_lightning as mk
from mk_lightning.cli.main import main

CONFIGS = Path(__file__).parents[2] / "configs" / "dojo"
SCHEDULE = "a default is a number: a config cannot show an object"
LONGER = "training from nothing takes longer and can take coarser steps"
QUICK = "a first run is to show its table soon; 50 matches measure a win rate"
MEASURED = "docs/results/forgetting.md has the figures of this overlay by itself"
ONES_OWN = "what a run of one's own plays and looks at is its own"
METHOD = "a method; without one there is nothing to set"
DELIBERATE = {
    "finetune": {
        "run_dir": ONES_OWN,
        "monitor": ONES_OWN,
        "model.init_from": ONES_OWN,
        "data.original_states": ONES_OWN,
        "data.challenging_states": ONES_OWN,
        "data.train_states": ONES_OWN,
        "model.learning_rate": SCHEDULE,
        "data.epsilon": SCHEDULE,
        "data.evaluation.matches": QUICK,
        "data.evaluation.test_matches": QUICK,
    },
    "pretrain": {
        "run_dir": ONES_OWN,
        "monitor": ONES_OWN,
        "data.original_states": ONES_OWN,
        "data.challenging_states": ONES_OWN,
        "data.train_states": ONES_OWN,
        "model.learning_rate": SCHEDULE,
        "data.epsilon": SCHEDULE,
        "data.max_env_steps": LONGER,
        "data.warmup_env_steps": LONGER,
        "data.env_steps_per_learner_step": LONGER,
        "data.evaluation.every": LONGER,
        "data.evaluation.matches": QUICK,
        "data.evaluation.test_matches": QUICK,
    },
    "recommended": {
        "monitor": "val/kept needs the ForgettingGuard that comes with it",
        "data.train_states": ONES_OWN,
        "data.rehearsal_ratio": METHOD,
    },
    "cloning": {"Cloning.weight": MEASURED},
    "kickstarting": {"Kickstarting.weight": SCHEDULE},
    "weakness": {"data.train_states": ONES_OWN, "WeaknessTargeting.floor": MEASURED},
    "guard": {
        "monitor": "val/kept needs the ForgettingGuard that comes with it",
        "data.evaluation.every": "forgetting is seen sooner",
        "data.evaluation.matches": "as many matches in all",
        "ForgettingGuard.margin": "2 of its 20 matches",
    },
}
"""By config, the options whose default is another, and why."""
OVERLAYS = ["recommended", "cloning", "kickstarting", "weakness", "guard", "ewc"]


def leaves(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every option of a config by its name; a class and its arguments are one."""
    if isinstance(value, dict) and "class_path" not in value:
        for key, inner in value.items():
            yield from leaves(inner, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, dict):
        yield prefix, (value["class_path"].rpartition(".")[2], value.get("init_args") or {})
    elif prefix == "data.env.reward":  # a name alone is a class without arguments
        yield prefix, (value, {})
    else:
        yield prefix, value


def read(name: str) -> tuple[dict[str, object], dict[str, object]]:
    """What a config says of options, and of arguments of callbacks, `Name.argument`."""
    config: dict[str, Any] = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    callbacks = config.pop("trainer", {}).get("callbacks+", [])
    config.pop("seed_everything", None)
    arguments = {
        f"{callback['class_path'].rpartition('.')[2]}.{key}": value
        for callback in callbacks
        for key, value in callback["init_args"].items()
    }
    return dict(leaves(config)), arguments


@pytest.fixture(scope="module")
def defaults() -> dict[str, object]:
    """Of every option of a fit."""
    with redirect_stdout(StringIO()) as printed, pytest.raises(SystemExit):
        main(["fit", "--print_config"])
    return dict(leaves(yaml.safe_load(printed.getvalue())))


def default(argument: str) -> object:
    """Of an argument of a callback."""
    name, _, key = argument.partition(".")
    return inspect.signature(getattr(mk, name)).parameters[key].default


@pytest.mark.parametrize("name", ["finetune", "pretrain", *OVERLAYS])
def test_defaults_are_what_the_shipped_configs_say(name: str, defaults: dict[str, object]) -> None:
    options, arguments = read(name)
    assert options.keys() <= defaults.keys()
    others = {key for key, value in options.items() if defaults[key] != value}
    others |= {key for key, value in arguments.items() if default(key) != value}
    assert others == DELIBERATE.get(name, {}).keys()


def test_no_overlay_with_a_method_s_arguments_is_left_out() -> None:
    """Those of freezing, weight decay and curricula have none that the method could do without."""
    needed = {"WeightDecay", "FreezeLayers", "Curriculum"}
    with_arguments = {
        path.stem
        for path in CONFIGS.glob("*.yaml")
        if {key.partition(".")[0] for key in read(path.stem)[1]} - needed - {"ModelCheckpoint"}
    }
    assert with_arguments == set(OVERLAYS)
