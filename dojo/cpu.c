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
enum { UNTIL_FREE = 255, UNTIL_FALLING = 254, UNTIL_IN_REACH = 253, UNTIL_CLOSE = 252 };

typedef struct {
	u16 pad;
	u8 frames; /* 0 ends the plan */
} Step;

enum {
	IDLE, COME, COME_GUARDED, LEAVE, WATCH, WATCH_BRIEFLY, DUCK, MASH, POKE, KICK, RISING, TRIP, SHOOT,
	LEAP_KICK, LEAP_BACK, LEAP_OVER, DIVE, HOP_KICK, FLIT, GRAB, PLANS
};
enum { LONGEST = 7, PATIENCE = 20, STEADY = 16, RISING_TIME = 22 /* frames */, CLOSE = 58 /* pixels */ };

static const Step plans[PLANS][LONGEST] = {
	[IDLE]         = { { 0, 10 } },
	[COME]         = { { FORTH, 12 } },
	[COME_GUARDED] = { { FORTH, 8 }, { PAD_B, 10 } },
	[LEAVE]        = { { BACK, 14 } },
	[WATCH]        = { { PAD_B, 30 } },
	[WATCH_BRIEFLY] = { { PAD_B, 20 } },
	[DUCK]         = { { PAD_DOWN, 20 } },
	[MASH]         = { { FORTH, UNTIL_CLOSE }, { FORTH | PAD_X, 2 }, { 0, UNTIL_FREE }, { FORTH | PAD_X, 2 }, { 0, UNTIL_FREE }, { FORTH | PAD_X, 2 }, { 0, UNTIL_FREE } },
	[POKE]         = { { PAD_C, 2 }, { 0, UNTIL_FREE } },
	[KICK]         = { { PAD_Z, 2 }, { 0, UNTIL_FREE } },
	[RISING]       = { { PAD_DOWN | PAD_X, 2 }, { 0, UNTIL_FREE } },
	[TRIP]         = { { PAD_DOWN | PAD_C, 2 }, { 0, UNTIL_FREE } },
	[SHOOT]        = { { PAD_Y, 2 }, { 0, UNTIL_FREE } },
	[LEAP_KICK]    = { { FORTH | PAD_UP, 2 }, { 0, UNTIL_FALLING }, { PAD_C, 2 }, { 0, UNTIL_FREE } },
	[LEAP_BACK]    = { { BACK | PAD_UP, 2 }, { 0, UNTIL_FREE } },
	[LEAP_OVER]    = { { FORTH | PAD_UP, 2 }, { 0, UNTIL_FREE } },
	[DIVE]         = { { FORTH | PAD_UP, 2 }, { 0, 4 }, { PAD_C, 2 }, { 0, UNTIL_FREE } },
	[HOP_KICK]     = { { PAD_UP, 2 }, { 0, 4 }, { PAD_C, 2 }, { 0, UNTIL_FREE } },
	[FLIT]         = { { BACK | PAD_UP, 2 }, { 0, 4 }, { PAD_C, 2 }, { 0, UNTIL_FREE } },
	[GRAB]         = { { FORTH, UNTIL_IN_REACH }, { FORTH | PAD_A, 2 }, { 0, UNTIL_FREE } },
	};

/* ---- what he sees ---- */

enum { NOTHING, LEAPS, SHOOTS, STRIKES, RECOVERS, GUARDS, DOWNED, EVENTS };
enum { NEAR, MIDDLE, FAR, BANDS };
enum { STRIKE_SIGHT = 80, RECOVER_SIGHT = 80, GUARD_SIGHT = 90, LEAP_SIGHT = 110, SHOT_SIGHT = 72 }; /* pixels */

typedef struct {
	u8 state, attack, stage, height, shot_on, shot_left;
	s16 x, shot_x, speed;
} Sight;

enum { MEMORY = 32 };
static Sight memory[MEMORY];
static u8 now;

