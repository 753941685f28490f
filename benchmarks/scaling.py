"""How many env_steps a second one rank and two make, and how many a model of their parts' costs says they make.

Measured are whole fits by the command line, a learner_step per 32 env_steps of each rank: one rank, two ranks by
Lightning, and two ranks by torchrun in network namespaces, which stand for two machines; and one rank whose emulators
are pinned to cores. Validation and set-up are left out. They take turns with the parts: what a learner_step and an
env_step take alone, and beside each other where neither waits for the other, in one program for one rank, in two at
once for two ranks that share the cores; and what ranks exchange, by its size. From the parts alone `_scaling_model.py`
predicts the same env_steps/s, and those of more machines like this one.

    python benchmarks/scaling.py [--json FILE]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import yaml
from _contenders import Contender
from _exchange import GATHER
from _namespaces import Machine, torchrun, two_machines
from _report import benchmark_parser, print_table, report
from _scaling_model import Network, Parts, Prediction, predict

from mk_lightning.games.catalog import load_game
from mk_lightning.networks.nature import NatureDueling

BAR = 0.15
"""How far a prediction may be from what is measured."""
NUM_ENVS, PER_LEARNER_STEP = 8, 32
"""Environments and env_steps per learner_step of each rank."""
WARMUP, CAPACITY, EPSILON = 640, 20_000, 0.05
SHARED = (1, 2)
"""Ranks that share the machine."""
PINNED = "pinned"
"""One rank with each emulator kept on a core."""
LEAD_IN = 20
"""Learner_steps of a fit that are not timed."""
SMALL, SIZES = 8, (8, 1 << 16, 1 << 20)
"""Bytes of all-reduces; that of the gradients comes to them."""
NODES = (1, 2, 4, 8, 16, 32, 64)
GIGABITS, LATENCY = (1, 10), 0.05
"""Networks to predict for, gigabits a second and milliseconds from one machine to another."""
DDP = ["--trainer.strategy", "ddp"]
GAME, STATES = "dojo", "VeryEasy.*"
CONFIG: dict[str, Any] = {
    "seed_everything": 1,
    "monitor": "val/return/original",
    "data": {
        "original_states": ["VeryEasy.Bramble-01"],
        "train_states": [STATES],
        "warmup_env_steps": WARMUP,
        "epsilon": EPSILON,
        "env": {"num_envs": NUM_ENVS},
        "replay": {"capacity": CAPACITY},
        "evaluation": {"every": 1.0, "matches": 1, "test_matches": 1},
    },
    "trainer": {"accelerator": "cpu"},
}


def main() -> None:
    """Measure, predict, print and write."""
    parser = benchmark_parser("one rank and two, beside a model of their parts")
    parser.add_argument("--turns", type=int, default=3, help="turns of each, alternating")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a part's turn")
    parser.add_argument("--learner-steps", type=int, default=250, help="of a fit")
    parser.add_argument("--quick", action="store_true", help="a smoke run: figures mean nothing")
    options = parser.parse_args()
    if options.quick:
        options.turns, options.seconds, options.learner_steps = 1, 1.0, LEAD_IN + 10
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            machines: Sequence[Machine] = stack.enter_context(two_machines())
        except RuntimeError as error:
            print(f"two machines are left out: {error}")
            machines = ()
        exchanges = _exchanges(folder, machines, 20 if options.quick else 300)
        measured, costs = _measure(folder, machines, options)
    figures = _beside_each_other(measured, costs, exchanges)
    report(figures, options.json)
    errors = [value for key, value in figures.items() if key.startswith("error_")]
    sys.exit(not options.quick and any(abs(float(error)) > BAR for error in errors))


def _measure(
    folder: Path, machines: Sequence[Machine], options: Any
) -> tuple[dict[str, list[tuple[float, float]]], dict[int, list[dict[str, float]]]]:
    """Return the env_steps/s and spread of each kind of fit, turn by turn, and the parts' costs by ranks that share."""
    fits = _fits(folder, machines)
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in fits}
    costs: dict[int, list[dict[str, float]]] = {ranks: [] for ranks in SHARED}
    with ExitStack() as stack:
        parts = _Parts(stack)
        for turn in range(options.turns):
            for ranks, turns in costs.items():
                turns.append(parts.costs(ranks, options.seconds))
                print(f"turn {turn + 1} of {options.turns}, {ranks} at once: {turns[-1]}", flush=True)
            for name, (count, commands) in fits.items():
                measured[name].append(_pace(folder, count, commands, options.learner_steps))
                print(f"  {name}: {measured[name][-1]}", flush=True)
    return measured, costs


