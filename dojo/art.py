"""Draw the dojo's pictures and write them as a C header: `python3 art.py > build/art.h`.

Everything is computed, nothing is loaded: a fighter is a body plan (proportions, colours, gear) put into a pose (hip, lean, hands
and feet), and the figure is rasterised from shaded capsules and polygons into 4-bit 8x8 tiles, cut into hardware sprites.  The
arenas are drawn the same way and share tiles.  Standard library only and no randomness from outside: same file, same bytes.

World coordinates of a figure: pixels, x to the right (the fighter faces right), y up, origin at the middle of the feet.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Point = tuple[float, float]

# ---------------------------------------------------------------- shapes

LIGHT = (0.25, 0.78, 0.57)  # from above, a little from the front, towards the viewer
OUTLINE = 1

# Ramps of a fighter's 16 colours, dark to light; colour 0 is transparent and 1 the outline.
SKIN, CLOTH, TRIM, METAL, GLOW = [2, 3, 4], [5, 6, 7, 8], [9, 10, 11], [12, 13, 14], [14, 15]


@dataclass
class Capsule:
    """A round limb from `a` to `b`, tapering, lit like a cylinder."""

    a: Point
    ra: float
    b: Point
    rb: float
    ramp: list[int]
    far: bool = False  # the limb on the far side is drawn a shade darker

    def bounds(self) -> tuple[float, float, float, float]:
        r = max(self.ra, self.rb) + 2
        return (min(self.a[0], self.b[0]) - r, min(self.a[1], self.b[1]) - r, max(self.a[0], self.b[0]) + r, max(self.a[1], self.b[1]) + r)

    def shade(self, x: float, y: float, grow: float) -> float | None:
        """Brightness 0..1 at a point, None outside the shape grown by `grow` pixels."""
        dx, dy = self.b[0] - self.a[0], self.b[1] - self.a[1]
        t = ((x - self.a[0]) * dx + (y - self.a[1]) * dy) / (dx * dx + dy * dy or 1.0)
        t = min(1.0, max(0.0, t))
        r = self.ra + (self.rb - self.ra) * t
        nx, ny = x - self.a[0] - dx * t, y - self.a[1] - dy * t
        d = math.hypot(nx, ny)
        if d > r + grow:
            return None
        nx, ny = nx / (r + 1), ny / (r + 1)
        nz = math.sqrt(max(0.0, 1 - nx * nx - ny * ny))
        light = nx * LIGHT[0] + ny * LIGHT[1] + nz * LIGHT[2]
        return light - (0.22 if self.far else 0.0)


@dataclass
class Polygon:
    """A flat piece; its brightness runs from `low` at its bottom to `high` at its top."""

    points: list[Point]
    ramp: list[int]
    low: float = 0.2
    high: float = 0.9

    def bounds(self) -> tuple[float, float, float, float]:
        xs, ys = [p[0] for p in self.points], [p[1] for p in self.points]
        return min(xs) - 2, min(ys) - 2, max(xs) + 2, max(ys) + 2

    def shade(self, x: float, y: float, grow: float) -> float | None:
        inside, near = False, 99.0
        x0, y0 = self.points[-1]
        for x1, y1 in self.points:
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
                inside = not inside
            dx, dy = x1 - x0, y1 - y0
            t = min(1.0, max(0.0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy or 1.0)))
            near = min(near, math.hypot(x - x0 - dx * t, y - y0 - dy * t))
            x0, y0 = x1, y1
        if not inside and near > grow:
            return None
        _, bottom, _, top = self.bounds()
        return self.low + (self.high - self.low) * (y - bottom) / (top - bottom)


Shape = Capsule | Polygon


def ball(p: Point, r: float, ramp: list[int]) -> Capsule:
    return Capsule(p, r, p, r, ramp)


def hull(points: Iterable[Point]) -> list[Point]:
    """The convex hull."""
    pts = sorted(set(points))
    half: list[list[Point]] = []
    for seq in (pts, pts[::-1]):
        out: list[Point] = []
        for p in seq:
            while len(out) > 1 and (out[-1][0] - out[-2][0]) * (p[1] - out[-2][1]) <= (out[-1][1] - out[-2][1]) * (p[0] - out[-2][0]):
                out.pop()
            out.append(p)
        half.append(out[:-1])
    return half[0] + half[1]


class Canvas:
    """Colour indices, row 0 at the top."""

    def __init__(self, width: int, height: int, left: int = 0, top: int | None = None) -> None:
        self.width, self.height = width, height
        self.left, self.top = left, height if top is None else top  # the world's x and y at the upper left corner
        self.rows = [bytearray(width) for _ in range(height)]

    def fill(self, shape: Shape, grow: float, colour: Callable[[float], int]) -> None:
        x0, y0, x1, y1 = shape.bounds()
        for row in range(max(0, int(self.top - y1)), min(self.height, int(self.top - y0) + 1)):
            for col in range(max(0, int(x0 - self.left)), min(self.width, int(x1 - self.left) + 1)):
                light = shape.shade(col + self.left + 0.5, self.top - row - 0.5, grow)
                if light is not None:
                    self.rows[row][col] = colour(light)

    def group(self, shapes: list[Shape]) -> None:
        """Pieces that belong together: one outline around all of them, none between them."""
        for shape in shapes:
            self.fill(shape, 1.15, lambda _: OUTLINE)
        for shape in shapes:
            ramp = shape.ramp
            self.fill(shape, 0.0, lambda s, ramp=ramp: ramp[min(len(ramp) - 1, max(0, int(s * len(ramp))))])


# ---------------------------------------------------------------- poses


@dataclass(frozen=True)
class Pose:
    """A figure of 72 pixels: hands count from the shoulder, all the rest from the middle of the feet."""

    hip: Point = (0, 35)
    lean: float = 6  # degrees of the trunk, forward positive
    near: Point = (9, -9)  # hand on the viewer's side
    far: Point = (17, 1)
    near_foot: Point = (-11, 0)
    far_foot: Point = (11, 0)
    nod: float = 0  # degrees of the head against the trunk
    wing: float = 0.25  # how far wings and cape are thrown out, 0..1
    staff: float | None = None  # degrees of a staff, None: as the gear likes
    glow: Point | None = None  # centre of a ball of light between the hands
    guard: bool = False  # a bright crescent in front


POSES: dict[str, Pose] = {
    "STAND0": Pose(),
    "STAND1": Pose(hip=(0, 33.5), near=(9, -10), far=(17, 0), wing=0.3),
    "WALK0": Pose(lean=9, near_foot=(-16, 0), far_foot=(16, 0), hip=(0, 33.5), near=(12, -8), far=(12, -4), wing=0.35),
    "WALK1": Pose(lean=9, near_foot=(2, 6), far_foot=(-3, 0), hip=(0, 36), wing=0.3),
    "WALK2": Pose(lean=9, near_foot=(16, 0), far_foot=(-16, 0), hip=(0, 33.5), near=(5, -10), far=(18, 0), wing=0.35),
    "CROUCH": Pose(hip=(-3, 13), lean=26, near=(10, -10), far=(15, -4), near_foot=(-13, 0), far_foot=(12, 0), nod=-20),
    "GUARD": Pose(hip=(-5, 32), lean=-9, near=(13, 9), far=(15, 3), near_foot=(-14, 0), far_foot=(8, 0), nod=12, staff=0, guard=True),
    "CROUCH_GUARD": Pose(hip=(-6, 13), lean=6, near=(13, 8), far=(15, 2), near_foot=(-15, 0), far_foot=(9, 0), staff=0, guard=True),
    "JUMP": Pose(hip=(0, 38), lean=16, near=(-13, 4), far=(16, 9), near_foot=(-8, 13), far_foot=(9, 17), wing=1, staff=50),
    "HIGH_PUNCH_STARTUP": Pose(hip=(-5, 34), lean=-20, near=(-25, 3), far=(21, 5), near_foot=(-15, 0), far_foot=(9, 0), nod=10, staff=75),
    "HIGH_PUNCH": Pose(hip=(5, 33), lean=17, near=(31, 1), far=(-6, -10), near_foot=(-17, 0), far_foot=(15, 0), nod=-12, staff=90),
    "LOW_PUNCH_STARTUP": Pose(hip=(-4, 26), lean=16, near=(-24, -12), far=(14, -13), near_foot=(-17, 0), far_foot=(13, 0), staff=100),
    "LOW_PUNCH": Pose(hip=(6, 26), lean=26, near=(29, -9), far=(-7, -12), near_foot=(-18, 0), far_foot=(17, 0), nod=-20, staff=97),
    "HIGH_KICK_STARTUP": Pose(hip=(-4, 36), lean=-18, near=(-16, -6), far=(14, 6), near_foot=(15, 23), far_foot=(-6, 0), nod=12, staff=-30),
    "HIGH_KICK": Pose(hip=(2, 37), lean=-38, near=(-15, -12), far=(10, -4), near_foot=(41, 61), far_foot=(-4, 0), nod=24, staff=-60),
    "LOW_KICK_STARTUP": Pose(hip=(0, 34), lean=24, near=(-12, 6), far=(14, -6), near_foot=(-26, 15), far_foot=(5, 0), nod=-14, staff=-20),
    "LOW_KICK": Pose(hip=(0, 33), lean=-16, near=(-14, -6), far=(12, 2), near_foot=(42, 13), far_foot=(-7, 0), nod=10, staff=-25),
    "UPPERCUT_STARTUP": Pose(hip=(-6, 17), lean=44, near=(-25, -1), far=(12, -17), near_foot=(-16, 0), far_foot=(12, 0), nod=-34, staff=110),
    "UPPERCUT": Pose(hip=(3, 41), lean=-8, near=(11, 33), far=(-10, -16), near_foot=(-8, 3), far_foot=(7, 9), nod=-18, wing=0.7, staff=12),
    "SWEEP_STARTUP": Pose(hip=(-8, 15), lean=-14, near=(-20, 10), far=(-15, 18), near_foot=(3, 7), far_foot=(-10, 0), nod=10, staff=-70),
    "SWEEP": Pose(hip=(-7, 12), lean=-40, near=(-12, -22), far=(6, 12), near_foot=(46, 3), far_foot=(-3, 0), nod=28, staff=-75),
    "JUMP_KICK_STARTUP": Pose(hip=(-2, 40), lean=-14, near=(-16, 10), far=(10, 8), near_foot=(10, 24), far_foot=(-14, 20), wing=0.8, staff=-40),
    "JUMP_KICK": Pose(hip=(-2, 42), lean=-26, near=(-18, 10), far=(12, 4), near_foot=(38, 15), far_foot=(-8, 26), wing=1, staff=-55),
    "THROW_STARTUP": Pose(hip=(-2, 34), lean=-6, near=(-12, 25), far=(27, 18), near_foot=(-15, 0), far_foot=(12, 0), wing=0.6, staff=-35),
    "THROW": Pose(hip=(5, 31), lean=30, near=(28, -6), far=(29, 4), near_foot=(-16, 0), far_foot=(15, 0), nod=-22, wing=0.4, staff=60),
    "CAST_STARTUP": Pose(hip=(-5, 28), lean=-4, near=(-18, -13), far=(-10, -16), near_foot=(-17, 0), far_foot=(12, 0), staff=140, glow=(-26, 36)),
    "CAST": Pose(hip=(4, 29), lean=16, near=(27, -5), far=(27, 1), near_foot=(-18, 0), far_foot=(16, 0), nod=-10, wing=0.7, staff=120, glow=(43, 44)),
    "RECOVER": Pose(hip=(3, 29), lean=40, near=(8, -24), far=(14, -22), near_foot=(-14, 0), far_foot=(15, 0), nod=16, staff=45),
    "RECOVER_LOW": Pose(hip=(-3, 17), lean=44, near=(17, -14), far=(21, -10), near_foot=(-15, 0), far_foot=(15, 0), nod=6, staff=60),
    "STAGGER": Pose(hip=(-5, 33), lean=-34, near=(12, 12), far=(20, 8), near_foot=(-12, 0), far_foot=(10, 3), nod=-24, wing=0.5, staff=-20),
    "THROWN": Pose(hip=(0, 46), lean=142, near=(4, 22), far=(-14, 16), near_foot=(-18, 66), far_foot=(6, 78), nod=20, wing=0.8, staff=150),
    "FALL": Pose(hip=(0, 20), lean=-64, near=(-4, 20), far=(12, 20), near_foot=(28, 30), far_foot=(20, 40), nod=-20, wing=0.6, staff=-40),
    "LIE": Pose(hip=(4, 6.5), lean=-90, near=(-4, -12), far=(8, 13), near_foot=(40, 2), far_foot=(36, 6), wing=0.1, staff=-88),
    "RISE": Pose(hip=(-6, 18), lean=48, near=(8, -26), far=(12, -16), near_foot=(-20, 0), far_foot=(8, 0), nod=-6, staff=20),
    "WIN": Pose(hip=(0, 36), lean=-3, near=(-4, 31), far=(12, -12), near_foot=(-8, 0), far_foot=(8, 0), nod=-6, wing=0.8, staff=5),
}

# ---------------------------------------------------------------- body plans


@dataclass(frozen=True)
class Plan:
    """How a fighter differs from the others: factors on the 72-pixel figure, colours, gear."""

    name: str
    colours: list[int]  # 15 Genesis colours 0xBGR from index 1
    leg: float = 1.0  # height of the hip
    shank: float = 1.0  # length of the leg's bones; above `leg` the knees stay bent
    stance: float = 1.0  # feet apart
    trunk: float = 21.0
    arm: float = 1.0
    girth: float = 1.0
    arm_girth: float = 1.0
    leg_girth: float = 1.0
    head: float = 6.8
    hunch: float = 0.0  # degrees added to the lean
    gear: Callable[[Skeleton, Plan, Pose], dict[str, list[Shape]]] = field(default=lambda s, plan, pose: {})
    robe: bool = False
    gloves: list[int] = field(default_factory=lambda: TRIM)  # and boots
    reach: float = 0.0  # pixels added to a kick
    guard_gap: float = 0.0  # pixels between the hands and the guard's crescent


def along(angle: float, length: float) -> Point:
    """A vector of this length; 0 degrees is up, 90 forward."""
    a = math.radians(angle)
    return length * math.sin(a), length * math.cos(a)


def add(p: Point, q: Point) -> Point:
    return p[0] + q[0], p[1] + q[1]


def place(points: Iterable[Point], origin: Point, angle: float) -> list[Point]:
    """Local points (forward, along) on a bone that starts at `origin` and points to `angle`."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return [(origin[0] + u * c + v * s, origin[1] - u * s + v * c) for u, v in points]


