// BlockDisk: one virtio disk at work: requests of the request layer into the ring, completions out
// of it. Made by BlockDriver for each device. Reference: virtio 1.2, 5.2.6.
//
// All that a request needs stands ready under its tag: the mappings of its data in the payload, and
// in DMA memory its slot with the header, the status byte and, where indirect descriptors were
// negotiated, a table.
#pragma once

#include <memory>
#include <optional>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/tag_set.hpp>
#include <sluice/drivers/virtio/block.hpp>
#include <sluice/drivers/virtio/block_config.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/timer.hpp>

namespace sluice::virtio {

class BlockDisk final : public blk::QueueOps {
 public:
  static constexpr u32 kMaxSegments = 32;  // of a request's data
  static constexpr u32 kMaxDepth = 256;    // requests in flight
  static constexpr u32 kDefaultQueueSize = 256;
  static constexpr u32 kMaxQueueSize = 1024;
  static constexpr u64 kLongestSilenceNs = 1'000'000;
  static constexpr u64 kIdTimeoutNs = 1'000'000'000;

  explicit BlockDisk(Device& device);
  ~BlockDisk();

  // --- Life, in this order; task ---
  // Makes ring, memory, tags and disk. NoMemory, Malformed, NotSupported, and what the transport
  // says.
  Result<void> set_up(const BlockConfig& config);
  // The device is live: the disk can be found.
  void add();
  // The disk goes: what is in flight ends with Removed.
  void remove();

  // The configuration changed. Work.
  void config_changed();
  // The device was given up: what is in flight, and all that comes, ends with IoError. Work.
  void failed();
  // BlockDriver::read_id. Task, while no other hart submits to the disk.
  Result<BlockDriver::DiskId> read_id();

  // --- QueueOps ---
  Result<void> init_hctx(blk::HwQueue& queue) override;
  blk::QueueResult queue_rq(blk::HwQueue& queue, blk::Request& request, bool last) override;
  void commit_rqs(blk::HwQueue& queue) override;
  unsigned poll(blk::HwQueue& queue) override;

 private:
  static constexpr u8 kNoStatus = 0xff;  // until the device says something

  // In DMA memory, one per tag and one for read_id(); behind it the table.
  struct Slot {
    block::Header header;  // read by the device
    u8 status;             // written by the device
    u8 unused[15];
    void fill(u32 type, u64 sector) {
      header.type = type;
      header.sector = sector;
      status = kNoStatus;
    }
    std::byte* table() { return reinterpret_cast<std::byte*>(this + 1); }
  };
  static_assert(sizeof(Slot) == 32);

  // Per request, in the CPU's memory alone.
  struct Payload {
    u32 segments = 0;
    std::array<dma::Mapping, kMaxSegments + 2> pieces;  // header, data, status
    std::span<dma::Mapping> data() { return {&pieces[1], segments}; }
    std::span<dma::Mapping> all() { return {pieces.data(), segments + 2}; }
  };

  // How far read_id() is. Lost: nobody waits for the answer any more, but the slot is still the
  // device's.
  enum IdState : u32 { kIdle, kAsked, kAnswered, kLost, kFailed };

  Result<void> choose_shape(const BlockConfig& config);
  Result<void> make_slots();

  usize slot_offset(u32 token) const { return token * slot_bytes_; }
  Slot& slot(u32 token) const {
    return *reinterpret_cast<Slot*>(slots_.bytes().data() + slot_offset(token));
  }
  std::span<std::byte> id_bytes() const { return slots_.bytes().last(block::kIdBytes); }
  dma::Mapping header_piece(u32 token) const;
  dma::Mapping status_piece(u32 token) const;

  blk::QueueResult map_data(const blk::Request& request, Payload& payload);
  blk::QueueResult map_segments(const blk::Request& request, Payload& payload);
  blk::QueueResult cannot_map(Payload& payload, u32 mapped, const blk::Segment& segment,
                              Errc error);
  static void unmap_data(Payload& payload);
  blk::QueueResult queue_chain(blk::Request& request, Payload& payload, bool last);
  bool add_chain(u32 token, std::span<dma::Mapping> pieces);
  void tell_device();

  enum class Why : u8 { Interrupt, Deadline, Poll };
  unsigned reap(Why why);
  bool ask_for_interrupt(Why why);
  void finish(u32 token);
  void finish_id();
  bool ask_for_id();
  blk::Status failure(u8 status, const blk::Request& request);
  void fail_in_flight(blk::Status status);

  Device& device_;
  Virtqueue* ring_ = nullptr;
  bool indirect_ = false;
  bool told_of_error_ = false;
  SpinLock lock_;  // protects the ring among those who complete, and with chains from submission
  u32 depth_ = 0;
  usize slot_bytes_ = 0;
  u32 max_segments_ = 0;
  u64 dma_mask_ = 0;
  DmaBuffer slots_;
  std::unique_ptr<blk::Request*[]> issued_;  // by token: what the device has
  Timer silence_timer_;
  std::unique_ptr<blk::TagSet> tag_set_;
  std::optional<blk::Disk> disk_;

  std::atomic<u32> id_state_{kIdle};
};

}  // namespace sluice::virtio
