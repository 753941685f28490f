"""What is asked of a reward, which may be of the user's own: a name, a class that workers can import, a number."""

from __future__ import annotations

import inspect
import pickle
import traceback
from pathlib import Path

from mk_lightning.envs.rewards import DamageReward, Fight, Reward
from mk_lightning.utils.errors import UserError, one_line, shortened

__all__ = ["DEFAULT_REWARD", "check_for_workers", "compute_reward", "described"]

MAX_REWARD = 10**9
"""Magnitude of an env_step's reward, game units: the return of the longest match is one that an evaluation may hold."""


def described(reward: Reward) -> str:
    """Return the class path and the arguments of a reward on one line; two rewards with the same are the same.

    Raises:
        UserError: an argument is not on the object under its name, or is of a kind that a file cannot note.
    """
    kind = type(reward)
    arguments = []
    for name in inspect.signature(kind).parameters:
        if not hasattr(reward, name):
            raise UserError(f"{kind.__name__} must keep its argument {name} as self.{name}, so that files can note it")
        arguments.append(f"{name}={_plain(getattr(reward, name), f'{kind.__name__}: {name}')}")
    return f"{kind.__module__}.{kind.__qualname__}({', '.join(arguments)})"


def _plain(value: object, name: str) -> str:
    """Return a value as Python writes it, a whole number the same whether it is a float or not."""
    if isinstance(value, Reward):
        return described(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_plain(item, name) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_plain(key, name)}: {_plain(item, name)}' for key, item in value.items())}}}"
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    raise UserError(
        f"{name} must be a number, text, None, another reward, or a list or mapping of them, got {shortened(value)}"
    )


DEFAULT_REWARD = described(DamageReward())
"""The reward of files that name none."""


def check_for_workers(reward: Reward) -> None:
    """Check that worker processes can be given a reward, before any is started.

    Raises:
        UserError: it cannot be pickled, or its class is in the ``__main__`` of a script or notebook: to import that
            would be to run it once more.
    """
    kind = type(reward)
    try:
        pickle.dumps(reward)
    except Exception as error:  # whatever a class makes of it
        raise UserError(
            f"EnvConfig.reward {described(reward)} cannot be pickled for worker processes ({one_line(error)}); "
            "its class must stand at the top level of a module, and all it keeps be picklable"
        ) from error
    if kind.__module__ == "__main__":
        raise UserError(
            f"EnvConfig.reward: worker processes cannot import {kind.__qualname__} from a script's or notebook's "
            "__main__; put the class into a module, such as rewards.py beside it, and import it from there"
        )


def compute_reward(reward: Reward, before: Fight, after: Fight, full_health: int) -> float:
    """Return what an env_step is worth, in game units.

    Raises:
        UserError: the reward raises, or what it returns is not a number of at most ``MAX_REWARD``.
    """
    try:
        value = reward(before, after, full_health)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(
            f"EnvConfig.reward {described(reward)} raised {type(error).__name__}: {one_line(error)} "
            f"({Path(place.filename).name}, line {place.lineno})"
        ) from error
    try:
        if -MAX_REWARD <= value <= MAX_REWARD:
            return float(value)
    except (TypeError, ValueError):  # text cannot be compared with a number, nor an array of several
        pass
    raise UserError(
        f"EnvConfig.reward {described(reward)} returned {shortened(repr(value))}; it must return a number of game "
        f"units, between {-MAX_REWARD:,} and {MAX_REWARD:,}"
    )
