// BlockDisk: one virtio disk: its queues (BlockQueue), its tag set and its blk::Disk. Made by
// BlockDriver for each device. Reference: virtio 1.2, 5.2.
#pragma once

#include <memory>
#include <optional>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/tag_set.hpp>
#include <sluice/drivers/virtio/block.hpp>
#include <sluice/drivers/virtio/block_config.hpp>
#include <sluice/drivers/virtio/block_queue.hpp>

namespace sluice::virtio {

class BlockDisk final : public blk::QueueOps {
 public:
  static constexpr u32 kDefaultQueueSize = 256;
  static constexpr u32 kMaxQueues = Device::kMaxQueues;
  static constexpr u64 kAnswerTimeoutNs = 1'000'000'000;
  static constexpr u32 kMostVainResets = 2;
  static constexpr u64 kLastFlushNs = 5'000'000'000;

  explicit BlockDisk(Device& device);
  ~BlockDisk();

  // --- Life, in this order; task ---
  // Makes queues, memory, tags and disk. NoMemory, Malformed, NotSupported, and what the transport
  // says.
  Result<void> set_up(const BlockConfig& config);
  // The device is live: the disk can be found.
  void add();
  // The disk goes: what is in flight ends with Removed.
  void remove();

  // The machine is switched off: what was written is flushed, or has been for kLastFlushNs without
  // an answer; what is in flight then, and all that comes, ends with IoError. Task.
  void shutdown();

  // The configuration changed. Work.
  void config_changed();
  // Before and after a sleep of the machine: is flushed as in shutdown(), stands still, nothing is
  // with the device, and goes on. freeze: Io, it is out of service; restore: NotSupported, it has
  // other limits now, and what BlockConfig::read says. Task.
  Result<void> freeze();
  Result<void> restore();
  // Before and after a reset: stands still, and gives the device once more what it had. False: it
  // was reset several times and has answered nothing in between. Work.
  bool reset_prepare();
  Result<void> reset_done();
  // The device was given up: what is in flight ends with TimedOut where that is why, and with
  // IoError otherwise, as all does that comes. Task or work.
  void failed();
  // BlockDriver's functions of these names. Task.
  Result<BlockDriver::DiskId> read_id();
  Result<BlockDriver::Lifetime> read_lifetime();
  Result<void> set_write_cache(bool on);

  // --- QueueOps ---
  Result<void> init_hctx(blk::HwQueue& queue) override;
  void map_queues(blk::QueueMap& map) override;
  blk::QueueResult queue_rq(blk::HwQueue& queue, blk::Request& request, bool last) override;
  void queue_rqs(blk::HwQueue& queue, blk::FreshBios& bios) override;
  bool has_queue_rqs() const override { return shape_.indirect; }
  void commit_rqs(blk::HwQueue& queue) override;
  unsigned poll(blk::HwQueue& queue) override;
  u64 notifications(const blk::HwQueue& queue) const override {
    return queue_of(queue).notifications();
  }
  blk::TimeoutResult timeout(blk::HwQueue& queue, blk::Request& request) override;

 private:
  struct Counts {
    u32 queues = 1;
    u32 poll = 0;  // of them
  };
  Counts count_queues(const BlockConfig& config) const;
  Result<void> make_queues(const BlockConfig& config, const Counts& counts);
  void flush_cache();
  void fail_in_flight(blk::Status status);
  void leave_service();
  void take_capacity(u64 sectors);
  Result<void> begin_again();
  void go_on();
  void tell_cache_mode();
  void look_after_lost_question();
  Result<std::span<const std::byte>> ask(u32 type, u32 bytes);
  u64 requests_ended() const;
  BlockQueue& queue_of(const blk::HwQueue& queue) const {
    return *static_cast<BlockQueue*>(queue.driver_data);
  }

  Device& device_;
  BlockQueue::Shape shape_;
  BlockConfig config_;
  bool timed_out_ = false;
  bool stands_still_ = false;  // it was quiesced or frozen for a reset
  u32 vain_resets_ = 0;        // since it has answered something
  u64 ended_at_reset_ = 0;     // requests that had ended when it was reset last
  Timer lost_timer_;           // of a question that nobody waits for any more
  blk::Bio last_flush_;        // flush_cache()'s, and whether it is the device's
  std::atomic<u32> is_flushing_{0};
  std::array<std::unique_ptr<BlockQueue>, kMaxQueues> queues_;
  u32 queue_count_ = 0;
  std::unique_ptr<blk::TagSet> tag_set_;
  std::optional<blk::Disk> disk_;
};

}  // namespace sluice::virtio
