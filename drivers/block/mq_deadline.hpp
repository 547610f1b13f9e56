// mq-deadline: bios go out in the order of their sectors, in batches of one direction, and none
// waits much longer than its deadline. Used through scheduler.hpp. Linux: block/mq-deadline.c,
// whose names the tunables have; docs/schedulers.md.
#pragma once

#include <array>

#include <sluice/drivers/block/scheduler.hpp>
#include <sluice/drivers/block/sector_tree.hpp>
#include <sluice/kernel/lock.hpp>

namespace sluice::blk {

class BioRun;

class MqDeadline final : public Scheduler {
 public:
  static constexpr std::string_view kName = "mq-deadline";

  struct Tunables {
    u64 read_expire_ns = 500'000'000;     // from its submission until a read is overdue
    u64 write_expire_ns = 5'000'000'000;  // and a write
    u32 fifo_batch = 16;                  // requests of a batch, at most
    u32 writes_starved = 2;               // batches of reads that go before waiting writes
    bool front_merges = true;             // a run also grows towards lower sectors
  };

  // The disk outlives it. Any context.
  explicit MqDeadline(const Disk& disk) : MqDeadline(disk, Tunables()) {}
  MqDeadline(const Disk& disk, const Tunables& tunables);

  std::string_view name() const override { return kName; }
  void insert(HwQueue& queue, List<Bio>& bios) override;
  bool dispatch(HwQueue& queue, List<Bio>& to) override;
  void drain(List<Bio>& to) override;

 private:
  // What is no read changes the disk, and counts as a write.
  enum Side : u32 { kReads, kWrites };
  static constexpr u32 kSides = 2;
  static Side side_of(const Bio& bio) { return bio.op == Op::Read ? kReads : kWrites; }

  Bio* next_in_order(Side side) const { return sorted_[side].first_at_or_after(position_[side]); }
  bool next_of_batch(List<Bio>& to);
  Bio* next_to_begin_with(Side side) const;
  bool choose_side();
  void send(Side side, Bio& first, List<Bio>& to);

  const Disk& disk_;
  const Tunables tunables_;
  const std::array<u64, kSides> expire_ticks_;

  SpinLock lock_;  // protects everything below
  // What waits, by place and by arrival: each bio is in both.
  std::array<SectorTree, kSides> sorted_;
  std::array<List<Bio>, kSides> fifo_;
  std::array<u64, kSides> position_{};  // where the last run that went out began
  Side side_ = kReads;                  // of this batch
  u32 left_in_batch_ = 0;
  u32 starved_ = 0;  // batches of reads begun since writes wait
};

}  // namespace sluice::blk
