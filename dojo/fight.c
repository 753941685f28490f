#include "fight.h"
#include "pad.h"

enum {
	GUARD_BUTTONS = PAD_B | PAD_START,
	STRIKE_BUTTONS = PAD_A | PAD_C | PAD_X | PAD_Z,
	ATTACK_BUTTONS = STRIKE_BUTTONS | PAD_Y
};

enum { /* frames */
	LOW_GRACE = 8,    /* a blow this soon after crouching is still an uppercut or a sweep */
	BUFFER = 4,       /* a press this early is kept until the fighter may act */
	KICK_DELAY = 12,  /* jump and attack pressed together: the kick comes near the top */
	LANDING = 4, GUARD_STUN_TIME = 8, LIE_TIME = 18, RISE_TIME = 14, SAFE_TIME = 14
};
enum { /* pixels */
	BODY = 28,        /* two fighters' middles come no closer */
	PASS = 40,        /* unless one is this high above the ground */
	TUCK = 32,        /* a shot passes under feet this high */
	SHOT_HEIGHT = 44, SHOT_SPEED = 4, SHOT_RADIUS = 16
};
enum { JUMP_SPEED = 28, JUMP_DRIFT = 3, GUARD_PUSH = 3, CHIP_SHIFT = 4, BOUNCE = 3 }; /* quarter pixels; pixels; see Move; of the damage; pixels */

const Move moves[ATTACKS] = {
	/*               start act rec reach dmg height   top stag push */
	[HIGH_PUNCH] = {  4,  3, 11,  46,   8, HIGH,     30, 12, 5 },
	[LOW_PUNCH]  = {  3,  3,  9,  42,   6, MID,      16, 10, 4 },
	[HIGH_KICK]  = {  8,  4, 16,  56,  10, HIGH,     14, 14, 5 },
	[LOW_KICK]   = {  6,  4, 14,  54,   8, LOW,       8, 12, 5 },
	[UPPERCUT]   = {  5,  6, 24,  46,  24, MID,      76,  0, 4 },
	[SWEEP]      = {  7,  4, 20,  58,  12, LOW,       4,  0, 3 },
	[JUMP_KICK]  = {  3, 26,  0,  46,  10, OVERHEAD, 40, 14, 5 },
	[THROW]      = {  4,  2, 20,   0,  16, MID,       0,  0, 0 },
	[CAST]       = { 13,  2, 22,   0,   8, HIGH,     TUCK - 1, 14, 5 },
};

static const Build builds[FIGHTERS] = {
	/*            walk back throw long air lunge armour cast shield pierce grab */
	[SENN]    = {  4,   3,  38,   0,   0,  0,    0,    0,   0,    0,    0 },
	[BRAMBLE] = {  5,   3,  38,   0,   0,  3,    0,    0,   0,    0,    0 },
	[BULWARK] = {  3,   3,  38,   0,   0,  0,    0,    0,   1,    0,    0 },
	[SCYTHE]  = {  5,   3,  38,  16,   0,  0,    0,    0,   0,    0,    0 },
	[EMBER]   = {  4,   4,  38,   0,   0,  0,    0,    4,   0,    1,    0 },
	[KESTREL] = {  4,   4,  38,   0,  10,  0,    0,    0,   0,    0,    0 },
	[HERON]   = {  4,   4,  38,  20,   0,  0,    0,    0,   0,    0,    0 },
	[GRAPNEL] = {  4,   3,  50,   0,   0,  0,    1,    0,   0,    0,   38 },
	[MIRAGE]  = {  4,   3,  42,   6,   6,  1,    0,    2,   0,    0,    0 },
};

View view[2];
Shot shot[2];

