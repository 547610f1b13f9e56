// A virtio disk's life: from its configuration to a disk that can be found, and back.
#include <sluice/drivers/virtio/block_disk.hpp>

#include <algorithm>
#include <new>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::virtio {
namespace {

constexpr u32 kEndPieces = 2;  // header and status
constexpr std::string_view kQueueSizeWord = "virtio_blk.queue_size";

}  // namespace

BlockDisk::BlockDisk(Device& device)
    : device_(device),
      silence_timer_([](void* disk) { static_cast<BlockDisk*>(disk)->reap(Why::Deadline); }, this) {
}

BlockDisk::~BlockDisk() {
  silence_timer_.cancel();
  if (device_.holds_memory()) {
    log::error("{}: the memory of its requests is never freed: the device may still use it",
               device_.name());
    abandon(std::move(slots_));
  }
}

// --- Set-up --------------------------------------------------------------------------------------

Result<void> BlockDisk::set_up(const BlockConfig& config) {
  const u64 wanted =
      command_line::number(kQueueSizeWord, 2, kMaxQueueSize).value_or(kDefaultQueueSize);
  ring_ = TRY(device_.create_queue(
      0, static_cast<u32>(wanted),
      [](void* disk) { static_cast<BlockDisk*>(disk)->reap(Why::Interrupt); }, this));
  TRY(choose_shape(config));
  TRY(make_slots());
  tag_set_ = TRY(blk::TagSet::create<Payload>(*this, {.hw_queues = 1, .depth = depth_}));
  const blk::Limits limits{.logical_block_bytes = config.block_bytes,
                           .physical_block_bytes = config.block_bytes,
                           .max_segments = max_segments_,
                           .max_segment_bytes = config.max_segment_bytes};
  disk_.emplace(*tag_set_, blk::next_name("vd").data(),
                blk::Disk::Options{.sectors = config.sectors,
                                   .limits = limits,
                                   .read_only = config.read_only,
                                   .write_cache = config.write_cache});
  return {};
}

// How many requests of how many pieces suit the ring.
Result<void> BlockDisk::choose_shape(const BlockConfig& config) {
  indirect_ = device_.has(feature::kIndirectDesc);
  const u32 ring = ring_->size();
  const u32 least = indirect_ ? 2 : 1 + kEndPieces;
  if (ring < least) {
    log::error("{}: a ring of {} has no room for header, data and status{}; boot with {}=4 or more",
               device_.name(), ring,
               indirect_ ? "" : ", and the device offers no indirect descriptors", kQueueSizeWord);
    return device_.reject(Errc::NotSupported, "its ring is too small for a request");
  }
  // No chain is longer than the ring (2.7.5.3.1), tables included. A ring of 2 is the exception:
  // there a table of three is the only way to say anything, and devices take it.
  const u32 most = ring > kEndPieces ? ring - kEndPieces : 1;
  max_segments_ = std::min({config.max_segments, most, kMaxSegments});
  // With tables each request has its place in the ring, and read_id() has the last; chains take
  // what there is.
  depth_ = std::min(indirect_ ? ring - 1 : ring / (1 + kEndPieces), kMaxDepth);
  if (u64{max_segments_} * config.max_segment_bytes < config.block_bytes) {
    log::error("{}: {} segments of size_max {} do not hold a block of {} bytes", device_.name(),
               max_segments_, config.max_segment_bytes, config.block_bytes);
    return device_.reject(Errc::Malformed, "its requests cannot hold one block");
  }
  return {};
}

