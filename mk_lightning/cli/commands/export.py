"""`mk-lightning export CHECKPOINT --to FORMAT OUT`: an agent for another program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from rich.console import Console

from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.interop.export import FORMATS, export
from mk_lightning.utils.errors import UserError

NEXT = {
    "sb3": 'stable_baselines3.DQN.load("{out}")',
    "onnx": 'onnxruntime.InferenceSession("{out}").run(["q_values"], {{"observations": stacks}})',
    "torchscript": 'torch.jit.load("{out}")(stacks)',
    "safetensors": "mk-lightning test -c CONFIG --ckpt_path {out}",
    "hub": "hf upload USER/NAME {out}",
}
"""What can be done with each, by format."""


def arguments() -> ToolParser:
    """Return the parser of its words."""
    parser = ToolParser("export", "An agent for another program: its zip, graph, weights, or folder for the Hub.")
    add = parser.add_argument
    add("checkpoint", metavar="CHECKPOINT", help="a checkpoint, or the zip of an agent of Stable-Baselines3")
    add("--to", required=True, metavar="FORMAT", help=", ".join(FORMATS))
    add("out", type=Path, metavar="OUT", help="file to write; of hub, a new folder")
    add("--template", type=Path, metavar="ZIP", help="sb3: zip of an agent with the same network; what it says is kept")
    add("--reward_scale", type=float, metavar="UNITS", help="sb3: game units in a learning unit, if it does not say")
    add("--evaluation", type=Path, metavar="JSON", help="hub: written by test or fit, for the model card")
    add("--film", type=Path, metavar="MP4", help="hub: a match, shown on the agent's page")
    return parser


def run(words: Sequence[str]) -> int:
    """Export, say what can be done with it, and return the exit code.

    Args:
        words: a checkpoint, a format and where to write; and options, see `--help`.

    Raises:
        UserError: an option cannot be used, a package is missing, or the file cannot be written.
    """
    given = arguments().parse_args(list(words))
    try:
        out = export(
            given.checkpoint,
            given.out,
            given.to,
            template=given.template,
            reward_scale=given.reward_scale,
            evaluation=given.evaluation,
            film=given.film,
        )
    except OSError as error:
        raise UserError(f"export: cannot write {given.out}: {error.strerror}") from None
    shown = str(out) if '"' in NEXT[given.to] else quote(str(out))
    Console(highlight=False, markup=False, emoji=False).print(
        f"{out}: {NEXT[given.to].format(out=shown)}", soft_wrap=True
    )
    return 0
