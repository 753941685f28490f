"""A body plan put into a pose: joints, then the whole figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from drawing.poses import Pose
from drawing.shapes import (
    CLOTH,
    GLOW,
    SKIN,
    TRIM,
    Canvas,
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


def joint(a: Point, b: Point, upper: float, lower: float, side: int) -> Point:
    """The knee or elbow between `a` and `b`; a limb that is too short is stretched."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    d = math.sqrt(dx * dx + dy * dy) or 0.01
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
        lying = abs(pose.lean) > 60
        feet = [f for f in (s.near_foot, s.far_foot) if abs(f[0]) < 30 or lying]
        # a leg that kicks is not under the robe, and then the knees do not widen it
        knees = [] if lying or len(feet) == 1 else [s.near_knee, s.far_knee]
        hem = [q for f in feet for q in (add(f, (-7, -2.5)), add(f, (7, -2.5)))]
        waist = place([(-body * 0.8, 2), (body * 0.8, 2)], s.hip, s.lean)
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
        bulge = [math.sin(math.pi * k / 8) for k in range(9)]
        arc = [(front + 6 * out, 6 + (tall - 6) * k / 8) for k, out in enumerate(bulge)]
        back = [(x - 5.5 * out - 1, y) for (x, y), out in zip(arc, bulge, strict=True)]
        canvas.group([Polygon(arc + back[::-1], [15])])
    return canvas
