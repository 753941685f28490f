/* The computer's hands on the second pad. */
#ifndef CPU_H
#define CPU_H

#include "game.h"

void cpu_reset(void); /* a round begins */
u16 cpu_pad(void);    /* the buttons for this frame */

#endif
