"""Lightning's commands, `fit`, `validate`, `test` and `predict`: a directory per run, and what each leaves in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from mk_lightning.callbacks.checkpoints.signals import Interruption
from mk_lightning.checkpointing.io import CheckpointFiles
from mk_lightning.checkpointing.run_directory import RunDirectory
from mk_lightning.cli.checks import check_states_given
from mk_lightning.cli.held_messages import held_messages
from mk_lightning.cli.missing import naming_both
from mk_lightning.cli.printing import SHOW, show
from mk_lightning.cli.saved_config import check_same
from mk_lightning.data.resume_checks import common
from mk_lightning.utils.files import check_directory
from mk_lightning.utils.trainer_checks import check_experience_trainer
from mk_lightning.workflows.parser import add_run_options, as_plain, link_options
from mk_lightning.workflows.preflight import check_evaluation, check_fit
from mk_lightning.workflows.process import RunProcess
from mk_lightning.workflows.run_events import begin_run, check_loggers, end_run
from mk_lightning.workflows.run_parts import named_loggers, run_callbacks, run_loggers
from mk_lightning.workflows.stopped import answering, finished
from mk_lightning.workflows.trainer_options import (
    check_ranks,
    check_run_parts,
    check_trainer,
    devices_of,
    plugins_of,
    set_threads,
    undone_by_mistakes,
)


class MKLightningCLI(LightningCLI):
    """LightningCLI with a directory per run, the run's own loggers and checkpoints, and the before/after table."""

    _built: ClassVar[dict[str, tuple[LightningArgumentParser, list[str]]]] = {}
    """Parsers of the commands and the names of their methods' arguments: to build one takes as long as to parse."""

    def __init__(self, *args: Any, process: RunProcess, **kwargs: Any) -> None:
        """Parse and run; the parser knows only the command asked for, as that of all four takes thrice as long."""
        self._process, self._words = process, kwargs["args"]
        known = self.subcommands()
        asked = [word for word in (kwargs.get("args") or [])[:1] if word in known]
        if asked:
            self.subcommands = lambda: {asked[0]: known[asked[0]]}  # type: ignore[method-assign]
        super().__init__(*args, **kwargs)

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        """Return a command's parser, which is the same each time in a process."""
        if subcommand not in self._built:
            parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
            self._built[subcommand] = parser, self._subcommand_method_arguments[subcommand]
        parser, self._subcommand_method_arguments[subcommand] = self._built[subcommand]
        return parser

    def _parse_ckpt_path(self) -> None:
        """Nothing, where Lightning takes options from the checkpoint: it may come from anywhere."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Arguments of a run, and links that spare the user from saying a thing twice."""
        add_run_options(parser)
        link_options(parser)

    def _dump_config(self) -> None:
        """Write the config down for hyper-parameters; Lightning has it checked again, and made into YAML and back."""
        if not hasattr(self, "config_dump"):
            parser, config = self._parser(self.subcommand), self.config[self.subcommand]
            self.config_dump = as_plain(parser, config, skip_link_targets=False)

    def before_instantiate_classes(self) -> None:
        """Find the run directory and the checkpoint."""
        config = self.config[self.subcommand]
        check_states_given(str(self.subcommand), config)
        check_trainer(config.trainer)
        devices, num_nodes = devices_of(config.trainer), config.trainer.num_nodes
        self._process.take(devices, num_nodes, self._words)
        set_threads(config.torch_threads, devices * num_nodes)
        check_directory("run_dir", config.run_dir)
        if self.subcommand != "fit":
            config.data.train_states = None  # nobody trains on them, and a group that they name may be left out
        wanted, on_disk = Path(config.run_dir), config.data.replay.on_disk
        with naming_both(config.data.game, None):
            self.run = RunDirectory.choose(str(self.subcommand), wanted, config.get("ckpt_path"), replay=on_disk)
        if self.run.checkpoint is None and self.subcommand == "fit":  # `last` or `auto`, and none was saved yet
            config.ckpt_path = None
        if self.run.checkpoint:
            config.ckpt_path = str(self.run.checkpoint)
        self._interruption = Interruption("starting" if self.subcommand == "fit" else "playing matches")

    def instantiate_classes(self) -> None:
        """Build everything; `init_from` stays in the config, but is not read where a checkpoint is loaded instead."""
        config = self.config[self.subcommand]
        self._init_from = init_from = config.model.init_from
        if self.run.checkpoint:
            config.model.init_from = None
        try:
            with held_messages(), naming_both(config.data.game, config.model.init_from):
                super().instantiate_classes()
        finally:
            config.model.init_from = init_from

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """The Trainer, with the run's own loggers and callbacks beside those of the config."""
        config = self.config_init[self.subcommand].trainer
        callbacks = config.callbacks or []
        check_run_parts(callbacks, config)
        self.datamodule.set_ranks(self._process.ranks)
        if self.subcommand == "fit":
            monitor = self.config.fit.monitor
            check_fit(self.model, self.datamodule, callbacks, self.run, monitor, self._init_from)
            stopping = any(isinstance(callback, EarlyStopping) for callback in callbacks)
            if self.run.is_finished(self.datamodule.length.env_steps, may_end_early=stopping):
                whole = as_plain(self._parser("fit"), self.config.fit)
                whole["model"]["init_from"] = self._init_from
                check_same(self.run.path, whole, common(self.datamodule))
                show(finished(self.run.path, self.run.trained, self.run.ended))
                raise SystemExit(0)
        else:
            check_evaluation(self.model, self.datamodule, callbacks, self.run)
        check_loggers(named_loggers(config.logger))
        self.run, self._lease = self.run.acquire()
        config.default_root_dir = str(self.run.path)
        config.plugins = [*plugins_of(config), CheckpointFiles(self.run.path)]
        kwargs["logger"] = run_loggers(self.run, config.logger)
        with undone_by_mistakes(self._lease):
            own = run_callbacks(str(self.subcommand), self.config_init[self.subcommand], self.run, self._interruption)
            config.callbacks = [*callbacks, *own]
            trainer = super().instantiate_trainer(**kwargs)
            check_experience_trainer(trainer)
            check_ranks(trainer, self._process.ranks)
            if self.subcommand == "fit":
                self.model.check_fit(trainer)
            return trainer

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Lightning's, without the switches for its own table of metrics and for checkpoints that may run code."""
        return {name: skipped | {"verbose", "weights_only"} for name, skipped in LightningCLI.subcommands().items()}

    def fit(self, **kwargs: Any) -> None:
        """Fit; a checkpoint can hold no code."""
        self.trainer.fit(weights_only=True, **kwargs)

    def validate(self, **kwargs: Any) -> None:
        """Validate without Lightning's table."""
        self.trainer.validate(verbose=False, weights_only=True, **kwargs)

    def test(self, **kwargs: Any) -> None:
        """Test without Lightning's table."""
        self.trainer.test(verbose=False, weights_only=True, **kwargs)

    def predict(self, **kwargs: Any) -> None:
        """Play the matches; a checkpoint can hold no code."""
        self.trainer.predict(weights_only=True, **kwargs)

    def _run_subcommand(self, subcommand: str) -> None:
        """Run the command in its directory: Lightning's own method, which everything a command does goes through."""
        config = self.config[subcommand]
        start = config.model.init_from if subcommand == "fit" else config.get("ckpt_path") or config.model.init_from
        whole = as_plain(self._parser(subcommand), config)
        try:
            with answering(subcommand, self.run.path, self._process.ranks, self._interruption):
                begin_run(self.trainer.loggers, subcommand, self.run, whole, start)
                super()._run_subcommand(subcommand)
                SHOW[subcommand](self.trainer, self.run.path)
                for said in end_run(self.trainer.loggers):
                    show(said)
        finally:
            self._lease.release()
