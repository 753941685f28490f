"""The words after the program's name: configs before options, pipes as files, and no options in the environment."""

from __future__ import annotations

import re
import shlex
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import islice, pairwise
from pathlib import Path

from mk_lightning.cli.config_names import config_files
from mk_lightning.utils.documents import YAML_BYTES, read_yaml
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import exists, find_file
from mk_lightning.utils.run_files import CHECKPOINTS

COMMANDS = ("fit", "validate", "test", "predict")
CONFIG = ("-c", "--config", "-m")
"""`-m` reads well for the overlay of a method; it is the same."""
CHECKPOINT = "--ckpt_path"
SEEDS, AT_ONCE = "--seeds", "--at_once"
GROUP = re.compile(r"--(?:model|data|trainer|film|checkpoint|data\.(?:env|replay|recording|evaluation))")
"""Options that take a file with several options."""
JOINED = re.compile(rf"(--config|{CHECKPOINT}|{GROUP.pattern})=(.*)|(-[cm])=?(.+)", re.S)
"""An option and its value in one word."""
VARIABLE = re.compile(rf"PL_(?:(?:{'|'.join(COMMANDS).upper()})__(\w+)|(TRAINER)_(\w+)|(CONFIG))")
"""Environment variables from which other programs of Lightning's take options."""


def arrange(words: Sequence[str]) -> list[str]:
    """Put a command line in the order in which an option wins over every file, wherever it stands.

    Configs come first, in their order, then files of a single group (`--data FILE`), then all else. Shipped configs and
    checkpoints are found by name, configs also without their ending.

    Args:
        words: the command line after the program's name.
    """
    options: list[list[str]] = []
    """Each option that takes a file with it, any other word alone."""
    rest = iter([part for word in words for part in _parts(word)])
    for part in rest:
        if part in CONFIG:
            options.append([CONFIG[0], *islice(rest, 1)])
        elif part == CHECKPOINT:
            options.append([part, *(str(find_file(path)) for path in islice(rest, 1))])
        else:
            options.append([part, *(islice(rest, 1) if GROUP.fullmatch(part) else ())])
    configs = [option for option in options if option[0] == CONFIG[0] and len(option) == 2]
    for option, file in zip(configs, config_files([name for _, name in configs]), strict=True):
        option[1] = str(file)
    for option in options:
        if option[0] == CHECKPOINT and option[1:] in (["last"], ["best"]):
            option[1] = _own_checkpoint(option[1], options) or option[1]
    start = next((i + 1 for i, option in enumerate(options) if option[0] in COMMANDS), len(options))
    return [part for option in (*options[:start], *sorted(options[start:], key=_rank)) for part in option]


def asks_for_seeds(words: Sequence[str]) -> bool:
    """Whether a command line is a fit with several seeds."""
    return words[:1] == ["fit"] and not {SEEDS, AT_ONCE}.isdisjoint(word.partition("=")[0] for word in words)


def add_seeds(parser: ArgumentParser) -> None:
    """Add the options of such a fit to a parser."""
    parser.add_argument(SEEDS, required=True, metavar="N,N,...", help="a run for each")
    parser.add_argument(AT_ONCE, type=int, default=1, metavar="N", help="runs side by side")


def check_environment(environ: Mapping[str, str]) -> None:
    """Check that nobody thinks an option is set by the environment.

    Raises:
        UserError: a variable is there that would set one in other programs of Lightning's.
    """
    for name, value in environ.items():
        if match := VARIABLE.fullmatch(name):
            option = "__".join(filter(None, match.groups())).replace("__", ".").lower()
            raise UserError(f"the environment's {name} is not read; unset it and give --{option} {shlex.quote(value)}")


class Pipes:
    """Keeps what can be read only once in files, while the context lasts.

    A config may be `<(envsubst < c.yaml)` or `/dev/stdin`, and is read more than once.
    """

    def __init__(self) -> None:
        self._files = ExitStack()
        self._given: dict[str, str] = {}
        """By the path of the file, what was given in its place."""

    def __enter__(self) -> Pipes:
        """Nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the files."""
        self._files.close()

    def as_files(self, words: Sequence[str]) -> list[str]:
        """An arranged command line with a file in place of each config that is a pipe.

        Raises:
            UserError: one cannot be read.
        """
        pairs = pairwise(["", *words])
        return [self._as_file(word) if option in CONFIG or GROUP.fullmatch(option) else word for option, word in pairs]

    def keep(self, content: bytes) -> str:
        """Return the path of a new config with this content."""
        file = self._files.enter_context(tempfile.NamedTemporaryFile(suffix=".yaml"))  # noqa: SIM115 - the stack does
        file.write(content)
        file.flush()
        return file.name

    def as_given(self, text: str) -> str:
        """Text in which these files are called what was given in their place."""
        for path, given in self._given.items():
            text = text.replace(path, given)
        return text

    def _as_file(self, path: str) -> str:
        try:
            if not exists(path) or Path(path).is_file() or Path(path).is_dir():
                return path
            with Path(path).open("rb") as pipe:
                content = pipe.read(YAML_BYTES + 1)
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}") from None
        file = self.keep(content)
        self._given[file] = path
        return file


def _own_checkpoint(name: str, options: Sequence[Sequence[str]]) -> str | None:
    """The checkpoint that is meant where a config is a run's own: that run's, though there are later ones."""
    words = [word for option in options for word in option]
    asked = [
        word.partition("=")[2] or following
        for word, following in pairwise([*words, ""])
        if word.partition("=")[0] == "--run_dir"
    ]
    for config in (Path(option[1]) for option in options if option[0] == CONFIG[0] and len(option) == 2):
        own = config.name == "config.yaml" and (not asked or Path(asked[-1]) == config.parent)
        file = config.parent / CHECKPOINTS / f"{name}.ckpt"
        if own and (file.is_file() or _was_moved(config)):
            return str(file)
    return None


def _was_moved(config: Path) -> bool:
    """Whether a run's own config names another directory than the one that it lies in, beside checkpoints."""
    if not (config.parent / CHECKPOINTS).is_dir():
        return False
    content = read_yaml(config, "config")
    named = content.get("run_dir") if isinstance(content, dict) else None
    return isinstance(named, str) and Path(named).resolve() != config.parent.resolve()


def _parts(word: str) -> list[str]:
    """An option and its value as two words, where they are one and the value may be a file; any other word as it is."""
    match = JOINED.fullmatch(word)
    return [part for part in match.groups() if part is not None] if match else [word]


def _rank(option: Sequence[str]) -> int:
    if option[0] in CONFIG:
        return 0
    return 1 if len(option) == 2 and GROUP.fullmatch(option[0]) and exists(option[1]) else 2