static struct {
	s16 height, rise; /* quarter pixels above the ground, and a frame */
	s16 drift;        /* pixels a frame, in the air */
	u16 pad, want;    /* buttons held; attack buttons pressed and not yet used */
	u8 want_t;        /* frames for which `want` is still good */
	u8 low_t;         /* frames left of the grace */
	u8 wait;          /* frames until the fighter may act again */
	u8 safe;          /* frames in which he cannot be thrown: he has just got out of something */
	u8 push, push_left;
	u8 spent;         /* this attack has hit: it does not hit again */
	u8 kick;          /* a kick was asked for together with the jump */
	const Build *build;
} body[2];

static void enter(u8 i, u8 state)
{
	if (view[i].state != state)
		view[i].t = 0;
	view[i].state = state;
}

u8 fight_height(u8 i)
{
	return body[i].height >> 2;
}

s16 fight_gap(void)
{
	s16 d = view[1].x - view[0].x;
	return d < 0 ? -d : d;
}

u8 fight_free(u8 i)
{
	return view[i].state <= CROUCH_GUARD && !body[i].wait;
}

static u8 ducks(u8 i)
{
	return view[i].state == CROUCH || view[i].state == CROUCH_GUARD;
}

static u8 crouched(u8 i)
{
	return ducks(i) || (view[i].state == ATTACK && view[i].attack == SWEEP);
}

/* Returns the pixels that a wall kept back. */
static s16 shift(u8 i, s16 dx)
{
	s16 x = view[i].x + dx, rest = 0;

	if (x < LEFT_WALL) {
		rest = x - LEFT_WALL;
		x = LEFT_WALL;
	} else if (x > RIGHT_WALL) {
		rest = x - RIGHT_WALL;
		x = RIGHT_WALL;
	}
	view[i].x = x;
	return rest;
}

static void face(u8 i)
{
	if (view[0].x != view[1].x)
		view[i].left = view[i].x > view[i ^ 1].x;
}

static void attack(u8 i, u8 which)
{
	view[i].t = 0;
	view[i].state = ATTACK;
	view[i].attack = which;
	view[i].stage = STARTUP;
	body[i].spent = 0;
	body[i].want = body[i].low_t = 0;
}

/* In the air, or already reeling: nothing to get hold of. */
static u8 throwable(u8 i)
{
	return (view[i].state <= CROUCH_GUARD || view[i].state == ATTACK) && !body[i].height && !body[i].safe;
}

static u8 throw_reaches(u8 i)
{
	u8 o = i ^ 1, flying = body[o].height && view[o].state <= ATTACK;

	if (fight_gap() > body[i].build->throw_reach)
		return 0;
	return flying ? fight_height(o) < body[i].build->air_grab : throwable(o);
}

u8 fight_throw_reach(u8 i)
{
	return body[i].build->throw_reach;
}

void fight_wear(u8 i, u8 fighter)
{
	body[i].build = &builds[fighter];
}

/* Which attack the pressed buttons mean; ATTACKS if none. */
static u8 meaning(u8 i)
{
	u16 want = body[i].want;

	if (body[i].low_t) {
		if (want & (PAD_A | PAD_X)) return UPPERCUT;
		if (want & PAD_C) return SWEEP;
	}
	if (want & PAD_X) return HIGH_PUNCH;
	if (want & PAD_A) return throw_reaches(i) ? THROW : LOW_PUNCH;
	if (want & PAD_Z) return HIGH_KICK;
	if (want & PAD_C) return LOW_KICK;
	if (want & PAD_Y && !shot[i].on) return CAST;
	return ATTACKS;
}

static void walk(u8 i, u8 left)
{
	const Build *b = body[i].build;
	u8 two = left == view[i].left ? b->walk : b->retreat;
	s16 dx = (two + (view[i].t & 1)) >> 1;

	enter(i, WALK);
	shift(i, left ? -dx : dx);
}

