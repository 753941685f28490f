/* The six-button pad: its select line is toggled, and the third low phase tells it from a three-button pad. */
#include "pad.h"

static volatile u8 *const data[2] = { (volatile u8 *)0xA10003, (volatile u8 *)0xA10005 };
static volatile u8 *const control[2] = { (volatile u8 *)0xA10009, (volatile u8 *)0xA1000B };

static u8 select(u8 port, u8 line)
{
	*data[port] = line;
	__asm__ volatile("nop\n nop\n nop\n nop"); /* the lines need a microsecond to settle */
	return *data[port];
}

void pad_init(void)
{
	u8 port;

	for (port = 0; port < 2; port++) {
		*control[port] = 0x40;
		*data[port] = 0x40;
	}
}

u16 pad_read(u8 port)
{
	u8 directions, start, six, extra;
	u16 pressed;

	directions = select(port, 0x40);
	start = select(port, 0x00);
	select(port, 0x40);
	select(port, 0x00);
	select(port, 0x40);
	six = select(port, 0x00);
	extra = select(port, 0x40);
	select(port, 0x00);
	*data[port] = 0x40;
	if (start & 0x0C)
		return 0;
	pressed = (~directions & 0x3F) | (u16)(~start & 0x30) << 2;
	if (!(six & 0x0F))
		pressed |= (u16)(~extra & 0x0F) << 8;
	return pressed;
}