static void look(void)
{
	s16 before = memory[now].x;
	Sight *s = &memory[now = (now + 1) & (MEMORY - 1)];

	s->state = view[0].state;
	s->attack = view[0].attack;
	s->stage = view[0].stage;
	s->height = fight_height(0);
	s->x = view[0].x;
	s->speed = s->x - before;
	s->shot_on = shot[0].on;
	s->shot_left = shot[0].left;
	s->shot_x = shot[0].x;
}

static u8 event(const Sight *s, s16 gap, s16 delay) /* times a shot's speed */
{
	s16 d = s->shot_x + (s->shot_left ? -delay : delay) - view[1].x;

	if (s->shot_on && (d < 0 ? -d : d) < SHOT_SIGHT && (d < 0) != s->shot_left) return SHOOTS;
	if (s->state >= THROWN) return DOWNED;
	if (s->height) return gap < LEAP_SIGHT ? LEAPS : NOTHING;
	if (s->state == ATTACK && s->stage == RECOVERY) return gap < RECOVER_SIGHT ? RECOVERS : NOTHING;
	if (s->state == ATTACK) return gap < STRIKE_SIGHT ? STRIKES : NOTHING;
	if (s->state == GUARD || s->state == CROUCH_GUARD || s->state == GUARD_STUN) return gap < GUARD_SIGHT ? GUARDS : NOTHING;
	return NOTHING;
}

/* ---- who he is ---- */

typedef struct { u8 plan, weight; } Choice;  /* weights of a band add up to 16 */
typedef struct { u8 plan, chance; } Answer;  /* of 256, before the tier's share */

typedef struct {
	u8 near_end, middle_end; /* pixels */
	Choice likes[BANDS][4];
	Answer answers[EVENTS];
	Answer riposte; /* once he has guarded a blow */
	u16 rest;   /* held while he makes up his mind */
	u8 haste;   /* sixteenths of the tier's dawdling */
} Style;

