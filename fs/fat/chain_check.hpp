// Which clusters belong to a file or a directory, and what is wrong with their chains.
// Used by Volume::check: a bit for each cluster, so that each is walked over once, whatever the
// volume says.
#pragma once

#include <memory>

#include <sluice/fs/fat/table.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::fat {

// A chain that was walked as far as it makes sense.
struct CheckedChain {
  enum class Fault : u8 {
    None,
    Broken,      // the entry of last_cluster (or where the chain should begin) is `link`
    Cycle,       // the chain comes back to `cluster`
    Shared,      // `cluster` belongs to another chain, too
    Unreadable,  // the table cannot be read there
  };
  Fault fault = Fault::None;
  u32 clusters = 0;  // that are its own
  u32 last_cluster = 0;
  u32 cluster = 0;
  Link link;
};

// One line on what is wrong with it.
Line describe(const CheckedChain& chain);

class ChainCheck {
 public:
  // NoMemory. The table outlives it. Task.
  static Result<ChainCheck> create(Table& table);

  // Walks the chain that starts at `first`, and takes its clusters. Task.
  CheckedChain take(u32 first);

  struct Lost {
    u32 clusters = 0;
    u32 first = 0;  // the lowest of them
    u32 free = 0;
  };
  // What the table holds that no chain has taken; to be bad is no loss. Malformed, Io, Removed.
  // Task.
  Result<Lost> find_lost();

 private:
  ChainCheck(Table& table, std::unique_ptr<u64[]> taken)
      : table_(&table), taken_(std::move(taken)) {}
  bool take_one(u32 cluster);
  bool is_taken(u32 cluster) const { return (taken_[cluster / 64] >> cluster % 64 & 1) != 0; }
  bool chain_holds(u32 first, u32 clusters, u32 wanted);

  Table* table_;
  std::unique_ptr<u64[]> taken_;
};

}  // namespace sluice::fat