def bearing(p: Point, q: Point) -> float:
    return math.degrees(math.atan2(q[0] - p[0], q[1] - p[1]))


def joint(a: Point, b: Point, upper: float, lower: float, side: int) -> Point:
    """The knee or elbow between `a` and `b`; a limb that is too short is stretched."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    d = math.hypot(dx, dy) or 0.01
    stretch = max(1.0, d / (upper + lower))
    upper, lower = upper * stretch, lower * stretch
    t = (upper * upper - lower * lower + d * d) / (2 * d)
    h = math.sqrt(max(0.0, upper * upper - t * t)) * side
    return a[0] + (dx * t - dy * h) / d, a[1] + (dy * t + dx * h) / d


class Skeleton:
    """Where a plan's joints are in a pose."""

    def __init__(self, plan: Plan, pose: Pose) -> None:
        upright = max(0.0, 1 - abs(pose.lean) / 60)  # the hunch fades when the trunk lies down
        self.lean = pose.lean + plan.hunch * upright
        self.hip = (pose.hip[0] * plan.stance, pose.hip[1] * plan.leg)
        self.chest = add(self.hip, along(self.lean, plan.trunk))
        self.head_angle = self.lean * 0.5 + pose.nod if abs(pose.lean) < 60 else self.lean + pose.nod
        self.head = add(self.chest, along(self.head_angle, plan.head + 1.5))
        self.near_foot = self._foot(pose.near_foot, plan)
        self.far_foot = self._foot(pose.far_foot, plan)
        bone = 19.5 * plan.shank
        hip_near, hip_far = add(self.hip, (-1, 0)), add(self.hip, (2, 0))
        self.near_knee = joint(hip_near, self.near_foot, bone, bone, 1)
        self.far_knee = joint(hip_far, self.far_foot, bone, bone, 1)
        floor = 4.6 * plan.leg_girth  # a knee rests on the floor, not in it
        self.near_knee = self.near_knee[0], max(floor, self.near_knee[1])
        self.far_knee = self.far_knee[0], max(floor, self.far_knee[1])
        self.near_shoulder = add(self.chest, place([(-2, -2)], (0, 0), self.lean)[0])
        self.far_shoulder = add(self.chest, place([(4, -2)], (0, 0), self.lean)[0])
        self.near_hand = add(self.near_shoulder, (pose.near[0] * plan.arm, pose.near[1] * plan.arm))
        self.far_hand = add(self.far_shoulder, (pose.far[0] * plan.arm - 4, pose.far[1] * plan.arm))
        low = 3.0 * plan.arm_girth
        self.near_hand = (self.near_hand[0], max(low, self.near_hand[1]))
        self.far_hand = (self.far_hand[0], max(low, self.far_hand[1]))
        self.near_elbow = joint(self.near_shoulder, self.near_hand, 13 * plan.arm, 13 * plan.arm, -1)
        self.far_elbow = joint(self.far_shoulder, self.far_hand, 13 * plan.arm, 13 * plan.arm, -1)

    @staticmethod
    def _foot(foot: Point, plan: Plan) -> Point:
        kicking = foot[0] > 30
        x = foot[0] + plan.reach if kicking else foot[0] * plan.stance
        return x, foot[1] * plan.leg + 3.0