/* On his feet and free: what the pad says. */
static void act(u8 i)
{
	u16 pad = body[i].pad;
	u8 which;

	face(i);
	if (pad & PAD_DOWN)
		body[i].low_t = LOW_GRACE;
	else if (body[i].low_t)
		body[i].low_t--;

	if (pad & GUARD_BUTTONS) {
		enter(i, pad & PAD_DOWN ? CROUCH_GUARD : GUARD);
	} else if (pad & PAD_UP) {
		enter(i, JUMP);
		body[i].rise = JUMP_SPEED;
		body[i].drift = pad & PAD_RIGHT ? JUMP_DRIFT : pad & PAD_LEFT ? -JUMP_DRIFT : 0;
		body[i].kick = (body[i].want & STRIKE_BUTTONS) != 0;
		body[i].want = body[i].low_t = 0;
	} else if (body[i].want && (which = meaning(i)) != ATTACKS) {
		attack(i, which);
	} else if (pad & PAD_DOWN) {
		enter(i, CROUCH);
	} else if (pad & (PAD_LEFT | PAD_RIGHT)) {
		walk(i, (pad & PAD_LEFT) != 0);
	} else {
		enter(i, STAND);
	}
}

static void land(u8 i)
{
	body[i].height = body[i].rise = body[i].drift = 0;
	body[i].safe = SAFE_TIME;
	switch (view[i].state) {
	case JUMP:
		enter(i, STAND);
		break;
	case ATTACK:
		view[i].stage = RECOVERY;
		body[i].wait = LANDING;
		break;
	case THROWN:
	case FALL:
		enter(i, LIE);
	}
}

static void fly(u8 i)
{
	shift(i, body[i].drift);
	body[i].height += body[i].rise;
	body[i].rise -= 1 + (view[i].t & 1); /* one and a half, without fractions */
	if (body[i].height <= 0)
		land(i);
}

static void go_on_attacking(u8 i)
{
	const Move *m = &moves[view[i].attack];
	const Build *b = body[i].build;
	u8 startup = m->startup, end;

	if (view[i].attack == CAST)
		startup -= b->quick_cast;
	end = startup + m->active;
	view[i].stage = view[i].t < startup ? STARTUP : view[i].t < end ? ACTIVE : RECOVERY;
	if (view[i].attack == JUMP_KICK) {
		if (body[i].height)
			return;
		view[i].stage = RECOVERY;
		if (!body[i].wait)
			enter(i, STAND);
		return;
	}
	if (view[i].stage == STARTUP && view[i].attack <= LOW_KICK)
		shift(i, view[i].left ? -b->lunge : b->lunge);
	if (view[i].t >= end + m->recovery) {
		enter(i, STAND);
		act(i);
	}
}

static void recover(u8 i)
{
	body[i].safe = SAFE_TIME;
	enter(i, STAND);
	act(i);
}

static void slide(u8 i)
{
	s16 dx;

	if (!body[i].push)
		return;
	dx = body[i].push--;
	/* Who is held by a wall pushes the other away, or nobody would ever get out of a corner. */
	dx = shift(i, body[i].push_left ? -dx : dx);
	if (dx && !body[i ^ 1].height)
		shift(i ^ 1, -dx);
}

static void move(u8 i, u16 pad)
{
	u16 pressed = pad & ~body[i].pad & ATTACK_BUTTONS;

	body[i].pad = pad;
	if (pad & PAD_Y && !shot[i].on) /* the one button that may be held: it casts as soon as it can */
		pressed |= PAD_Y;
	if (pressed) {
		body[i].want = pressed;
		body[i].want_t = BUFFER;
	} else if (body[i].want_t && !--body[i].want_t) {
		body[i].want = 0;
	}
	if (view[i].t < 255)
		view[i].t++;
	if (body[i].wait)
		body[i].wait--;
	if (body[i].safe)
		body[i].safe--;
	slide(i);
	if (body[i].height || body[i].rise)
		fly(i);

	switch (view[i].state) {
	case JUMP:
		if ((body[i].want & STRIKE_BUTTONS) || (body[i].kick && view[i].t >= KICK_DELAY)) {
			body[i].kick = 0;
			attack(i, JUMP_KICK);
		}
		break;
	case ATTACK:
		go_on_attacking(i);
		break;
	case STAGGER:
	case GUARD_STUN:
		if (!body[i].wait)
			recover(i);
		break;
	case THROWN:
		if (body[i].rise < 0)
			enter(i, FALL);
		break;
	case LIE:
		if (view[i].t >= LIE_TIME)
			enter(i, RISE);
		break;
	case RISE:
		if (view[i].t >= RISE_TIME)
			recover(i);
		break;
	case FALL:
	case KO:
	case WIN:
		break;
	default:
		act(i);
	}
}

