// A machine for whole commands: disks in memory that can fail, and a console that keeps what each
// stream got.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/command.hpp"
#include "tests/catch.hpp"
#include "tests/port/world.hpp"

#include <sluice/drivers/block/disk.hpp>
#include <sluice/kernel/console.hpp>

namespace sluice::test {

using Bytes = std::vector<std::byte>;

// A disk over bytes; requests complete inside queue_rq, or one per step of the world where
// `deferred` is set.
class MemoryDisk final : public blk::QueueOps {
 public:
  static constexpr blk::TagSet::Shape kPlainShape{.hw_queues = 1, .depth = 64, .merge = false};
  MemoryDisk(std::string_view name, Bytes contents, blk::Disk::Options options = {},
             const blk::TagSet::Shape& shape = kPlainShape);
  blk::Disk& disk() { return *disk_; }

  Bytes bytes;
  std::set<u64> bad_sectors;   // a request that touches one fails
  std::set<u64> lost_writes;   // a write that begins here is acknowledged, and forgotten
  std::set<u64> wrong_writes;  // one that begins here is stored with a bit of its last byte changed
  std::map<u64, u64> stray_writes;  // one that begins here goes there
  bool deferred = false;
  usize most_in_flight = 0;
  usize reads = 0;
  usize writes = 0;
  usize discards = 0;
  usize flushes = 0;
  usize polled = 0;          // requests that ended in poll()
  u64 notifications_ = 0;    // batches of requests
  std::vector<u64> sectors;  // of the requests, in order
  bool complete_one();

 private:
  struct Payload {};
  blk::QueueResult queue_rq(blk::HwQueue& queue, blk::Request& request, bool last) override;
  void commit_rqs(blk::HwQueue&) override { ++notifications_; }
  unsigned poll(blk::HwQueue&) override;
  u64 notifications(const blk::HwQueue&) const override { return notifications_; }
  std::byte* place_of_write(u64 sector);
  void finish(blk::Request& request);

  std::vector<blk::Request*> waiting_;
  std::unique_ptr<blk::TagSet> tag_set_;
  std::unique_ptr<blk::Disk> disk_;
};

// Takes the console's records apart, as run.sh does.
class RecordConsole final : public console::Device {
 public:
  void write(std::string_view bytes) override { raw += bytes; }
  int read() override;
  void enable_input() override {}
  std::string stream(char which) const;

  std::string raw;
  std::string input;
  usize input_used = 0;
};

struct Machine {
  explicit Machine(u32 harts = 1);
  ~Machine();
  MemoryDisk& add_disk(std::string_view name, Bytes contents, blk::Disk::Options options = {},
                       const blk::TagSet::Shape& shape = MemoryDisk::kPlainShape);

  // Runs a line; afterwards `out` and `error` are what it printed.
  int run(std::string_view line);

  World world;
  RecordConsole console;
  std::vector<std::unique_ptr<MemoryDisk>> disks;
  app::Session session;
  std::string out;
  std::string error;
};

}  // namespace sluice::test
