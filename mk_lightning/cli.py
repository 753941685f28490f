"""The command line: `mk-lightning fit|validate|test|predict`, a LightningCLI, and the commands in `TOOLS`."""

from __future__ import annotations

from mk_lightning.startup import USAGE_ERROR, loading

with loading():
    import logging
    import os
    import signal
    import sys
    import warnings
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jsonargparse import ArgumentError
    from lightning_utilities.core.rank_zero import rank_zero_only

    from mk_lightning.command_line import Pipes, arrange, check_configs, check_environment
    from mk_lightning.compare_command import compare
    from mk_lightning.doctor_command import doctor
    from mk_lightning.envs import WorkerError
    from mk_lightning.experience import ExperienceDataModule
    from mk_lightning.launcher import check_launcher, whole_run
    from mk_lightning.learning.module import DuelingDoubleDQN
    from mk_lightning.lightning_cli import MKLightningCLI
    from mk_lightning.parser import Parser
    from mk_lightning.states_command import print_states
    from mk_lightning.trainer_options import RunTrainer
    from mk_lightning.utils.errors import RunStopped, UserError, one_line, shortened
    from mk_lightning.weak_command import weak

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
DESCRIPTION = "Train, fine-tune and evaluate agents of fighting games."
OTHER_COMMANDS = "Beside them: states [GAME], compare FILE FILE ..., weak FILE, and doctor; each has its --help."


def main(args: Sequence[str] | None = None) -> None:
    """Run a command.

    Args:
        args: the command line after the program's name; None takes `sys.argv`.

    Raises:
        SystemExit: something given cannot be used; a line on stderr says what.
    """
    words = list(sys.argv[1:] if args is None else args)
    _quiet_lightning()
    with Pipes() as pipes:
        try:
            _find_own_classes()
            if words and words[0] in TOOLS:
                code = TOOLS[words[0]](words[1:])
            else:
                code = _lightning(pipes.as_files(arrange(words)))
        except KeyboardInterrupt:  # a fit answers by itself, once it has begun
            code = _say("stopped by Ctrl-C", 128 + signal.SIGINT)
        except RunStopped as stopped:
            code = _say(f"stopped: {one_line(stopped)}", stopped.exit_code)
        except (UserError, WorkerError, ArgumentError, ValueError) as error:
            if (known := _known_cause(error)) is None:
                raise
            code = _say(f"error: {shortened(pipes.as_given(str(known)), 440)}", USAGE_ERROR)
    if code:
        raise SystemExit(code)


def _lightning(words: list[str]) -> int:
    """Run one of Lightning's commands."""
    check_environment(os.environ)
    if line := check_launcher(os.environ):
        logging.getLogger("mk_lightning").info(line)
    check_configs(words)
    with whole_run():
        rank_zero_only.rank = 0  # type: ignore[attr-defined]  # Lightning may have been imported before us
        MKLightningCLI(
            DuelingDoubleDQN,
            ExperienceDataModule,
            trainer_class=RunTrainer,
            parser_class=Parser,
            parser_kwargs={"prog": "mk-lightning", "description": DESCRIPTION, "epilog": OTHER_COMMANDS},
            seed_everything_default=1,
            save_config_kwargs={"overwrite": True, "save_to_log_dir": True},
            trainer_defaults=TRAINER_DEFAULTS,
            auto_configure_optimizers=False,
            args=words,
        )
    return 0


def _find_own_classes() -> None:
    """Let a config name classes of a module in the working directory; last, so that it hides nothing."""
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))


def _say(line: str, code: int) -> int:
    sys.stderr.write(f"mk-lightning: {line}\n")
    return code


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
        ".*`srun` command is available on your system but is not used.*",  # a run is one process
        ".*You're resuming from a checkpoint that ended.*",  # the loader is stateful, which is what it asks for
    ):
        warnings.filterwarnings("ignore", message)


if __name__ == "__main__":
    main()
