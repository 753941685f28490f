/* What the outside world reads and writes: the variables at fixed addresses (link.ld). */
#ifndef RAM_H
#define RAM_H

#include "game.h"

typedef struct {
	u8 tier, opponent, two_players; /* read on the title screen: a script may set them instead of working the menu */
	u8 phase;
	u16 seed;                       /* a new value here starts the CPU's random numbers afresh */
	u8 clock;
} Switches;

typedef struct {
	u8 state, attack, stage, t, left, shot_on;
	u16 shot_x;
} Mirror;

extern volatile Switches ram_switches;
extern volatile u8 ram_wins;    /* matches won in a row, BCD */

/* Health, position and clock may be changed from outside between two frames, as in any game's RAM: read first ... */
void ram_load(void);
/* ... and written last, all in one frame, so that no frame shows a round won beside an enemy who still has health. */
void ram_store(void);

#endif