def figure(plan: Plan, pose: Pose) -> Canvas:
    """The whole figure, back to front."""
    s = Skeleton(plan, pose)
    gear = plan.gear(s, plan, pose)
    canvas = Canvas(192, 140, -96, 128)  # what a signed byte can say
    arm, leg, body = 4.3 * plan.arm_girth, 5.2 * plan.leg_girth, 8.2 * plan.girth

    def arm_of(shoulder: Point, elbow: Point, hand: Point, far: bool) -> list[Shape]:
        return [
            Capsule(shoulder, arm * 1.15, elbow, arm, CLOTH, far),
            Capsule(elbow, arm * 0.95, hand, arm * 0.75, SKIN, far),
            Capsule(hand, arm * 0.98, hand, arm * 0.98, plan.gloves, far),
        ]

    def leg_of(hip: Point, knee: Point, foot: Point, far: bool) -> list[Shape]:
        shin = bearing(knee, foot)
        # the sole lies on the floor, or at a right angle to the shin in the air
        toe = add(foot, (7.5, -0.5)) if foot[1] < 7.5 and not 20 < shin < 105 else add(foot, along(shin - 75, 8))
        return [
            Capsule(hip, leg * 1.25, knee, leg, CLOTH, far),
            Capsule(knee, leg, foot, leg * 0.7, CLOTH, far),
            Capsule(foot, leg * 0.68, toe, leg * 0.5, plan.gloves, far),
        ]

    for piece in gear.get("back", []):
        canvas.group([piece])
    canvas.group(arm_of(s.far_shoulder, s.far_elbow, s.far_hand, True))
    canvas.group(leg_of(add(s.hip, (2, 0)), s.far_knee, s.far_foot, True))
    near_leg = leg_of(add(s.hip, (-1, 0)), s.near_knee, s.near_foot, False)
    canvas.group(near_leg)
    belt_left, belt_right = place([(-body * 0.8, 3), (body * 0.8, 3)], s.hip, s.lean)
    trunk: list[Shape] = [Capsule(s.hip, body * 0.86, s.chest, body * 1.06, CLOTH)]
    if plan.robe:
        knees = [s.near_knee, s.far_knee] if abs(pose.lean) < 60 else []
        feet = [f for f in (s.near_foot, s.far_foot) if abs(f[0]) < 30 or abs(pose.lean) > 60]
        hem = [q for f in feet for q in (add(f, (-7, -2.5)), add(f, (7, -2.5)))]
        waist = place([(-body * 0.8, 2), (body * 0.8, 2)], s.hip, s.lean)
        if len(feet) == 1:  # the other leg kicks out of the robe
            knees = []
        canvas.group([Polygon(hull(waist + hem + knees), CLOTH, 0.0, 0.95)])
    canvas.group(trunk)
    canvas.group([Capsule(belt_left, 1.5, belt_right, 1.5, TRIM)])
    canvas.group([Capsule(s.chest, 3.6, s.head, 3.2, SKIN), ball(s.head, plan.head, SKIN)])
    for piece in gear.get("head", []):
        canvas.group([piece])
    for piece in gear.get("front", []):
        canvas.group([piece])
    canvas.group(arm_of(s.near_shoulder, s.near_elbow, s.near_hand, False))
    for piece in gear.get("hand", []):
        canvas.group([piece])
    if pose.glow:
        gx, gy = pose.glow[0], pose.glow[1] * plan.leg
        canvas.group([ball((gx, gy), 7.5, GLOW)])
        canvas.fill(ball((gx, gy), 5, GLOW), 0, lambda _: 15)
    if pose.guard:
        tall = s.head[1] + plan.head
        front = max(s.near_hand[0], s.far_hand[0]) + 5 * plan.arm_girth + 5 + plan.guard_gap
        arc = [(front + 6 * math.sin(math.pi * k / 8), 6 + (tall - 6) * k / 8) for k in range(9)]
        canvas.group([Polygon(arc + [(x - 5.5 * math.sin(math.pi * k / 8) - 1, y) for k, (x, y) in enumerate(arc)][::-1], [15])])
    return canvas


# ---------------------------------------------------------------- gear: what gives each fighter his silhouette


def eye(s: Skeleton, plan: Plan, ramp: list[int]) -> Shape:
    at = place([(plan.head * 0.5, -0.4)], s.head, s.head_angle)[0]
    return Capsule(at, 0.6, add(at, (2, 0)), 0.6, ramp)


def hair(s: Skeleton, plan: Plan, ramp: list[int]) -> Shape:
    r = plan.head
    cap = [(-r, -r * 0.5), (-r * 1.05, r * 0.5), (-r * 0.5, r * 1.1), (r * 0.4, r * 1.15), (r * 0.95, r * 0.7), (r * 0.5, r * 0.6), (-r * 0.3, r * 0.5), (-r * 0.45, -r * 0.3)]
    return Polygon(place(cap, s.head, s.head_angle), ramp)


