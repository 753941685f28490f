| Vectors, cartridge header, start-up, and waiting for the next picture.
    .section .vectors,"ax"
    .long __stack_top, _start
    .rept 26
    .long _halt
    .endr
    .long _ignore       | level 4: horizontal blank, never enabled
    .long _ignore
    .long _vblank       | level 6: vertical blank
    .long _ignore
    .rept 32
    .long _halt
    .endr

    .section .header,"a"
    .ascii "SEGA MEGA DRIVE "                                   | 100
    .ascii "(C)DOJO 2026.NOV"                                   | 110
    .ascii "THE DOJO                                        "   | 120
    .ascii "THE DOJO                                        "   | 150
    .ascii "GM 00000000-00"                                     | 180
    .word  0                                                    | 18E checksum: fix_header.py
    .ascii "J6              "                                   | 190 without the 6, X, Y and Z are dead
    .long  0, 0                                                 | 1A0 first and last byte: fix_header.py
    .long  0x00FF0000, 0x00FFFFFF                               | 1A8
    .ascii "            "                                       | 1B0 no battery
    .ascii "            "                                       | 1BC no modem
    .ascii "                                        "           | 1C8
    .ascii "JUE             "                                   | 1F0

    .text
    .globl _start
_start:
    move.w  #0x2700,%sr
    lea     __stack_top,%sp
    move.b  0xA10001,%d0
    andi.b  #0x0F,%d0
    beq.s   1f                          | the first consoles have no lock
    move.l  #0x53454741,0xA14000
1:  move.w  #0x0100,0xA11100            | the game is silent: take the Z80's bus for good,
    move.w  #0x0100,0xA11200            | which also saves the emulator its work
    lea     0xC00011,%a0                | Three tones at their longest period, the noise at the
    move.b  #0x8F,(%a0)                 | third's, all at volume 0: the emulator works at every
    move.b  #0x3F,(%a0)                 | turn of a tone, heard or not.
    move.b  #0xAF,(%a0)
    move.b  #0x3F,(%a0)
    move.b  #0xCF,(%a0)
    move.b  #0x3F,(%a0)
    move.b  #0xE3,(%a0)
    move.b  #0x9F,(%a0)
    move.b  #0xBF,(%a0)
    move.b  #0xDF,(%a0)
    move.b  #0xFF,(%a0)
    move.b  #0x2B,0xA04000              | The sampled voice is not synthesised, so it takes the
    move.b  #0x80,0xA04001              | place of a synthesised one.
    lea     0xFF0000,%a0                | all of the RAM: what a state holds must not depend on
    move.w  #0x3FFF,%d0                 | what the machine woke up with
    moveq   #0,%d1
2:  move.l  %d1,(%a0)+
    dbra    %d0,2b
    jsr     main
_halt:
    move.w  #0x2700,%sr
3:  bra.s   3b

_vblank:
    addq.w  #1,blanks
_ignore:
    rte

| STOP instead of a loop: the emulator skips a stopped processor, which is worth 50 us a frame.
    .globl wait_vblank
wait_vblank:
    move.w  blanks,%d0
4:  stop    #0x2000
    cmp.w   blanks,%d0
    beq.s   4b
    rts
