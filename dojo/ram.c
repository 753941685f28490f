#include "ram.h"

extern volatile u8 ram_health, ram_enemy_health, ram_rounds, ram_enemy_rounds;
extern volatile u16 ram_x, ram_enemy_x;
extern volatile s16 ram_y, ram_enemy_y;
extern volatile Mirror ram_fighters[2];

void ram_load(void)
{
	view[0].health = ram_health;
	view[1].health = ram_enemy_health;
	view[0].x = ram_x;
	view[1].x = ram_enemy_x;
	view[0].rounds = ram_rounds;
	view[1].rounds = ram_enemy_rounds;
	clock_seconds = ram_switches.clock;
}

void ram_store(void)
{
	u8 i;

	ram_health = view[0].health;
	ram_enemy_health = view[1].health;
	ram_x = view[0].x;
	ram_enemy_x = view[1].x;
	ram_y = view[0].y;
	ram_enemy_y = view[1].y;
	ram_rounds = view[0].rounds;
	ram_enemy_rounds = view[1].rounds;
	ram_switches.clock = clock_seconds;
	ram_switches.phase = phase;
	for (i = 0; i < 2; i++) {
		volatile Mirror *m = &ram_fighters[i];
		const View *v = &view[i];

		m->state = v->state;
		m->attack = v->attack;
		m->stage = v->stage;
		m->t = v->t;
		m->left = v->left;
		m->shot_on = shot[i].on;
		m->shot_x = shot[i].x;
	}
}
