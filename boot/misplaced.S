# For an image that runs elsewhere than it was linked for: says so through the firmware, and ends the machine.
# Used by entry.S, which jumps here with the address that it runs at in s0. Nothing here depends on where it stands.
# Reference: RISC-V SBI 2.0, chapters 5 (legacy calls) and 10 (SRST).

        .equ    PUTCHAR, 1
        .equ    SHUTDOWN, 8
        .equ    SRST, 0x53525354

        .section .text.misplaced, "ax", @progbits
        .option norelax
        .globl  misplaced
misplaced:
        lla     s1, runs_at
        jal     s3, put_text
        mv      s2, s0
        jal     s3, put_number
        lla     s1, linked_for
        jal     s3, put_text
        lla     s2, linked_address
        ld      s2, 0(s2)
        jal     s3, put_number
        lla     s1, remedy
        jal     s3, put_text
        li      a7, SRST
        li      a6, 0
        li      a0, 0                   # shutdown
        li      a1, 1                   # because of a failure
        ecall
        li      a7, SHUTDOWN
        ecall
1:      wfi
        j       1b

# The text at s1; returns to s3.
put_text:
        li      a7, PUTCHAR
1:      lbu     a0, 0(s1)
        beqz    a0, 2f
        ecall
        addi    s1, s1, 1
        j       1b
2:      jr      s3

# s2 as 16 hexadecimal digits; returns to s3.
put_number:
        li      a7, PUTCHAR
        li      s4, 60
1:      srl     a0, s2, s4
        andi    a0, a0, 15
        addi    a0, a0, '0'
        li      t0, '9'
        ble     a0, t0, 2f
        addi    a0, a0, 'a' - '9' - 1
2:      ecall
        addi    s4, s4, -4
        bgez    s4, 1b
        jr      s3

runs_at:
        .asciz  "sluice: this image runs at 0x"
linked_for:
        .asciz  ", but is linked for 0x"
remedy:
        .asciz  ": load it there, as ./run.sh does, or change linker.ld\n"

        .balign 8
        .globl  linked_address
linked_address:
        .dword  _start
