"""The nine fighters: proportions, colours and the gear that gives each his silhouette."""

from __future__ import annotations

import math

from drawing.body import Plan, Skeleton
from drawing.poses import Pose
from drawing.shapes import (
    CLOTH,
    GLOW,
    METAL,
    OUTLINE,
    SKIN,
    TRIM,
    Capsule,
    Point,
    Polygon,
    Shape,
    add,
    along,
    ball,
    bearing,
    hull,
    place,
)


def eye(s: Skeleton, plan: Plan, ramp: list[int]) -> Shape:
    """A short line in the front of the face."""
    at = place([(plan.head * 0.5, -0.4)], s.head, s.head_angle)[0]
    return Capsule(at, 0.6, add(at, (2, 0)), 0.6, ramp)


def hair(s: Skeleton, plan: Plan, ramp: list[int]) -> Shape:
    """A cap of hair."""
    r = plan.head
    cap = [
        (-r, -r * 0.5),
        (-r * 1.05, r * 0.5),
        (-r * 0.5, r * 1.1),
        (r * 0.4, r * 1.15),
        (r * 0.95, r * 0.7),
        (r * 0.5, r * 0.6),
        (-r * 0.3, r * 0.5),
        (-r * 0.45, -r * 0.3),
    ]
    return Polygon(place(cap, s.head, s.head_angle), ramp)


