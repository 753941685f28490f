"""The commands that are not Lightning's, and what they print; nothing is imported before one is asked for."""

from __future__ import annotations

from keyword import iskeyword

TOOLS = {
    "states": "states of a game, as they stand in a config; `states new` makes some",
    "import": "put a ROM where its game looks for it",
    "weak": "the states that an evaluation found weak, as a config",
    "compare": "what changed between evaluations",
    "runs": "what was trained here, and what became of it",
    "ladder": "fine-tuning round after round, until every state is won",
    "export": "an agent for Stable-Baselines3, ONNX, TorchScript or the Hugging Face Hub",
    "doctor": "whether this machine has what a run needs",
    "completion": "a script by which bash or zsh completes what is typed",
}
"""By name, each with a module that has `run` and `arguments`."""


def module_of(tool: str) -> str:
    """Return the module of a tool; `import` cannot name one."""
    return f"mk_lightning.cli.commands.{tool}{'_' * iskeyword(tool)}"
