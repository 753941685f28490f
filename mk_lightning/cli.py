"""The command line: `mk-lightning fit|validate|test|predict`, a LightningCLI, and the commands in `TOOLS`."""

from __future__ import annotations

import gc
import os

# Loading torch and Lightning makes a million objects that stay: looking for garbage among them costs a second or more.
gc.disable()
# Threads of a finished parallel region must sleep, not spin: the emulators need the cores. Read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("KMP_BLOCKTIME", "0")
# Lightning's own calls into jsonargparse, nothing a user could mend.
os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")

import logging
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from jsonargparse import ArgumentError

from mk_lightning.compare_command import compare
from mk_lightning.doctor_command import doctor
from mk_lightning.documents import read_yaml
from mk_lightning.envs import WorkerError
from mk_lightning.errors import RunStopped, UserError, shortened
from mk_lightning.experience import ExperienceDataModule
from mk_lightning.files import find_file, shipped_configs
from mk_lightning.games.names import suggestion
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.lightning_cli import MKLightningCLI
from mk_lightning.parser import Parser
from mk_lightning.states_command import print_states
from mk_lightning.trainer_options import RunTrainer
from mk_lightning.weak_command import weak

gc.enable()
gc.freeze()

USAGE_ERROR = 2
TOOLS: dict[str, Callable[[Sequence[str]], int]] = {
    "states": print_states,
    "compare": compare,
    "weak": weak,
    "doctor": doctor,
}
"""Commands that are not Lightning's: each takes its words and returns its exit code."""
TRAINER_DEFAULTS = {
    "devices": 1,  # or Lightning takes every GPU there is
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
}
OTHER_COMMANDS = "Beside them: states [GAME], compare FILE FILE ..., weak FILE, and doctor; each has its --help."


def main(args: Sequence[str] | None = None) -> None:
    """Run a command.

    Args:
        args: the command line after the program's name; None takes `sys.argv`.

    Raises:
        SystemExit: something given cannot be used; a line on stderr says what.
    """
    _quiet_lightning()
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # where a user keeps a method of their own; last, so it hides nothing
    words = [part for word in (sys.argv[1:] if args is None else args) for part in _parts(word)]
    for i, word in enumerate(words[:-1]):
        if word in {"-c", "--config", "--ckpt_path"}:
            words[i + 1] = str(find_file(words[i + 1]))
    try:
        if words and words[0] in TOOLS:
            if code := TOOLS[words[0]](words[1:]):
                raise SystemExit(code)
            return
        for option, path in pairwise(words):
            if option in {"-c", "--config"}:
                if not Path(path).exists():
                    raise UserError(f"no config {path}{suggestion(path, shipped_configs())}")
                read_yaml(Path(path), "config")
        MKLightningCLI(
            DuelingDoubleDQN,
            ExperienceDataModule,
            trainer_class=RunTrainer,
            parser_class=Parser,
            parser_kwargs={"epilog": OTHER_COMMANDS},
            seed_everything_default=1,
            save_config_kwargs={"overwrite": True, "save_to_log_dir": True},
            trainer_defaults=TRAINER_DEFAULTS,
            auto_configure_optimizers=False,
            args=words,
        )
    except KeyboardInterrupt:  # a fit answers by itself, once it has begun
        sys.stderr.write("mk-lightning: stopped by Ctrl-C\n")
        raise SystemExit(128 + signal.SIGINT) from None
    except RunStopped as stopped:
        sys.stderr.write(f"mk-lightning: stopped: {' '.join(str(stopped).split())}\n")
        raise SystemExit(stopped.exit_code) from None
    except (UserError, WorkerError, ArgumentError, ValueError) as error:
        if (known := _known_cause(error)) is None:
            raise
        line = shortened(known, 440)
        sys.stderr.write(f"mk-lightning: error: {line}\n")
        raise SystemExit(USAGE_ERROR) from None


def _parts(word: str) -> list[str]:
    """`--config=FILE` as the two words it stands for, and any other word as it is."""
    option, equals, value = word.partition("=")
    return [option, value] if equals and option in {"--config", "--ckpt_path"} else [word]


def _known_cause(error: BaseException | None) -> BaseException | None:
    """What there is to say; jsonargparse wraps the errors of a class it cannot make."""
    while isinstance(error, ValueError) and not isinstance(error, (UserError, ArgumentError)):
        error = error.__cause__ or error.__context__
    return error if isinstance(error, (UserError, WorkerError, ArgumentError)) else None


def _quiet_lightning() -> None:
    """Leave the console to what concerns this run: our own log and Lightning's warnings that are about it."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("mk_lightning").setLevel(logging.INFO)
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)  # their reports, which a run asks for
    for message in (
        ".*does not have many workers.*",  # ours play in processes of their own
        ".*LightningCLI's args parameter.*",  # main() hands the command line on
        ".*isinstance.treespec, LeafSpec.*",  # inside Lightning
        ".*Couldn't infer the batch indices.*",  # matches are no samples of a dataset
        ".*exists and is not empty.*",  # a resumed run writes where it wrote
        ".*You're resuming from a checkpoint that ended.*",  # the loader is stateful, which is what it asks for
    ):
        warnings.filterwarnings("ignore", message)


if __name__ == "__main__":
    main()
