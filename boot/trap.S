# Where traps arrive: saves the whole frame on the trap stack, calls handle_trap, restores.
# sscratch holds the top of this hart's trap stack while no trap is being handled, and 0 while one is: a trap inside the
# handler (our own bug, on its way to a panic) goes on with the stack in use.
# The layout is TrapFrame's in trap.hpp. tp is always this hart's block: nothing runs in user mode.

        .equ    FRAME_BYTES, 36 * 8

        .section .text
        .globl  trap_entry
        .balign 4
trap_entry:
        csrrw   sp, sscratch, sp
        bnez    sp, 1f
        csrr    sp, sscratch
        addi    sp, sp, -FRAME_BYTES
        sd      zero, 0(sp)             # nested
        j       2f
1:      addi    sp, sp, -FRAME_BYTES
        sd      sp, 0(sp)               # first: not zero
2:      sd      ra, 1*8(sp)
        sd      gp, 3*8(sp)
        sd      tp, 4*8(sp)
        sd      t0, 5*8(sp)
        sd      t1, 6*8(sp)
        sd      t2, 7*8(sp)
        sd      s0, 8*8(sp)
        sd      s1, 9*8(sp)
        .irp    n, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        sd      x\n, \n*8(sp)
        .endr
        csrrw   t0, sscratch, zero
        sd      t0, 2*8(sp)             # the interrupted sp
        csrr    t0, sepc
        csrr    t1, sstatus
        csrr    t2, scause
        csrr    a1, stval
        sd      t0, 32*8(sp)
        sd      t1, 33*8(sp)
        sd      t2, 34*8(sp)
        sd      a1, 35*8(sp)
        mv      a0, sp
        call    handle_trap
        ld      t0, 32*8(sp)
        ld      t1, 33*8(sp)
        csrw    sepc, t0
        csrw    sstatus, t1
        ld      t0, 0(sp)
        beqz    t0, 3f
        addi    t0, sp, FRAME_BYTES
        csrw    sscratch, t0
3:      ld      ra, 1*8(sp)
        ld      gp, 3*8(sp)
        ld      t0, 5*8(sp)
        ld      t1, 6*8(sp)
        ld      t2, 7*8(sp)
        ld      s0, 8*8(sp)
        ld      s1, 9*8(sp)
        .irp    n, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        ld      x\n, \n*8(sp)
        .endr
        ld      sp, 2*8(sp)
        sret
