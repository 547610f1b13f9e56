# The first instructions, in supervisor mode, paging off: a0 is the hart id, a1 the address of the device tree.
# Used by the firmware. Reference: RISC-V SBI specification, chapter "Hart State Management", state at entry.

        .section .text.entry, "ax", @progbits
        .globl  _start
_start:
        .option push
        .option norelax
        lla     t0, _start
        lla     t1, linked_address
        ld      t1, 0(t1)
        bne     t0, t1, 2f              # nothing that has an address of its own would work
        lla     t0, start_is_taken
        li      t1, 1
        amoswap.w.aq t0, t1, (t0)
        bnez    t0, 3f
        lla     tp, boot_hart           # this hart's block, as early as can be
        lla     gp, __global_pointer$
        .option pop
        csrw    sie, zero
        csrw    sstatus, zero           # interrupts off; FS off: a floating-point instruction traps
        lla     sp, __boot_stack_top
        lla     t0, __bss_start
        lla     t1, __bss_end
1:      sd      zero, 0(t0)
        sd      zero, 8(t0)
        sd      zero, 16(t0)
        sd      zero, 24(t0)
        addi    t0, t0, 32
        bltu    t0, t1, 1b
        sd      a0, 0(tp)               # Hart::id
        mv      a0, a1
        mv      s0, zero                # the end of every backtrace
        mv      ra, zero
        call    start_kernel
1:      wfi
        j       1b
2:      mv      s0, t0
        tail    misplaced
# Not the first to come: OpenSBI 1.1 lets a hart that is being started go before it has stored where to, and then it comes here.
# It gives itself back (HSM, hart_stop), and is started again (harts.cpp).
3:      li      a7, 0x48534d
        li      a6, 1
        ecall
4:      wfi
        j       4b

        .data
        .balign 4
        .globl  start_is_taken          # by the hart that boots; .bss is not zeroed yet
start_is_taken:
        .word   0
        .section .text.entry, "ax", @progbits

# Another hart, paging off: a0 is its id, a1 the address of its Start (harts.cpp). OpenSBI puts the address into stvec, too.
        .globl  start_hart
        .balign 4
start_hart:
        ld      tp, 0(a1)               # Start::hart
        .option push
        .option norelax
        lla     gp, __global_pointer$
        .option pop
        csrw    sie, zero
        csrw    sstatus, zero
        ld      t0, 16(a1)              # Start::satp: this code is where it was before
        sfence.vma
        csrw    satp, t0
        sfence.vma
        ld      sp, 8(a1)               # Start::stack_top
        mv      a0, a1
        mv      s0, zero
        mv      ra, zero
        call    hart_started
1:      wfi
        j       1b
