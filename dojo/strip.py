"""Render docs/images/dojo.png: every opponent in action, from the shipped ROM and states.

    python strip.py [FILE]

A player who closes in and presses buttons at random, always the same ones; of each fight the first frame in which both
are near and one of them strikes something that was not shown yet.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from machine import ATTACKS, OPPONENTS, PHASES, STAGES, STATES, Machine, state_name

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "dojo.png"
COLUMNS, GAP = 4, 4
TIER = 2  # Medium
FIRST, LAST = 60, 3000
"""Frames of a fight among which to look."""

Picture = npt.NDArray[np.uint8]


def strike(machine: Machine) -> str:
    """The name of the attack that is in its active frames, or ''."""
    for whose in ("", "enemy_"):
        if machine[whose + "state"] == STATES.index("ATTACK") and machine[whose + "stage"] == STAGES.index("ACTIVE"):
            return ATTACKS[machine[whose + "attack"]]
    return ""


def fight(machine: Machine, opponent: int, shown: set[str]) -> Picture:
    """A frame of the fight against ``opponent`` (from 1) with an attack that is not in ``shown``, which is extended."""
    machine.load(state_name(TIER, opponent), seed=opponent)
    rng = np.random.default_rng(opponent)
    pressed: list[str] = []
    for frame in range(LAST):
        if frame % 8 == 0:
            ahead, back = ("LEFT", "RIGHT") if machine["faces_left"] else ("RIGHT", "LEFT")
            pressed = [b for b in ("A", "C", "X", "Z", "Y") if rng.random() < 0.12]
            pressed += [
                b for b, chance in (("DOWN", 0.3), ("UP", 0.1), (ahead, 0.5), (back, 0.15)) if rng.random() < chance
            ]
        machine.frames(1, *pressed)
        gap = abs(machine["x_position"] - machine["enemy_x_position"])
        name = strike(machine)
        middle = 70 < (machine["x_position"] + machine["enemy_x_position"]) / 2 < 250
        if (
            frame >= FIRST
            and machine["phase"] == PHASES.index("FIGHT")
            and 40 < gap < 100
            and middle
            and name
            and name not in shown
        ):
            shown.add(name)
            machine.frames(1, *pressed)  # the picture lags the variables by one frame
            break
    screen: npt.NDArray[np.uint8] = machine.emulator.get_screen().copy()
    return screen


def main(target: Path) -> None:
    """Write the strip."""
    machine = Machine()
    shown: set[str] = set()
    pictures = [fight(machine, k + 1, shown) for k in range(len(OPPONENTS))]
    machine.close()
    height, width, _ = pictures[0].shape
    rows = len(pictures) // COLUMNS
    strip = np.zeros((rows * (height + GAP) - GAP, COLUMNS * (width + GAP) - GAP, 3), np.uint8)
    for k, picture in enumerate(pictures):
        y, x = k // COLUMNS * (height + GAP), k % COLUMNS * (width + GAP)
        strip[y : y + height, x : x + width] = picture
    target.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(target), strip[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{target}: {', '.join(sorted(shown))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else TARGET)