static const Style styles[FIGHTERS] = {
	[BRAMBLE] = {
		.near_end = 66, .middle_end = 100,
		.likes = {
			[NEAR] = { { MASH, 14 }, { KICK, 2 } },
			[MIDDLE] = { { MASH, 16 } },
			[FAR] = { { COME, 16 } } },
		.answers = { [RECOVERS] = { MASH, 220 }, [LEAPS] = { RISING, 190 }, [SHOOTS] = { LEAP_OVER, 230 }, [STRIKES] = { MASH, 120 } },
		.haste = 2,
	},
	[BULWARK] = {
		.near_end = 54, .middle_end = 100,
		.likes = {
			[NEAR] = { { WATCH, 12 }, { POKE, 4 } },
			[MIDDLE] = { { COME, 12 }, { WATCH, 4 } },
			[FAR] = { { COME, 16 } } },
		.answers = { [RECOVERS] = { POKE, 240 }, [LEAPS] = { WATCH, 255 }, [SHOOTS] = { WATCH_BRIEFLY, 255 }, [STRIKES] = { WATCH_BRIEFLY, 150 } },
		.riposte = { POKE, 230 },
		.rest = PAD_B,
		.haste = 6,
	},
	[SCYTHE] = {
		.near_end = 46, .middle_end = 84,
		.likes = {
			[NEAR] = { { TRIP, 14 }, { LEAVE, 2 } },
			[MIDDLE] = { { TRIP, 14 }, { COME, 2 } },
			[FAR] = { { COME, 16 } } },
		.answers = { [RECOVERS] = { TRIP, 220 }, [SHOOTS] = { DUCK, 240 }, [GUARDS] = { TRIP, 200 }, [STRIKES] = { TRIP, 160 }, [LEAPS] = { WATCH, 150 } },
		.riposte = { TRIP, 200 },
		.haste = 2,
	},
	[EMBER] = {
		.near_end = 60, .middle_end = 110,
		.likes = {
			[NEAR] = { { LEAP_BACK, 6 }, { KICK, 3 }, { LEAVE, 4 }, { IDLE, 3 } },
			[MIDDLE] = { { LEAVE, 5 }, { SHOOT, 7 }, { LEAP_BACK, 4 } },
			[FAR] = { { SHOOT, 13 }, { IDLE, 3 } } },
		.answers = { [RECOVERS] = { SHOOT, 120 }, [SHOOTS] = { DUCK, 240 }, [DOWNED] = { LEAVE, 220 } },
		.haste = 18,
	},
	[KESTREL] = {
		.near_end = 50, .middle_end = 130,
		.likes = {
			[NEAR] = { { HOP_KICK, 6 }, { DIVE, 4 }, { FLIT, 6 } },
			[MIDDLE] = { { DIVE, 10 }, { LEAP_KICK, 6 } },
			[FAR] = { { COME, 8 }, { DIVE, 8 } } },
		.answers = { [RECOVERS] = { DIVE, 180 }, [SHOOTS] = { DIVE, 250 }, [LEAPS] = { HOP_KICK, 240 }, [STRIKES] = { FLIT, 160 } },
		.riposte = { FLIT, 220 },
		.haste = 5,
	},
	[HERON] = {
		.near_end = 64, .middle_end = 110,
		.likes = {
			[NEAR] = { { LEAVE, 5 }, { WATCH, 11 } },
			[MIDDLE] = { { IDLE, 4 }, { WATCH, 8 }, { LEAVE, 4 } },
			[FAR] = { { COME_GUARDED, 8 }, { WATCH, 8 } } },
		.answers = { [RECOVERS] = { POKE, 255 }, [LEAPS] = { RISING, 70 }, [SHOOTS] = { WATCH_BRIEFLY, 255 }, [STRIKES] = { WATCH_BRIEFLY, 220 } },
		.riposte = { POKE, 230 },
		.rest = PAD_B,
		.haste = 10,
	},
	[GRAPNEL] = {
		.near_end = 54, .middle_end = 100,
		.likes = {
			[NEAR] = { { GRAB, 16 } },
			[MIDDLE] = { { COME, 9 }, { COME_GUARDED, 7 } },
			[FAR] = { { COME, 12 }, { COME_GUARDED, 4 } } },
		.answers = { [RECOVERS] = { GRAB, 200 }, [SHOOTS] = { WATCH_BRIEFLY, 120 }, [LEAPS] = { WATCH_BRIEFLY, 90 }, [GUARDS] = { COME, 220 } },
		.riposte = { GRAB, 230 },
		.rest = PAD_B,
		.haste = 7,
	},
};

/* The styles between which Mirage changes: after a while, and at once when he is hurt, so that no single answer serves. */
static const u8 masks[8] = { BRAMBLE, SCYTHE, SCYTHE, KESTREL, GRAPNEL, GRAPNEL, HERON, EMBER };

typedef struct {
	u8 delay;   /* frames between what happens and his seeing it; less than MEMORY */
	u8 dawdle;  /* frames between two choices */
	u8 wits;    /* of 256: how often he answers what he sees */
	u8 blunder; /* of 256: how often he does nothing instead of what he meant */
} Tier;

static const Tier tiers[TIERS] = {
	[VERY_EASY] = { 22, 36, 120, 36 },
	[EASY]      = { 18, 32, 150, 28 },
	[MEDIUM]    = { 15, 22, 205, 16 },
	[HARD]      = { 12, 16, 220, 8 },
	[VERY_HARD] = { 12,  6, 230, 0 },
};

/* ---- how he decides ---- */

static u8 plan, step, step_t; /* what he is doing; PLANS when he is not doing anything */
static u8 pause;              /* frames until the next choice */
static u8 last_event;
static u8 guarded;            /* the last thing that befell him was a blow on his guard */
static u8 mask, mask_t;       /* Mirage's present style, and how many choices it lasts */
static u8 mask_health;        /* what he had when he put it on */

void cpu_reset(void)
{
	u8 n;

	plan = PLANS;
	pause = 8;
	last_event = NOTHING;
	guarded = 0;
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
	if (!mask_t || view[1].health < mask_health) {
		mask_health = view[1].health;
		mask = masks[dice() & 7];
		mask_t = 8 + (dice() & 7);
		fight_wear(1, mask);
	}
	return mask;
}