def senn(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
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
    return Polygon(place([(-width, 0), (0, length), (width, 0)], origin, angle), ramp)


def bramble(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    near, far = add(s.near_shoulder, along(s.lean - 90, 5)), add(s.far_shoulder, along(s.lean + 90, 5))
    return {
        "back": [spike(far, s.lean + a, 4.5, 19, METAL) for a in (75, 40, 8)],
        "head": [*(spike(s.head, s.head_angle + a, 4, 14, [5, 6, 7]) for a in (-95, -60, -25, 10)), eye(s, plan, GLOW)],
        "front": [*(spike(near, s.lean + a, 5, 21, METAL) for a in (-95, -60, -25)), ball(near, 8, METAL)],
    }


def bulwark(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
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
    angle = -5 if pose.staff is None else bearing(s.near_elbow, s.near_hand) if pose.staff > 30 else pose.staff
    turns = [math.radians(15 * k) for k in range(12)]
    outer = [(17 - 20 * math.cos(t), 12 + 20 * math.sin(t)) for t in turns]
    inner = [(18 - 19 * math.cos(t), 12 + 12.5 * math.sin(t)) for t in turns]
    sickle = place([(u * 1.1, v * 1.1) for u, v in outer + inner[::-1]], s.near_hand, angle - 40)
    hood = place([(7, 3), (4, 9), (-5, 9), (-13, 3), (-8, -5), (-2, -4), (1, 3)], s.head, s.head_angle)
    butt = place([(0, -10), (-1, 14)], s.near_hand, angle - 40)
    return {"head": [Polygon(hood, CLOTH), eye(s, plan, GLOW)], "hand": [Capsule(butt[0], 1.5, butt[1], 1.5, TRIM), Polygon(sickle, METAL, 0.4, 1.0)]}


def ember(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    a = s.head_angle * 0.8
    brim = place([(-16, 2), (-8, 6), (8, 6), (16, 2), (8, 1.5), (-8, 1.5)], s.head, a)
    cone = place([(-8.5, 4), (-4, 18), (-6, 33), (1.5, 21), (8.5, 4)], s.head, a)
    band = place([(-8, 5), (-7.4, 9), (7, 9), (8, 5)], s.head, a)
    beard = place([(0, -3), (6.5, -3), (8, -8), (4, -16), (0, -8)], s.head, a)
    sleeves = [
        Polygon(hull([s.far_hand, s.far_elbow, add(s.far_hand, (-3, -11)), add(s.far_elbow, (-2, -7))]), CLOTH, 0, 0.6),
    ]
    return {
        "back": sleeves,
        "head": [Polygon(beard, METAL), Polygon(cone, CLOTH, 0.1, 1.0), Polygon(band, GLOW), Polygon(brim, CLOTH, 0.3, 1.0), eye(s, plan, GLOW)],
        "front": [Polygon(hull([s.near_hand, s.near_elbow, add(s.near_hand, (-3, -12)), add(s.near_elbow, (-2, -8))]), CLOTH, 0, 0.7)],
    }


def kestrel(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    root = add(s.chest, along(s.lean - 110, 4))
    open_ = pose.wing if abs(pose.lean) < 60 else 0.3
    wings: list[Shape] = []
    for side, (lift, size) in enumerate(((38, 0.86), (0, 1.0))):  # the far wing stands higher
        angle = s.lean - 92 + 48 * open_ + lift
        feathers = [(0, 0), (-9, 14), (-7, 30), (-1, 44), (3, 33), (6, 39), (9, 27), (12, 31), (13, 19), (15, 21), (12, 5)]
        spread = 0.6 + 0.4 * open_
        wings.append(Polygon(place([(u * size * (0.9 + 0.5 * open_), v * size * spread) for u, v in feathers], root, angle), METAL if side else CLOTH, 0.15, 1.0))
    beak = place([(5, 3), (14, -1), (5, -3)], s.head, s.head_angle)
    crest = place([(2, 6), (-6, 14), (-16, 12), (-8, 7), (-14, 3), (-6, 1)], s.head, s.head_angle)
    return {"back": wings, "head": [Polygon(crest, METAL), Polygon(beak, METAL), eye(s, plan, GLOW)]}


def heron(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
    angle = 14 if pose.staff is None else pose.staff
    reach = min(46 if 80 <= angle <= 100 else 40, 121 - s.near_hand[1])
    low, high = place([(0, -36 if angle < 80 or angle > 100 else -30), (0, reach)], s.near_hand, angle)
    if low[1] < 1:  # the staff does not pierce the floor
        shift = 1 - low[1]
        low, high = add(low, (0, shift)), add(high, (0, shift))
    plume = place([(0, 5), (-8, 10), (-20, 8), (-12, 5), (-7, 0)], s.head, s.head_angle)
    bill = place([(4, 2), (13, 0), (4, -2)], s.head, s.head_angle)
    knob = ball(high, 3.2, METAL)
    return {"head": [Polygon(plume, METAL), Polygon(bill, TRIM), eye(s, plan, GLOW)], "hand": [Capsule(low, 1.6, high, 1.6, METAL), knob]}


def grapnel(s: Skeleton, plan: Plan, pose: Pose) -> dict[str, list[Shape]]:
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
    def horn(u: float, sweep: int) -> Shape:
        curve = [(u, 4), (u + 6 * sweep, 9), (u + 8 * sweep, 16), (u + 4 * sweep, 23), (u + 4 * sweep, 15), (u + 1.5 * sweep, 11), (u - 2 * sweep, 7)]
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
        cape += [(hem + 7, ground + 4), (hem + 10, ground), (hem + 18, ground + 5), (hem + 23, ground), add(s.hip, (-3, -4))]
    return {
        "back": [horn(2, 1), Polygon(cape, TRIM, 0.0, 1.0)],
        "head": [hair(s, plan, CLOTH), horn(-3, -1), eye(s, plan, GLOW)],
        "front": [Polygon(place([(-8, 5), (9, 4), (6, -2), (-7, -3)], s.chest, s.lean), TRIM)],
    }


def palette(skin: str, cloth: str, trim: str, metal: str) -> list[int]:
    """Colours as rgb digits 0..7, ramps dark to light -> Genesis words; outline almost black, the last white."""
    levels = ["000", *skin.split(), *cloth.split(), *trim.split(), *metal.split(), "777"]
    return [int(b) << 9 | int(g) << 5 | int(r) << 1 for r, g, b in levels]


# The player is bright, the opponents are dark with bright arms: at 84x84 grey one is never taken for the other.
PLANS: list[Plan] = [
    Plan("SENN", palette("532 754 765", "446 667 777 777", "200 501 722", "555 666 777"), gear=senn, gloves=SKIN),
    Plan("BRAMBLE", palette("210 321 432", "010 120 120 230", "100 210 310", "332 554 776"), girth=1.5, arm_girth=1.4, leg_girth=1.25, stance=1.15, arm=1.05, gear=bramble),
    Plan("BULWARK", palette("210 321 431", "001 012 112 223", "002 103 214", "334 556 777"), leg=0.84, trunk=18, girth=1.75, leg_girth=1.35, arm_girth=1.3, stance=1.15, head=7.2, guard_gap=13, gear=bulwark),
    Plan("SCYTHE", palette("111 212 323", "101 102 202 313", "100 201 301", "345 567 777"), leg=0.76, shank=1.25, stance=1.6, trunk=16, girth=0.85, leg_girth=0.85, hunch=20, head=6, reach=12, gear=scythe),
    Plan("EMBER", palette("210 421 531", "100 200 300 410", "200 410 620", "543 654 776"), girth=1.05, trunk=21, gear=ember, robe=True, stance=0.9),
    Plan("KESTREL", palette("211 321 432", "011 011 022 123", "210 320 430", "233 455 677"), trunk=20, girth=0.95, leg_girth=0.9, gear=kestrel),
    Plan("HERON", palette("211 322 433", "011 012 022 133", "110 220 330", "444 665 776"), leg=1.22, shank=1.2, trunk=25, arm=1.05, girth=0.8, leg_girth=0.78, arm_girth=0.82, head=5.8, stance=0.9, reach=12, gear=heron),
    Plan("GRAPNEL", palette("210 311 421", "000 111 111 222", "211 322 433", "333 555 766"), leg=0.88, trunk=23, arm=1.12, girth=1.3, arm_girth=1.85, leg_girth=1.1, hunch=24, head=6, gear=grapnel),
    Plan("MIRAGE", palette("110 221 332", "000 101 102 213", "201 302 403", "443 665 777"), leg=1.05, trunk=22, girth=1.05, gear=mirage),
]

# ---------------------------------------------------------------- tiles and sprites


def tile_bytes(rows: list[bytearray], x: int, y: int) -> bytes:
    """The 8x8 tile whose upper left pixel is (x, y); beyond the edge is transparent."""
    out = bytearray()
    for r in range(y, y + 8):
        row = rows[r][x : x + 8] if 0 <= r < len(rows) else b""
        row = bytes(row) + bytes(8 - len(row))
        out += bytes(row[k] << 4 | row[k + 1] for k in (0, 2, 4, 6))
    return bytes(out)


@dataclass
class Part:
    """One hardware sprite of a figure; x and y from the middle of the feet, y down."""

    x: int
    y: int
    width: int  # tiles, 1..4
    height: int
    tile: int  # first tile, from the figure's first


TILE_COST, SPRITE_COST, MOST_SPRITES, MOST_TILES = 8, 6, 16, 128


def columns(bits: int, height: int, sprite_cost: int) -> tuple[int, list[tuple[int, int]]]:
    """Cheapest cover of the set bits (bit k = pixel column k) by boxes of 1..4 tiles: its cost, and each box's (column, tiles)."""
    starts: dict[int, tuple[int, list[tuple[int, int]]]] = {}

    def cover(bits: int, done: int) -> tuple[int, list[tuple[int, int]]]:
        if not bits:
            return 0, []
        skip = (bits & -bits).bit_length() - 1
        at = done + skip
        if at not in starts:
            bits >>= skip
            best = None
            for n in range(1, min(4, (bits.bit_length() + 7) // 8) + 1):
                cost, rest = cover(bits >> 8 * n, at + 8 * n)
                cost += TILE_COST * n * height + sprite_cost
                if best is None or cost < best[0]:
                    best = cost, [(at, n), *rest]
            assert best
            starts[at] = best
        return starts[at]

    return cover(bits, 0)




def cut(canvas: Canvas, sprite_cost: int = SPRITE_COST) -> tuple[list[Part], bytes]:
    """Cut a figure into sprites: horizontal bands of 1..4 tiles, boxes in each band, anywhere, as few tiles as can be."""
    rows = canvas.rows
    masks = [sum(1 << x for x, c in enumerate(row) if c) for row in rows]
    masks += [0] * 32
    best: list[tuple[int, list[tuple[int, int, int, int]]]] = [(0, [])] * (len(masks) + 1)  # from each row down
    for y in range(len(rows) - 1, -1, -1):
        if not masks[y]:
            best[y] = best[y + 1]
            continue
        union, choice = 0, None
        for h in range(1, 5):
            for mask in masks[y + 8 * h - 8 : y + 8 * h]:
                union |= mask
            below = best[min(len(rows), y + 8 * h)]
            cost, boxes = columns(union, h, sprite_cost)
            if choice is None or cost + below[0] < choice[0]:
                choice = cost + below[0], [(x, y, n, h) for x, n in boxes] + below[1]
        assert choice
        best[y] = choice
    if len(best[0][1]) > MOST_SPRITES:
        return cut(canvas, sprite_cost + 4)
    parts, data = [], b""
    for x, y, w, h in best[0][1]:
        inside = ((1 << 8 * w) - 1) << x
        used = [row for row in range(y, y + 8 * h) if masks[row] & inside]  # the band's other boxes may be taller
        y, h = used[0], (used[-1] - used[0]) // 8 + 1
        parts.append(Part(x + canvas.left, y - canvas.top, w, h, len(data) // 32))
        for col in range(w):  # the hardware's order: down, then right
            for row in range(h):
                data += tile_bytes(rows, x + 8 * col, y + 8 * row)
    assert len(data) <= MOST_TILES * 32, len(data) // 32
    return parts, data


# ---------------------------------------------------------------- arenas

WIDTH, HEIGHT, FLOOR = 320, 224, 168


class Scene:
    """A 320x224 picture in the scenery's 15 colours: calm, of middling brightness, so that both fighters stand out."""

    def __init__(self, colours: str) -> None:
        self.colours = palette_row(colours)
        for c in self.colours[1:]:
            assert 70 <= brightness(c) <= 136, (colours, hex(c), brightness(c))
        self.rows = [bytearray([1]) * WIDTH for _ in range(HEIGHT)]

    def rect(self, x0: int, y0: int, x1: int, y1: int, c: int) -> None:
        x0, x1 = min(WIDTH, max(0, x0)), max(0, x1)
        for row in self.rows[max(0, y0) : max(0, y1)]:
            row[x0:x1] = bytes([c]) * (min(x1, WIDTH) - x0)

    def fade(self, y0: int, y1: int, *ramp: int) -> None:
        """A vertical gradient, dithered; the pattern repeats every tile and is symmetric, so its tiles repeat too."""
        bayer = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
        for y in range(y0, y1):
            level = (y - y0) * (len(ramp) - 1) / (y1 - y0)
            k = int(level)
            row = [ramp[min(len(ramp) - 1, k + (level - k > (bayer[y % 4][x] + 0.5) / 16))] for x in range(4)]
            self.rows[y][:] = bytes(row + row[::-1]) * (WIDTH // 8)

    def poly(self, points: list[Point], c: int) -> None:
        for y in range(max(0, int(min(p[1] for p in points))), min(HEIGHT, int(max(p[1] for p in points)) + 1)):
            xs = []
            for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
                if (y0 > y + 0.5) != (y1 > y + 0.5):
                    xs.append(x0 + (y + 0.5 - y0) * (x1 - x0) / (y1 - y0))
            xs.sort()
            for a, b in zip(xs[::2], xs[1::2], strict=True):
                self.rect(round(a), y, round(b), y + 1, c)

    def disc(self, x: float, y: float, r: float, c: int) -> None:
        self.poly([(x + r * math.cos(k * math.pi / 24), y + r * math.sin(k * math.pi / 24)) for k in range(48)], c)

    def mirror(self) -> None:
        """The right half becomes the left one's mirror image: half the tiles."""
        for row in self.rows:
            row[WIDTH // 2 :] = row[: WIDTH // 2][::-1]

    def boards(self, line: int, *ramp: int, step: int = 40) -> None:
        """A floor of boards that run away from the viewer."""
        self.fade(FLOOR, HEIGHT, *ramp)
        self.rect(0, FLOOR, WIDTH, FLOOR + 1, line)
        for x in range(step // 2, 401, step):
            for y in range(FLOOR + 1, HEIGHT):
                col = round(160 + x * (0.55 + 0.45 * (y - FLOOR) / (HEIGHT - FLOOR)))
                if col < WIDTH:
                    self.rows[y][col] = self.rows[y][WIDTH - 1 - col] = line


def palette_row(colours: str) -> list[int]:
    """rgb digits -> 16 Genesis words, the first (transparent) black."""
    words = [int(b) << 9 | int(g) << 5 | int(r) << 1 for r, g, b in colours.split()]
    return [0, *words, *[words[0]] * (15 - len(words))]


def brightness(word: int) -> float:
    return (0.299 * (word >> 1 & 7) + 0.587 * (word >> 5 & 7) + 0.114 * (word >> 9 & 7)) * 255 / 7


def hall(colours: str, lanterns: bool) -> Scene:
    """A room of posts and paper screens; with lanterns, a temple with a gong."""
    s = Scene(colours)  # 1 plaster 2 shadow 3 wood 4 wood light 5 paper 6 paper lit 7 floor 8 floor light 9 line 10 accent
    s.fade(0, FLOOR, 2, 1, 1)
    for left in (32, 112):
        if lanterns:
            s.rect(left, 56, left + 48, 136, 10)
            for y in range(60, 136, 16):
                s.rect(left + 4, y, left + 44, y + 8, 2)
        else:
            s.rect(left, 56, left + 48, 136, 4)
            for x in range(left + 2, left + 46, 12):
                for y in range(58, 132, 16):
                    s.rect(x, y, x + 10, y + 14, 6 if y < 100 else 5)
    s.rect(0, 136, WIDTH, FLOOR, 3)
    for x in range(0, WIDTH, 16):
        s.rect(x, 138, x + 1, FLOOR, 9)
    s.rect(0, 136, WIDTH, 138, 4)
    s.rect(0, 40, WIDTH, 50, 3)
    s.rect(0, 40, WIDTH, 42, 4)
    s.rect(0, 49, WIDTH, 51, 9)
    for x in (8, 88):
        s.rect(x, 36, x + 16, FLOOR, 3)
        s.rect(x + 2, 36, x + 5, FLOOR, 4)
        s.rect(x + 15, 36, x + 16, FLOOR, 9)
        s.rect(x - 4, 160, x + 20, FLOOR, 9)
    s.boards(9, 7, 8, 7)
    s.mirror()
    if lanterns:
        for x in (56, 264):
            s.rect(x, 50, x + 1, 60, 9)
            s.poly([(x - 8, 64), (x + 9, 64), (x + 13, 74), (x + 9, 86), (x - 8, 86), (x - 12, 74)], 6)
            s.rect(x - 6, 60, x + 7, 64, 9)
            s.rect(x - 6, 86, x + 7, 89, 9)
            for y in (70, 75, 80):
                s.rect(x - 10, y, x + 11, y + 1, 5)
        for r, c in ((30, 9), (28, 4), (22, 3), (9, 6), (6, 5)):
            s.disc(160, 96, r, c)
    else:
        for r, c in ((24, 9), (23, 6), (19, 10), (14, 6), (8, 10)):
            s.disc(160, 88, r, c)
    return s


def bamboo(colours: str) -> Scene:
    s = Scene(colours)  # 1-4 sky down 5 far stalk 6 stalk 7 light 8 knot 9 leaf 10 leaf light 11 earth 12 earth light 13 sun
    s.fade(0, FLOOR, 1, 2, 3, 4)
    s.disc(212, 112, 30, 13)
    for x in range(4, WIDTH, 16):
        s.rect(x, 0, x + 3, FLOOR, 5)
    for k, x in enumerate((16, 48, 72, 120, 184, 240, 256, 296)):
        s.rect(x, 0, x + 8, FLOOR, 6)
        s.rect(x + 1, 0, x + 3, FLOOR, 7)
        for y in range(16 + 8 * (k % 2), FLOOR, 32):
            s.rect(x - 1, y, x + 9, y + 2, 8)
        for y in (48, 80):
            for side in (-1, 1):
                root = x + 4, y + 8 * (k % 2)
                for tip, drop in ((26, 10), (20, 20)):
                    s.poly([root, (root[0] + side * tip * 0.5, root[1] + drop * 0.3 - 3), (root[0] + side * tip, root[1] + drop), (root[0] + side * tip * 0.4, root[1] + drop * 0.6 + 2)], 9 if drop < 15 else 10)
    for x in range(0, WIDTH, 32):
        s.poly([(x, FLOOR), (x + 4, 152), (x + 9, 166), (x + 16, 148), (x + 21, 165), (x + 27, 155), (x + 32, FLOOR)], 9)
    s.fade(FLOOR, HEIGHT, 11, 12, 11)
    for y, step in ((176, 32), (192, 64), (212, 64)):
        for x in range(8, WIDTH, step):
            s.rect(x, y, x + 14, y + 2, 8)
    return s


def peaks(colours: str, lake: bool) -> Scene:
    s = Scene(colours)  # 1-4 sky down 5 far ridge 6 far light 7 ridge 8 ridge light 9 water 10 water light 11 ground 12 ground light 13 sun 14 wood
    s.fade(0, FLOOR, 1, 2, 3, 4)
    s.disc(240, 76, 26, 13)
    ridge = [(0, 112), (40, 70), (64, 92), (96, 56), (136, 104), (168, 84), (216, 118), (264, 88), (320, 120)]
    s.poly([*ridge, (320, FLOOR), (0, FLOOR)], 5)
    for x, y in ((40, 70), (96, 56), (168, 84), (264, 88)):
        s.poly([(x, y), (x + 14, y + 22), (x + 4, y + 17), (x - 2, y + 24), (x - 9, y + 14)], 6)
    if lake:
        s.fade(136, FLOOR, 9, 10, 9)
        for y in range(140, FLOOR, 8):
            for x in range((y * 5) % 48, WIDTH, 48):
                s.rect(x, y, x + 18, y + 1, 6)
        for x in (120, 188):
            s.rect(x, 76, x + 10, 164, 14)
            s.rect(x + 1, 76, x + 3, 164, 8)
        s.rect(112, 92, 206, 99, 14)
        s.poly([(98, 66), (160, 71), (220, 66), (216, 80), (160, 82), (102, 80)], 14)
        s.poly([(98, 64), (160, 69), (220, 64), (220, 68), (160, 73), (98, 68)], 8)
    else:
        front = [(0, 130), (28, 112), (64, 140), (104, 124), (150, 150), (200, 132), (248, 148), (288, 116), (320, 128)]
        s.poly([*front, (320, FLOOR), (0, FLOOR)], 7)
        for x, y in ((28, 112), (104, 124), (200, 132), (288, 116)):
            s.poly([(x, y), (x + 18, y + 26), (x + 6, y + 20), (x, y + 30), (x - 8, y + 16)], 8)
        for x, y in ((20, 56), (150, 48)):
            s.poly([(x, y), (x + 10, y - 6), (x + 26, y - 8), (x + 44, y - 3), (x + 60, y), (x + 40, y + 4), (x + 12, y + 4)], 4)
    s.boards(7, 11, 12, 11, step=64)
    return s


def skyline(colours: str) -> Scene:
    s = Scene(colours)  # 1-4 sky down 5 far house 6 house 7 house light 8 window 9 window lit 10 roof 11 roof light 12 line 13 moon
    s.fade(0, FLOOR, 1, 2, 3, 4)
    s.disc(72, 72, 20, 13)
    for x, top, width in ((0, 88, 40), (48, 72, 32), (104, 96, 48), (168, 64, 40), (224, 88, 32), (272, 80, 48)):
        s.rect(x, top, x + width, FLOOR, 5)
    for k, (x, top, width) in enumerate(((16, 112, 48), (80, 104, 32), (128, 120, 56), (200, 96, 40), (248, 120, 56))):
        s.rect(x, top, x + width, FLOOR, 6)
        s.rect(x, top, x + 2, FLOOR, 7)
        s.rect(x, top, x + width, top + 2, 7)
        for y in range(top + 8, FLOOR - 16, 16):
            for w in range(x + 8, x + width - 7, 8):
                s.rect(w + 1, y, w + 5, y + 6, 9 if (w // 8 * 5 + y // 16 * 3 + k) % 4 == 0 else 8)
    s.poly([(210, 96), (214, 72), (226, 72), (230, 96)], 6)  # a water tank
    s.poly([(208, 72), (220, 62), (232, 72)], 7)
    s.rect(0, 152, WIDTH, FLOOR, 10)
    s.rect(0, 152, WIDTH, 155, 11)
    for x in range(0, WIDTH, 32):
        s.rect(x, 156, x + 1, FLOOR, 12)
    s.fade(FLOOR, HEIGHT, 10, 11, 10)
    for y in (FLOOR, 180, 200):
        s.rect(0, y, WIDTH, y + 1, 12)
    for k, (y0, y1) in enumerate(((FLOOR, 180), (180, 200), (200, HEIGHT))):
        for x in range(16 * (k % 2) + 8, WIDTH, 64):
            s.rect(x, y0, x + 1, y1, 12)
    return s


def courtyard(colours: str) -> Scene:
    s = Scene(colours)  # 1-3 sky down 4 stone 5 stone light 6 joint 7 gate 8 gate light 9 banner 10 banner light 11 paving 12 paving light
    s.fade(0, 80, 1, 2, 3)
    for x in range(0, WIDTH, 32):
        s.rect(x, 56, x + 16, 72, 4)
        s.rect(x, 56, x + 16, 58, 5)
    s.rect(0, 72, WIDTH, FLOOR, 4)
    for k, y in enumerate(range(72, FLOOR, 8)):
        s.rect(0, y, WIDTH, y + 1, 6)
        for x in range(8 * (k % 2), WIDTH, 16):
            s.rect(x, y, x + 1, y + 8, 6)
            if (x // 16 + k * 3) % 5 == 0:
                s.rect(x + 1, y + 1, x + 15, y + 8, 5)
    for x in (24, 80):
        s.rect(x, 80, x + 24, 128, 9)
        s.poly([(x, 128), (x + 24, 128), (x + 12, 144)], 9)
        s.rect(x + 4, 84, x + 20, 86, 10)
        s.disc(x + 12, 106, 7, 10)
    s.mirror()
    arch = [(128.0, float(FLOOR))] + [(160 - 32 * math.cos(k * math.pi / 12), 118 - 30 * math.sin(k * math.pi / 12)) for k in range(13)] + [(192.0, float(FLOOR))]
    s.poly([(160 + (x - 160) * 1.2, FLOOR + (y - FLOOR) * 1.08) for x, y in arch], 5)
    s.poly(arch, 7)
    for x in range(136, 192, 12):
        s.rect(x, 96 if abs(x - 160) < 20 else 106, x + 2, FLOOR, 8)
    for y in (112, 136, 160):
        s.rect(128, y, 192, y + 2, 8)
    s.boards(6, 11, 12, 11, step=48)
    for y in (178, 194, 214):
        s.rect(0, y, WIDTH, y + 1, 6)
    return s


def ruins(colours: str) -> Scene:
    s = Scene(colours)  # 1-4 sky down 5 dune 6 dune light 7 stone 8 stone light 9 stone dark 10 sand 11 sand light 12 line 13 moon
    s.fade(0, FLOOR, 1, 2, 3, 4)
    s.disc(92, 80, 24, 13)
    s.disc(101, 75, 20, 2)
    s.poly([(0, 140), (70, 116), (150, 142), (230, 120), (320, 146), (320, FLOOR), (0, FLOOR)], 5)
    s.poly([(70, 116), (150, 142), (120, 150), (84, 130)], 6)
    s.poly([(230, 120), (320, 146), (280, 150), (244, 132)], 6)
    for x, top in ((8, 48), (56, 112), (128, 64), (184, 56), (248, 96), (288, 40)):
        s.rect(x, top, x + 24, FLOOR, 7)
        for u in (3, 10, 17):
            s.rect(x + u, top, x + u + 3, FLOOR, 8)
        s.rect(x + 22, top, x + 24, FLOOR, 9)
        s.rect(x - 4, 160, x + 28, FLOOR, 9)
        s.rect(x - 4, 160, x + 28, 162, 8)
        if top < 90:
            s.rect(x - 4, top, x + 28, top + 8, 8)
            s.rect(x - 4, top + 7, x + 28, top + 8, 9)
        else:
            s.poly([(x, top), (x + 10, top + 9), (x + 15, top + 4), (x + 24, top + 14), (x + 24, top - 1), (x, top - 1)], 5 if top > 105 else 4)
    s.rect(124, 48, 216, 58, 7)
    s.rect(124, 56, 216, 58, 9)
    s.fade(FLOOR, HEIGHT, 10, 11, 10)
    s.rect(0, FLOOR, WIDTH, FLOOR + 1, 12)
    for y, step in ((178, 64), (196, 64), (214, 64)):
        for x in range(y % 40, WIDTH, step):
            s.rect(x, y, x + 26, y + 1, 12)
            s.rect(x + 6, y + 2, x + 20, y + 3, 12)
    return s


# In the opponents' order.
SCENES: list[Callable[[], Scene]] = [
    lambda: hall("332 322 322 432 333 433 332 432 222 423", lanterns=False),
    lambda: courtyard("234 324 334 333 433 223 322 422 324 433 332 333"),
    lambda: bamboo("324 423 523 532 232 232 332 231 222 242 322 332 532"),
    lambda: hall("422 322 422 522 432 532 422 522 322 512", lanterns=True),
    lambda: peaks("135 235 335 235 324 334 223 323 234 334 332 333 433 322", lake=False),
    lambda: peaks("224 324 334 433 224 334 233 433 234 235 233 333 532 422", lake=True),
    lambda: skyline("225 225 324 324 224 223 324 233 432 223 233 222 433"),
    lambda: ruins("315 415 424 523 422 432 422 432 322 432 532 422 533"),
]


# ---------------------------------------------------------------- letters, bars, sparks: palette line 0

HUD_COLOURS = "777 000 763 741 774 762 200 555 577 367 136 111 711 373 222"
WHITE, BLACK, GOLD, ORANGE, FULL_LIGHT, FULL, EMPTY, EDGE, PALE, CYAN, BLUE, SHADOW, RED, GREEN, DARK = range(1, 16)

# Five columns a letter, the lowest bit on top.
FONT = {
    "0": "3E5149453E", "1": "00427F4000", "2": "4261514946", "3": "2141454B31", "4": "1814127F10", "5": "2745454539",
    "6": "3C4A494930", "7": "0171090503", "8": "3649494936", "9": "064949291E", "A": "7E1111117E", "B": "7F49494936",
    "C": "3E41414122", "D": "7F4141221C", "E": "7F49494941", "F": "7F09090901", "G": "3E4149497A", "H": "7F0808087F",
    "I": "00417F4100", "J": "2040413F01", "K": "7F08142241", "L": "7F40404040", "M": "7F020C027F", "N": "7F0408107F",
    "O": "3E4141413E", "P": "7F09090906", "Q": "3E4151215E", "R": "7F09192946", "S": "4649494931", "T": "01017F0101",
    "U": "3F4040403F", "V": "1F2040201F", "W": "3F4038403F", "X": "6314081463", "Y": "0708700807", "Z": "6151494543",
}


def lit(letter: str, x: int, y: int) -> bool:
    return 0 <= x < 5 and 0 <= y < 7 and bool(bytes.fromhex(FONT[letter])[x] >> y & 1)


def small_letter(letter: str) -> bytes:
    rows = [bytearray(8) for _ in range(8)]
    for y in range(8):
        for x in range(8):
            rows[y][x] = WHITE if lit(letter, x - 1, y) else BLACK if lit(letter, x - 2, y - 1) or lit(letter, x - 2, y) else 0
    return tile_bytes(rows, 0, 0)


def big_letter(letter: str) -> bytes:
    """16x16: upper left, upper right, lower left, lower right."""
    rows = [bytearray(16) for _ in range(16)]
    for y in range(16):
        for x in range(16):
            near = any(lit(letter, (x + u - 3) // 2, (y + v - 1) // 2) for u in (-1, 0, 1) for v in (-1, 0, 1))
            rows[y][x] = (WHITE if y < 6 or letter.isdigit() else GOLD if y < 10 else ORANGE) if lit(letter, (x - 3) // 2, (y - 1) // 2) else BLACK if near else 0
    return b"".join(tile_bytes(rows, x, y) for y in (0, 8) for x in (0, 8))


def bar_cell(full: int) -> bytes:
    """The upper half of 8 pixels of a health bar with `full` pixels left; the lower half is its reflection."""
    rows = [bytearray([EDGE]) * 8, bytearray([BLACK]) * 8]
    rows += [bytearray([FULL if y == 2 else FULL_LIGHT] * full + [EMPTY] * (8 - full)) for y in range(2, 8)]
    return tile_bytes(rows, 0, 0)


def bar_end() -> bytes:
    """The upper half of the bar's right end."""
    return tile_bytes([bytearray([EDGE, EDGE]), *[bytearray([BLACK, EDGE]) for _ in range(7)]], 0, 0)


def marker(won: bool) -> bytes:
    """The left half of the light of one round."""
    c = Canvas(16, 8, -8, 4)
    c.fill(Capsule((-3, 0), 4, (3, 0), 4, []), 0.2, lambda _: BLACK)
    c.fill(Capsule((-3, 0), 3, (3, 0), 3, []), 0, lambda light: (WHITE if light > 0.8 else GOLD) if won else EMPTY)
    return tile_bytes(c.rows, 0, 0)


def sprite_bytes(c: Canvas) -> bytes:
    return b"".join(tile_bytes(c.rows, x, y) for x in range(0, c.width, 8) for y in range(0, c.height, 8))


def shot_picture() -> Canvas:
    """A ball of light with a tail, flying right: 24x24."""
    c = Canvas(24, 24, -12, 12)
    c.fill(Polygon([(-12, 0), (0, 10), (2, -10)], []), 0.5, lambda _: BLUE)
    c.fill(Polygon([(-10, 1), (0, 8), (0, -8)], []), 0, lambda _: CYAN)
    for r, colour in ((11, BLUE), (9.4, CYAN), (7.8, PALE), (6.4, WHITE)):
        c.fill(ball((1, 0), r, []), 0, lambda _, colour=colour: colour)
    return c


def spark_picture(inner: int, outer: int, points: int) -> Canvas:
    """A star: a blow that lands, or one that is guarded."""
    c = Canvas(24, 24, -12, 12)
    star = [(r * math.sin(math.pi * k / points), r * math.cos(math.pi * k / points)) for k in range(2 * points) for r in ((11.5, 5)[k % 2],)]
    c.fill(Polygon(star, []), 0, lambda _: outer)
    c.fill(Polygon([(x * 0.68, y * 0.68) for x, y in star], []), 0, lambda _: inner)
    return c


def shadow_picture() -> Canvas:
    """What a fighter throws on the floor: every other pixel, so that the floor shows through."""
    c = Canvas(32, 8, -16, 4)
    c.fill(Polygon([(15.5 * math.cos(math.pi * k / 12), 3.6 * math.sin(math.pi * k / 12)) for k in range(24)], []), 0, lambda _: SHADOW)
    for y, row in enumerate(c.rows):
        for x in range(y % 2, 32, 2):
            row[x] = 0
    return c


def logo() -> Canvas:
    """DOJO, written with a brush."""
    c = Canvas(160, 56, 0, 56)

    def stroke(points: list[Point], first: float, last: float) -> list[Shape]:
        n = len(points) - 1
        radius = [first + (last - first) * k / n for k in range(n + 1)]
        return [Capsule(points[k], radius[k], points[k + 1], radius[k + 1], [GOLD]) for k in range(n)]

    def ring(x: float, y: float, rx: float, ry: float, start: int, end: int) -> list[Point]:
        return [(x + rx * math.sin(math.radians(a)), y + ry * math.cos(math.radians(a))) for a in range(start, end + 1, 15)]

    c.group(stroke([(12, 47), (11, 9)], 5.5, 4) + stroke(ring(10, 28, 22, 19, 0, 180), 4, 5.5))
    c.group(stroke(ring(62, 28, 16, 19, -20, 325), 5.8, 3.6))
    c.group(stroke([(88, 47), (114, 47)], 3.6, 4.8) + stroke([(106, 46), *ring(95, 18, 11, 12, 90, 240)], 5.5, 3.2))
    c.group(stroke(ring(138, 28, 16, 19, -20, 325), 5.8, 3.6))
    for y, row in enumerate(c.rows):  # like metal: sky above, earth below
        colour = (WHITE, FULL_LIGHT, GOLD, ORANGE, GOLD, ORANGE, RED)[y // 8]
        row[:] = bytes(colour if x == GOLD else BLACK if x == OUTLINE else x for x in row)
    return c


# ---------------------------------------------------------------- the header

HEADER = """/* Written by art.py. */
#ifndef ART_H
#define ART_H

/* A sprite: place from the middle of the feet, facing right and left; the VDP's size bits; first tile. */
typedef struct { s8 x, x_left, y; u8 size, tile; } Part;
typedef struct { const u32 *tiles; const Part *parts; u16 tile_count, part_count; } Figure;
typedef struct { const u32 *tiles; const u16 *map, *palette; u16 tile_count; } Scene; /* map: 40 x 28, counted from the scene's first tile */
"""


def longs(name: str, data: bytes) -> str:
    words = struct.unpack(f">{len(data) // 4}I", data)
    lines = [",".join(f"0x{w:X}" for w in words[k : k + 16]) for k in range(0, len(words), 16)]
    return f"static const u32 {name}[] = {{\n" + ",\n".join(lines) + "\n};\n"


def shorts(name: str, words: list[int]) -> str:
    lines = [",".join(f"0x{w:X}" for w in words[k : k + 20]) for k in range(0, len(words), 20)]
    return f"static const u16 {name}[] = {{\n" + ",\n".join(lines) + "\n};\n"


def tile_map(rows: list[bytearray]) -> tuple[bytes, list[int]]:
    """The different tiles of a picture and, per cell, which one it is; reflections count as the same."""
    known: dict[bytes, int] = {}
    data, cells = b"", []
    for y in range(0, len(rows), 8):
        for x in range(0, len(rows[0]), 8):
            tile = tile_bytes(rows, x, y)
            if tile not in known:
                lines = [tile[k : k + 4] for k in range(0, 32, 4)]
                flat = [bytes(b >> 4 | (b & 15) << 4 for b in line[::-1]) for line in lines]
                n = len(data) // 32
                for flip, version in ((0x1800, flat[::-1]), (0x1000, lines[::-1]), (0x0800, flat), (0, lines)):
                    known.setdefault(b"".join(version), n | flip)
                known[tile] = n
                data += tile
            cells.append(known[tile])
    return data, cells


def header() -> str:
    out = [HEADER]
    common: list[tuple[str, bytes]] = [
        ("BLANK", bytes(32)),
        ("SMALL", b"".join(map(small_letter, FONT))),
        ("BIG", b"".join(map(big_letter, FONT))),
        ("BAR", b"".join(map(bar_cell, range(9)))),
        ("BAR_END", bar_end()),
        ("ROUND", marker(False) + marker(True)),
        ("SHOT", sprite_bytes(shot_picture())),
        ("HIT", sprite_bytes(spark_picture(WHITE, ORANGE, 8))),
        ("GUARDED", sprite_bytes(spark_picture(WHITE, CYAN, 5))),
        ("SHADOW", sprite_bytes(shadow_picture())),
    ]
    data, first = b"", []
    for name, tiles in common:
        first.append(f"TILE_{name} = {len(data) // 32}")
        data += tiles
    out.append("/* Tiles that are always in the video memory, from its start. */\nenum { " + ", ".join(first) + f", COMMON_TILES = {len(data) // 32} }};\n")
    out.append(longs("art_common", data))
    out.append(shorts("art_hud_palette", palette_row(HUD_COLOURS)))

    data, cells = tile_map(logo().rows)
    out.append(f"enum {{ LOGO_WIDTH = 20, LOGO_HEIGHT = 7, LOGO_TILES = {len(data) // 32} }};\n")
    out += [longs("art_logo", data), shorts("art_logo_map", cells)]

    table, most = [], 0
    for k, build in enumerate(SCENES):
        scene = build()
        data, cells = tile_map(scene.rows)
        most = max(most, len(data) // 32)
        out += [longs(f"art_scene{k}", data), shorts(f"art_map{k}", cells), shorts(f"art_scenery{k}", scene.colours)]
        table.append(f"\t{{ art_scene{k}, art_map{k}, art_scenery{k}, {len(data) // 32} }}")
    out.append(f"enum {{ SCENE_TILES = {most} }}; /* of the largest */\n")
    out.append("static const Scene art_scenes[] = {\n" + ",\n".join(table) + "\n};\n")

    out.append("enum {\n" + "".join(f"\tPOSE_{name},\n" for name in POSES) + "\tPOSES\n};\n")
    colours, figures, most = [], [], 0
    for plan in PLANS:
        low = plan.name.lower()
        data, parts, entries = b"", [], []
        for pose in POSES.values():
            sprites, tiles = cut(figure(plan, pose))
            n = len(tiles) // 32
            most = max(most, n)
            entries.append(f"\t{{ art_{low} + {len(data) // 4}, art_{low}_parts + {len(parts)}, {n}, {len(sprites)} }}")
            parts += [f"{{{p.x},{-p.x - 8 * p.width},{p.y},{(p.width - 1) << 2 | (p.height - 1)},{p.tile}}}" for p in sprites]
            data += tiles
        out.append(longs(f"art_{low}", data))
        out.append(f"static const Part art_{low}_parts[] = {{\n" + ",\n".join(",".join(parts[k : k + 12]) for k in range(0, len(parts), 12)) + "\n};\n")
        figures.append("{\n" + ",\n".join(entries) + "\n}")
        colours.append("{ " + ",".join(f"0x{c:X}" for c in [0, *plan.colours]) + " }")
    out.append(f"enum {{ FIGURE_TILES = {most} }}; /* of the largest */\n")
    out.append("static const u16 art_palettes[FIGHTERS][16] = {\n" + ",\n".join(colours) + "\n};\n")
    out.append("static const Figure art_figures[FIGHTERS][POSES] = {\n" + ",\n".join(figures) + "\n};\n")
    out.append("static const char *const art_names[FIGHTERS] = { " + ", ".join(f'"{plan.name}"' for plan in PLANS) + " };\n")
    out.append("#endif\n")
    return "\n".join(out)


if __name__ == "__main__":
    sys.stdout.write(header())
