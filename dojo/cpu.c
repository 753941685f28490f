/* The opponents.  Each is a row of tables: what he likes to do at which distance, and how he answers what he sees.
 * He sees it late, as a person does: everything he knows of the other is some frames old.  The tier sets how late, how long
 * he dawdles between two choices and how often an answer comes to his mind. */
#include "cpu.h"
#include "fight.h"
#include "pad.h"
#include "ram.h"

/* ---- random numbers: a xorshift that starts afresh whenever the seed in RAM changes ---- */

static u32 noise;
static u16 seed_used;

static u32 mix(u32 x)
{
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void seed(void)
{
	u8 n;

	seed_used = ram_switches.seed;
	noise = (u32)seed_used << 16 | (u16)(seed_used ^ 0x5EED); /* never 0 */
	for (n = 0; n < 8; n++) /* neighbouring seeds part at once */
		noise = mix(noise);
}

static u8 dice(void) /* 0 .. 255 */
{
	noise = mix(noise);
	return noise >> 11;
}

/* ---- plans: what he does once he has made up his mind ---- */

enum { FORTH = 0x1000, BACK = 0x2000 }; /* toward and away from the other, beside the pad's own bits */
enum { UNTIL_FREE = 255, UNTIL_FALLING = 254 };

typedef struct {
	u16 pad;
	u8 frames; /* 0 ends the plan */
} Step;

enum {
	IDLE, COME, COME_GUARDED, LEAVE, WATCH, WATCH_LOW, DUCK, JAB, MASH, POKE, KICK, RISING, TRIP, SHOOT,
	LEAP_KICK, LEAP_BACK, HOP_KICK, LEAP_OVER, GRAB, PLANS
};
enum { LONGEST = 7 };

static const Step plans[PLANS][LONGEST] = {
	[IDLE]         = { { 0, 10 } },
	[COME]         = { { FORTH, 12 } },
	[COME_GUARDED] = { { FORTH, 8 }, { PAD_B, 10 } },
	[LEAVE]        = { { BACK, 14 } },
	[WATCH]        = { { PAD_B, 24 } },
	[WATCH_LOW]    = { { PAD_B | PAD_DOWN, 24 } },
	[DUCK]         = { { PAD_DOWN, 20 } },
	[JAB]          = { { PAD_X, 2 }, { 0, UNTIL_FREE } },
	[MASH]         = { { FORTH | PAD_X, 2 }, { 0, UNTIL_FREE }, { FORTH | PAD_X, 2 }, { 0, UNTIL_FREE }, { FORTH | PAD_X, 2 }, { 0, UNTIL_FREE } },
	[POKE]         = { { PAD_C, 2 }, { 0, UNTIL_FREE } },
	[KICK]         = { { PAD_Z, 2 }, { 0, UNTIL_FREE } },
	[RISING]       = { { PAD_DOWN | PAD_X, 2 }, { 0, UNTIL_FREE } },
	[TRIP]         = { { PAD_DOWN | PAD_C, 2 }, { 0, UNTIL_FREE } },
	[SHOOT]        = { { PAD_Y, 2 }, { 0, UNTIL_FREE } },
	[LEAP_KICK]    = { { FORTH | PAD_UP, 2 }, { 0, UNTIL_FALLING }, { PAD_C, 2 }, { 0, UNTIL_FREE } },
	[LEAP_BACK]    = { { BACK | PAD_UP, 2 }, { 0, UNTIL_FREE } },
	[HOP_KICK]     = { { PAD_UP, 2 }, { 0, UNTIL_FALLING }, { PAD_C, 2 }, { 0, UNTIL_FREE } },
	[LEAP_OVER]    = { { FORTH | PAD_UP, 2 }, { 0, UNTIL_FREE } },
	[GRAB]         = { { FORTH | PAD_A, 2 }, { 0, UNTIL_FREE } },
};

/* ---- what he sees ---- */

enum { NOTHING, LEAPS, SHOOTS, STRIKES, RECOVERS, GUARDS, DOWNED, EVENTS };
enum { NEAR, MIDDLE, FAR, BANDS };
enum { NEAR_END = 50, MIDDLE_END = 100, STRIKE_SIGHT = 80, RECOVER_SIGHT = 76, LEAP_SIGHT = 110, SHOT_SIGHT = 90 }; /* pixels */

typedef struct {
	u8 state, attack, stage, height, shot_on, shot_left;
	s16 x, shot_x;
} Sight;

enum { MEMORY = 32 };
static Sight memory[MEMORY];
static u8 now;

static void look(void)
{
	Sight *s = &memory[now = (now + 1) & (MEMORY - 1)];

	s->state = view[0].state;
	s->attack = view[0].attack;
	s->stage = view[0].stage;
	s->height = fight_height(0);
	s->x = view[0].x;
	s->shot_on = shot[0].on;
	s->shot_left = shot[0].left;
	s->shot_x = shot[0].x;
}

static u8 event(const Sight *s, s16 gap)
{
	s16 d = s->shot_x - view[1].x;

	if (s->shot_on && (d < 0 ? -d : d) < SHOT_SIGHT && (d < 0) != s->shot_left) return SHOOTS;
	if (s->state >= THROWN) return DOWNED;
	if (s->height) return gap < LEAP_SIGHT ? LEAPS : NOTHING;
	if (s->state == ATTACK && s->stage == RECOVERY) return gap < RECOVER_SIGHT ? RECOVERS : NOTHING;
	if (s->state == ATTACK) return gap < STRIKE_SIGHT ? STRIKES : NOTHING;
	if (s->state == GUARD || s->state == CROUCH_GUARD || s->state == GUARD_STUN) return gap < MIDDLE_END ? GUARDS : NOTHING;
	return NOTHING;
}

/* ---- who he is ---- */

typedef struct { u8 plan, weight; } Choice;  /* weights of a band add up to 16 */
typedef struct { u8 plan, chance; } Answer;  /* of 256, before the tier's share */

typedef struct {
	Choice likes[BANDS][4];
	Answer answers[EVENTS];
	u16 rest;   /* held while he makes up his mind */
	u8 haste;   /* sixteenths of the tier's dawdling */
} Style;

static const Style styles[FIGHTERS] = {
	[BRAMBLE] = {
		.likes = {
			[NEAR] = { { MASH, 13 }, { KICK, 3 } },
			[MIDDLE] = { { COME, 14 }, { KICK, 2 } },
			[FAR] = { { COME, 16 } } },
		.answers = { [RECOVERS] = { MASH, 160 }, [LEAPS] = { JAB, 90 }, [SHOOTS] = { WATCH, 120 } },
		.haste = 8,
	},
	[BULWARK] = {
		.likes = {
			[NEAR] = { { WATCH, 12 }, { POKE, 4 } },
			[MIDDLE] = { { COME_GUARDED, 10 }, { WATCH, 6 } },
			[FAR] = { { COME_GUARDED, 16 } } },
		.answers = { [RECOVERS] = { POKE, 230 }, [LEAPS] = { WATCH, 230 }, [SHOOTS] = { WATCH, 250 }, [STRIKES] = { WATCH, 200 } },
		.rest = PAD_B,
		.haste = 12,
	},
	[SCYTHE] = {
		.likes = {
			[NEAR] = { { TRIP, 12 }, { LEAVE, 4 } },
			[MIDDLE] = { { TRIP, 12 }, { COME, 4 } },
			[FAR] = { { COME, 16 } } },
		.answers = { [RECOVERS] = { TRIP, 200 }, [SHOOTS] = { DUCK, 160 }, [GUARDS] = { TRIP, 200 }, [DOWNED] = { LEAVE, 100 } },
		.haste = 8,
	},
	[EMBER] = {
		.likes = {
			[NEAR] = { { LEAP_BACK, 9 }, { KICK, 3 }, { LEAVE, 4 } },
			[MIDDLE] = { { LEAVE, 6 }, { SHOOT, 6 }, { LEAP_BACK, 4 } },
			[FAR] = { { SHOOT, 14 }, { IDLE, 2 } } },
		.answers = { [RECOVERS] = { SHOOT, 180 }, [SHOOTS] = { DUCK, 160 }, [DOWNED] = { LEAVE, 220 }, [GUARDS] = { SHOOT, 120 } },
		.haste = 10,
	},
	[KESTREL] = {
		.likes = {
			[NEAR] = { { HOP_KICK, 7 }, { LEAP_KICK, 4 }, { LEAP_BACK, 5 } },
			[MIDDLE] = { { LEAP_KICK, 16 } },
			[FAR] = { { LEAP_KICK, 10 }, { COME, 6 } } },
		.answers = { [RECOVERS] = { LEAP_KICK, 180 }, [SHOOTS] = { LEAP_KICK, 220 }, [LEAPS] = { HOP_KICK, 160 }, [STRIKES] = { LEAP_KICK, 120 } },
		.haste = 5,
	},
	[HERON] = {
		.likes = {
			[NEAR] = { { LEAVE, 9 }, { WATCH, 7 } },
			[MIDDLE] = { { IDLE, 8 }, { WATCH, 4 }, { LEAVE, 4 } },
			[FAR] = { { COME_GUARDED, 10 }, { IDLE, 6 } } },
		.answers = { [RECOVERS] = { KICK, 256 - 1 }, [LEAPS] = { RISING, 220 }, [SHOOTS] = { WATCH, 220 }, [STRIKES] = { KICK, 120 } },
		.haste = 10,
	},
	[GRAPNEL] = {
		.likes = {
			[NEAR] = { { GRAB, 14 }, { WATCH, 2 } },
			[MIDDLE] = { { COME, 12 }, { COME_GUARDED, 4 } },
			[FAR] = { { COME, 10 }, { COME_GUARDED, 6 } } },
		.answers = { [RECOVERS] = { GRAB, 200 }, [SHOOTS] = { WATCH, 140 }, [LEAPS] = { WATCH, 160 }, [STRIKES] = { WATCH, 160 }, [GUARDS] = { COME, 220 } },
		.haste = 8,
	},
};

/* The styles between which Mirage changes. */
static const u8 masks[8] = { BRAMBLE, SCYTHE, EMBER, KESTREL, GRAPNEL, BULWARK, SCYTHE, GRAPNEL };

typedef struct {
	u8 delay;   /* frames between what happens and his seeing it; less than MEMORY */
	u8 dawdle;  /* frames between two choices */
	u8 wits;    /* of 256: how often he answers what he sees */
	u8 blunder; /* of 256: how often he does nothing instead of what he meant */
} Tier;

static const Tier tiers[TIERS] = {
	[VERY_EASY] = { 24, 44,  90, 40 },
	[EASY]      = { 20, 32, 130, 28 },
	[MEDIUM]    = { 16, 22, 170, 18 },
	[HARD]      = { 12, 12, 210, 8 },
	[VERY_HARD] = {  9,  4, 250, 0 },
};

/* ---- how he decides ---- */

static u8 plan, step, step_t; /* what he is doing; PLANS when he is not doing anything */
static u8 pause;              /* frames until the next choice */
static u8 last_event;
static u8 mask, mask_t;       /* Mirage's present style, and how many choices it lasts */

void cpu_reset(void)
{
	u8 n;

	plan = PLANS;
	pause = 8;
	last_event = NOTHING;
	mask = BRAMBLE;
	mask_t = 0;
	for (n = 0; n < MEMORY; n++)
		look();
}

static void begin(u8 which)
{
	plan = which;
	step = step_t = 0;
}

static u8 by_weight(const Choice *c)
{
	u8 r = dice() & 15;

	while (r >= c->weight)
		r -= c++->weight;
	return c->plan;
}

static u8 who_he_is(void)
{
	if (view[1].who != MIRAGE)
		return view[1].who;
	if (!mask_t) {
		mask = masks[dice() & 7];
		mask_t = 5 + (dice() & 3);
	}
	return mask;
}

/* The pad for this frame of the plan; ends the plan after its last step. */
static u16 follow(void)
{
	const Step *s = &plans[plan][step];
	u8 over;

	step_t++;
	if (s->frames == UNTIL_FREE)
		over = step_t > 1 && fight_free(1);
	else if (s->frames == UNTIL_FALLING)
		over = step_t > 22 || (step_t > 4 && !fight_height(1));
	else
		over = step_t >= s->frames;
	if (over) {
		step_t = 0;
		if (++step >= LONGEST || !plans[plan][step].frames)
			plan = PLANS;
	}
	return s->pad;
}

static void choose(const Style *style, const Tier *tier, s16 gap)
{
	u8 band = gap < NEAR_END ? NEAR : gap < MIDDLE_END ? MIDDLE : FAR;

	pause = ((tier->dawdle * style->haste) >> 4) + (dice() & 7);
	begin(dice() < tier->blunder ? IDLE : by_weight(style->likes[band]));
	if (mask_t)
		mask_t--;
}

u16 cpu_pad(void)
{
	const Tier *tier = &tiers[ram_switches.tier];
	const Sight *s;
	const Style *style;
	u16 forth = view[1].left ? PAD_LEFT : PAD_RIGHT, pad;
	s16 gap;
	u8 seen;

	if (ram_switches.seed != seed_used || !noise)
		seed();
	look();
	s = &memory[(now - tier->delay) & (MEMORY - 1)];
	gap = s->x - view[1].x;
	if (gap < 0)
		gap = -gap;
	style = &styles[who_he_is()];

	seen = event(s, gap);
	if (seen != last_event) {
		const Answer *a = &style->answers[seen];

		last_event = seen;
		if (a->chance && fight_free(1) && ((a->chance * tier->wits) >> 8) > dice())
			begin(a->plan);
	}
	if (view[1].state >= STAGGER) {
		plan = PLANS;
		return style->rest;
	}
	if (plan == PLANS) {
		if (pause)
			pause--;
		else
			choose(style, tier, gap);
	}
	pad = plan == PLANS ? style->rest : follow();
	if (pad & FORTH)
		pad |= forth;
	if (pad & BACK)
		pad |= forth ^ (PAD_LEFT | PAD_RIGHT);
	return pad;
}
