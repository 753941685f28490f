/* The picture: VDP, sprites, bars, messages.  art.h is drawn by art.py in about 20 s.
 *
 * For the Makefile: art.h depends on art.py and all of drawing/, this file on art.h.  The drawings
 * take about 630 KB, so the ROM region is longer than 512 KB; padded to the next 32 KB the image is 640 KB, to a power of two 1 MB.
 *
 * Video memory, by tile: 0 common (letters, bars, sparks), SCENE_TILE the arena, FIGHTER_TILE the two figures; by address:
 * C000 plane A (bars, messages), E000 plane B (the arena), F800 sprites, FC00 scrolling (always zero).
 * Only the figure that is seen of each fighter is there: a new pose is fetched from ROM by DMA in the vertical blank,
 * 2 to 3 KB, of which two fit.  What does not change is not drawn again: the time goes to the emulator's user. */
#include "game.h"
#include "art.h"

#define VDP_DATA (*(volatile u16 *)0xC00000)
#define VDP_CTRL (*(volatile u16 *)0xC00004)
#define VDP_CTRL32 (*(volatile u32 *)0xC00004)

enum { PLANE_A = 0xC000, PLANE_B = 0xE000, SPRITES = 0xF800, SCROLL = 0xFC00 };
enum {
	SCENE_TILE = 256,
	LOGO_TILE = SCENE_TILE + SCENE_TILES,
	FIGHTER_TILE = LOGO_TILE + LOGO_TILES, /* and FIGURE_TILES further on the second fighter's */
	END_TILE = FIGHTER_TILE + 2 * FIGURE_TILES
};
_Static_assert((int)COMMON_TILES <= (int)SCENE_TILE && END_TILE * 32 <= PLANE_A, "the tiles fill their 48 KB");

enum { LINE_HUD = 0, LINE_FIGHTER = 0x2000, LINE_SCENE = 0x6000, FLIP = 0x0800, FLIP_DOWN = 0x1000, IN_FRONT = 0x8000 };
enum { MODE_2_OFF = 0x8134, MODE_2_ON = 0x8174 }; /* vertical interrupt, DMA; screen off and on */

static u8 on_screen; /* what is drawn: */
enum { NOTHING, TITLE_SCREEN, MATCH };

/* ---- the VDP */

static void vram(u16 address)
{
	VDP_CTRL32 = 0x40000000u | (u32)(address & 0x3FFF) << 16 | address >> 14;
}

/* The DMA unit counts only the lower 17 bits of the source: across a multiple of 128 KB it takes two transfers. */
static void dma(const void *source, u16 address, u16 words)
{
	while (words) {
		u32 from = (u32)source >> 1;
		u32 room = 0x10000 - (from & 0xFFFF);
		u16 n = room < words ? room : words;

		VDP_CTRL = 0x9300 | (n & 255);
		VDP_CTRL = 0x9400 | n >> 8;
		VDP_CTRL = 0x9500 | (from & 255);
		VDP_CTRL = 0x9600 | (from >> 8 & 255);
		VDP_CTRL = 0x9700 | (from >> 16 & 127);
		VDP_CTRL = 0x4000 | (address & 0x3FFF);
		VDP_CTRL = 0x80 | address >> 14;
		source = (const u16 *)source + n;
		address += n << 1;
		words -= n;
	}
}

static void load_tiles(u16 tile, const u32 *tiles, u16 count)
{
	dma(tiles, tile << 5, count << 4);
}

static void load_palette(u8 line, const u16 *colours)
{
	u16 i;

	VDP_CTRL32 = 0xC0000000u | (u32)line << 21;
	for (i = 0; i < 16; i++)
		VDP_DATA = colours[i];
}

static void clear(u16 address, u16 words)
{
	vram(address);
	while (words--)
		VDP_DATA = 0;
}

/* ---- planes */

static u16 cell(u16 plane, u8 column, u8 row)
{
	return plane + ((u16)row << 7) + ((u16)column << 1);
}

