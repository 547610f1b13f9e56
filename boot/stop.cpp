// Stopping harts by interrupt, and their last words.
#include <sluice/boot/stop.hpp>

#include <array>
#include <atomic>

#include <sluice/boot/csr.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice_port.hpp>

namespace sluice::boot {
namespace {

constexpr u64 kAnswerNs = 1'000'000'000;

constinit std::atomic<Hart*> ended_by{nullptr};
constinit std::atomic<u32> stopping{0};
constinit std::array<Place, kMaxHarts>
    places;  // by hart index; each is its hart's until it stopped
constinit std::array<std::atomic<u32>, kMaxHarts> stopped;

}  // namespace

Claim claim_end() {
  Hart* nobody = nullptr;
  Hart& us = port::this_hart();
  if (ended_by.compare_exchange_strong(nobody, &us)) {
    return Claim::Ours;
  }
  return nobody == &us ? Claim::OursAlready : Claim::Others;
}

void stop_others() {
  stopping.store(1, std::memory_order_release);
  for (u32 i = 0; i < hart_count(); ++i) {
    if (&hart(i) != &port::this_hart()) {
      port::wake(hart(i));
    }
  }
  const u64 last = clock::now_ns() + kAnswerNs;
  for (u32 i = 0; i < hart_count(); ++i) {
    const std::atomic<u32>& answer = stopped[i];
    while (&hart(i) != &port::this_hart() && answer.load(std::memory_order_acquire) == 0 &&
           clock::now_ns() < last) {
      port::relax();
    }
  }
}

bool must_stop() {
  return stopping.load(std::memory_order_acquire) != 0;
}

void stop_here(u64 pc, Context context, std::string_view panic) {
  port::irq_save();
  const u32 index = port::this_hart().index;
  places[index] = {.stopped = true, .pc = pc, .context = context, .panic = panic};
  stopped[index].store(1, std::memory_order_release);
  csr::write_sie(0);  // nothing wakes it any more
  while (true) {
    csr::wait_for_interrupt();
  }
}

Place place_of(const Hart& hart) {
  return stopped[hart.index].load(std::memory_order_acquire) != 0 ? places[hart.index] : Place{};
}

}  // namespace sluice::boot
