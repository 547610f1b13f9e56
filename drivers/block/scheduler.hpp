// Scheduler: in what order the bios of a disk go to its device (Linux: elevator). Used by Disk and
// HwQueue. A disk without one ("none") sends them in the order in which they came. What a scheduler
// holds are bios: they become requests, which have tags, only when they go out, so that it can hold
// any number and merging is sending neighbours one behind the other.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include <sluice/drivers/block/bio.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::blk {

class Disk;
class HwQueue;
class Request;

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  virtual std::string_view name() const = 0;  // a constant, with a '\0' behind it

  // Takes bios of its disk: Read, Write, Discard or WriteZeroes, checked, on their way through
  // `queue`. Several harts may call it at once. Task or work.
  virtual void insert(HwQueue& queue, List<Bio>& bios) = 0;

  // Moves what is to go out next through `queue` to the end of `to`: one bio and the neighbours
  // that may become one request with it, by ascending sector. False: nothing is to go out now.
  // Several queues may call it at once, each from one place. Task or work.
  virtual bool dispatch(HwQueue& queue, List<Bio>& to) = 0;

  // A request was made of its bios, or has ended; each once per request. True from ended(): there
  // may be something to dispatch that was held up. started(): task or work; ended(): any context.
  virtual void started(const Request&) {}
  virtual bool ended(const Request&, u64 /*now_ticks*/) { return false; }

  // Moves everything it holds to `to`, in an order that is fair. The disk is quiesced. Task.
  virtual void drain(List<Bio>& to) = 0;
};

inline constexpr std::string_view kNoScheduler = "none";
// The names that make_scheduler knows, "none" first.
std::span<const std::string_view> scheduler_names();
// A scheduler for `disk`; null for "none". NotFound: no such name; NoMemory. Task.
Result<std::unique_ptr<Scheduler>> make_scheduler(std::string_view name, Disk& disk);

}  // namespace sluice::blk