static void scenery(const Scene *scene)
{
	const u16 *map = scene->map;
	u8 x, y;

	load_tiles(SCENE_TILE, scene->tiles, scene->tile_count);
	for (y = 0; y < 28; y++) {
		vram(cell(PLANE_B, 0, y));
		for (x = 0; x < 40; x++)
			VDP_DATA = (*map++ + SCENE_TILE) | LINE_SCENE;
	}
}

static u8 glyph(char c)
{
	return c >= 'A' ? c - 'A' + 10 : c - '0';
}

static u8 length(const char *s)
{
	u8 n = 0;

	while (s[n])
		n++;
	return n;
}

static void text(u8 column, u8 row, const char *s)
{
	vram(cell(PLANE_A, column, row));
	for (; *s; s++)
		VDP_DATA = *s == ' ' ? TILE_BLANK : (TILE_SMALL + glyph(*s)) | IN_FRONT;
}

/* Letters of 16x16 pixels. */
static void big_text(u8 column, u8 row, const char *s)
{
	u8 half;

	for (half = 0; half < 4; half += 2) {
		const char *p;

		vram(cell(PLANE_A, column, row++));
		for (p = s; *p; p++) {
			u16 t = *p == ' ' ? TILE_BLANK : TILE_BIG + ((u16)glyph(*p) << 2) + half;

			VDP_DATA = t | IN_FRONT;
			VDP_DATA = (*p == ' ' ? t : t + 1) | IN_FRONT;
		}
	}
}

static void big_text_centred(u8 row, const char *s)
{
	big_text(20 - length(s), row, s);
}

/* ---- sprites */

/* They are written straight into the video memory; the last has the link 0. */
static u8 sprite_count;

static void begin_sprites(void)
{
	sprite_count = 0;
	vram(SPRITES);
}

static void linked_sprite(s16 x, s16 y, u8 size, u16 tile, u8 link)
{
	VDP_DATA = y + 128;
	VDP_DATA = (u16)size << 8 | link;
	VDP_DATA = tile;
	VDP_DATA = x + 128;
}

static void sprite(s16 x, s16 y, u8 size, u16 tile)
{
	linked_sprite(x, y, size, tile, ++sprite_count);
}

static void no_sprites(void)
{
	begin_sprites();
	linked_sprite(-128, -128, 0, TILE_BLANK, 0);
}

/* ---- fighters */

static u16 now_shown[2];     /* fighter << 8 | pose whose tiles are in the video memory */
static u8 guarded_low[2];    /* the last guard was a crouching one */

static const u8 walking[4] = { POSE_WALK0, POSE_WALK1, POSE_WALK2, POSE_WALK1 };
static const u8 attacking[ATTACKS][3] = { /* by stage */
	[HIGH_PUNCH] = { POSE_HIGH_PUNCH_STARTUP, POSE_HIGH_PUNCH, POSE_RECOVER },
	[LOW_PUNCH] = { POSE_LOW_PUNCH_STARTUP, POSE_LOW_PUNCH, POSE_RECOVER },
	[HIGH_KICK] = { POSE_HIGH_KICK_STARTUP, POSE_HIGH_KICK, POSE_RECOVER },
	[LOW_KICK] = { POSE_LOW_KICK_STARTUP, POSE_LOW_KICK, POSE_RECOVER },
	[UPPERCUT] = { POSE_UPPERCUT_STARTUP, POSE_UPPERCUT, POSE_RECOVER },
	[SWEEP] = { POSE_SWEEP_STARTUP, POSE_SWEEP, POSE_RECOVER_LOW },
	[JUMP_KICK] = { POSE_JUMP_KICK_STARTUP, POSE_JUMP_KICK, POSE_JUMP },
	[THROW] = { POSE_THROW_STARTUP, POSE_THROW, POSE_RECOVER },
	[CAST] = { POSE_CAST_STARTUP, POSE_CAST, POSE_RECOVER },
};