/* The blow of fighter i reaches the other in this frame. */
static u8 reaches(u8 i)
{
	const View *a = &view[i], *o = &view[i ^ 1];
	const Move *m = &moves[a->attack];
	u8 reach = m->reach, mine, his;

	if (a->state != ATTACK || a->stage != ACTIVE || body[i].spent || a->attack == CAST || o->state >= THROWN)
		return 0;
	if (a->attack == THROW)
		return throw_reaches(i);
	if (a->attack == HIGH_KICK || a->attack == LOW_KICK || a->attack == SWEEP)
		reach += body[i].build->long_reach;
	if (a->attack == JUMP_KICK)
		reach += body[i].build->air_reach;
	if (fight_gap() > reach || (o->x != a->x && (o->x < a->x) != a->left))
		return 0;
	mine = fight_height(i);
	his = fight_height(i ^ 1);
	if (a->attack == JUMP_KICK) {
		/* the uppercut is the answer to it: it goes through */
		if (o->state == ATTACK && o->attack == UPPERCUT && o->stage != RECOVERY)
			return 0;
		return mine < his + m->top + (his || ducks(i ^ 1) ? 4 : 16) && his < mine + m->top;
	}
	if (his)
		return his <= m->top;
	return m->height != HIGH || !crouched(i ^ 1);
}

static void launch(u8 i, u8 state, s16 rise, s16 drift)
{
	view[i].t = 0;
	view[i].state = state;
	body[i].rise = rise;
	body[i].drift = drift;
	body[i].push = body[i].wait = 0;
}

static u8 guards(u8 i, u8 height)
{
	switch (view[i].state) {
	case WALK: return body[i].build->shield && height != LOW;
	case GUARD: return height != LOW;
	case ATTACK: return body[i].build->shield && (height == HIGH || height == OVERHEAD);
	case CROUCH_GUARD: return height != OVERHEAD;
	case GUARD_STUN: return 1;
	}
	return 0;
}

/* Fighter i is hit, from the left or from the right. */
static void suffer(u8 i, u8 which, u8 from_left)
{
	const Move *m = &moves[which];
	u8 damage = m->damage, guarded = which != THROW && guards(i, m->height);
	s16 away = from_left ? 1 : -1;

	if (guarded)
		damage >>= CHIP_SHIFT;
	else if (body[i].build->armour && m->stagger)
		damage -= damage >> 2;
	body[i].push_left = !from_left;
	if (view[i].health <= damage) {
		view[i].health = 0;
		launch(i, KO, 16, away + away);
		return;
	}
	view[i].health -= damage;
	if (guarded) {
		view[i].t = 0;
		view[i].state = GUARD_STUN;
		body[i].wait = GUARD_STUN_TIME;
		body[i].push = GUARD_PUSH;
		if (which == JUMP_KICK) /* he bounces off */
			body[i ^ 1].drift = from_left ? -BOUNCE : BOUNCE;
	} else if (which == THROW) {
		launch(i, THROWN, 26, away + away + away);
	} else if (!m->stagger || body[i].height) {
		launch(i, FALL, which == SWEEP ? 12 : 20, away + away + away);
	} else if (!body[i].build->armour) {
		view[i].t = 0;
		view[i].state = STAGGER;
		body[i].wait = m->stagger;
		body[i].push = m->push;
	}
}