def senn(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    """Hair and a headband whose ends fly."""
    r = plan.head
    front, back = place([(r * 0.95, r * 0.5), (-r * 0.95, r * 0.4)], s.head, s.head_angle)
    tail = s.head_angle - 70 - 50 * pose.wing
    return {
        "head": [
            hair(s, plan, [OUTLINE, 9]),
            Polygon([back, *place([(-2, 7), (1, 15), (3, 14), (2.5, 6)], back, tail)], TRIM),
            Polygon([back, *place([(2, 6), (7, 13), (9, 11), (4, 3)], back, tail)], TRIM),
            Capsule(back, 1.5, front, 1.5, TRIM),
            eye(s, plan, [OUTLINE]),
        ]
    }


def spike(origin: Point, angle: float, width: float, length: float, ramp: list[int]) -> Shape:
    """A triangle that stands on `origin`."""
    return Polygon(place([(-width, 0), (0, length), (width, 0)], origin, angle), ramp)


def bramble(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    """Spikes on both shoulders and the head."""
    near, far = add(s.near_shoulder, along(s.lean - 90, 5)), add(s.far_shoulder, along(s.lean + 90, 5))
    return {
        "back": [spike(far, s.lean + a, 4.5, 19, METAL) for a in (75, 40, 8)],
        "head": [*(spike(s.head, s.head_angle + a, 4, 14, [5, 6, 7]) for a in (-95, -60, -25, 10)), eye(s, plan, GLOW)],
        "front": [*(spike(near, s.lean + a, 5, 21, METAL) for a in (-95, -60, -25)), ball(near, 8, METAL)],
    }


def bulwark(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    """A helmet and a tall shield on the forward arm."""
    lying = abs(pose.lean) > 60
    x = s.far_hand[0] + (7 if pose.guard else 3)
    y = max(25.0, s.far_hand[1] - (14 if pose.guard else 8))
    shield = [(-10, -18), (-12, 4), (-9, 20), (0, 24), (9, 20), (12, 4), (10, -18), (0, -25)]
    inner = [(u * 0.68, v * 0.72) for u, v in shield]
    tilt = 90 if lying else s.lean * 0.3
    centre = (s.far_hand[0], max(9.0, s.far_hand[1])) if lying else (x, y)
    helm = place([(-7.5, -3), (-8, 5), (-4, 10), (4, 10), (8.5, 5), (8.5, 1), (-1, 0)], s.head, s.head_angle)
    return {
        "head": [Polygon(helm, METAL), eye(s, plan, GLOW)],
        "front": [
            Polygon(place(shield, centre, tilt), METAL, 0.35, 1.0),
            Polygon(place(inner, centre, tilt), TRIM, 0.0, 0.8),
            ball(centre, 4, METAL),
        ],
    }


def scythe(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    """A hood and a sickle as long as a leg."""
    angle = -5 if pose.staff is None else bearing(s.near_elbow, s.near_hand) if pose.staff > 30 else pose.staff
    turns = [math.radians(15 * k) for k in range(12)]
    outer = [(17 - 20 * math.cos(t), 12 + 20 * math.sin(t)) for t in turns]
    inner = [(18 - 19 * math.cos(t), 12 + 12.5 * math.sin(t)) for t in turns]
    sickle = place([(u * 1.1, v * 1.1) for u, v in outer + inner[::-1]], s.near_hand, angle - 40)
    hood = place([(7, 3), (4, 9), (-5, 9), (-13, 3), (-8, -5), (-2, -4), (1, 3)], s.head, s.head_angle)
    butt = place([(0, -10), (-1, 14)], s.near_hand, angle - 40)
    return {
        "head": [Polygon(hood, CLOTH), eye(s, plan, GLOW)],
        "hand": [Capsule(butt[0], 1.5, butt[1], 1.5, TRIM), Polygon(sickle, METAL, 0.4, 1.0)],
    }


def ember(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    """A tall pointed hat, a beard, wide sleeves."""
    a = s.head_angle * 0.8
    brim = place([(-16, 2), (-8, 6), (8, 6), (16, 2), (8, 1.5), (-8, 1.5)], s.head, a)
    cone = place([(-8.5, 4), (-4, 18), (-6, 33), (1.5, 21), (8.5, 4)], s.head, a)
    band = place([(-8, 5), (-7.4, 9), (7, 9), (8, 5)], s.head, a)
    beard = place([(0, -3), (6.5, -3), (8, -8), (4, -16), (0, -8)], s.head, a)
    sleeves: list[Shape] = [
        Polygon(hull([s.far_hand, s.far_elbow, add(s.far_hand, (-3, -11)), add(s.far_elbow, (-2, -7))]), CLOTH, 0, 0.6),
    ]
    return {
        "back": sleeves,
        "head": [
            Polygon(beard, METAL),
            Polygon(cone, CLOTH, 0.1, 1.0),
            Polygon(band, GLOW),
            Polygon(brim, CLOTH, 0.3, 1.0),
            eye(s, plan, GLOW),
        ],
        "front": [
            Polygon(
                hull([s.near_hand, s.near_elbow, add(s.near_hand, (-3, -12)), add(s.near_elbow, (-2, -8))]),
                CLOTH,
                0,
                0.7,
            )
        ],
    }


def kestrel(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    """Two wings, a crest, a beak."""
    root = add(s.chest, along(s.lean - 110, 4))
    open_ = pose.wing if abs(pose.lean) < 60 else 0.3
    wings: list[Shape] = []
    for side, (lift, size) in enumerate(((38, 0.86), (0, 1.0))):  # the far wing stands higher
        angle = s.lean - 92 + 48 * open_ + lift
        feathers = [
            (0, 0),
            (-9, 14),
            (-7, 30),
            (-1, 44),
            (3, 33),
            (6, 39),
            (9, 27),
            (12, 31),
            (13, 19),
            (15, 21),
            (12, 5),
        ]
        spread = 0.6 + 0.4 * open_
        wings.append(
            Polygon(
                place([(u * size * (0.9 + 0.5 * open_), v * size * spread) for u, v in feathers], root, angle),
                METAL if side else CLOTH,
                0.15,
                1.0,
            )
        )
    beak = place([(5, 3), (14, -1), (5, -3)], s.head, s.head_angle)
    crest = place([(2, 6), (-6, 14), (-16, 12), (-8, 7), (-14, 3), (-6, 1)], s.head, s.head_angle)
    return {"back": wings, "head": [Polygon(crest, METAL), Polygon(beak, METAL), eye(s, plan, GLOW)]}


def heron(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    """A plume, a bill and a staff as long as the fighter."""
    angle = 14 if pose.staff is None else pose.staff
    reach = min(46 if 80 <= angle <= 100 else 40, 121 - s.near_hand[1])
    low, high = place([(0, -36 if angle < 80 or angle > 100 else -30), (0, reach)], s.near_hand, angle)
    if low[1] < 1:  # the staff does not pierce the floor
        shift = 1 - low[1]
        low, high = add(low, (0, shift)), add(high, (0, shift))
    plume = place([(0, 5), (-8, 10), (-20, 8), (-12, 5), (-7, 0)], s.head, s.head_angle)
    bill = place([(4, 2), (13, 0), (4, -2)], s.head, s.head_angle)
    knob = ball(high, 3.2, METAL)
    return {
        "head": [Polygon(plume, METAL), Polygon(bill, TRIM), eye(s, plan, GLOW)],
        "hand": [Capsule(low, 1.6, high, 1.6, METAL), knob],
    }


def grapnel(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    """A hump and two claws."""
    hooks: dict[str, list[Shape]] = {"back": [], "hand": []}
    for layer, elbow, hand in (("back", s.far_elbow, s.far_hand), ("hand", s.near_elbow, s.near_hand)):
        angle = bearing(elbow, hand)
        claw = [(-7, 2), (-8, 11), (-2, 16), (-4, 10), (-2, 4), (2, 4), (4, 10), (2, 16), (8, 11), (7, 2)]
        hooks[layer].append(Polygon(place(claw, hand, angle), METAL, 0.4, 1.0))
        hooks[layer].append(ball(hand, 6.6, TRIM))
    jaw = place([(0, -6), (7, -6), (8, 0), (0, 0)], s.head, s.head_angle)
    hump = ball(add(s.chest, along(s.lean - 70, 5)), 10, CLOTH)
    return {"back": [*hooks["back"], hump], "head": [Polygon(jaw, METAL), eye(s, plan, GLOW)], "hand": hooks["hand"]}


def mirage(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    """Two horns and a cape."""

    def horn(u: float, sweep: int) -> Shape:
        curve = [
            (u, 4),
            (u + 6 * sweep, 9),
            (u + 8 * sweep, 16),
            (u + 4 * sweep, 23),
            (u + 4 * sweep, 15),
            (u + 1.5 * sweep, 11),
            (u - 2 * sweep, 7),
        ]
        return Polygon(place(curve, s.head, s.head_angle), METAL, 0.5, 1.0)

    neck = place([(5, 3), (-6, 4)], s.chest, s.lean)
    if abs(pose.lean) > 60:  # the cape lies under him
        ends = [add(s.hip, (-4, -5)), add(s.hip, (14, 5))]
        cape = [*neck, add(s.chest, (-6, -6)), *ends]
    else:
        out = 20 + 26 * pose.wing
        ground = max(2.0, min(s.near_foot[1], s.far_foot[1]) - 2)
        height = s.chest[1] - ground
        hem = s.chest[0] - out
        cape = [*neck, (s.chest[0] - 9 - out * 0.35, ground + height * 0.55), (hem - 3, ground + 14 * pose.wing)]
        cape += [
            (hem + 7, ground + 4),
            (hem + 10, ground),
            (hem + 18, ground + 5),
            (hem + 23, ground),
            add(s.hip, (-3, -4)),
        ]
    return {
        "back": [horn(2, 1), Polygon(cape, TRIM, 0.0, 1.0)],
        "head": [hair(s, plan, CLOTH), horn(-3, -1), eye(s, plan, GLOW)],
        "front": [Polygon(place([(-8, 5), (9, 4), (6, -2), (-7, -3)], s.chest, s.lean), TRIM)],
    }


def palette(skin: str, cloth: str, trim: str, metal: str) -> list[int]:
    """Colours as rgb digits 0..7, ramps dark to light -> Genesis words; outline almost black, the last white."""
    levels = ["000", *skin.split(), *cloth.split(), *trim.split(), *metal.split(), "777"]
    return [b << 9 | g << 5 | r << 1 for r, g, b in (map(int, rgb) for rgb in levels)]


# The player is bright, the opponents are dark with bright arms: at 84x84 grey one is never taken for the other.
PLANS: list[Plan] = [
    Plan("SENN", palette("532 754 765", "446 667 777 777", "200 501 722", "555 666 777"), gear=senn, gloves=SKIN),
    Plan(
        "BRAMBLE",
        palette("210 321 432", "010 120 120 230", "100 210 310", "332 554 776"),
        girth=1.5,
        arm_girth=1.4,
        leg_girth=1.25,
        stance=1.15,
        arm=1.05,
        gear=bramble,
    ),
    Plan(
        "BULWARK",
        palette("210 321 431", "001 012 112 223", "002 103 214", "334 556 777"),
        leg=0.84,
        trunk=18,
        girth=1.75,
        leg_girth=1.35,
        arm_girth=1.3,
        stance=1.15,
        head=7.2,
        guard_gap=13,
        gear=bulwark,
    ),
    Plan(
        "SCYTHE",
        palette("111 212 323", "101 102 202 313", "100 201 301", "345 567 777"),
        leg=0.76,
        shank=1.25,
        stance=1.6,
        trunk=16,
        girth=0.85,
        leg_girth=0.85,
        hunch=20,
        head=6,
        reach=12,
        gear=scythe,
    ),
    Plan(
        "EMBER",
        palette("210 421 531", "100 200 300 410", "200 410 620", "543 654 776"),
        girth=1.05,
        trunk=21,
        gear=ember,
        robe=True,
        stance=0.9,
    ),
    Plan(
        "KESTREL",
        palette("211 321 432", "011 011 022 123", "210 320 430", "233 455 677"),
        trunk=20,
        girth=0.95,
        leg_girth=0.9,
        gear=kestrel,
    ),
    Plan(
        "HERON",
        palette("211 322 433", "011 012 022 133", "110 220 330", "444 665 776"),
        leg=1.22,
        shank=1.2,
        trunk=25,
        arm=1.05,
        girth=0.8,
        leg_girth=0.78,
        arm_girth=0.82,
        head=5.8,
        stance=0.9,
        reach=12,
        gear=heron,
    ),
    Plan(
        "GRAPNEL",
        palette("210 311 421", "000 111 111 222", "211 322 433", "333 555 766"),
        leg=0.88,
        trunk=23,
        arm=1.12,
        girth=1.3,
        arm_girth=1.85,
        leg_girth=1.1,
        hunch=24,
        head=6,
        gear=grapnel,
    ),
    Plan(
        "MIRAGE",
        palette("110 221 332", "000 101 102 213", "201 302 403", "443 665 777"),
        leg=1.05,
        trunk=22,
        girth=1.05,
        gear=mirage,
    ),
]
