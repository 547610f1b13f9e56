// RamDisk: a disk in memory that behaves as it is told to: how many queues, when requests end, what
// fails, what a power cut loses. Used by RamDiskDriver, which takes the options from the command
// line (docs/ram-disk.md), and as a class by tests. The bytes are RamStore's, the volatile cache is
// RamCache's, the faults are RamFaults', what ends later waits in RamLanes. Linux: brd, null_blk.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/ram_cache.hpp>
#include <sluice/drivers/block/ram_faults.hpp>
#include <sluice/drivers/block/ram_lane.hpp>
#include <sluice/drivers/block/ram_store.hpp>
#include <sluice/drivers/block/tag_set.hpp>

namespace sluice::blk {

// Hears of every request that was carried out, in the order in which the disk's content changed:
// a test's record, from which it makes what a power cut may leave.
class RamLog {
 public:
  // Op::Read is not told of. Task or work, inside queue_rq; several harts at once where the disk
  // has several queues.
  virtual void carried_out(const Request& request) = 0;

 protected:
  ~RamLog() = default;
};

class RamDisk final : public QueueOps {
 public:
  static constexpr u64 kDefaultBytes = 32 * 1024 * 1024;

  // When requests end: inside queue_rq, or in irq context once the time has come.
  enum class Mode : u8 { Inline, Timer };
  // What the disk says of a request that is late or was swallowed. Extend: so many times, then
  // Fail. Reset: the request is tried again.
  enum class OnTimeout : u8 { Fail, Extend, Reset };

  struct Options {
    std::string_view name = "ram0";
    u64 capacity_bytes = kDefaultBytes;  // where there is no image
    std::span<std::byte> image{};        // the bytes of the disk, not copied; outlive it
    TagSet::Shape shape{.hw_queues = 4, .depth = 64, .merge = true};
    Limits limits{.max_discard_bytes = ~u64{0}, .max_write_zeroes_bytes = ~u64{0}};
    bool read_only = false;
    bool write_cache = false;  // volatile: what was not flushed does not survive power_cut()
    bool fua = false;          // with the cache: it writes through it where it is asked to
    bool partitioned = false;  // looks for partitions
    Mode mode = Mode::Inline;
    u64 latency_ns = 10'000;   // Mode::Timer: of each request
    u64 jitter_ns = 0;         // Mode::Timer: up to so much more, by chance: they end out of order
    u64 bytes_per_second = 0;  // Mode::Timer: of the whole disk; 0: no limit
    u64 timeout_ns = Disk::kDefaultTimeoutNs;  // 0: none
    OnTimeout on_timeout = OnTimeout::Fail;
    u32 extensions = 1;
    FaultOptions faults{};
    RamLog* log = nullptr;
  };

  // A disk that is added under its name. Invalid: a capacity of no sectors or of a part of one, a
  // rule's number 0, or what TagSet and Disk refuse; NoMemory; Exists. Task.
  static Result<std::unique_ptr<RamDisk>> create(const Options& options);
  ~RamDisk() { remove(); }

  Disk& disk() { return *disk_; }
  const RamStore& store() const { return store_; }
  const RamCache* cache() const { return cache_.get(); }

  // Takes the disk away, and ends what it holds with Removed. Task.
  void remove();

  // Power goes and comes back: of what no flush has made durable only `kept` stays, written in that
  // order. What was on its way ends with IoError. NoSpace: no memory to restore a page. Task, with
  // nobody submitting.
  Status power_cut(std::span<const KeptWrite> kept = {});

  // QueueOps. The caller's memory is read or written inside queue_rq and never after it, whenever
  // the request ends: a read shows what was written when it was queued, and no later write.
  Result<void> init_hctx(HwQueue& queue) override;
  void exit_hctx(HwQueue& queue) override;
  QueueResult queue_rq(HwQueue& queue, Request& request, bool last) override;
  void queue_rqs(HwQueue& queue, FreshBios& bios) override;
  bool has_queue_rqs() const override { return options_.mode == Mode::Inline && !faults_.any(); }
  unsigned poll(HwQueue& queue) override;
  TimeoutResult timeout(HwQueue& queue, Request& request) override;

 private:
  class Alone;

  RamDisk(const Options& options, RamStore store)
      : options_(options), faults_(options.faults), store_(std::move(store)) {}
  Result<void> add_disk();

  bool is_durable(const Request& request) const { return options_.fua && request.fua(); }
  bool is_inside(ByteRange range) const;
  Status carry_out(RamLane& lane, const Request& request);
  Status carry_out_alone(const Request& request, ByteRange range);
  Status change_alone(const Request& request, ByteRange range);
  Status save_and_write(const Request& request, ByteRange range);
  void read(const Request& request, u64 offset) const;
  Status write(const Request& request, u64 offset);

  u64 due_ns(const Request& request);
  u64 jitter_of_next();
  bool has_some() const;
  void end_all_held(Status status);

  // Destroyed from the last to the first: the disk, then what carries its requests, then what they
  // read and write.
  Options options_;
  RamFaults faults_;
  RamStore store_;
  std::unique_ptr<RamCache> cache_;        // where there is one
  std::atomic<u64> transferred_at_ns_{0};  // when the last transfer will be through, with a limit
  std::atomic<u64> jitters_{0};            // so many so far
  std::unique_ptr<TagSet> tag_set_;
  std::optional<Disk> disk_;
};

}  // namespace sluice::blk