static void strikes(void)
{
	u8 hit0 = reaches(0), hit1 = reaches(1);

	/* Both are judged before either is applied: blows that land together trade, whoever is player 1.
	 * Only a throw gives way, because he who is being struck holds nobody. */
	if (hit0 && hit1) {
		if (view[0].attack == THROW && view[1].attack != THROW) hit0 = 0;
		else if (view[1].attack == THROW && view[0].attack != THROW) hit1 = 0;
	}
	if (hit0) body[0].spent = 1;
	if (hit1) body[1].spent = 1;
	if (hit0 && hit1) {
		u8 his = view[1].attack;
		suffer(1, view[0].attack, !view[0].left);
		suffer(0, his, !view[1].left);
	} else if (hit0) {
		suffer(1, view[0].attack, !view[0].left);
	} else if (hit1) {
		suffer(0, view[1].attack, !view[1].left);
	}
}

static void throw_shot(u8 i)
{
	if (view[i].state != ATTACK || view[i].attack != CAST || view[i].stage != ACTIVE || body[i].spent)
		return;
	body[i].spent = 1;
	shot[i].on = 1;
	shot[i].who = view[i].who;
	shot[i].left = view[i].left;
	shot[i].x = view[i].x + (view[i].left ? -20 : 20);
	shot[i].y = GROUND - SHOT_HEIGHT;
}

static void fly_shot(u8 i)
{
	s16 d;

	if (!shot[i].on)
		return;
	shot[i].x += shot[i].left ? -SHOT_SPEED : SHOT_SPEED;
	if (shot[i].x < 0 || shot[i].x > 320) {
		shot[i].on = 0;
		return;
	}
	d = shot[i].x - view[i ^ 1].x;
	if (d > SHOT_RADIUS || d < -SHOT_RADIUS || view[i ^ 1].state >= THROWN)
		return;
	if (crouched(i ^ 1) || fight_height(i ^ 1) >= TUCK)
		return;
	shot[i].on = 0;
	suffer(i ^ 1, CAST, !shot[i].left);
}

static void shots(void)
{
	s16 d;

	fly_shot(0);
	fly_shot(1);
	d = shot[0].x - shot[1].x;
	if (shot[0].on && shot[1].on && d < SHOT_RADIUS && d > -SHOT_RADIUS) {
		u8 first = body[0].build->piercing, second = body[1].build->piercing;

		shot[0].on = first && !second;
		shot[1].on = second && !first;
	}
	throw_shot(0);
	throw_shot(1);
}

/* Bodies do not overlap; both give way by half, and at a wall the other gives way alone. */
static void separate(void)
{
	s16 overlap = BODY - fight_gap();
	u8 right = view[1].x >= view[0].x; /* the one further right */

	if (overlap <= 0 || fight_height(0) >= PASS || fight_height(1) >= PASS || view[0].state >= FALL || view[1].state >= FALL)
		return;
	shift(right, (overlap + 1) >> 1);
	shift(right ^ 1, -(overlap >> 1));
	overlap = BODY - fight_gap();
	if (overlap > 0) {
		shift(right, overlap);
		overlap = BODY - fight_gap();
		if (overlap > 0)
			shift(right ^ 1, -overlap);
	}
}

void fight_reset(void)
{
	u8 i;

	for (i = 0; i < 2; i++) {
		u8 *b = (u8 *)&body[i], n;

		for (n = 0; n < sizeof body[i]; n++)
			b[n] = 0;
		fight_wear(i, view[i].who);
		view[i].state = STAND;
		view[i].t = view[i].attack = view[i].stage = 0;
		view[i].x = i ? 220 : 100;
		view[i].y = GROUND;
		view[i].left = i;
		view[i].health = FULL_HEALTH;
		shot[i].on = 0;
	}
}

void fight_frame(const u16 pads[2])
{
	move(0, pads[0]);
	move(1, pads[1]);
	separate();
	if (phase == FIGHT) {
		strikes();
		shots();
	} else {
		shot[0].on = shot[1].on = 0;
	}
	view[0].y = GROUND - fight_height(0);
	view[1].y = GROUND - fight_height(1);
}
