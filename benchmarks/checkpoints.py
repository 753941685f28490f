"""What it costs to keep the replay on disk: the pause of a checkpoint, the bytes it writes, and env_steps/s meanwhile.

A replay is filled by playing, then the run is saved several times, with the replay on disk and without; the difference
is the pause that it adds. The files that were written since the checkpoint before are counted against the new rows as
they are in memory. Then two trainings take turns, one of which keeps its replay on disk.

    python benchmarks/checkpoints.py [--capacity 100000] [--json FILE]
"""

from __future__ import annotations

from statistics import median

from _contenders import Contender
from _report import benchmark_parser, print_table, report
from method_overhead import FUNCTION, SETTINGS

EVERY = 4_000
"""env_steps between two checkpoints."""
TIMES = 3


def main() -> None:
    """Measure, print and write."""
    parser = benchmark_parser("what it costs to keep the replay on disk")
    parser.add_argument("--capacity", type=int, default=100_000, help="transitions in the replay that is saved")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a turn of training")
    parser.add_argument("--turns", type=int, default=9, help="turns of each, alternating")
    options = parser.parse_args()
    saves = {on_disk: _saves(options.capacity, on_disk) for on_disk in (True, False)}
    pause = {on_disk: max(save["seconds"] for save in of) for on_disk, of in saves.items()}
    share = max(save["written_bytes"] / save["new_bytes"] for save in saves[True])
    rates = _rates(options.seconds, options.turns)
    cost = median(without / with_it for without, with_it in rates) - 1
    rows = [
        ("longest pause, s", pause[True], pause[False]),
        ("bytes written by new byte of replay", share, ""),
        ("env_steps/s of training", *(median(rate) for rate in reversed(list(zip(*rates, strict=True))))),
    ]
    print_table(f"a replay of {options.capacity:,} transitions", ("", "on disk", "in memory alone"), rows)
    figures = {
        "capacity": options.capacity, "pause_s": pause[True], "added_pause_s": pause[True] - pause[False],
        "bytes_by_new_byte": share, "cost_of_env_steps_per_s": cost,
    }  # fmt: skip
    report(figures, options.json)


def _saves(capacity: int, on_disk: bool) -> list[dict[str, float]]:
    settings = {"capacity": capacity, "every": EVERY, "times": TIMES, "on_disk": on_disk}
    contender = Contender("_ours.save_full_replays", settings)
    try:
        return [contender.receive() for _ in range(TIMES)]
    finally:
        contender.close()


def _rates(seconds: float, turns: int) -> list[tuple[float, float]]:
    """env_steps/s without and with, turn by turn."""
    contenders = [Contender(FUNCTION, SETTINGS | {"on_disk": on_disk}) for on_disk in (False, True)]
    try:
        for contender in contenders:
            contender.receive()
        return [(contenders[0].turn(seconds), contenders[1].turn(seconds)) for _ in range(turns)]
    finally:
        for contender in contenders:
            contender.close()


if __name__ == "__main__":
    main()
