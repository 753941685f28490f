"""How many env_steps a second one rank and two make, and how many a model of their parts' costs says they make.

Measured are whole fits by the command line, a learner_step per 32 env_steps of each rank: one rank, two ranks by
Lightning, and two ranks by torchrun in network namespaces, which stand for two machines. Validation and set-up are left
out. They take turns with the parts, each measured by itself while the other cores are as busy: an env_step of a
collector, the actor's forward pass, a learner_step; and what ranks exchange, by its size. From the parts alone
`_scaling_model.py` predicts the same env_steps/s, and those of more machines like this one.

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
        "warmup_env_steps": 640,
        "epsilon": 0.05,
        "env": {"num_envs": NUM_ENVS},
        "replay": {"capacity": 20_000},
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
) -> tuple[dict[str, list[tuple[float, float]]], list[dict[str, float]]]:
    """Return the env_steps/s and spread of each kind of fit, turn by turn, and the costs of the parts."""
    fits = _fits(folder, machines)
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in fits}
    costs = []
    with ExitStack() as stack:
        parts = _Parts(stack)
        for turn in range(options.turns):
            costs.append(parts.costs(options.seconds))
            print(f"turn {turn + 1} of {options.turns}: {costs[-1]}", flush=True)
            for name, (ranks, commands) in fits.items():
                measured[name].append(_pace(folder, ranks, commands, options.learner_steps))
                print(f"  {name}: {measured[name][-1]}", flush=True)
    return measured, costs


class _Parts:
    """On each core a learner that does not play and a collector that does not learn; and such a learner on all.

    Args:
        stack: ends them.
    """

    def __init__(self, stack: ExitStack) -> None:
        played = {"game": GAME, "states": list(load_game(GAME).resolve_states(STATES)), "num_envs": NUM_ENVS}
        learning = played | {
            "warmup": 640, "epsilon": 0.05, "capacity": 20_000, "per_learner_step": PER_LEARNER_STEP,
            "torch_threads": 1, "play": False,
        }  # fmt: skip
        cores = sorted(os.sched_getaffinity(0))
        self._learners = [Contender("_ours.take_turns", learning, core) for core in cores]
        self._whole = Contender("_ours.take_turns", learning)
        self._players = [Contender("_playing.measure", played, core) for core in cores]
        for contender in (*self._learners, self._whole, *self._players):
            stack.callback(contender.close)
        for learner in (*self._learners, self._whole):
            learner.receive()  # it is past its warm-up, and waits

    def costs(self, seconds: float) -> dict[str, float]:
        """Return milliseconds: on every core one learns while its neighbour plays, then the other way round."""
        found: dict[str, list[float]] = {"env_step": [], "action": [], "learner_step": []}
        for turn in range(2):
            learners, players = self._learners[turn::2], self._players[1 - turn :: 2]
            for contender in (*learners, *players):
                contender.begin(seconds)
            found["learner_step"] += [1e3 / learner.receive() for learner in learners]
            for player in players:
                for name, cost in player.receive().items():
                    found[name].append(cost)
        alone = 1e3 / self._whole.turn(seconds)
        return {name: median(cost) for name, cost in found.items()} | {"learner_path": alone}


def _fits(folder: Path, machines: Sequence[Machine]) -> dict[str, tuple[int, list[list[str]]]]:
    """Number of ranks and command lines of each kind of fit, but for the config."""
    fit = ["-m", "mk_lightning", "fit", "-c", str(folder / "config.yaml")]
    fits = {
        "one_rank": (1, [[sys.executable, *fit]]),
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
    costs: Sequence[Mapping[str, float]],
    exchanges: Mapping[str, Mapping[str, float]],
) -> dict[str, float | int | str]:
    """Print what was measured and what is predicted, and return both."""
    cores, gradients = len(os.sched_getaffinity(0)), _gradients()
    cost = {name: median(turn[name] for turn in costs) for name in costs[0]}
    spread = median(spread for _, spread in measured["one_rank"])
    parts = Parts(**cost, spread=spread, gradients=gradients)
    networks = {
        name: Network.measured(found[str(SMALL)], found[GATHER], found[str(gradients)], gradients)
        for name, found in exchanges.items()
    }
    figures: dict[str, float | int | str] = {"cores": cores, "gradients": gradients, "spread_ms": spread}
    figures |= {f"{name}_ms": milliseconds for name, milliseconds in cost.items()}
    for place, found in exchanges.items():
        figures |= {f"{GATHER}_ms_{place}": found[GATHER]}
        figures |= {f"all_reduce_ms_{place}_{size}": found[str(size)] for size in (*SIZES, gradients)}
    rows = []
    for name, turns in measured.items():
        ranks = 1 if name == "one_rank" else 2
        network = networks.get(name, networks["two_ranks"])
        rate = median(rate for rate, _ in turns)
        said = predict(parts, ranks=ranks, cores=cores / ranks, env_steps=PER_LEARNER_STEP, network=network)
        error = said.env_steps_per_s / rate - 1
        figures |= {f"env_steps_per_s_{name}": rate, f"predicted_{name}": said.env_steps_per_s, f"error_{name}": error}
        rows.append((name.replace("_", " "), rate, said.env_steps_per_s, f"{100 * error:+.0f} %", said.bottleneck))
    print_table("env_steps/s", ("", "measured", "predicted", "apart", "bottleneck"), rows)
    return figures | _more_machines(parts, cores, networks.get("two_machines", networks["two_ranks"]))


def _more_machines(parts: Parts, cores: int, network: Network) -> dict[str, float | int | str]:
    """Print and return what is predicted for more machines like this one, with a rank each."""

    def on(nodes: int, gigabits: int) -> Prediction:
        between = network.of(gigabits, LATENCY)
        return predict(parts, ranks=nodes, cores=cores, env_steps=PER_LEARNER_STEP, network=between, machines=nodes)

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
