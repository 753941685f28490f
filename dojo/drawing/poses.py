"""The poses: one table for all fighters."""

from __future__ import annotations

from dataclasses import dataclass

from drawing.shapes import Point


@dataclass(frozen=True)
class Pose:
    """A figure of 72 pixels: hands count from the shoulder, all the rest from the middle of the feet."""

    hip: Point
    lean: float  # degrees of the trunk, forward positive
    near: Point  # hand on the viewer's side
    far: Point
    near_foot: Point
    far_foot: Point
    nod: float = 0  # degrees of the head against the trunk
    wing: float = 0.25  # how far wings and cape are thrown out, 0..1
    staff: float | None = None  # degrees of a staff, None: as the gear likes
    glow: Point | None = None  # centre of a ball of light between the hands
    guard: bool = False  # a bright crescent in front


# fmt: off
POSES: dict[str, Pose] = {
    #                      hip         lean  near hand   far hand    near foot   far foot
    "STAND0":             Pose((0, 35),    6,    (9, -9),    (17, 1),    (-11, 0),   (11, 0)),
    "STAND1":             Pose((0, 33.5),  6,    (9, -10),   (17, 0),    (-11, 0),   (11, 0),   wing=0.3),
    "WALK0":              Pose((0, 33.5),  9,    (12, -8),   (12, -4),   (-16, 0),   (16, 0),   wing=0.35),
    "WALK1":              Pose((0, 36),    9,    (9, -9),    (17, 1),    (2, 6),     (-3, 0),   wing=0.3),
    "WALK2":              Pose((0, 33.5),  9,    (5, -10),   (18, 0),    (16, 0),    (-16, 0),  wing=0.35),
    "CROUCH":             Pose((-3, 13),   26,   (10, -10),  (15, -4),   (-13, 0),   (12, 0),   nod=-20),
    "GUARD":              Pose((-5, 32),   -9,   (13, 9),    (15, 3),    (-14, 0),   (8, 0),    nod=12, staff=0,
                                                                                                 guard=True),
    "CROUCH_GUARD":       Pose((-6, 13),   6,    (13, 8),    (15, 2),    (-15, 0),   (9, 0),    staff=0, guard=True),
    "JUMP":               Pose((0, 38),    16,   (-13, 4),   (16, 9),    (-8, 13),   (9, 17),   wing=1, staff=50),
    "HIGH_PUNCH_STARTUP": Pose((-5, 34),   -20,  (-25, 3),   (21, 5),    (-15, 0),   (9, 0),    nod=10, staff=75),
    "HIGH_PUNCH":         Pose((5, 33),    17,   (31, 1),    (-6, -10),  (-17, 0),   (15, 0),   nod=-12, staff=90),
    "LOW_PUNCH_STARTUP":  Pose((-4, 26),   16,   (-24, -12), (14, -13),  (-17, 0),   (13, 0),   staff=100),
    "LOW_PUNCH":          Pose((6, 26),    26,   (29, -9),   (-7, -12),  (-18, 0),   (17, 0),   nod=-20, staff=97),
    "HIGH_KICK_STARTUP":  Pose((-4, 36),   -18,  (-16, -6),  (14, 6),    (15, 23),   (-6, 0),   nod=12, staff=-30),
    "HIGH_KICK":          Pose((2, 37),    -38,  (-15, -12), (10, -4),   (41, 61),   (-4, 0),   nod=24, staff=-60),
    "LOW_KICK_STARTUP":   Pose((0, 34),    24,   (-12, 6),   (14, -6),   (-26, 15),  (5, 0),    nod=-14, staff=-20),
    "LOW_KICK":           Pose((0, 33),    -16,  (-14, -6),  (12, 2),    (42, 13),   (-7, 0),   nod=10, staff=-25),
    "UPPERCUT_STARTUP":   Pose((-6, 17),   44,   (-25, -1),  (12, -17),  (-16, 0),   (12, 0),   nod=-34, staff=110),
    "UPPERCUT":           Pose((3, 41),    -8,   (11, 33),   (-10, -16), (-8, 3),    (7, 9),    nod=-18, wing=0.7,
                                                                                                 staff=12),
    "SWEEP_STARTUP":      Pose((-8, 15),   -14,  (-20, 10),  (-15, 18),  (3, 7),     (-10, 0),  nod=10, staff=-70),
    "SWEEP":              Pose((-7, 12),   -40,  (-12, -22), (6, 12),    (46, 3),    (-3, 0),   nod=28, staff=-75),
    "JUMP_KICK_STARTUP":  Pose((-2, 40),   -14,  (-16, 10),  (10, 8),    (10, 24),   (-14, 20), wing=0.8, staff=-40),
    "JUMP_KICK":          Pose((-2, 42),   -26,  (-18, 10),  (12, 4),    (38, 15),   (-8, 26),  wing=1, staff=-55),
    "THROW_STARTUP":      Pose((-2, 34),   -6,   (-12, 25),  (27, 18),   (-15, 0),   (12, 0),   wing=0.6, staff=-35),
    "THROW":              Pose((5, 31),    30,   (28, -6),   (29, 4),    (-16, 0),   (15, 0),   nod=-22, wing=0.4,
                                                                                                 staff=60),
    "CAST_STARTUP":       Pose((-5, 28),   -4,   (-18, -13), (-10, -16), (-17, 0),   (12, 0),   staff=140,
                                                                                                 glow=(-26, 36)),
    "CAST":               Pose((4, 29),    16,   (27, -5),   (27, 1),    (-18, 0),   (16, 0),   nod=-10, wing=0.7,
                                                                                                 staff=120,
                                                                                                 glow=(43, 44)),
    "RECOVER":            Pose((3, 29),    40,   (8, -24),   (14, -22),  (-14, 0),   (15, 0),   nod=16, staff=45),
    "RECOVER_LOW":        Pose((-3, 17),   44,   (17, -14),  (21, -10),  (-15, 0),   (15, 0),   nod=6, staff=60),
    "STAGGER":            Pose((-5, 33),   -34,  (12, 12),   (20, 8),    (-12, 0),   (10, 3),   nod=-24, wing=0.5,
                                                                                                 staff=-20),
    "THROWN":             Pose((0, 46),    142,  (4, 22),    (-14, 16),  (-18, 66),  (6, 78),   nod=20, wing=0.8,
                                                                                                 staff=150),
    "FALL":               Pose((0, 20),    -64,  (-4, 20),   (12, 20),   (28, 30),   (20, 40),  nod=-20, wing=0.6,
                                                                                                 staff=-40),
    "LIE":                Pose((4, 6.5),   -90,  (-4, -12),  (8, 13),    (40, 2),    (36, 6),   wing=0.1, staff=-88),
    "RISE":               Pose((-6, 18),   48,   (8, -26),   (12, -16),  (-20, 0),   (8, 0),    nod=-6, staff=20),
    "WIN":                Pose((0, 36),    -3,   (-4, 31),   (12, -12),  (-8, 0),    (8, 0),    nod=-6, wing=0.8,
                                                                                                 staff=5),
}
# fmt: on