static u8 pose_of(u8 i)
{
	const View *v = &view[i];

	switch (v->state) {
	case WALK:
		return walking[v->t >> 3 & 3];
	case CROUCH:
		return POSE_CROUCH;
	case GUARD:
	case CROUCH_GUARD:
		guarded_low[i] = v->state == CROUCH_GUARD;
		/* fall through */
	case GUARD_STUN:
		return guarded_low[i] ? POSE_CROUCH_GUARD : POSE_GUARD;
	case JUMP:
		return POSE_JUMP;
	case ATTACK:
		return attacking[v->attack][v->stage];
	case STAGGER:
		return POSE_STAGGER;
	case THROWN:
		return POSE_THROWN;
	case FALL:
		return POSE_FALL;
	case KO:
		return v->t < 16 ? POSE_FALL : POSE_LIE;
	case LIE:
		return POSE_LIE;
	case RISE:
		return POSE_RISE;
	case WIN:
		return POSE_WIN;
	}
	return v->t & 32 ? POSE_STAND1 : POSE_STAND0;
}

/* Puts the pose's tiles into the video memory. */
static const Figure *fetch(u8 i, u8 who, u8 pose)
{
	const Figure *figure = &art_figures[who][pose];
	u16 key = (u16)who << 8 | pose;

	if (now_shown[i] != key) {
		now_shown[i] = key;
		load_tiles(i ? FIGHTER_TILE + FIGURE_TILES : FIGHTER_TILE, figure->tiles, figure->tile_count);
	}
	return figure;
}

/* Some thirty sprites a frame come from here, before the beam reaches the fighters: hence the care. */
static void draw_figure(u8 i, const Figure *figure, s16 x, s16 y, u8 left)
{
	const Part *part = figure->parts, *end = part + figure->part_count;
	u16 tile = i ? (FIGHTER_TILE + FIGURE_TILES) | 2 * LINE_FIGHTER : FIGHTER_TILE | LINE_FIGHTER;
	u8 count = sprite_count;

	if (left)
		tile |= FLIP;
	x += 128;
	y += 128;
	for (; part != end; part++) {
		VDP_DATA = y + part->y;
		VDP_DATA = part->size << 8 | ++count;
		VDP_DATA = tile + part->tile;
		VDP_DATA = x + (left ? part->x_left : part->x);
	}
	sprite_count = count;
}

/* Both fighters' shadows: the end of every list. */
static void draw_shadows(s16 x, s16 other)
{
	sprite(x - 16, GROUND - 3, 3 << 2, TILE_SHADOW);
	linked_sprite(other - 16, GROUND - 3, 3 << 2, TILE_SHADOW, 0);
}

/* A star where a blow has just arrived. */
static void draw_spark(const View *v)
{
	u8 guarded = v->state == GUARD_STUN;

	if (v->t < 5 && (guarded || v->state == STAGGER || v->state == FALL))
		sprite(v->x - 12 + (v->left ? -16 : 16), v->y - 62, 2 << 2 | 2, guarded ? TILE_GUARDED : TILE_HIT);
}

static void draw_shot(const Shot *s)
{
	if (s->on)
		sprite(s->x - 12, s->y - 12, 2 << 2 | 2, TILE_SHOT | (s->left ? FLIP : 0));
}

static const Figure *figures[2]; /* to be drawn */

/* DMA is quick only in the vertical blank, so this comes first. */
static void fetch_figures(void)
{
	u8 i;

	for (i = 0; i < 2; i++)
		figures[i] = fetch(i, view[i].who, pose_of(i));
}

static void draw_fight(void)
{
	u8 i, first = view[1].state == ATTACK && view[0].state != ATTACK; /* who attacks is in front */

	begin_sprites();
	draw_shot(&shot[0]);
	draw_shot(&shot[1]);
	draw_spark(&view[0]);
	draw_spark(&view[1]);
	for (i = 0; i < 2; i++) {
		u8 k = i ^ first;

		draw_figure(k, figures[k], view[k].x, view[k].y, view[k].left);
	}
	draw_shadows(view[0].x, view[1].x);
}

/* ---- bars, lights of the rounds, clock */

