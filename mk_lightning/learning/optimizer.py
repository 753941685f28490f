"""The optimizer of the Q-network: the default one, and what any other must be able to do."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from mk_lightning.experience.transition import Progress
from mk_lightning.schedules import Schedule
from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.lengths import Length

OPTIMIZER = "optimizer"
"""Key of a whole checkpoint: `about_optimizer` of the optimizer whose state it holds."""

COMPUTATION = frozenset({"lr", "initial_lr", "params", "fused", "foreach", "capturable", "differentiable"})
"""Options that may change when a run is resumed: the rate is set before every step, the others say how a step is
computed and not which one."""

RESUMED_AS_IT_WAS = "a run is resumed with the optimizer it had; for another, start one with DuelingDoubleDQN.init_from"


def adam(parameters: Any, fused: bool = True) -> Optimizer:
    """Adam with the epsilon of Rainbow (Hessel 2018): small second moments early on must not blow up the steps.

    Fused, because several passes over two million parameters and their moments are a good part of a learner_step.
    """
    return torch.optim.Adam(parameters, eps=1.5e-4, fused=fused)


def due_rate(learning_rate: Schedule, warmup: Length, progress: Progress) -> float:
    """Return the learning rate of the learner_step that is next.

    Args:
        learning_rate: over the env_steps of the run, its warm-up among them.
        warmup: length in which the rate rises from 0 to the schedule's, from the first learner_step on.
        progress: how far the run has come.
    """
    rate = learning_rate.over(progress.run_env_steps)(progress.env_steps)
    learnt = max(0, progress.env_steps - progress.warmup_env_steps)
    rises = progress.in_env_steps(warmup)
    return rate * (learnt / rises) if learnt < rises else rate


def check_factory(factory: Callable[[Any], Optimizer], network: nn.Module, rate: float) -> None:
    """Build an optimizer and let it make a few steps on a copy of the network.

    Args:
        factory: builds the optimizer from parameters.
        network: whose parameters it is for.
        rate: the learning rate at the start of a run.

    Raises:
        UserError: it cannot be built, has a learning rate of its own or one that it does not go by, or needs more than
            a batch's gradients.
    """
    parameters = list(copy.deepcopy(network).parameters())
    try:
        optimizer = factory(iter(parameters))
    except (TypeError, ValueError) as error:
        raise UserError(f"DuelingDoubleDQN.optimizer: {error}") from None
    check_rate(optimizer, rate)
    name = type(optimizer).__name__
    try:
        far, *_, near = [_step(optimizer, parameters, lr) for lr in (1e-3, 1e-6, 1e-6)]  # one may use the step before's
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"DuelingDoubleDQN.optimizer: {name} makes no step from the gradients of a batch "
            f"({shortened(error, 120)}); take another, such as torch.optim.Adam"
        ) from None
    if near > far / 2:
        raise UserError(
            f"DuelingDoubleDQN.optimizer: the steps of {name} do not go by its lr, which "
            "DuelingDoubleDQN.learning_rate sets; take another, such as torch.optim.Adam"
        )


def _step(optimizer: Optimizer, parameters: list[nn.Parameter], rate: float) -> float:
    """Make a step with gradients of 1; returns how far the parameters went."""
    before = [parameter.detach().clone() for parameter in parameters]
    for group in optimizer.param_groups:
        group["lr"] = rate
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    with torch.no_grad():
        return sum(float((new - old).abs().sum()) for new, old in zip(parameters, before, strict=True))


def check_rate(optimizer: Optimizer, rate: float) -> None:
    """Check that the optimizer has a learning rate to set, and was given no other one.

    Args:
        optimizer: as it was built.
        rate: the learning rate at the start of a run. An optimizer that must be given one takes this.

    Raises:
        UserError: otherwise; the rate that is set before every learner_step would have no effect, or overwrite it.
    """
    name = type(optimizer).__name__
    parameter = inspect.signature(type(optimizer)).parameters.get("lr")
    for group in optimizer.param_groups:
        if "lr" not in group:
            raise UserError(
                f"DuelingDoubleDQN.optimizer: {name} has no lr for DuelingDoubleDQN.learning_rate to set before "
                "every learner_step; take an optimizer that has one"
            )
        given = float(group["lr"])
        if parameter is not None and given not in (parameter.default, rate):
            advice = "" if parameter.default is not parameter.empty else f" and give {name} its first value, {rate:g}"
            raise UserError(
                f"the optimizer's lr {given:g} would be overwritten; set DuelingDoubleDQN.learning_rate instead{advice}"
            )


def check_precision(optimizer: Optimizer, precision: str) -> None:
    """Check that an optimizer can train in a Trainer's precision.

    Raises:
        UserError: it would unscale gradients of mixed precision by itself, after they are clipped and methods have
            added theirs; or its numbers are below what half precision can hold.
    """
    if "mixed" in precision and getattr(optimizer, "_step_supports_amp_scaling", False):
        raise UserError(
            f"DuelingDoubleDQN.optimizer: with trainer.precision {precision} it must not be fused, for methods add "
            "to gradients that are unscaled; set fused to false"
        )
    if precision == "16-true":
        raise UserError(
            "trainer.precision 16-true cannot train: float16 holds neither the squares of gradients nor small steps; "
            "take bf16-mixed or bf16-true"
        )


def only_optimizer(configured: Any, owner: str) -> Optimizer:
    """Return the optimizer, in whichever form `configure_optimizers` returned it.

    Args:
        configured: what it returned.
        owner: class of the module.

    Raises:
        UserError: there are several, or a scheduler.
    """
    found = configured
    if isinstance(found, Mapping) and not found.get("lr_scheduler"):
        found = found.get("optimizer")
    if isinstance(found, (list, tuple)) and len(found) == 1:
        found = found[0]
    if not isinstance(found, Optimizer):
        raise UserError(
            f"{owner}.configure_optimizers must return one optimizer without a scheduler, for "
            f"DuelingDoubleDQN.learning_rate is the schedule of its rate; got {_kinds(configured)}"
        )
    return found


def about_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """Class and options of an optimizer, plain Python, to tell it from another when a run is resumed."""
    plain = (bool, int, float, str, tuple, type(None))
    options = {
        name: value
        for name, value in optimizer.defaults.items()
        if isinstance(value, plain) and name not in COMPUTATION
    }
    return {"class": f"{type(optimizer).__module__}.{type(optimizer).__qualname__}", "options": options}


def check_resumed_optimizer(optimizer: Optimizer, checkpoint: Mapping[str, Any]) -> None:
    """Check that a fit continues with the optimizer whose state the checkpoint holds.

    Args:
        optimizer: of this run.
        checkpoint: as Lightning saved it.

    Raises:
        UserError: it had another, or other options; the message names both.
    """
    mine, theirs = about_optimizer(optimizer), checkpoint.get(OPTIMIZER)
    if not isinstance(theirs, Mapping):  # written before this was noted: the names of its options must do
        missing = optimizer.param_groups[0].keys() - _option_names(checkpoint) - COMPUTATION
        if missing:
            raise UserError(
                f"DuelingDoubleDQN.optimizer of the checkpoint has no {min(missing)}, as this config's "
                f"{mine['class']} has: {RESUMED_AS_IT_WAS}"
            )
        return
    had = theirs.get("options")
    options = had if isinstance(had, Mapping) else {}
    pairs = {"DuelingDoubleDQN.optimizer": (theirs.get("class"), mine["class"])}
    pairs |= {
        f"DuelingDoubleDQN.optimizer.{name}": (options.get(name), value) for name, value in mine["options"].items()
    }
    for name, (before, now) in pairs.items():
        if before != now:
            raise UserError(
                f"{name} of the checkpoint is {shortened(before)}, this config's {shortened(now)}: {RESUMED_AS_IT_WAS}"
            )


def _option_names(checkpoint: Mapping[str, Any]) -> set[str]:
    """Names of the options in the optimizer's state."""
    try:
        return set(checkpoint["optimizer_states"][0]["param_groups"][0])
    except (KeyError, IndexError, TypeError):
        raise UserError(
            "the checkpoint's optimizer state is none; start a run with DuelingDoubleDQN.init_from"
        ) from None


def _kinds(configured: Any) -> str:
    """What was returned, by its types."""
    parts = configured.values() if isinstance(configured, Mapping) else configured
    if not isinstance(configured, (Mapping, list, tuple)):
        return type(configured).__name__
    return " and ".join(_kinds(part) for part in parts) or "nothing"
