"""The config that a run leaves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.cli import SaveConfigCallback

from mk_lightning.utils.documents import read_yaml
from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.files import find_file
from mk_lightning.utils.run_files import CONFIG

DECIDE = (
    "seed_everything", "monitor", "torch_threads", "model", "data", "trainer.callbacks", "trainer.precision",
    "trainer.gradient_clip", "trainer.accumulate_grad_batches",
)  # fmt: skip
"""Options by which a run is what it is."""
START, LENGTH = "model.init_from", "data.max_env_steps"
"""A finished run has at least as many as are asked for."""


class RunConfig(SaveConfigCallback):
    """Saves what a run is, without the checkpoint that it went on from or played.

    With that, whoever took the config for another run would resume this one and train on in its directory.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Save it, with what the command line has put into the config until now."""
        self.config = self.config.clone()
        self.config.ckpt_path = None
        super().setup(trainer, pl_module, stage)


def check_same(run: Path, config: Mapping[str, Any], compared: Iterable[str]) -> None:
    """Check that a finished run was one of a config, to whose result it would otherwise seem to have come.

    Args:
        run: its directory.
        config: the whole config, plain.
        compared: options whose values the checkpoint has been compared with, however they are written here.

    Raises:
        UserError: it was not.
    """
    file = run / CONFIG
    if not file.is_file():
        return
    for name, theirs, ours in _differences(read_yaml(file, "config"), config):
        known = name == LENGTH or any(f"{name}.".startswith(f"{option}.") for option in compared)
        if name.startswith(DECIDE) and not known and not (name == START and _same_file(theirs, ours)):
            raise UserError(
                f"{run} is finished with {name} {shortened(theirs)}, and this command has {shortened(ours)}: "
                "--run_dir begins another run"
            )


def _same_file(one: str | None, other: str | None) -> bool:
    """Whether two paths lead to the same file, the user's or one that ships."""
    paths = [find_file(path) for path in (one, other) if path is not None]
    return len(paths) == 2 and all(path.is_file() for path in paths) and paths[0].samefile(paths[1])


def _differences(one: Any, other: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Options that both have and that are not the same: their names and both values; a list is one value."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in one:
            if key in other:
                yield from _differences(one[key], other[key], f"{name}.{key}" if name else key)
    elif one != other:
        yield name, one, other