static u8 drawn_health[2], drawn_rounds[2], drawn_clock;
enum { BAR_COLUMN_1 = 2, BAR_COLUMN_2 = 23, BAR_CELLS = 15, BAR_ROW = 1, NAME_ROW = 3, UNKNOWN = 255 };

/* What is left of the bars touches the clock: they empty towards the middle. */
static void draw_bar(u8 i)
{
	u8 row, k;

	for (row = 0; row < 2; row++) {
		u16 flip = (row ? FLIP_DOWN : 0) | IN_FRONT;
		s16 rest = view[i].health;

		if (!i)
			rest -= (BAR_CELLS - 1) * 8;
		vram(cell(PLANE_A, i ? BAR_COLUMN_2 - 1 : BAR_COLUMN_1 - 1, BAR_ROW + row));
		VDP_DATA = (TILE_BAR_END + 0) | flip | FLIP;
		for (k = 0; k < BAR_CELLS; k++) {
			u16 full = rest <= 0 ? 0 : rest >= 8 ? 8 : rest;

			VDP_DATA = (TILE_BAR + full) | flip | (i ? 0 : FLIP);
			rest += i ? -8 : 8;
		}
		VDP_DATA = TILE_BAR_END | flip;
	}
}

static void draw_rounds(u8 i)
{
	u8 k;

	vram(cell(PLANE_A, i ? BAR_COLUMN_2 : BAR_COLUMN_1 + BAR_CELLS - 4, NAME_ROW));
	for (k = 0; k < 2; k++) { /* from the middle outwards */
		u16 won = (i ? k : 1 - k) < view[i].rounds;

		VDP_DATA = (TILE_ROUND + won) | IN_FRONT;
		VDP_DATA = (TILE_ROUND + won) | IN_FRONT | FLIP;
	}
}

static void draw_clock(void)
{
	static char digits[3];
	u8 tens = 0, ones = clock_seconds;

	while (ones >= 10) {
		ones -= 10;
		tens++;
	}
	digits[0] = '0' + tens;
	digits[1] = '0' + ones;
	big_text(18, BAR_ROW, digits);
}

static void draw_hud(void)
{
	u8 i;

	for (i = 0; i < 2; i++) {
		if (drawn_health[i] != view[i].health) {
			drawn_health[i] = view[i].health;
			draw_bar(i);
		}
		if (drawn_rounds[i] != view[i].rounds) {
			drawn_rounds[i] = view[i].rounds;
			draw_rounds(i);
		}
	}
	if (drawn_clock != clock_seconds) {
		drawn_clock = clock_seconds;
		draw_clock();
	}
}

/* ---- messages */

enum { NO_MESSAGE, ROUND_MESSAGE, FIGHT_MESSAGE, KO_MESSAGE, TIME_MESSAGE };
enum { MESSAGE_ROW = 8, FIGHT_MESSAGE_TIME = 20 };

static u8 drawn_message;

static u8 message(void)
{
	switch (phase) {
	case INTRO:
		return ROUND_MESSAGE;
	case FIGHT:
		return phase_t < FIGHT_MESSAGE_TIME ? FIGHT_MESSAGE : NO_MESSAGE;
	case ROUND_OVER:
		return view[0].health && view[1].health ? TIME_MESSAGE : KO_MESSAGE;
	}
	return NO_MESSAGE;
}

static void draw_message(void)
{
	static char round[8];
	static const char *const words[] = { "", round, "FIGHT", "KO", "TIME" };
	static const char start[8] = "ROUND 1";
	u8 i, next = message();

	if (drawn_message == next)
		return;
	drawn_message = next;
	for (i = 0; i < 8; i++)
		round[i] = start[i];
	round[6] += view[0].rounds + view[1].rounds;
	big_text_centred(MESSAGE_ROW, "         ");
	big_text_centred(MESSAGE_ROW, words[next]);
}

/* ---- the calls of main.c */

/* Screen off, everything but the common tiles and the HUD's palette gone. */
static void begin(u8 what)
{
	VDP_CTRL = MODE_2_OFF;
	on_screen = what;
	clear(PLANE_A, 64 * 32);
	clear(PLANE_B, 64 * 32);
	now_shown[0] = now_shown[1] = 0xFFFF;
	drawn_health[0] = drawn_health[1] = drawn_rounds[0] = drawn_rounds[1] = drawn_clock = drawn_message = UNKNOWN;
}

