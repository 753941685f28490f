"""`mk-lightning ladder -c configs/dojo/finetune.yaml`: round after round of fine-tuning."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console

from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.cli.config_names import config_files
from mk_lightning.evaluation.climb import Climb
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import SHIPPED, as_named, find_file, shipped_configs
from mk_lightning.utils.tables import text_console
from mk_lightning.workflows.ladder import ladder
from mk_lightning.workflows.recipe import BASE

THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000}


def arguments() -> ToolParser:
    """Return the parser of its words."""
    parser = ToolParser(
        "ladder",
        "Fine-tune round after round until every state is won. The same command goes on where it was stopped.",
    )
    add = parser.add_argument
    add("-c", "--config", "-m", action="append", default=[], metavar="CONFIG", required=True,
        help="a game's fine-tuning config, such as dojo/finetune, then the recipe's overlays; recommended, if there is "
        "none")  # fmt: skip
    add("--checkpoint", type=Path, help="the policy to begin with; without it, the config's model.init_from")
    add("--states", nargs="+", metavar="STATE", help="names, tiers or patterns; without them, those of the config")
    add("--target", type=float, default=0.9, metavar="RATE", help="win rate that every state is to reach")
    add("--rounds", type=int, default=6, metavar="N", help="at most so many")
    add("--budget", type=_count, metavar="ENV_STEPS", help="of all rounds together, such as 1M; no bound without it")
    add("--env_steps", type=_count, metavar="ENV_STEPS", help="of a round, such as 96k; without it, the config's")
    add("--at_once", type=int, default=2, metavar="N", help="challenging states of a round, at most")
    add("--matches", type=int, default=20, metavar="N", help="of each state, after every round")
    add("--run_dir", type=Path, default=Path("runs/ladder"), metavar="DIR", help="directory of the ladder")
    add("--seed", type=int, default=1, help="of the first round; each has the next one")
    return parser


def run(words: Sequence[str]) -> int:
    """Fine-tune round after round, print the matrix of rounds by states, and return the exit code.

    Args:
        words: `-c` with a game's fine-tuning config, then overlays; and options, see `--help`.

    Raises:
        UserError: an option or a config cannot be used.
        RunStopped: a round was stopped.
    """
    options = arguments().parse_args(list(words))
    base, *overlays = map(str, config_files(options.config))
    game, init_from = _fine_tuning(base)
    climb = ladder(
        options.checkpoint or init_from,
        game,
        states=options.states,
        target=options.target,
        rounds=options.rounds,
        budget=options.budget,
        at_once=options.at_once,
        matches=options.matches,
        recipe=overlays or "recommended",
        env_steps=options.env_steps,
        run_dir=options.run_dir,
        seed=options.seed,
    )
    show(climb, text_console(highlight=False))
    return 0


def show(climb: Climb, console: Console) -> None:
    """Print what a ladder has come to."""
    console.print(climb.table())
    for one in climb.rounds:
        what = f"round {one.number}, {', '.join(one.challenging)}: {one.why}: {'kept' if one.kept else 'not kept'}"
        console.print(what, soft_wrap=True, markup=False)
    console.print(f"ended: {climb.ended}", soft_wrap=True, markup=False)
    console.print(f"best policy: {climb.checkpoint}", soft_wrap=True, markup=False)
    console.print(f"ladder: {climb.folder} (ladder.html, ladder.json, a directory for each round)", soft_wrap=True)


def _fine_tuning(config: str) -> tuple[str, str]:
    """The game of a shipped fine-tuning config, and the checkpoint that it begins with.

    Raises:
        UserError: it is none.
    """
    file = find_file(config)
    names = [name for name in shipped_configs() if Path(name).stem == BASE]
    if not any(file.is_file() and file.samefile(SHIPPED / name) for name in names):
        raise UserError(
            f"ladder: the first -c must be one of {', '.join(names)}, got {as_named(file)}; your own go after it"
        )
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    return file.resolve().parent.name, content["model"]["init_from"]


def _count(text: str) -> int:
    """A number of env_steps: 96000, 96k or 1.5M."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", text)
    if not match:
        raise ArgumentTypeError(f"a number of env_steps, such as 96000, 96k or 1M; got {text}")
    return round(float(match[1]) * THOUSANDS[match[2].lower()])
