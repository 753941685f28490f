"""What each overlay of the guide's tables is seen by, in the files of a run that had it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
import torch
import yaml

from mk_lightning.networks.checkpoint import load_network
from tests.games.guide import BASE, ENV_STEPS, EVERY, LOST, ROOT, WON, Fit, Seen

CONVOLUTIONS = {f"convolutions.{layer}" for layer in (0, 2, 4)}
HEADS = {"value", "advantage"}
ALL = CONVOLUTIONS | HEADS | {"features.1"}


def follows_the_schedule(overlay: str, fit: Fit) -> None:
    schedule = yaml.safe_load((ROOT / f"configs/mk2/{overlay}.yaml").read_text())["model"]["learning_rate"]["init_args"]
    start, end = schedule["start"], schedule["end"]
    found = fit.column("learning_rate")
    env_steps = [steps for steps in fit.column("env_steps") if steps > 0][: len(found)]
    assert len(found) >= ENV_STEPS // EVERY - 2, "of a run that is stopped a row may be missing"
    assert found == pytest.approx([start + (end - start) * min(1, steps / ENV_STEPS) for steps in env_steps])


def holds_to_the_base(fit: Fit) -> None:
    task = torch.load(fit.path / "fisher.pt", weights_only=True)
    fisher, anchor = (torch.cat([part.flatten() for part in task[kind].values()]) for kind in ("fisher", "anchor"))
    assert fisher.mean() == pytest.approx(1, rel=1e-3)
    base = load_network(BASE).state_dict()
    assert torch.equal(anchor, torch.cat([base[name].flatten() for name in task["anchor"]]))
    assert fit.column("ewc/penalty")[0] == 0 < fit.column("ewc/penalty")[-1]


def warms_up(fit: Fit) -> None:
    """A tenth of so short a run is over with its first learner_step, so that the rates show nothing of it."""
    assert fit.config["model"]["learning_rate_warmup"] == 0.1


def targets_weaknesses(fit: Fit) -> None:
    for state in WON[:1] + LOST[:1]:
        assert max(fit.column(f"weakness/{state}")) > 0, state


def rises_and_falls(fit: Fit) -> None:
    found = fit.column("learning_rate")
    assert min(found) >= 5e-5
    assert max(found) <= 1e-4
    assert 0 < sum(later > rate for rate, later in pairwise(found)) < len(found) - 1


def unfreezes_from_the_top(fit: Fit) -> None:
    (layers,) = {tuple(re.findall(r"unfrozen at \d+ env_steps: (\w+(?:\.\d)?)", "\n".join(fit.logged)))}
    assert layers == ("features.1", "convolutions.4", "convolutions.2", "convolutions.0")


def draws_originals(fit: Fit) -> None:
    drawn = Seen.last.drawn
    assert drawn[WON[0]] / sum(drawn.values()) == pytest.approx(1 / 3)


def logs(column: str) -> Callable[[Fit], None]:
    def check(fit: Fit) -> None:
        assert max(fit.column(column)) > 0, column

    return check


def learns(layers: set[str]) -> Callable[[Fit], None]:
    def check(fit: Fit) -> None:
        assert fit.learnt() == layers

    return check


def rehearses(fit: Fit) -> None:
    assert Seen.last.rehearsed == {0.25}


def explores_less(fit: Fit) -> None:
    epsilons = fit.column("epsilon")
    assert 0.1 >= epsilons[0] > epsilons[-1] == pytest.approx(0.01)


def ends_with_the_challenging_states(fit: Fit) -> None:
    phases = [line.partition(": phase ")[2] for line in fit.logged if " of 3: " in line]
    assert [phase[0] for phase in phases] == ["1", "2", "3"]
    assert phases[-1] == f"3 of 3: {LOST[0]}"
    assert Seen.last.played & set(WON), "the first phases are of the original ones, too"


OVERLAYS: dict[str, Callable[[Fit], None]] = {
    "weakness": targets_weaknesses,
    "lr-conservative": partial(follows_the_schedule, "lr-conservative"),
    "lr-adaptive": partial(follows_the_schedule, "lr-adaptive"),
    "lr-cyclical": rises_and_falls,
    "lr-warmup": warms_up,
    "freeze": learns(ALL - CONVOLUTIONS),
    "freeze-features": learns(HEADS),
    "unfreeze": unfreezes_from_the_top,
    "explore-less": explores_less,
    "weight-decay": logs("weight_decay/decoupled"),
    "l2": logs("weight_decay/l2"),
    "l2-sp": logs("weight_decay/l2_sp"),
    "ewc": holds_to_the_base,
    "mixed": draws_originals,
    "rehearsal": rehearses,
    "cloning": logs("cloning/loss"),
    "kickstarting": logs("kickstarting/weight"),
    "progressive": ends_with_the_challenging_states,
    "curriculum": logs("curriculum/phase"),
}
"""What each overlay of the page's tables is seen by in the run's files."""
