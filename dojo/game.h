/* What the parts of the dojo share.  `fight.c` (rules), `cpu.c` (opponents) and `main.c` (flow) write these
 * variables; `video.c` only reads them and draws. */
#ifndef GAME_H
#define GAME_H

typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef signed short s16;
typedef unsigned int u32;

enum { FULL_HEALTH = 120, GROUND = 200, LEFT_WALL = 24, RIGHT_WALL = 296, ROUNDS_TO_WIN = 2 };

/* Fighters: 0 is the player's, 1..8 the opponents in the order of the states' numbers. */
enum { SENN, BRAMBLE, BULWARK, SCYTHE, EMBER, KESTREL, HERON, GRAPNEL, MIRAGE, FIGHTERS };
enum { VERY_EASY, EASY, MEDIUM, HARD, VERY_HARD, TIERS };

/* What a fighter is doing. */
enum {
	STAND, WALK, CROUCH, GUARD, CROUCH_GUARD, JUMP,
	ATTACK,      /* see `attack`; also while in the air (JUMP_KICK) */
	STAGGER,     /* hit and still on his feet */
	GUARD_STUN,  /* guarded a hit */
	THROWN,      /* carried through the air by a throw */
	FALL, LIE, RISE, /* knocked down, on the floor, getting up: cannot be hit in any of them */
	KO, WIN
};

/* Attacks; each has start-up, active and recovery frames (table in fight.c). */
enum { HIGH_PUNCH, LOW_PUNCH, HIGH_KICK, LOW_KICK, UPPERCUT, SWEEP, JUMP_KICK, THROW, CAST, ATTACKS };
enum { STARTUP, ACTIVE, RECOVERY };

typedef struct {
	u8 who;      /* fighter, SENN .. MIRAGE */
	u8 state;    /* STAND .. WIN */
	u8 t;        /* frames spent in this state, saturating */
	u8 attack;   /* valid while state is ATTACK */
	u8 stage;    /* STARTUP, ACTIVE or RECOVERY, valid while state is ATTACK */
	u8 left;     /* faces left */
	s16 x, y;    /* the middle of the feet, pixels; y is GROUND when standing, smaller in the air */
	u8 health;   /* 0 .. FULL_HEALTH */
	u8 rounds;   /* rounds won, 0 .. ROUNDS_TO_WIN */
} View;          /* what video.c needs of a fighter */

typedef struct {
	u8 on;       /* in flight */
	u8 who;      /* the fighter it belongs to */
	u8 left;     /* flies left */
	s16 x, y;    /* its middle, pixels */
} Shot;

extern View view[2];      /* [0] player 1 (left at the start), [1] player 2 or the CPU */
extern Shot shot[2];
extern u8 clock_seconds;  /* left in the round, 0 .. 30 */
extern u16 frame_count;   /* frames since start-up; animation may use it */

/* main.c's phases */
enum { TITLE, INTRO, FIGHT, ROUND_OVER };
extern u8 phase;
extern u16 phase_t;       /* frames in this phase */

/* video.c.  All drawing happens in these calls; main.c makes them right after the vertical blank. */
void video_init(void);         /* VDP registers, tiles, palettes; screen off -> on */
void video_title(u8 opponent, u8 tier, u8 two_players); /* called every frame of TITLE, draws what changed */
void video_match(void);        /* a match begins: scenery of view[1].who's arena, both palettes, HUD */
void video_frame(void);        /* once a frame in INTRO, FIGHT, ROUND_OVER: sprites, bars, clock, messages */

#endif
