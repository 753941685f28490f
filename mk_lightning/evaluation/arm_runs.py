"""Which runs and evaluations make up an arm, and what it is called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mk_lightning.evaluation.arms import Arm, ArmRun, Arms
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.utils.documents import read_yaml
from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.files import exists

Given = Evaluation | str | Path
"""An evaluation, its file, or the directory of a run."""

OF_ONE_RUN = ("seed_everything", "run_dir", "ckpt_path", "trainer.logger", "trainer.default_root_dir")
"""Options that runs of one arm may differ in: they change nothing of the run but its seed and its place."""
SEED = re.compile(r"(^|[-_.])(seed|s)?[-_.]?\d+$")
"""The end of a directory's name that tells a seed, or which of several starts it was."""


def compare(*given: Given, **arms: Sequence[Given]) -> Comparison | Arms:
    """Compare policies that played the same matches.

    Two evaluations give what changed from the first to the second, as does the directory of one finished run, from
    before to after its fit. More evaluations are each an arm beside the first; directories of runs are pooled into arms
    of the same config but for the seed. What is given by a name is an arm of that name.

    Args:
        given: evaluations (`evaluate`) or their files, or directories of finished runs.
        arms: runs or evaluations of an arm by its name.

    Raises:
        UserError: something cannot be read, or the matches are not the same.

    Example:
        >>> compare("runs/dojo/before.json", "runs/dojo/after.json").over(states)  # doctest: +SKIP
        >>> rich.print(compare("runs/ewc-1", "runs/ewc-2", "runs/none-1", "runs/none-2"))  # doctest: +SKIP
        >>> compare(ewc=["runs/a", "runs/b"], none=["runs/c"]).arms[0].name  # doctest: +SKIP
    """
    everything = [*given, *(one for several in arms.values() for one in several)]
    _check_given(everything, arms)
    if not all(_is_run(one) for one in everything):
        return _evaluations(given, arms)
    runs = [_run(Path(str(one))) for one in given]
    if len(runs) == 1 and not arms:
        return runs[0].comparison
    named = [Arm(name, [_run(Path(str(one))) for one in several]) for name, several in arms.items()]
    return _arms([*_grouped(runs), *named])


def _check_given(everything: Sequence[Given], arms: Mapping[str, Sequence[Given]]) -> None:
    if not everything:
        raise UserError("compare takes evaluations, or directories of runs; got none")
    if empty := [name for name, several in arms.items() if not several]:
        raise UserError(f"compare: arm {empty[0]} has no runs")
    paths = [Path(one) for one in everything if not isinstance(one, Evaluation)]
    whole = [path.resolve() for path in paths]
    if twice := [path for number, path in enumerate(paths) if whole[number] in whole[:number]]:
        raise UserError(f"compare: {twice[0]} is given twice")


def _is_run(one: Given) -> bool:
    return not isinstance(one, Evaluation) and Path(one).is_dir()


def _evaluations(given: Sequence[Given], arms: Mapping[str, Sequence[Given]]) -> Comparison | Arms:
    """Of evaluations, the first of which is the one before."""
    everything = [*given, *(one for several in arms.values() for one in several)]
    if gone := [one for one in everything if not isinstance(one, Evaluation) and not exists(one)]:
        raise UserError(f"compare: no file or directory {gone[0]}")
    if runs := [one for one in everything if _is_run(one)]:
        raise UserError(
            f"compare takes evaluations or directories of runs, not both: {runs[0]} is a directory, whose evaluations "
            "are before.json and after.json"
        )
    if not given or (len(given) == 1 and not arms):
        raise UserError(f"compare takes at least two evaluations, the first of them before; got {len(everything)}")
    first, *others = given
    before = _read(first)
    if len(others) == 1 and not arms:
        return Comparison(before, _read(others[0]))
    names = _names(others)
    alone = [Arm(name, [_evaluated(before, one)]) for name, one in zip(names, others, strict=True)]
    named = [Arm(name, [_evaluated(before, one) for one in several]) for name, several in arms.items()]
    return _arms([*alone, *named])


def _evaluated(before: Evaluation, after: Given) -> ArmRun:
    evaluation = _read(after)
    return ArmRun(evaluation.policy if after is evaluation else str(after), None, Comparison(before, evaluation))


def _read(one: Given) -> Evaluation:
    return one if isinstance(one, Evaluation) else Evaluation.read(Path(one))


def _names(files: Sequence[Given]) -> list[str]:
    """The shortest that tells them apart: stem, folder, or all of the path."""
    paths = [Path(one.policy if isinstance(one, Evaluation) else one) for one in files]
    for names in ([path.stem for path in paths], [path.parent.name for path in paths]):
        if all(names) and len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def _run(folder: Path) -> ArmRun:
    """Read what a finished fit has left."""
    for name in ("before.json", "after.json"):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder} is not the directory of a finished fit, it has no {name}; mk-lightning runs lists them"
            )
    comparison = Comparison(*(Evaluation.read(folder / name) for name in ("before.json", "after.json")))
    path = folder / "config.yaml"
    config = _flat(read_yaml(path, "config")) if path.is_file() else {}  # a script's run has none
    seed = config.get("seed_everything")
    kept = {name: value for name, value in config.items() if not name.startswith(OF_ONE_RUN)}
    return ArmRun(str(folder), seed if type(seed) is int else None, comparison, kept)


def _flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """A config by the names of its options, `data.game`; of a list of classes by their names."""
    if isinstance(config, list) and config and all(isinstance(one, dict) and "class_path" in one for one in config):
        config = {one["class_path"].rpartition(".")[2]: one.get("init_args") for one in config}
    if not isinstance(config, dict) or not config:
        return {prefix: config}
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat |= _flat(value, f"{prefix}.{name}" if prefix else str(name))
    return flat


def _grouped(runs: Sequence[ArmRun]) -> list[Arm]:
    """Runs of one config together; those without a config are arms of their own."""
    groups: list[list[ArmRun]] = []
    for run in runs:
        alike = [group for group in groups if run.config and group[0].config == run.config]
        if alike:
            alike[0].append(run)
        else:
            groups.append([run])
    short = [_without_seed(Path(group[0].source)) for group in groups]
    return [
        Arm(name if short.count(name) == 1 else Path(group[0].source).name, group)
        for name, group in zip(short, groups, strict=True)
    ]


def _without_seed(folder: Path) -> str:
    """A directory's name without its seed; where nothing else is in it, that of the directory above."""
    folder = folder.absolute()
    return SEED.sub("", folder.name) or SEED.sub("", folder.parent.name) or folder.name


def _arms(arms: Sequence[Arm]) -> Arms:
    names = [arm.name for arm in arms]
    if twice := [name for number, name in enumerate(names) if name in names[:number]]:
        raise UserError(f"compare: two arms are called {shortened(twice[0])}; name them, name=DIR,DIR")
    for arm in arms:
        seeds = [(run.seed, run.config) for run in arm.runs if run.seed is not None]
        if again := [seed for number, seed in enumerate(seeds) if seed in seeds[:number]]:
            raise UserError(
                f"compare: arm {arm.name} has two runs of seed {again[0][0]} and one config, which are one run played "
                "twice; give one of them"
            )
    return Arms(arms)