static void end(void)
{
	VDP_CTRL = MODE_2_ON;
}

void video_init(void)
{
	/* H40, 64x32 planes, no scrolling, one vertical interrupt a frame. */
	static const u16 registers[] = { 0x8004, MODE_2_OFF, 0x8230, 0x833C, 0x8407, 0x857C, 0x8700, 0x8AFF, 0x8B00,
		0x8C81, 0x8D3F, 0x8F02, 0x9001, 0x9100, 0x9200 };
	u16 i;

	for (i = 0; i < sizeof registers / sizeof *registers; i++)
		VDP_CTRL = registers[i];
	clear(SCROLL, 2);
	VDP_CTRL32 = 0x40000010; /* vertical scrolling */
	VDP_DATA = 0;
	VDP_DATA = 0;
	load_tiles(0, art_common, COMMON_TILES);
	load_palette(0, art_hud_palette);
	begin(NOTHING);
	no_sprites();
	end();
}

static void begin_title(void)
{
	const Scene *scene = &art_scenes[0];
	const u16 *map = art_logo_map;
	u16 dim[16];
	u8 i, x, y;

	begin(TITLE_SCREEN);
	scenery(scene);
	for (i = 0; i < 16; i++)
		dim[i] = scene->palette[i] >> 1 & 0x666;
	load_palette(3, dim);
	load_palette(1, art_palettes[SENN]);
	load_tiles(LOGO_TILE, art_logo, LOGO_TILES);
	for (y = 0; y < LOGO_HEIGHT; y++) {
		vram(cell(PLANE_A, 10, 2 + y));
		for (x = 0; x < LOGO_WIDTH; x++)
			VDP_DATA = *map++ + LOGO_TILE;
	}
	text(12, 12, "OPPONENT");
	text(12, 14, "TIER");
	text(12, 16, "PLAYERS");
	text(14, 21, "PRESS START");
	end();
}

void video_title(u8 opponent, u8 tier, u8 two_players)
{
	static const char *const tiers[TIERS] = { "VERY EASY", "EASY     ", "MEDIUM   ", "HARD     ", "VERY HARD" };
	static u8 shown[3];

	if (on_screen != TITLE_SCREEN) {
		begin_title();
		shown[0] = shown[1] = shown[2] = UNKNOWN;
	}
	if (shown[0] != opponent) {
		shown[0] = opponent;
		text(22, 12, "       ");
		text(22, 12, art_names[opponent]);
		load_palette(2, art_palettes[opponent]);
		figures[0] = fetch(0, SENN, POSE_STAND0);
		figures[1] = fetch(1, opponent, POSE_STAND0);
		begin_sprites();
		draw_figure(0, figures[0], 48, GROUND, 0);
		draw_figure(1, figures[1], 272, GROUND, 1);
		draw_shadows(48, 272);
	}
	if (shown[1] != tier) {
		shown[1] = tier;
		text(22, 14, tiers[tier]);
	}
	if (shown[2] != two_players) {
		shown[2] = two_players;
		text(22, 16, two_players ? "2" : "1");
	}
}

void video_match(void)
{
	u8 arena = view[1].who ? view[1].who - 1 : 0;
	const char *name = art_names[view[1].who];

	begin(MATCH);
	scenery(&art_scenes[arena]);
	load_palette(1, art_palettes[view[0].who]);
	load_palette(2, art_palettes[view[1].who]);
	load_palette(3, art_scenes[arena].palette);
	text(BAR_COLUMN_1, NAME_ROW, art_names[view[0].who]);
	text(BAR_COLUMN_2 + BAR_CELLS - length(name), NAME_ROW, name);
	draw_hud();
	fetch_figures();
	draw_fight();
	end();
}

void video_frame(void)
{
	fetch_figures();
	draw_hud();
	draw_fight();
	draw_message();
}
