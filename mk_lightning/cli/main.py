"""The command line: `mk-lightning fit|validate|test|predict`, a LightningCLI, and the tools beside them.

Only what a command needs is imported: torch and Lightning take seconds to load.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from keyword import iskeyword

import mk_lightning
from mk_lightning.cli.arguments import COMMANDS, Pipes
from mk_lightning.cli.option_names import OptionNames, as_options
from mk_lightning.cli.startup import USAGE_ERROR, loading
from mk_lightning.games.names import nearest
from mk_lightning.utils.errors import RunStopped, UserError, WorkerError, known_cause, one_line, shortened

TOOLS = {
    "states": "states of a game, as they stand in a config; `states new` makes some",
    "import": "put a ROM where its game looks for it",
    "weak": "the states that an evaluation found weak, as a config",
    "compare": "what changed between evaluations",
    "runs": "what was trained here, and what became of it",
    "ladder": "fine-tuning round after round, until every state is won",
    "export": "an agent for Stable-Baselines3, ONNX, TorchScript or the Hugging Face Hub",
    "doctor": "whether this machine has what a run needs",
}
"""Commands that are not Lightning's, and what they print."""
HELP = f"""\
usage: mk-lightning COMMAND ... [--help]
       mk-lightning --version

Train, fine-tune and evaluate agents of fighting games.

commands of Lightning, each with -c CONFIG ... and options:
  fit       train or fine-tune, and measure what it was worth
  validate  play the validation matches
  test      play the test matches
  predict   play matches, write and film them

tools:
{"".join(f"  {name:9} {what}{chr(10)}" for name, what in TOOLS.items())}"""


def main(args: Sequence[str] | None = None) -> None:
    """Run a command.

    Args:
        args: the command line after the program's name; None takes `sys.argv`.

    Raises:
        SystemExit: something given cannot be used; a line on stderr says what.
    """
    words = list(sys.argv[1:] if args is None else args)
    with loading():
        command = _command(words)
    logging.basicConfig(handlers=[_console()])
    logging.getLogger("mk_lightning").setLevel(logging.INFO)
    with Pipes() as pipes:
        try:
            code = command(words, pipes)
        except KeyboardInterrupt:  # a fit answers by itself, once it has begun
            code = _say("stopped by Ctrl-C", 128 + signal.SIGINT)
        except RunStopped as stopped:
            code = _say(f"stopped: {one_line(stopped)}", stopped.exit_code)
        except (UserError, WorkerError, ValueError) as error:
            if (known := known_cause(error)) is None:
                raise
            code = _say(f"error: {shortened(as_options(pipes.as_given(str(known))), 440)}", USAGE_ERROR)
    if code:
        raise SystemExit(code)


def _command(words: Sequence[str]) -> Callable[[list[str], Pipes], int]:
    """Import what runs a command line."""
    if words and words[0] in {"-h", "--help"}:
        return lambda words, pipes: sys.stdout.write(HELP) * 0
    if words and words[0] == "--version":
        version = f"mk-lightning {mk_lightning.__version__}\n"
        return lambda words, pipes: sys.stdout.write(version) * 0
    if words and words[0] in TOOLS:
        module = words[0] + "_" * iskeyword(words[0])  # `import` cannot name one
        tool = import_module(f"mk_lightning.cli.commands.{module}")
        return lambda words, pipes: int(tool.run(words[1:]))
    if not words or not (words[0] in COMMANDS or words[0].startswith("-")):
        return _no_command
    from mk_lightning.cli.program import run

    return run


def _no_command(words: Sequence[str], pipes: Pipes) -> int:
    """Say which commands there are.

    Raises:
        UserError: always.
    """
    known = [*COMMANDS, *TOOLS]
    if not words:
        raise UserError(f"no command given; valid: {', '.join(known)}; mk-lightning --help says what each does")
    near = nearest(words[0], known)
    hint = f"did you mean {near!r}?" if near else f"valid: {', '.join(known)}"
    raise UserError(f"no command {shortened(words[0])!r}; {hint}")


def _console() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OptionNames("%(message)s"))
    return handler


def _say(line: str, code: int) -> int:
    sys.stderr.write(f"mk-lightning: {as_options(line)}\n")
    return code
