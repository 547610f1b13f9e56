// The file allocation table: what an entry means, and walking a chain that may be anything.
// Used by directory and file. Reference: Microsoft FAT specification 1.03, "FAT Data Structure".
#pragma once

#include <limits>
#include <span>

#include <sluice/fs/fat/block_reader.hpp>
#include <sluice/fs/fat/bpb.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::fat {

// The meaning of a table entry.
struct Link {
  enum class Kind : u8 {
    Free,        // 0
    Next,        // the cluster that follows
    Bad,         // 0x…ff7
    Reserved,    // 1, and 0x…ff0 to 0x…ff6
    End,         // 0x…ff8 and more
    OutOfRange,  // a cluster that the volume does not have
  };
  Kind kind = Kind::Free;
  u32 value = 0;  // as it stands in the table, 28 bits of it on FAT32
};
std::string_view to_string(Link::Kind kind);

// What an entry's value means on this volume. Any context.
Link interpret(const Geometry& geometry, u32 value);

// Clusters that follow each other on the disk and in their chain.
struct Run {
  u32 cluster = 0;  // the first
  u32 count = 0;
  Link link;  // the entry of the last
};

// Reads entries of the active copy. The geometry and the reader outlive it.
class Table {
 public:
  Table(BlockReader& reader, const Geometry& geometry) : reader_(&reader), geometry_(&geometry) {}

  const Geometry& geometry() const { return *geometry_; }
  std::string_view device_name() const { return reader_->device().name(); }

  // The entry of a cluster; OutOfRange where the volume has no such cluster. Malformed, Io,
  // Removed. Task.
  Result<Link> link(u32 cluster);

  // The raw value of entry 0…clusters + 1; entry 1 holds the dirty and error bits. Same errors.
  // Task.
  Result<u32> value(u32 index);

  // The raw values from entry `index` (not behind the last) on: as many as can be had by one read,
  // at least one, and at most as `out` has room for (> 0); how many. Same errors. Task.
  Result<u32> read_values(u32 index, std::span<u32> out);
  static constexpr usize kManyValues = 128;  // that are worth asking for at once

  // The run that begins at a cluster of the volume: to where the chain leaves it, or `limit`
  // (> 0) clusters. Same errors. Task.
  Result<Run> run(u32 cluster, u32 limit);

  // Free entries, counted over the whole table. Same errors. Task.
  Result<u32> count_free();

 private:
  Result<u32> fat12_value(u32 index);
  Result<u32> follow_fat12(u32 cluster, u32 limit, u32& count);
  template <class Entry>
  Result<u32> follow(u32 cluster, u32 limit, u32& count);
  template <class Entry>
  Result<std::span<const std::byte>> entries(u32 index, u32 limit);
  template <class Entry>
  Result<u32> copy_values(u32 index, std::span<u32> out);

  BlockReader* reader_;
  const Geometry* geometry_;
};

// A walk along a chain, run by run. A cycle is found after at most three times the runs of the
// chain (Brent's algorithm: the walk is compared with a place it left behind at a power of two).
// No memory.
class ChainWalk {
 public:
  enum class Step : u8 {
    Run,     // run() is the following one
    End,     // there is none: the chain ends here as it should
    Broken,  // link(), the last entry, is neither a link nor an end
    Cycle,   // the chain comes back to itself
  };

  // `first` may be anything: the first step says so where it is no cluster.
  ChainWalk(Table& table, u32 first) : table_(&table) {
    run_.link = interpret(table.geometry(), first);
  }

  const Run& run() const { return run_; }
  u32 index() const { return index_; }                  // place of run() in the chain, in clusters
  u32 clusters() const { return index_ + run_.count; }  // walked so far
  Link link() const { return run_.link; }

  // Takes the next run, or at most `limit` (> 0) clusters of it; after an error it can be tried
  // again. Malformed, Io, Removed. Task.
  Result<Step> advance(u32 limit = std::numeric_limits<u32>::max());

 private:
  Table* table_;
  Run run_{};
  u32 index_ = 0;
  u32 runs_ = 0;     // begun so far, parts of one counted once
  u32 rest_at_ = 0;  // runs after which the tortoise is moved up
  u32 tortoise_ = 0;
};

// Logs why the walk along the chain of `what`, a name, stopped: at Broken or Cycle. Any context.
void log_broken_chain(const Table& table, std::string_view what, const ChainWalk& walk,
                      ChainWalk::Step step);

}  // namespace sluice::fat
