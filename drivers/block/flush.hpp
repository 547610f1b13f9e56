// FlushMachine: what makes Flush, PREFLUSH and FUA true on a disk with a write cache, with as few
// flushes of the device as possible (Linux: blk-flush.c). Used by Disk, which owns one. A disk
// without a cache needs none of it: what has ended there is durable.
//
// A bio goes through up to three steps: Before (a flush, for Flush and PREFLUSH), Data (the write
// itself), After (a flush, for FUA where the device has none of its own). One flush is in flight at
// a time. A flush makes durable what had ended when it began, so that a bio that comes while one is
// in flight waits for the next, together with all others that come until that begins.
#pragma once

#include <sluice/drivers/block/bio.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::blk {

class FlushMachine {
 public:
  explicit FlushMachine(Disk& disk);
  // The disk was removed: what is in here ends with Removed.
  ~FlushMachine();
  FlushMachine(const FlushMachine&) = delete;
  FlushMachine& operator=(const FlushMachine&) = delete;

  // Takes bios that were checked: Flush, or Write with kPreflush or kFua. Task or work.
  void submit(List<Bio>& bios);

  // The data of `bio` was written, or not. Any context.
  void step_ended(Bio& bio, Status status);

 private:
  void advance();
  void enter(Bio& bio, Bio::FlushStep step, Status status);
  bool begin_round(List<Bio>& ended, List<Bio>& steps, bool again);
  void go_on();
  void flush_ended();

  Disk& disk_;
  SpinLock lock_;       // protects the lists and the flags
  List<Bio> for_next_;  // what the next flush covers
  List<Bio> covered_;   // what the one in flight does
  List<Bio> data_;      // to be written
  List<Bio> ended_;     // with their status
  bool flushing_ = false;
  bool advancing_ = false;
  Bio flush_;  // the flush in flight
  Work work_;  // advance()
};

}  // namespace sluice::blk
