/* The flow: title, match, rounds. */
#include "cpu.h"
#include "fight.h"
#include "pad.h"
#include "ram.h"

enum { INTRO_TIME = 20, OVER_TIME = 36, ROUND_SECONDS = 30, FRAMES_A_SECOND = 60 }; /* short: nothing is learnt in them */

u8 clock_seconds, phase;
u16 phase_t, frame_count;
volatile u16 blanks; /* counted by the interrupt in boot.S */
static u8 second_t;  /* frames of the second that runs */

void wait_vblank(void);

static void enter(u8 next)
{
	phase = next;
	phase_t = 0;
}

static void start_round(void)
{
	fight_reset();
	cpu_reset();
	clock_seconds = ROUND_SECONDS;
	second_t = 0;
	enter(INTRO);
}

static void start_match(void)
{
	view[0].who = SENN;
	view[1].who = ram_switches.opponent;
	view[0].rounds = view[1].rounds = 0;
	start_round();
	video_match();
}

static u8 step(u8 value, u8 first, u8 last, u16 pressed, u16 less, u16 more)
{
	if (pressed & more) return value >= last ? first : value + 1;
	if (pressed & less) return value <= first ? last : value - 1;
	return value;
}

/* LEFT and RIGHT choose the opponent, UP and DOWN the tier, A one or two players, START begins. */
static void title(u16 pad)
{
	static u16 held;
	u16 pressed = pad & ~held;

	held = pad;
	ram_switches.opponent = step(ram_switches.opponent, BRAMBLE, MIRAGE, pressed, PAD_LEFT, PAD_RIGHT);
	ram_switches.tier = step(ram_switches.tier, VERY_EASY, VERY_HARD, pressed, PAD_DOWN, PAD_UP);
	if (pressed & PAD_A)
		ram_switches.two_players ^= 1;
	if (pressed & PAD_START)
		start_match();
}

static void count_down(void)
{
	if (++second_t < FRAMES_A_SECOND)
		return;
	second_t = 0;
	if (clock_seconds)
		clock_seconds--;
}

static void count_win(void)
{
	u8 wins = ram_wins + 1;

	if ((wins & 15) > 9)
		wins += 6;
	ram_wins = wins > 0x99 ? 0 : wins;
}

/* Won in the very frame in which the health or the clock runs out.  Equal healths: nobody's, the round is played again. */
static void judge(void)
{
	if (view[0].health && view[1].health && clock_seconds)
		return;
	if (view[0].health > view[1].health)
		view[0].rounds++;
	else if (view[1].health > view[0].health)
		view[1].rounds++;
	if (view[0].rounds == ROUNDS_TO_WIN)
		count_win();
	else if (view[1].rounds == ROUNDS_TO_WIN)
		ram_wins = 0;
	enter(ROUND_OVER);
}

static void fight(const u16 pads[2])
{
	u16 two[2];

	two[0] = pads[0];
	two[1] = ram_switches.two_players ? pads[1] : cpu_pad();
	fight_frame(two);
	count_down();
	judge();
}

static void round_over(void)
{
	static const u16 nothing[2];
	u8 i;

	fight_frame(nothing);
	for (i = 0; i < 2; i++)
		if (view[i].health > view[i ^ 1].health && view[i].state <= CROUCH_GUARD) {
			view[i].state = WIN;
			view[i].t = 0;
		}
	if (phase_t < OVER_TIME)
		return;
	if (view[0].rounds == ROUNDS_TO_WIN || view[1].rounds == ROUNDS_TO_WIN)
		start_match();
	else
		start_round();
}

static void frame(void)
{
	u16 pads[2];

	pads[0] = pad_read(0);
	pads[1] = pad_read(1);
	frame_count++;
	phase_t++;
	if (phase == TITLE) {
		title(pads[0]);
		return;
	}
	ram_load();
	switch (phase) {
	case INTRO:
		if (phase_t >= INTRO_TIME)
			enter(FIGHT);
		break;
	case FIGHT:
		fight(pads);
		break;
	case ROUND_OVER:
		round_over();
	}
}

int main(void)
{
	pad_init();
	ram_switches.opponent = BRAMBLE;
	video_init();
	for (;;) {
		wait_vblank();
		if (phase == TITLE)
			video_title(ram_switches.opponent, ram_switches.tier, ram_switches.two_players);
		else
			video_frame();
		frame();
		ram_store();
	}
}