class _Parts:
    """Programs that learn and play without waiting: one alone, and as many at once as ranks share this machine.

    Args:
        stack: ends them.
    """

    def __init__(self, stack: ExitStack) -> None:
        settings = {
            "game": GAME, "states": list(load_game(GAME).resolve_states(STATES)), "num_envs": NUM_ENVS,
            "warmup": WARMUP, "capacity": CAPACITY,
        }  # fmt: skip
        self._ranks = [Contender("_beside.measure", settings) for _ in range(max(SHARED))]
        for rank in self._ranks:
            stack.callback(rank.close)
        for rank in self._ranks:
            rank.receive()  # it is past its warm-up, and waits

    def costs(self, ranks: int, seconds: float) -> dict[str, float]:
        """Return the milliseconds of the parts of so many ranks at once, by the attributes of `Parts`."""
        alone = self._turn(ranks, True, None, seconds) | self._turn(ranks, False, EPSILON, seconds)
        both = self._turn(ranks, True, EPSILON, seconds)
        at_random = self._turn(ranks, True, 1.0, seconds)
        return alone | {
            "learner_step_beside": both["learner_step"],
            "env_step_beside": both["env_step"],
            "action_beside": max(0.0, both["env_step"] - at_random["env_step"]),
        }

    def _turn(self, ranks: int, learns: bool, epsilon: float | None, seconds: float) -> dict[str, float]:
        for rank in self._ranks[:ranks]:
            rank.begin((learns, epsilon, seconds))
        found = [rank.receive() for rank in self._ranks[:ranks]]
        return {name: sum(costs[name] for costs in found) / ranks for name in found[0]}


def _fits(folder: Path, machines: Sequence[Machine]) -> dict[str, tuple[int, list[list[str]]]]:
    """Number of ranks and command lines of each kind of fit, but for the config."""
    fit = ["-m", "mk_lightning", "fit", "-c", str(folder / "config.yaml")]
    fits = {
        "one_rank": (1, [[sys.executable, *fit]]),
        PINNED: (1, [[sys.executable, *fit, "--trainer.callbacks.pin", "true"]]),
        "two_ranks": (2, [[sys.executable, *fit, "--trainer.devices", "2", *DDP]]),
    }
    if machines:
        fits["two_machines"] = (2, torchrun(machines, *fit, "--trainer.num_nodes", "2", *DDP))
    return fits


def _pace(folder: Path, ranks: int, commands: list[list[str]], learner_steps: int) -> tuple[float, float]:
    """Return the env_steps/s of a fit, and by how much its learner_steps differ: milliseconds, standard deviation."""
    noted = folder / "pace.json"
    per = PER_LEARNER_STEP * ranks
    data = CONFIG["data"] | {"env_steps_per_learner_step": per, "max_env_steps": per * learner_steps}
    callbacks = [{"class_path": "_pace.Pace", "init_args": {"file": str(noted)}}]
    config = CONFIG | {"run_dir": str(folder / "run"), "data": data}
    config["trainer"] = CONFIG["trainer"] | {"callbacks": callbacks}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    _run(commands)
    times = json.loads(noted.read_text())[LEAD_IN:]
    seconds = [later - time for (time, _), (later, _) in pairwise(times)]
    low, *_, high = quantiles(seconds, n=6)  # about one standard deviation below and above
    return per * len(seconds) / sum(seconds), 1e3 * (high - low) / 2


def _exchanges(folder: Path, machines: Sequence[Machine], times: int) -> dict[str, dict[str, float]]:
    """Milliseconds of what ranks exchange, by its kind, between local ranks and between machines."""
    file = folder / "exchange.json"
    words = [str(Path(__file__).with_name("_exchange.py")), str(file), str(times), *map(str, (*SIZES, _gradients()))]
    local = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *words]
    found = {}
    for name, commands in {
        "two_ranks": [local],
        "two_machines": torchrun(machines, *words) if machines else [],
    }.items():
        if commands:
            _run(commands)
            found[name] = json.loads(file.read_text())
    return found