/* Nobody can be thrown just after he got out of something (fight.c): he waits until the other has been on his feet a while. */
static u8 steady(const Sight *s)
{
	return s->state <= ATTACK && memory[(now - STEADY) & (MEMORY - 1)].state <= ATTACK;
}

/* The pad for this frame of the plan; ends the plan after its last step. */
static u16 follow(s16 gap, u8 graspable)
{
	const Step *s = &plans[plan][step];
	u16 pad = s->pad;
	u8 over;

	step_t++;
	switch (s->frames) {
	case UNTIL_FREE:
		over = step_t > 1 && fight_free(1);
		break;
	case UNTIL_FALLING:
		over = step_t > RISING_TIME || (step_t > 4 && !fight_height(1));
		break;
	case UNTIL_CLOSE:
		over = gap <= CLOSE;
		break;
	case UNTIL_IN_REACH:
		over = gap <= fight_throw_reach(1);
		if (over && !graspable) {
			over = 0;
			pad = PAD_B; /* there already, and too early */
		}
		break;
	default:
		over = step_t >= s->frames;
	}
	if (over) {
		step_t = 0;
		if (++step >= LONGEST || !plans[plan][step].frames)
			plan = PLANS;
	} else if ((s->frames == UNTIL_CLOSE || s->frames == UNTIL_IN_REACH) && step_t > PATIENCE) {
		plan = PLANS;
	}
	return pad;
}

/* It depends on his wits whether the answer comes to his mind. */
static u8 recalls(const Answer *a, const Tier *tier)
{
	return a->chance && ((a->chance * tier->wits) >> 8) > dice();
}

static void choose(const Style *style, const Tier *tier, s16 gap, const Answer *answer)
{
	u8 band = gap < style->near_end ? NEAR : gap < style->middle_end ? MIDDLE : FAR;

	u16 dawdle = tier->dawdle + (dice() & 15);

	pause = (u16)(dawdle * style->haste) >> 4;
	if (dice() < tier->blunder)
		begin(IDLE);
	else if (recalls(answer, tier))
		begin(answer->plan);
	else
		begin(by_weight(style->likes[band]));
	if (mask_t)
		mask_t--;
}

u16 cpu_pad(void)
{
	const Tier *tier = &tiers[ram_switches.tier];
	const Sight *s;
	const Style *style;
	const Answer *answer;
	u16 forth = view[1].left ? PAD_LEFT : PAD_RIGHT, pad;
	s16 gap;
	u8 seen;

	if (ram_switches.seed != seed_used || !noise)
		seed();
	look();
	s = &memory[(now - tier->delay) & (MEMORY - 1)];
	/* He knows where a steady walk or a leap will have led by now; what he cannot know is that the other changed his mind. */
	gap = s->x + (s16)(s->speed * (s16)tier->delay) - view[1].x;
	if (gap < 0)
		gap = -gap;
	style = &styles[who_he_is()];

	seen = event(s, gap, tier->delay << 2);
	answer = &style->answers[seen];
	if (view[1].state >= STAGGER) {
		guarded = view[1].state == GUARD_STUN;
		plan = PLANS;
		pause = 0; /* he had time to think of what comes next */
		return style->rest;
	}
	if (guarded) {
		guarded = 0;
		if ((seen != LEAPS || style->riposte.plan == GRAB) && recalls(&style->riposte, tier))
			begin(style->riposte.plan);
	} else if (seen != last_event && fight_free(1) && recalls(answer, tier)) {
		begin(answer->plan);
	}
	last_event = seen;
	if (plan == PLANS) {
		if (pause)
			pause--;
		else
			choose(style, tier, gap, answer);
	}
	pad = plan == PLANS ? style->rest : follow(gap, steady(s));
	if (pad & FORTH)
		pad |= forth;
	if (pad & BACK)
		pad |= forth ^ (PAD_LEFT | PAD_RIGHT);
	return pad;
}
