# The first instructions of the bare ring: a stack, then C++. QEMU has zeroed what is not loaded.
# Used by the firmware: a0 is the hart id, a1 the address of the device tree.

        .section .text.entry, "ax", @progbits
        .globl  _start
_start:
        .option push
        .option norelax
        lla     gp, __global_pointer$
        .option pop
        csrw    sie, zero
        csrw    sstatus, zero
        lla     sp, __boot_stack_top
        call    bare_ring
1:      wfi
        j       1b
