/* The rules: what the pads make of the two fighters in one frame. */
#ifndef FIGHT_H
#define FIGHT_H

#include "game.h"

enum { HIGH, MID, LOW, OVERHEAD }; /* see moves[] */

typedef struct {
	u8 startup, active, recovery; /* frames */
	u8 reach;    /* pixels between the two fighters' middles */
	u8 damage;
	u8 height;   /* HIGH passes over who crouches; LOW and OVERHEAD get through a standing and a crouching guard */
	u8 top;      /* hits who is in the air with feet up to here, pixels */
	u8 stagger;  /* frames; 0 knocks down */
	u8 push;     /* push, push - 1, ... 1 pixels in the following frames */
} Move;

/* What makes a fighter's body different from another's. */
typedef struct {
	u8 walk;        /* pixels in two frames, forward */
	u8 retreat;     /* and backward */
	u8 throw_reach; /* pixels */
	u8 long_reach;  /* added to kicks and sweeps on the ground, pixels */
	u8 air_reach;   /* added to kicks in the air */
	u8 lunge;       /* pixels forward in every frame before a blow lands */
	u8 armour;      /* blows that do not knock him down do not stop him either, and lose a quarter */
	u8 quick_cast;  /* frames that his cast is faster */
	u8 shield;      /* guards while he walks, too, and from above while he strikes */
	u8 piercing;    /* his shots are not stopped by others */
	u8 air_grab;    /* throws who is in the air, up to so many pixels */
} Build;

extern const Move moves[ATTACKS];

void fight_reset(void);              /* a round begins */
void fight_frame(const u16 pads[2]); /* one frame; blows count only in the phase FIGHT */
void fight_wear(u8 i, u8 fighter);   /* fighter i gets another's build */
u8 fight_throw_reach(u8 i);          /* pixels */
u8 fight_free(u8 i);                 /* may fighter i act? */
u8 fight_height(u8 i);               /* pixels above the ground */
s16 fight_gap(void);                 /* pixels between the two middles */

#endif
