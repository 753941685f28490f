"""`mk-lightning fit --seeds 1,2,3`: the same fit with several seeds, and what they say together."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mk_lightning.callbacks.checkpoints.signals import SIGNALS
from mk_lightning.cli.arguments import AT_ONCE, CHECKPOINT, SEEDS, Pipes, add_seeds, arrange
from mk_lightning.cli.commands import compare
from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.experience.match_seeds import MAX_SEED
from mk_lightning.utils.errors import UserError, check_between, shortened
from mk_lightning.utils.run_files import CONFIG

PAGE = "seeds.html"
PRINT = "--print_config"
MISTAKE = 2
"""Exit code of a command that is wrong, and would be again."""


def run(words: list[str], pipes: Pipes) -> int:
    """Fit once for each seed, a process each, then pool what they were worth; return the exit code.

    Each run is as by itself, in `seed-N` of the run directory. A finished one is left as it is and one that was stopped
    goes on, so the same command continues; where one ends badly, those after it are not begun.

    Args:
        words: the command line after the program's name.
        pipes: keeps configs that can be read only once.

    Raises:
        UserError: an option cannot be used.
    """
    parser = ToolParser("fit", "The same fit with several seeds.")
    add_seeds(parser)
    parser.add_argument("--run_dir", type=Path, metavar="DIR", help="has a directory for each seed")
    parser.add_argument("--seed_everything", help="not here")
    parser.add_argument(CHECKPOINT, help="not here")
    options, others = parser.parse_known_args(words[1:])
    if PRINT in {word.partition("=")[0] for word in others}:  # of a run but for its seed and its directory
        from mk_lightning.cli.program import run as program  # torch takes seconds to load

        return program(["fit", *others], pipes)
    seeds = _seeds(options.seeds)
    if options.run_dir is None:
        raise UserError(f"{SEEDS} needs --run_dir DIR, in which each seed has a directory")
    for name in ("seed_everything", CHECKPOINT[2:]):
        if getattr(options, name) is not None:
            raise UserError(f"--{name} does not go with {SEEDS}: each run has its own, and goes on where it stopped")
    if options.at_once < 1:
        raise UserError(f"{AT_ONCE} must be at least 1 run, got {options.at_once}")
    if options.run_dir.exists() and not options.run_dir.is_dir():
        raise UserError(f"--run_dir must be a directory, got {options.run_dir}")
    if (options.run_dir / CONFIG).is_file():
        raise UserError(
            f"{options.run_dir} is a run; {SEEDS} needs a --run_dir that has a directory for each of its runs"
        )
    fit = pipes.as_files(arrange(["fit", *others]))
    runs = {seed: options.run_dir / f"seed-{seed}" for seed in seeds}
    with _Fits(alone=options.at_once == 1) as fits, ThreadPoolExecutor(options.at_once) as pool:
        list(pool.map(lambda seed: fits.run(seed, [*fit, *_own(seed, runs[seed])]), seeds))
    if fits.code not in {0, MISTAKE}:
        sys.stderr.write("mk-lightning: stopped; the same command goes on with the seeds that are not finished\n")
    if fits.code:
        return fits.code
    return compare.run([*map(str, runs.values()), "--out", str(options.run_dir / PAGE)])


def _seeds(text: str) -> list[int]:
    """The seeds that are given.

    Raises:
        UserError: they are no different whole numbers.
    """
    parts = text.strip("[]").split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise UserError(f"{SEEDS} must be whole numbers, such as 1,2,3; got {shortened(text)}")
    seeds = [int(part) for part in parts]
    for seed in seeds:
        check_between(SEEDS, seed, 0, MAX_SEED)
    if len(set(seeds)) < len(seeds):
        raise UserError(f"{SEEDS} has one twice: {shortened(text)}")
    return seeds


def _own(seed: int, run_dir: Path) -> list[str]:
    """The options that a run has to itself."""
    return ["--seed_everything", str(seed), "--run_dir", str(run_dir), CHECKPOINT, "auto"]


class _Fits:
    """Runs fits in processes of their own, and passes on to them what asks for an end while its context lasts.

    Args:
        alone: one runs at a time, and has the terminal; else each line is told with the seed that it is of.

    Attributes:
        code: the exit code for which no further fit is begun; 0 while all is well.
    """

    def __init__(self, *, alone: bool) -> None:
        self.code = 0
        self._alone = alone
        self._signum = 0
        self._running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> _Fits:
        """Take the signals but those that are ignored, as SIGHUP is below `nohup`."""
        heard = [signum for signum in SIGNALS if signal.getsignal(signum) not in (None, signal.SIG_IGN)]
        self._before = {signum: signal.signal(signum, self._pass_on) for signum in heard}
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the signals as they were."""
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def run(self, seed: int, words: Sequence[str]) -> None:
        """Run a command to its end, unless one has ended badly before."""
        if self.code:
            return
        if self._alone:
            sys.stderr.write(f"seed {seed}:\n")
        output, errors = (None, None) if self._alone else (subprocess.PIPE, subprocess.STDOUT)
        line = [sys.executable, "-m", "mk_lightning", *words]
        process = subprocess.Popen(line, stdout=output, stderr=errors, text=True, errors="replace")  # noqa: S603 - the user's own words
        self._running.append(process)
        if self._signum:  # it came while the process was started
            process.send_signal(self._signum)
        for said in process.stdout or ():
            sys.stderr.write(f"seed {seed}: {said}")
        code = process.wait()
        self._running.remove(process)
        if code < 0:
            if not self.code:
                sys.stderr.write(f"seed {seed}: was ended by {signal.Signals(-code).name}\n")
            code = 128 - code
        self.code = self.code or code

    def _pass_on(self, signum: int, _: object) -> None:
        self._signum, self.code = signum, self.code or 128 + signum
        for process in tuple(self._running):
            process.send_signal(signum)
