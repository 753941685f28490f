"""Play matches with a policy and say what was found; without a Trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.experience.episodes import play_episodes
from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.experience.match_seeds import MAX_TEST_SEED, first_test_seed, matches_of_each
from mk_lightning.experience.policy import Policy
from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game
from mk_lightning.networks.checkpoint import load_network
from mk_lightning.utils.errors import UserError, check_at_least, check_between, shortened
from mk_lightning.utils.files import as_named

MAX_ENVS = 16
"""Environments, as the DataModule has them by default; their number changes nothing but the speed."""


def evaluate(
    policy: Policy | torch.nn.Module | str | Path,
    game: Game | str = "dojo",
    states: str | Sequence[str] | Mapping[str, Sequence[str]] = "all",
    *,
    matches: int = 50,
    seed: int = 0,
    epsilon: float = 0.0,
    env: EnvConfig | None = None,
) -> Evaluation:
    """Play the test matches of every state.

    They are those of `mk-lightning test` with the same numbers: match m of a state is the same for every policy, so two
    evaluations can be compared (`Comparison`).

    Args:
        policy: a checkpoint or the zip of an agent of Stable-Baselines3, a `DuelingDoubleDQN` or another Q-network, or
            a function from observations to actions.
        game: a game, or its id, alias or path of its `game.yaml`.
        states: names, tiers or patterns; or lists of them by the name of a group.
        matches: matches of a state, 1 or more.
        seed: of the matches, 0 to 1,000; another number gives others (`EvaluationSettings.test_seed`).
        epsilon: probability of a random action.
        env: how matches are played.

    Raises:
        UserError: an argument is out of its range; no such game, state or checkpoint.

    Example:
        >>> evaluation = evaluate("checkpoints/dojo-base.ckpt", "dojo", ["VeryEasy.Bramble-01"], matches=1)
        >>> evaluation.scores()["VeryEasy.Bramble-01"].matches
        1
    """
    for name, value in (("matches", matches), ("seed", seed)):
        if type(value) is not int:
            raise UserError(f"{name} must be a whole number, got {shortened(value)}")
    check_at_least("matches", matches, 1)
    check_between("seed", seed, 0, MAX_TEST_SEED)
    check_between("epsilon", epsilon, 0, 1)
    game = load_game(game) if isinstance(game, str) else game
    named = states if isinstance(states, Mapping) else {"all": states}
    groups = {name: list(game.resolve_states(group)) for name, group in named.items()}
    specs = matches_of_each(
        list(dict.fromkeys(s for group in groups.values() for s in group)), matches, first_test_seed(seed)
    )
    if not isinstance(env, EnvConfig | None):
        raise UserError(f"env must be an EnvConfig, got {shortened(env)}")
    config = env or EnvConfig()
    plays, name = as_policy(policy, len(game.actions))
    with closing(
        RetroVectorEnv(game, [spec.state for spec in specs], config, num_envs=min(MAX_ENVS, len(specs)))
    ) as envs:
        records = list(play_episodes(plays, envs, specs, epsilon=epsilon))
    return Evaluation.of(records, game, policy=name, epsilon=epsilon, env=config.episode_options, groups=groups)


def as_policy(policy: Policy | torch.nn.Module | str | Path, num_actions: int) -> tuple[Policy, str]:
    """Return a policy as a function, and what to call it.

    Args:
        policy: as `evaluate` takes it.
        num_actions: rows of the game's action table.

    Raises:
        UserError: it is none; or a file's, with another number of actions than the game's.
    """
    if not (isinstance(policy, (str, Path)) or callable(policy)):
        raise UserError(f"policy must be a checkpoint, a module or a function, got {shortened(policy)}")
    if isinstance(policy, (str, Path)):
        network = load_network(policy)
        if network.num_actions != num_actions:
            raise UserError(f"{policy} chooses among {network.num_actions} actions, the game's table has {num_actions}")
        return GreedyPolicy(network), as_named(policy)
    if isinstance(policy, torch.nn.Module):
        return GreedyPolicy(getattr(policy, "online", policy)), type(policy).__name__
    name = getattr(policy, "__name__", type(policy).__name__)
    return partial(_checked, policy, name, num_actions), name


def _checked(policy: Policy, name: str, num_actions: int, stacks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Actions of a function of the user's.

    Raises:
        UserError: they are none of the game's, or not one for each observation.
    """
    actions = np.asarray(policy(stacks))
    if actions.shape != (len(stacks),) or actions.dtype.kind not in "iu":
        raise UserError(
            f"{name} must return an integer for each of {len(stacks)} observations, got {actions.dtype} {actions.shape}"
        )
    if not (actions.min() >= 0 and actions.max() < num_actions):
        raise UserError(
            f"{name} must choose among the actions 0 to {num_actions - 1}, got {shortened(actions.tolist())}"
        )
    return actions.astype(np.int64)
