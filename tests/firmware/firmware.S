# A firmware for tests that lacks what it is told to lack: enough of the SBI for one hart of QEMU's virt machine.
# Used by tests/qemu/firmware.py as QEMU's -bios. The word at LACKS has a bit for each row of `extensions` that is not to be
# there (QEMU's loader device writes it); the tree given with it reserves the first 2 MiB, where this is. The word behind it,
# unless it is 0, is where the kernel is told that the tree is.
# Reference: RISC-V SBI 2.0; OpenSBI's docs/firmware/fw_dynamic.md for what QEMU passes in a2.

        .equ    LACKS, 0x80010000
        .equ    UART, 0x10000000
        .equ    FINISHER, 0x100000
        .equ    MTIMECMP, 0x2004000
        .equ    MOST_WRITTEN, 7         # by one DBCN write: what is left is the caller's to write again
        .equ    NOT_SUPPORTED, -2
        .equ    MTIE, 1 << 7
        .equ    STIP, 1 << 5

        .section .text
        .globl  _start
_start:
        bnez    a0, park                # hart 0 alone
        lla     t0, 1f
        csrw    mtvec, t0
        li      t0, 1
        slli    t0, t0, 63
        csrs    0x30a, t0               # menvcfg.STCE, where there is such a thing
        .balign 4
1:      li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f                # all of it, for every mode
        csrw    pmpcfg0, t0
        li      t0, 0xb1ff              # all exceptions but calls from supervisor mode
        csrw    medeleg, t0
        li      t0, 0x222
        csrw    mideleg, t0
        li      t0, 7
        csrw    mcounteren, t0
        lla     t0, trap
        csrw    mtvec, t0
        lla     t0, saved
        csrw    mscratch, t0
        ld      t0, 16(a2)              # fw_dynamic_info.next_addr
        csrw    mepc, t0
        li      t0, LACKS
        ld      t0, 8(t0)
        beqz    t0, 2f
        mv      a1, t0
2:      li      t0, 1 << 11             # to supervisor mode
        csrw    mstatus, t0
        mret
park:   wfi
        j       park

        .balign 4
trap:
        csrrw   sp, mscratch, sp
        sd      t0, 0(sp)
        sd      t1, 8(sp)
        sd      t2, 16(sp)
        sd      t3, 24(sp)
        csrr    t0, mcause
        bgez    t0, call
        li      t0, MTIE                # the timer's: passed on
        csrc    mie, t0
        li      t0, STIP
        csrs    mip, t0
done:
        ld      t0, 0(sp)
        ld      t1, 8(sp)
        ld      t2, 16(sp)
        ld      t3, 24(sp)
        csrrw   sp, mscratch, sp
        mret

# t0: the row of the extension a7, unless it is lacking.
call:
        csrr    t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mv      t3, a7
        jal     t2, find
        bltz    t0, absent
        lla     t1, handlers
        slli    t0, t0, 3
        add     t1, t1, t0
        ld      t1, 0(t1)
        jr      t1
absent:
        li      a0, NOT_SUPPORTED
        j       done

# The row of extension t3 in t0, −1 where there is none; returns to t2.
find:
        lla     t1, extensions
        li      t0, 0
1:      sd      t2, 32(sp)
        ld      t2, 0(t1)
        bltz    t2, 2f
        beq     t2, t3, 3f
        addi    t1, t1, 8
        addi    t0, t0, 1
        ld      t2, 32(sp)
        j       1b
2:      li      t0, -1
        j       4f
3:      li      t1, LACKS
        lwu     t1, 0(t1)
        srl     t1, t1, t0
        andi    t1, t1, 1
        beqz    t1, 4f
        li      t0, -1
4:      ld      t2, 32(sp)
        jr      t2

base:
        li      t0, 3
        beq     a6, t0, 1f
        li      a0, 0
        li      a1, 0
        bnez    a6, done
        li      a1, 2 << 24             # SBI 2.0
        j       done
1:      mv      t3, a0                  # probe_extension
        jal     t2, find
        slti    a1, t0, 0
        xori    a1, a1, 1
        li      a0, 0
        j       done

time:
        li      t0, STIP
        csrc    mip, t0
        li      t0, MTIMECMP
        sd      a0, 0(t0)
        li      t0, MTIE
        csrs    mie, t0
        li      a0, 0
        j       done

srst:
        li      t1, 0x7777
        bnez    a0, 1f
shutdown:
        li      t1, 0x5555
1:      li      t0, FINISHER
        sw      t1, 0(t0)
        li      a0, -1
        j       done

console:
        li      t0, UART
        li      t1, 1
        beq     a6, t1, 3f
        li      t1, MOST_WRITTEN
        bltu    t1, a0, 1f
        mv      t1, a0
1:      mv      t3, t1
2:      beqz    t1, 4f
        lbu     t2, 0(a1)
        sb      t2, 0(t0)
        addi    a1, a1, 1
        addi    t1, t1, -1
        j       2b
4:      mv      a1, t3
        li      a0, 0
        j       done
3:      lbu     t1, 5(t0)               # read: one byte at most
        andi    t1, t1, 1
        li      a0, 0
        mv      t2, a1
        mv      a1, t1
        beqz    t1, done
        lbu     t1, 0(t0)
        sb      t1, 0(t2)
        j       done

putchar:
        li      t0, UART
        sb      a0, 0(t0)
        li      a0, 0
        j       done

getchar:
        li      t0, UART
        lbu     t1, 5(t0)
        andi    t1, t1, 1
        li      a0, -1
        beqz    t1, done
        lbu     a0, 0(t0)
        j       done

fails:
        li      a0, -1
        j       done

        .section .rodata
        .balign 8
# The first ten in the order of boot::Extension.
extensions:
        .dword  0x54494D45, 0x735049, 0x52464E43, 0x48534D, 0x53525354, 0x4442434E, 0, 1, 2, 8, 0x10, -1
handlers:
        .dword  time, fails, fails, fails, srst, console, time, putchar, getchar, shutdown, base

        .section .data
        .balign 8
saved:  .skip   40
