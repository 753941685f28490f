"""`mk-lightning fit --help`: how the command is used, its own options first, Lightning's last."""

from __future__ import annotations

import re
import textwrap
from argparse import HelpFormatter

from mk_lightning.workflows.parser import Parser

USAGE = "usage: mk-lightning {command} -c CONFIG [-c OVERLAY ...] [--OPTION VALUE ...]"
ABOUT = {
    "fit": (
        "Train or fine-tune, and measure what it was worth: win rates before and after, over every state.",
        (
            "fit -c dojo/finetune -m recommended",
            "fit -c dojo/finetune -m recommended --data.max_env_steps 48000 --run_dir runs/quarter",
            "fit -c runs/quarter/config.yaml --ckpt_path last",
            "fit -c dojo/finetune -m recommended --run_dir runs/seeds --seeds 1,2,3 --at_once 2",
        ),
    ),
    "validate": (
        "Play the validation matches, those by which a fit chooses its best checkpoint.",
        ("validate -c dojo/finetune --ckpt_path checkpoints/dojo-base.ckpt",),
    ),
    "test": (
        "Play the test matches, which decide nothing else, and write win rates with their intervals.",
        (
            "test -c dojo/finetune --ckpt_path checkpoints/dojo-base.ckpt",
            "test -c runs/quarter/config.yaml --ckpt_path best --data.evaluation.test_matches 50",
        ),
    ),
    "predict": (
        "Play the test matches, and write a row for each and films of some.",
        ("predict -c dojo/finetune --ckpt_path checkpoints/dojo-base.ckpt --film.matches 2",),
    ),
}
"""What each command does, and examples of it."""
OPTIONS = (
    "In a config an option stands by its parts: --data.max_env_steps 48000 is {data: {max_env_steps: 48000}}.\n"
    "One of a method in trainer.callbacks goes by its class: --Cloning.weight 0.2."
)
SEVERAL = (
    "With --seeds 1,2,3 the same fit is made with each of these seeds, in a directory of its own in --run_dir DIR,\n"
    "and all are pooled; --at_once N trains so many side by side."
)
"""Of a fit, whose parser does not know these options."""
TEXTS = {
    "--config": "a config, or an overlay for those before it; shipped ones by name: dojo/finetune, then recommended",
    "--seed_everything": "of all that is random; two runs with the same one are equal",
    "--ckpt_path": "of fit: the checkpoint to go on from, last for this run's own; else: the weights that play, best "
    "or last for those of run_dir",
}
"""Of options that others describe."""
TITLES = {
    "": "the run:",
    "data": "data, experience for the learner and matches for its evaluation:",
    "data.env": "data.env, how matches are played:",
    "data.replay": "data.replay, what is kept and how it is drawn:",
    "data.recording": "data.recording, of the base policy's play on the original states:",
    "data.evaluation": "data.evaluation, when and how matches are played to measure the policy:",
    "model": "model, the Q-network and how it learns:",
    "film": "film, what predict films:",
    "checkpoint": "checkpoint, how often a fit is saved:",
    "trainer": "trainer, Lightning's; what a run has its own way with is refused in one line:",
}
"""Of the groups of options, in the order in which they are shown."""
OPTION = re.compile(r"^  (?:-\w \w+, )?--([\w.]+)", re.M)
SUBCLASSES = re.compile(r",\s+known\s+subclasses:\s+([^)]*)\)")
INDENT = 24
"""Columns before an option's text."""


class CommandParser(Parser):
    """The parser of one of Lightning's commands."""

    def format_help(self, formatter: HelpFormatter | None = None) -> str:
        """Return the help, with a line of usage in place of a screen of it."""
        command = self.prog.split()[-1]
        if command not in ABOUT:
            return super().format_help(formatter)
        for name, text in TEXTS.items():
            self._option_string_actions[name].help = text
        groups: dict[str, list[str]] = {}
        for block in super().format_help(formatter).split("\n\n"):
            title, _, options = block.partition("\n")
            if title.endswith(":") and (names := OPTION.findall(options)):
                groups.setdefault(_group(names[-1]), []).append(SUBCLASSES.sub(_own, options).rstrip())
        shown = ["\n".join([TITLES[name], *groups[name]]) for name in TITLES if name in groups]
        about, examples = ABOUT[command]
        lines = "\n".join(f"  mk-lightning {example}" for example in examples)
        head = [USAGE.format(command=command), about, f"examples:\n{lines}", OPTIONS]
        head += [SEVERAL] if command == "fit" else []
        return "\n\n".join([*head, *shown]) + "\n"


def _group(option: str) -> str:
    """The group that an option is of."""
    return max((name for name in TITLES if f"{option}.".startswith(f"{name}.")), key=len, default="")


def _own(match: re.Match[str]) -> str:
    """A list of classes without Lightning's, which are dozens: those a config may name without their path."""
    names = [name.strip() for name in match[1].split(",") if name.strip().startswith("mk_lightning.")]
    if not names:
        return ")"
    text = textwrap.fill(f"known subclasses: {', '.join(names)})", 100 - INDENT, break_on_hyphens=False)
    return ",\n" + textwrap.indent(text, " " * INDENT)
