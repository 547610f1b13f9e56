// The commands, a function each, behind the table in commands.cpp.
#pragma once

#include "command.hpp"

namespace sluice::app {

int run_ls(Session& session, Words words);
int run_cat(Session& session, Words words);
int run_cksum(Session& session, Words words);
int run_stat(Session& session, Words words);
int run_fsinfo(Session& session, Words words);
int run_lsdev(Session& session, Words words);
int run_lsirq(Session& session, Words words);
int run_lsblk(Session& session, Words words);
int run_iostat(Session& session, Words words);
int run_dd(Session& session, Words words);
int run_hexdump(Session& session, Words words);
int run_bind(Session& session, Words words);
int run_unbind(Session& session, Words words);
int run_suspend(Session& session, Words words);
int run_resume(Session& session, Words words);
int run_free(Session& session, Words words);
int run_dmesg(Session& session, Words words);
int run_fault(Session& session, Words words);
int run_pt(Session& session, Words words);
int run_bench(Session& session, Words words);
int run_help(Session& session, Words words);
int run_poweroff(Session& session, Words words);
int run_reboot(Session& session, Words words);

}  // namespace sluice::app
