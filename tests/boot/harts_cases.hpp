// What the boot tests do with several harts. Status 0: it went well; 1: it did not.
#pragma once

int every_hart_runs();          // jobs for each hart, and work from each to each; prints how many
int every_hart_has_a_timer();   // waits for one on each
int interrupt_on_every_hart();  // the serial line's, sent from one to the next
int all_harts_print();          // at once, some hundred lines and log lines each
int end_while_others_print();
// Hart 1, while 2 spins, 3 sleeps, 4 has interrupts off and 5 is in one.
int panic_on_another_hart();
int panic_on_all_harts();  // at once
int hang_on_all_harts();
// Hart 8, the firmware's, comes to _start while the others run.
int a_hart_strays_to_start();
