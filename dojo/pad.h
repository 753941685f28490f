#ifndef PAD_H
#define PAD_H

#include "game.h"

enum {
	PAD_UP = 1, PAD_DOWN = 2, PAD_LEFT = 4, PAD_RIGHT = 8,
	PAD_B = 16, PAD_C = 32, PAD_A = 64, PAD_START = 128,
	PAD_Z = 256, PAD_Y = 512, PAD_X = 1024, PAD_MODE = 2048
};

void pad_init(void);
u16 pad_read(u8 port); /* 0 or 1; 0 when nothing is plugged in */

#endif
