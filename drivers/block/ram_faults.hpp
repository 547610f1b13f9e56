// RamFaults: what goes wrong on a RAM disk on purpose: bad sectors, errors, and requests that never
// end, by rule. Used by RamDisk before it carries a request out. Linux: null_blk's badblocks and
// fault attributes.
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include <sluice/drivers/block/request.hpp>

namespace sluice::blk {

// Sectors that can be neither read nor written; a write does not heal them.
struct BadSectors {
  u64 first = 0;
  u64 sectors = 0;  // 0: none
};

// Which requests of an operation end otherwise than they should.
struct FaultRule {
  enum class When : u8 {
    Never,
    Every,  // the number-th, and each number-th after it
    Nth,    // the number-th alone
    OneIn,  // of so many one, by chance
  };
  When when = When::Never;
  std::optional<Op> op{};  // none: whatever operation
  u64 number = 1;          // not 0
  Status status = Status::IoError;
  bool swallow = false;  // it does not end at all, until the request layer asks
};

struct FaultOptions {
  std::array<BadSectors, 16> bad{};
  std::array<FaultRule, 8> rules{};  // the first that applies decides
  u64 seed = 1;                      // of what happens by chance: the same seed, the same requests
};

// A number that looks like chance and is always the same for these two. Any context.
u64 by_chance(u64 seed, u64 number);

class RamFaults {
 public:
  explicit RamFaults(const FaultOptions& options);

  // Is there anything that could go wrong?
  bool any() const { return any_; }

  struct Verdict {
    Status status = Status::Ok;  // Ok: carry it out
    bool swallow = false;
  };
  // What is to become of the request; it counts for the rules. Several harts at once; any context.
  Verdict judge(const Request& request);

 private:
  bool applies(usize rule, Op op);
  bool touches_bad(const Request& request) const;

  FaultOptions options_;
  bool any_ = false;
  std::array<std::atomic<u64>, std::tuple_size_v<decltype(FaultOptions::rules)>>
      seen_{};  // by rule
};

}  // namespace sluice::blk
