"""`mk-lightning states new GAME STATE`: save states of the matches that follow one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.envs.config import EnvConfig
from mk_lightning.workflows.new_states import new_states

DEFAULT = EnvConfig()
EXAMPLE = "example: mk-lightning states new mk2 VeryEasy.LiuKang-08 --agent runs/mk2-finetune/checkpoints/best.ckpt"


def run(words: Sequence[str]) -> int:
    """Make states, tell each when it is there, and return the exit code.

    Args:
        words: a game and a state; and options, see `--help`.

    Raises:
        UserError: an option cannot be used, an opponent is not beaten, or no match follows.
    """
    parser = ToolParser(
        "states new", "Play on from a state, and save each next match that the game begins once one is won."
    )
    parser.epilog = EXAMPLE
    add = parser.add_argument
    add("game", metavar="GAME", help="id, alias or path of a game.yaml; the states go into its folder")
    add("state", metavar="STATE", help="to begin with")
    add("--agent", type=Path, metavar="FILE", help="checkpoint, or zip of Stable-Baselines3; without it, random play")
    add("--count", type=int, default=1, metavar="N", help="states to make (default: %(default)s)")
    add("--name", metavar="TIER.NAME", help="of the states, without the number (default: New. and the first one's)")
    add("--attempts", type=int, default=20, metavar="N", help="matches an opponent, at most (default: %(default)s)")
    add("--epsilon", type=float, default=0.05, metavar="RATE", help="of random actions (default: %(default)s)")
    add("--wait", type=int, default=60, metavar="FRAMES", help="into a match before it is saved (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the matches (default: %(default)s)")
    add("--frame_skip", type=int, default=DEFAULT.frame_skip, help="frames per env_step (default: %(default)s)")
    add("--release_frames", type=int, default=DEFAULT.release_frames, help="0 for an agent that was trained so "
        "(default: %(default)s)")  # fmt: skip
    add("--max_env_steps", type=int, default=DEFAULT.max_env_steps, help="of a match (default: %(default)s)")
    given = parser.parse_args(list(words))
    env = EnvConfig(frame_skip=given.frame_skip, release_frames=given.release_frames, max_env_steps=given.max_env_steps)
    console = Console(highlight=False, markup=False, emoji=False)
    for made in new_states(
        given.game,
        given.state,
        given.agent,
        count=given.count,
        name=given.name,
        attempts=given.attempts,
        epsilon=given.epsilon,
        wait=given.wait,
        seed=given.seed,
        env=env,
    ):
        matches = "1 match" if made.matches == 1 else f"{made.matches} matches"
        console.print(f"{made.name}: {made.file}, its picture {made.picture}; after {matches}", soft_wrap=True)
    return 0
