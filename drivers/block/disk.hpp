// Disk: a block device that drivers add and others find by name (Linux: gendisk with its
// request_queue). A driver owns the disk and the tag set beneath it. Order of calls: construct,
// add(); then submissions; remove() or the destructor, after which every bio has ended.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include <sluice/drivers/block/block_device.hpp>
#include <sluice/drivers/block/flush.hpp>
#include <sluice/drivers/block/partition.hpp>
#include <sluice/drivers/block/scheduler.hpp>
#include <sluice/drivers/block/statistics.hpp>
#include <sluice/drivers/block/tag_set.hpp>
#include <sluice/drivers/block/timeout.hpp>

namespace sluice::blk {

struct DiskListTag;

// What the bios of one submission have in common: a window of the disk, and when.
struct Admission {
  u64 first_sector;
  u64 sectors;
  u64 now_ticks;
  u64 max_plain_bytes;  // of data in one piece, to be one request
};

class Disk final : public BlockDevice,
                   public ListNode<DiskListTag>,
                   public ListNode<ScheduledDiskTag> {
 public:
  static constexpr u64 kDefaultTimeoutNs = 30'000'000'000;

  struct Options {
    u64 sectors = 0;
    Limits limits{};
    bool read_only = false;
    bool write_cache = false;
    bool fua = false;                    // with a write cache: the device takes FUA writes itself
    bool partitioned = false;            // add() looks for partitions
    u64 timeout_ns = kDefaultTimeoutNs;  // of a request with the driver; 0: none
  };

  // `name` of at most 15 bytes: vda, ram0. The tag set outlives the disk. The capacity and the
  // limits in bytes are rounded down to whole logical blocks.
  Disk(TagSet& tag_set, std::string_view name, const Options& options);
  ~Disk();

  // Makes it visible by name, and finds its partitions. Exists; NoMemory; Invalid: limits that no
  // request can keep, or no name, with what is wrong in the log. Task.
  Result<void> add();

  // Invisible from now on; new bios and those that wait end with Removed, open handles are told,
  // the capacity is 0. Those in flight are the driver's to end (it resets the device) before the
  // destructor, where one left over is a checked crash. Task, not from an end_io.
  void remove();
  bool removed() const { return (gate_.load(std::memory_order_relaxed) & kRemoved) != 0; }

  // --- Standing still ---
  // No request of the disk goes to the driver from when quiesce() returns until unquiesce(); bios
  // wait meanwhile. They nest. Task or work, not from an end_io.
  void quiesce();
  void unquiesce();
  // The same, and freeze() waits until the driver has none: for suspend, resize, another scheduler.
  // What waits is kept, as it holds no request yet (Linux drains it). Task.
  void freeze();
  void unfreeze() { unquiesce(); }
  // The driver says that the device sleeps, or does no longer: the disk is frozen for as long as
  // somebody likes. Task.
  void set_suspended(bool on) { suspended_ = on; }
  bool suspended() const { return suspended_; }

  // Another capacity, in sectors, from the driver. Bios that were accepted before and reach beyond
  // it are the driver's to refuse; resize() waits for those that it has. Task.
  void resize(u64 sectors);
  // The same without waiting, for a device that has changed already. Task or work, not from an
  // end_io.
  void capacity_changed(u64 sectors);
  // From now on there is something that only a flush makes stable, or nothing. Task.
  void set_write_cache(bool on) { port::store_relaxed(write_cache_, u32{on}); }

  // By name (scheduler.hpp), also under load. NotFound, NoMemory. Task.
  Result<void> set_scheduler(std::string_view name);
  std::string_view scheduler_name() const {
    return {scheduler_name_.load(std::memory_order_relaxed)};
  }

  // --- What it is, and did; any context ---
  TagSet& tag_set() const { return tag_set_; }
  u32 open_count() const { return open_count_; }
  bool has_fua() const { return options_.fua; }
  u64 timeout_ns() const { return timeouts_.timeout_ns(); }
  const List<Partition>& partitions() const { return partitions_; }
  const Partition* find_partition(std::string_view name) const;  // null: none of that name
  Statistics& statistics(u32 queue) { return statistics_[queue]; }
  Totals totals(Direction direction) const;

  std::string_view name() const override { return {name_.data()}; }
  u64 sectors() const override { return sectors_.load(std::memory_order_relaxed); }
  const Limits& limits() const override { return options_.limits; }
  bool read_only() const override { return options_.read_only; }
  bool has_write_cache() const override {
    return write_cache_.load(std::memory_order_relaxed) != 0;
  }
  using BlockDevice::submit;
  void submit(List<Bio>& bios) override { submit_within({0, ~u64{0}}, bios); }
  unsigned poll() override;

  // Submits bios whose sectors count from the window's first, and may not leave it. Task or work.
  void submit_within(const Window& window, List<Bio>& bios);

  // --- For the parts of the request layer ---
  FlushMachine& flush_machine() { return flushes_; }
  // Takes what the flush machine sends: data to be written, and flushes. Task or work.
  void submit_steps(List<Bio>& bios);
  // How long a request of `op` may be, and how long one that begins at `sector`.
  u64 max_bytes(Op op) const { return max_bytes_[static_cast<u32>(op)]; }
  u64 room_at(u64 sector) const;
  // Which flags of a bio are for the driver: the flush machine has seen to the others.
  u8 request_flags() const {
    return static_cast<u8>(options_.fua ? ~bio_flag::kPreflush
                                        : ~(bio_flag::kPreflush | bio_flag::kFua));
  }
  // Has the scheduler send more, unless the disk is quiesced.
  bool dispatch(HwQueue& queue, List<Bio>& to);

 private:
  friend class CompletionBatch;
  friend class ExpressLane;
  friend class HwQueue;
  friend class OpenDevice;
  friend void remove_from_list(Disk& disk);

  // Of gate_: requests go to the driver while it is 0. Below kRemoved, a count of quiesce().
  static constexpr u32 kRemoved = u32{1} << 31;

  // Makes plans for bios, with the status where one ends now; flushes and durable writes leave the
  // list, for the flush machine.
  void admit_all(List<Bio>& bios, const Admission& admission);
  void admit(Bio& bio, const Admission& admission);
  // Is it data in one piece that is one request, and nothing else to be seen to but `flags`, which
  // stand where they do in Bio::op_and_flags()? Most are.
  bool is_plain(const Bio& bio, u32 flags, const Admission& admission) const {
    if ((bio.op_and_flags() ^ flags) > last_plain_op_ || bio.segments.size() != 1) {
      return false;
    }
    const u64 bytes = bio.segments[0].bytes;
    const u64 first = bio.sector.value();
    // Neither 0 nor too much, whole blocks, and inside the window.
    return bytes - 1 < admission.max_plain_bytes && bio.segments[0].data != nullptr &&
           (((first << kSectorShift) | bytes) & block_mask_) == 0 &&
           first <= admission.sectors - (bytes >> kSectorShift);
  }
  void plan_parts(Bio& bio);
  Status check(const Bio& bio, u64 bytes, u64 sectors) const;
  void sort_out(List<Bio>& bios);
  bool limits_make_sense() const;
  void round_to_blocks();
  u64 whole_blocks(u64 sectors) const;
  void end_waiting();
  void find_partitions();
  bool driver_has_some();
  bool scheduled() const { return static_cast<const ListNode<ScheduledDiskTag>&>(*this).linked(); }

  TagSet& tag_set_;
  std::array<char, 16> name_{};
  Options options_;
  std::atomic<u64> sectors_{0};
  std::atomic<u32> gate_{0};
  std::atomic<u32> write_cache_;
  u64 block_mask_ = 0;              // the bits of an offset inside a logical block
  u32 last_plain_op_ = 0;           // Read, and Write where that is allowed
  u64 max_bytes_in_one_piece_ = 0;  // of data in one piece, to be one request
  std::array<u64, kOps> max_bytes_{};
  std::array<Status, kOps> refusals_{};
  std::unique_ptr<Scheduler> scheduler_;  // changes while all queues are held
  std::atomic<const char*> scheduler_name_{kNoScheduler.data()};  // a constant, for those who ask
  TimeoutWatch timeouts_;
  FlushMachine flushes_;
  std::unique_ptr<Statistics[]> statistics_;  // by hardware queue
  List<Partition> partitions_;
  std::unique_ptr<Partition[]> partition_storage_;
  u32 open_count_ = 0;
  bool suspended_ = false;
  List<OpenDevice> opens_;
};

// The disks that were added, in that order; `find` gives null where there is none of that name.
// Task.
Disk* find(std::string_view name);
void for_each_disk(void (*visit)(Disk& disk, void* context), void* context);

// The first free name of a kind of disk: vda, vdb, … vdz, vdaa for prefix "vd".
// Task.
std::array<char, 16> next_name(std::string_view prefix);

}  // namespace sluice::blk