Result<void> BlockDisk::make_slots() {
  const u32 count = depth_ + 1;  // the last is for read_id()
  const usize table_bytes = indirect_ ? Table::bytes(max_segments_ + kEndPieces) : 0;
  slot_bytes_ = sizeof(Slot) + table_bytes;
  dma_mask_ = device_.transport().dma_mask();
  slots_ = TRY(
      DmaBuffer::allocate(slot_offset(count) + sizeof(Slot), alignof(std::max_align_t), dma_mask_));
  issued_.reset(new (std::nothrow) blk::Request* [depth_] {});
  if (issued_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  for (u32 token = 0; indirect_ && token < count; ++token) {
    const usize table = slot_offset(token) + sizeof(Slot);
    ring_->prepare_table(token, {slots_.bytes().data() + table, slots_.bus(table)},
                         header_piece(token), status_piece(token));
  }
  return {};
}

Result<void> BlockDisk::init_hctx(blk::HwQueue& queue) {
  queue.driver_data = this;
  return {};
}

void BlockDisk::add() {
  if (!disk_->add()) {
    return;  // it said why
  }
  log::info("{}: {} is {}: {} sectors, blocks of {} bytes{}{}", device_.name(), disk_->name(),
            device_.legacy() ? "a legacy virtio disk" : "a virtio disk", disk_->sectors(),
            disk_->limits().logical_block_bytes, disk_->read_only() ? ", read-only" : "",
            disk_->has_write_cache() ? ", with write cache" : "");
}

// --- Changes and the end -------------------------------------------------------------------------

void BlockDisk::config_changed() {
  const Result<BlockConfig> now = BlockConfig::read(device_);
  if (now && disk_ && now->sectors != disk_->sectors()) {
    log::warning("{}: the device has {} sectors now; {} stays as it was until it is bound again",
                 device_.name(), now->sectors, disk_->name());
  }
}

void BlockDisk::remove() {
  disk_->remove();
  (void)device_.reset();
  fail_in_flight(blk::Status::Removed);
  disk_.reset();
  tag_set_.reset();
}

void BlockDisk::failed() {
  log::error("{}: out of service; all its I/O fails from now on", disk_->name());
  fail_in_flight(blk::Status::IoError);
}

// The device was reset, or cannot be: nothing comes back.
void BlockDisk::fail_in_flight(blk::Status status) {
  silence_timer_.cancel();
  for (u32 token = 0; token < depth_; ++token) {
    blk::Request* const request = std::exchange(issued_[token], nullptr);
    if (request == nullptr) {
      continue;
    }
    // What a deaf device may still read or write stays lent to it.
    if (!device_.holds_memory()) {
      unmap_data(request->payload<Payload>());
    }
    request->complete(status);
  }
  u32 asked = kAsked;
  id_state_.compare_exchange_strong(asked, kFailed);
}

// --- The disk's own name -------------------------------------------------------------------------

// A request of the driver's own, in the slot behind those of the tags. False: the ring is full.
bool BlockDisk::ask_for_id() {
  const u32 token = depth_;
  const usize at = slots_.bytes().size() - block::kIdBytes;
  std::array<dma::Mapping, 1 + kEndPieces> pieces;
  pieces[1] = {slots_.bus(at), id_bytes().data(), block::kIdBytes, dma::Direction::FromDevice};
  slot(token).fill(block::kTypeGetId, 0);
  const LockGuard guard(lock_);
  if (indirect_) {
    ring_->add_table(token, slot(token).table(), std::span(pieces).subspan(1, 1));
  } else if (!add_chain(token, pieces)) {
    return false;
  }
  tell_device();
  return true;
}

Result<BlockDriver::DiskId> BlockDisk::read_id() {
  u32 idle = kIdle;
  if (!id_state_.compare_exchange_strong(idle, kAsked)) {
    return fail(Errc::Busy);
  }
  if (!device_.live() || !ask_for_id()) {
    id_state_.store(kIdle);
    return fail(Errc::Busy);
  }
  bool late = false;
  Timer timeout([](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
  timeout.arm(clock::now_ns() + kIdTimeoutNs);
  wait_until([&] { return late || id_state_.load() != kAsked; });
  timeout.cancel();
  u32 asked = kAsked;
  if (id_state_.compare_exchange_strong(asked, kLost)) {
    log::error("{}: no answer to GET_ID", device_.name());
    return fail(Errc::Timeout);
  }
  if (id_state_.load() == kFailed) {
    return fail(Errc::Io);
  }
  const u8 status = slot(depth_).status;
  BlockDriver::DiskId id;
  std::memcpy(id.bytes.data(), id_bytes().data(), id.bytes.size());
  id_state_.store(kIdle);
  if (status != block::kStatusOk) {
    return fail(status == block::kStatusUnsupported ? Errc::NotSupported : Errc::Io);
  }
  return id;
}

}  // namespace sluice::virtio
