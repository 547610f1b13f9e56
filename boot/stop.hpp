// The end of the program on several harts: one of them ends it, the others stop where they stand.
// Used by panic and power-off, and by the software interrupt that stops a hart.
#pragma once

#include <string_view>

#include <sluice/kernel/hart.hpp>

namespace sluice::boot {

// Who ends the program: the first hart that asks.
enum class Claim : u8 { Ours, OursAlready, Others };
Claim claim_end();

// Asks the other harts to stop, and gives them a second. Of whoever has claimed the end;
// interrupts off.
void stop_others();

// The software interrupt's question, and its answer: remembers where this hart stood, and is silent
// for good. `panic` says what it was about to report itself.
bool must_stop();
[[noreturn]] void stop_here(u64 pc, Context context, std::string_view panic = {});

// Where a hart stood when it stopped.
struct Place {
  bool stopped = false;  // false: it has not answered
  u64 pc = 0;
  Context context = Context::Task;
  std::string_view panic;  // of its own, at the same time; else empty
};
Place place_of(const Hart& hart);

}  // namespace sluice::boot
