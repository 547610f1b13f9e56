# Where traps arrive. tp is always this hart's block: nothing runs in user mode.
# Used by set_up_traps(), which points stvec at it. Reference: RISC-V privileged architecture 1.12, 4.1.8 (scause).

        .macro  load_gp
        .option push
        .option norelax
        lla     gp, __global_pointer$
        .option pop
        .endm

# gp is a constant, and so is free to look at the cause with, before anything is saved. (stvec in vectored mode would tell
# the kinds apart, but firmware that passes an exception on jumps to stvec's value with the mode bit in it.)
        .section .text
        .globl  trap_entry
        .balign 4
trap_entry:
        csrr    gp, scause
        bgez    gp, exception

# An interrupt is a call between two instructions: on the stack in use, with the registers saved that a call may change.
# Interrupts stay off until sret, and an exception inside ends in a panic, so that sstatus need not be saved, and sepc is only
# for the panic's backtrace.
        addi    sp, sp, -18 * 8         # InterruptFrame (trap.hpp)
        sd      ra, 0*8(sp)
        sd      t0, 1*8(sp)
        sd      t1, 2*8(sp)
        sd      t2, 3*8(sp)
        sd      t3, 4*8(sp)
        sd      t4, 5*8(sp)
        sd      t5, 6*8(sp)
        sd      t6, 7*8(sp)
        sd      a0, 8*8(sp)
        sd      a1, 9*8(sp)
        sd      a2, 10*8(sp)
        sd      a3, 11*8(sp)
        sd      a4, 12*8(sp)
        sd      a5, 13*8(sp)
        sd      a6, 14*8(sp)
        sd      a7, 15*8(sp)
        csrr    t0, sepc
        sd      t0, 16*8(sp)
        slli    t0, gp, 60              # external: 9, timer: 5, software: 1; the other bits cannot come
        load_gp
        bgez    t0, 2f
        lla     t0, external_interrupts # kernel/irq.hpp
        ld      a0, 0(t0)               # first
        ld      t0, 8(t0)               # serve
        jalr    t0
        .globl  interrupt_return
interrupt_return:
        ld      ra, 0*8(sp)
        ld      t0, 1*8(sp)
        ld      t1, 2*8(sp)
        ld      t2, 3*8(sp)
        ld      t3, 4*8(sp)
        ld      t4, 5*8(sp)
        ld      t5, 6*8(sp)
        ld      t6, 7*8(sp)
        ld      a0, 8*8(sp)
        ld      a1, 9*8(sp)
        ld      a2, 10*8(sp)
        ld      a3, 11*8(sp)
        ld      a4, 12*8(sp)
        ld      a5, 13*8(sp)
        ld      a6, 14*8(sp)
        ld      a7, 15*8(sp)
        addi    sp, sp, 18 * 8
        sret
2:      lla     ra, interrupt_return
        slli    t0, t0, 1
        bltz    t0, 3f
        tail    handle_software_interrupt
3:      tail    handle_timer_interrupt

# An exception is the end: all registers go to the trap stack, in the layout of TrapFrame (trap.hpp). sscratch holds the
# top of this hart's trap stack, for an exception of the panic's own, too: it comes to the end of what the first has to say.
        .equ    FRAME_BYTES, 36 * 8
exception:
        load_gp
        csrrw   sp, sscratch, sp
        addi    sp, sp, -FRAME_BYTES
        sd      zero, 0(sp)
        sd      ra, 1*8(sp)
        .irp    n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        sd      x\n, \n*8(sp)
        .endr
        addi    t1, sp, FRAME_BYTES
        csrrw   t0, sscratch, t1
        sd      t0, 2*8(sp)             # the interrupted sp
        csrr    t0, sepc
        csrr    t1, sstatus
        csrr    t2, scause
        csrr    t3, stval
        sd      t0, 32*8(sp)
        sd      t1, 33*8(sp)
        sd      t2, 34*8(sp)
        sd      t3, 35*8(sp)
        mv      a0, sp
        call    handle_exception