def _run(commands: list[list[str]]) -> None:
    """Run commands at the same time, to a good end of all."""
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile("w+") as said:
        processes = [subprocess.Popen(words, env=env, stdout=said, stderr=said) for words in commands]
        if any([process.wait() for process in processes]):
            said.seek(0)
            sys.exit(said.read())


def _gradients() -> int:
    """Bytes of the gradients of the network that learns."""
    return sum(4 * weight.numel() for weight in NatureDueling(len(load_game(GAME).actions)).parameters())


def _beside_each_other(
    measured: Mapping[str, list[tuple[float, float]]],
    costs: Mapping[int, Sequence[Mapping[str, float]]],
    exchanges: Mapping[str, Mapping[str, float]],
) -> dict[str, float | int | str]:
    """Print what was measured and what is predicted, and return both."""
    cores, gradients = len(os.sched_getaffinity(0)), _gradients()
    cost = {ranks: {name: median(turn[name] for turn in turns) for name in turns[0]} for ranks, turns in costs.items()}
    spread = median(spread for _, spread in measured["one_rank"])
    parts = {ranks: Parts(**found, spread=spread, gradients=gradients) for ranks, found in cost.items()}
    networks = {
        name: Network.measured(found[str(SMALL)], found[GATHER], found[str(gradients)], gradients)
        for name, found in exchanges.items()
    }
    figures: dict[str, float | int | str] = {"cores": cores, "gradients": gradients, "spread_ms": spread}
    for ranks, taken in cost.items():
        figures |= {f"{name}_ms_of_{ranks}": milliseconds for name, milliseconds in taken.items()}
    for place, found in exchanges.items():
        figures |= {f"{GATHER}_ms_{place}": found[GATHER]}
        figures |= {f"all_reduce_ms_{place}_{size}": found[str(size)] for size in (*SIZES, gradients)}
    rows: list[tuple[object, ...]] = []
    for name, turns in measured.items():
        rate = median(rate for rate, _ in turns)
        figures |= {f"env_steps_per_s_{name}": rate}
        if name == PINNED:
            rows.append((name, rate, "", "", ""))
            continue
        ranks = 1 if name == "one_rank" else 2
        network = networks.get(name, networks["two_ranks"])
        said = predict(parts[ranks], ranks=ranks, env_steps=PER_LEARNER_STEP, network=network)
        error = said.env_steps_per_s / rate - 1
        figures |= {f"predicted_{name}": said.env_steps_per_s, f"error_{name}": error}
        rows.append((name.replace("_", " "), rate, said.env_steps_per_s, f"{100 * error:+.0f} %", said.bottleneck))
    print_table("env_steps/s", ("", "measured", "predicted", "apart", "bottleneck"), rows)
    return figures | _more_machines(parts[1], cores, networks.get("two_machines", networks["two_ranks"]))


def _more_machines(parts: Parts, cores: int, network: Network) -> dict[str, float | int | str]:
    """Print and return what is predicted for more machines like this one, with a rank each."""

    def on(nodes: int, gigabits: int) -> Prediction:
        between = network.of(gigabits, LATENCY)
        return predict(parts, ranks=nodes, env_steps=PER_LEARNER_STEP, network=between, machines=nodes)

    figures: dict[str, float | int | str] = {}
    rows = []
    for nodes in NODES:
        row: list[object] = [nodes]
        for gigabits in GIGABITS:
            said = on(nodes, gigabits)
            figures[f"nodes_{nodes}_at_{gigabits}"] = said.env_steps_per_s
            figures[f"bottleneck_{nodes}_at_{gigabits}"] = said.bottleneck
            row += [said.env_steps_per_s, said.bottleneck]
        rows.append(row)
    columns = ["machines", *(word for speed in GIGABITS for word in (f"{speed} Gbit/s", "bottleneck"))]
    print_table(f"predicted env_steps/s on machines of {cores} cores, a rank each", columns, rows)
    return figures


if __name__ == "__main__":
    main()
