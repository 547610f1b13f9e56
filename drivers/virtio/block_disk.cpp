// A virtio disk's life: from its configuration to a disk that can be found, and back.
#include <sluice/drivers/virtio/block_disk.hpp>

#include <algorithm>
#include <new>
#include <utility>

#include <sluice/drivers/base/uevent.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::virtio {
namespace {

constexpr std::string_view kQueueSizeWord = "virtio_blk.queue_size";
constexpr std::string_view kPollQueuesWord = "virtio_blk.poll_queues";
constexpr std::string_view kNoMergesWord = "nomerges";
constexpr std::string_view kTimeoutWord = "virtio_blk.timeout";  // in ms
constexpr u64 kLongestTimeoutMs = 3'600'000;
constexpr u64 kNsPerMs = 1'000'000;

}  // namespace

BlockDisk::BlockDisk(Device& device)
    : device_(device),
      lost_timer_([](void* disk) { static_cast<BlockDisk*>(disk)->look_after_lost_question(); },
                  this) {}

BlockDisk::~BlockDisk() {
  lost_timer_.cancel_and_wait();
}

// --- Set-up --------------------------------------------------------------------------------------

Result<void> BlockDisk::set_up(const BlockConfig& config) {
  config_ = config;
  const Counts counts = count_queues(config);
  TRY(make_queues(config, counts));
  tag_set_ = TRY(blk::TagSet::create<BlockQueue::Payload>(
      *this, {.hw_queues = counts.queues,
              .depth = shape_.depth,
              .merge = command_line::number(kNoMergesWord, 0, 1).value_or(0) == 0,
              .poll_queues = counts.poll}));
  const blk::Limits limits{
      .logical_block_bytes = config.block_bytes,
      .physical_block_bytes = config.physical_block_bytes,
      .max_segments = shape_.max_segments,
      .max_segment_bytes = config.max_segment_bytes,
      .max_discard_bytes = config.discard.bytes(BlockQueue::kMaxRanges),
      .max_write_zeroes_bytes = config.write_zeroes.bytes(BlockQueue::kMaxRanges),
      .max_secure_erase_bytes = config.secure_erase.bytes(BlockQueue::kMaxRanges)};
  const u64 timeout_ns = command_line::number(kTimeoutWord, 1, kLongestTimeoutMs)
                             .value_or(blk::Disk::kDefaultTimeoutNs / kNsPerMs) *
                         kNsPerMs;
  disk_.emplace(*tag_set_, blk::next_name("vd").data(),
                blk::Disk::Options{.sectors = config.sectors,
                                   .limits = limits,
                                   .read_only = config.read_only,
                                   .write_cache = config.write_cache,
                                   .partitioned = true,
                                   .timeout_ns = timeout_ns});
  return {};
}

// One for each hart, as far as the device has them, and those that are asked for to be polled.
BlockDisk::Counts BlockDisk::count_queues(const BlockConfig& config) const {
  const u32 most = std::min(config.queues, kMaxQueues);
  const u64 wanted_poll = command_line::number(kPollQueuesWord, 0, kMaxQueues).value_or(0);
  const u32 poll = static_cast<u32>(std::min<u64>(wanted_poll, most - 1));
  if (poll < wanted_poll) {
    log::warning("{}: {}={}, and the device has {} queues: {} of them will be polled",
                 device_.name(), kPollQueuesWord, wanted_poll, config.queues, poll);
  }
  return {std::min(most, hart_count() + poll), poll};
}

// All rings are of one size, the smallest that the device has.
Result<void> BlockDisk::make_queues(const BlockConfig& config, const Counts& counts) {
  const u64 wanted = command_line::number(kQueueSizeWord, 2, BlockQueue::kMaxQueueSize)
                         .value_or(kDefaultQueueSize);
  u32 smallest = BlockQueue::kMaxQueueSize;
  for (u32 index = 0; index < counts.queues; ++index) {
    std::unique_ptr<BlockQueue>& queue = queues_[index];
    queue.reset(new (std::nothrow) BlockQueue(device_));
    if (queue == nullptr) {
      return fail(Errc::NoMemory);
    }
    TRY(queue->create_ring(index, static_cast<u32>(wanted)));
    smallest = std::min(smallest, queue->ring_size());
    ++queue_count_;
  }
  shape_ = TRY(BlockQueue::choose_shape(device_, config, smallest));
  for (const std::unique_ptr<BlockQueue>& queue : std::span(queues_).first(queue_count_)) {
    TRY(queue->make_slots(shape_));
  }
  return {};
}

Result<void> BlockDisk::init_hctx(blk::HwQueue& queue) {
  BlockQueue& own = *queues_[queue.index()];
  queue.driver_data = &own;
  own.attach(queue);
  return {};
}

// The spread is left as it is; a queue's completions are for the first hart that submits to it.
void BlockDisk::map_queues(blk::QueueMap& map) {
  for (u32 index = 0; index < queue_count_; ++index) {
    const blk::QueueType type = map.type_of(index);
    u32 home = 0;
    while (home < hart_count() && map.queue_of(type, home) != index) {
      ++home;
    }
    queues_[index]->set_home(hart(home < hart_count() ? home : 0));
    if (type == blk::QueueType::Poll) {
      queues_[index]->begin_silent();
    }
  }
}

void BlockDisk::add() {
  if (!disk_->add()) {
    return;  // it said why
  }
  log::info("{}: {} is {}: {} sectors, blocks of {} bytes, {} queues{}{}", device_.name(),
            disk_->name(), device_.legacy() ? "a legacy virtio disk" : "a virtio disk",
            disk_->sectors(), disk_->limits().logical_block_bytes, queue_count_,
            disk_->read_only() ? ", read-only" : "",
            disk_->has_write_cache() ? ", with write cache" : "");
  if (const BlockConfig::Geometry& geometry = config_.geometry; geometry.cylinders != 0) {
    log::debug("{}: {} cylinders, {} heads, {} sectors", disk_->name(), geometry.cylinders,
               geometry.heads, geometry.sectors);
  }
}

// A device that keeps a request may still write to its memory: only a reset ends that.
blk::TimeoutResult BlockDisk::timeout(blk::HwQueue& queue, blk::Request& request) {
  if (queue_of(queue).still_has(request)) {
    log::error("{}: the device does not answer; it is reset", disk_->name());
    timed_out_ = true;
    device_.recover();
  }
  return blk::TimeoutResult::Reset;
}

// --- Changes, resets and the end -----------------------------------------------------------------

void BlockDisk::config_changed() {
  const Result<BlockConfig> now = BlockConfig::read(device_);
  if (now && now->sectors != config_.sectors) {
    log::info("{}: {} sectors now, {} before", disk_->name(), now->sectors, config_.sectors);
    take_capacity(now->sectors);
    dev::send_uevent(device_, dev::Action::Change, "RESIZE", "1");  // as Linux says it
  }
}

void BlockDisk::take_capacity(u64 sectors) {
  if (sectors < config_.sectors) {
    tag_set_->while_held([this] {
      for (const std::unique_ptr<BlockQueue>& queue : std::span(queues_).first(queue_count_)) {
        queue->disk_shrank();
      }
    });
  }
  config_.sectors = sectors;
  disk_->capacity_changed(sectors);
}

// What the device says it has written may be in its cache alone, which the power takes away. The
// bio is ours, not this call's: a device that does not answer has it until it is reset.
void BlockDisk::flush_cache() {
  if (!device_.live() || !disk_->has_write_cache() ||
      disk_->totals(blk::Direction::Write).requests +
              disk_->totals(blk::Direction::Discard).requests ==
          0 ||
      is_flushing_.exchange(1, std::memory_order_acquire) != 0) {
    return;
  }
  last_flush_.op = blk::Op::Flush;
  last_flush_.end_io = [](blk::Bio& bio) {
    static_cast<BlockDisk*>(bio.context)->is_flushing_.store(0, std::memory_order_release);
  };
  last_flush_.context = this;
  disk_->submit(last_flush_);
  bool late = false;
  Timer timeout([](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
  timeout.arm(clock::now_ns() + kLastFlushNs);
  wait_until([&] { return late || is_flushing_.load(std::memory_order_acquire) == 0; });
  timeout.cancel();
  if (late || last_flush_.status != blk::Status::Ok) {
    log::error("{}: its cache is not flushed: {}", disk_->name(),
               late ? "no answer" : blk::to_string(last_flush_.status));
  }
}

Result<void> BlockDisk::freeze() {
  wait_until([this] { return !stands_still_; });  // a recovery that goes on
  flush_cache();
  disk_->freeze();
  if (!device_.live()) {
    disk_->unfreeze();
    return fail(Errc::Io);
  }
  stands_still_ = true;
  disk_->set_suspended(true);
  leave_service();
  return {};
}

Result<void> BlockDisk::restore() {
  TRY(begin_again());
  go_on();
  return {};
}

bool BlockDisk::reset_prepare() {
  const u64 ended = requests_ended();
  vain_resets_ = ended == ended_at_reset_ ? vain_resets_ + 1 : 1;
  ended_at_reset_ = ended;
  if (vain_resets_ > kMostVainResets) {
    return false;
  }
  disk_->quiesce();
  stands_still_ = true;
  leave_service();
  return true;
}

// Nobody is at the rings any more when it returns, neither end.
void BlockDisk::leave_service() {
  tag_set_->while_held([this] { device_.leave_service(); });
  for (const std::unique_ptr<BlockQueue>& queue : std::span(queues_).first(queue_count_)) {
    queue->see_reapers_off();
  }
}

Result<void> BlockDisk::reset_done() {
  TRY(begin_again());
  timed_out_ = false;
  go_on();
  return {};
}

void BlockDisk::go_on() {
  stands_still_ = false;
  disk_->set_suspended(false);
  disk_->unquiesce();
}

// With the limits as they were: requests were made for them.
Result<void> BlockDisk::begin_again() {
  BlockConfig now = TRY(BlockConfig::read(device_));
  const u64 sectors = std::exchange(now.sectors, config_.sectors);
  now.write_cache = config_.write_cache;
  now.geometry = config_.geometry;
  now.zeroes_may_unmap = config_.zeroes_may_unmap;  // it may change (5.2.6.2), and is no limit
  if (now != config_) {
    log::error("{}: the device has other limits after a reset", disk_->name());
    return fail(Errc::NotSupported);
  }
  tell_cache_mode();
  for (const std::unique_ptr<BlockQueue>& queue : std::span(queues_).first(queue_count_)) {
    queue->begin_again();
  }
  if (sectors != config_.sectors) {
    take_capacity(sectors);
  }
  device_.ready();
  return {};
}

u64 BlockDisk::requests_ended() const {
  u64 ended = 0;
  for (u32 direction = 0; direction < blk::kDirections; ++direction) {
    ended += disk_->totals(static_cast<blk::Direction>(direction)).requests;
  }
  return ended;
}

void BlockDisk::remove() {
  disk_->remove();
  (void)device_.reset();
  fail_in_flight(blk::Status::Removed);
  disk_.reset();
  tag_set_.reset();
}

void BlockDisk::shutdown() {
  flush_cache();
  (void)device_.reset();
  fail_in_flight(blk::Status::IoError);
}

void BlockDisk::failed() {
  log::error("{}: out of service; all its I/O fails from now on", disk_->name());
  fail_in_flight(timed_out_ ? blk::Status::TimedOut : blk::Status::IoError);
}

// The device was reset, or cannot be: nothing comes back. Who is just submitting is waited for;
// from then on queue_rq refuses, also what stood still.
void BlockDisk::fail_in_flight(blk::Status status) {
  lost_timer_.cancel();
  tag_set_->while_held([this, status] {
    for (const std::unique_ptr<BlockQueue>& queue : std::span(queues_).first(queue_count_)) {
      queue->fail_in_flight(status);
    }
  });
  if (stands_still_) {
    go_on();
  }
}

// --- What the disk says of itself, and its cache mode --------------------------------------------

Result<std::span<const std::byte>> BlockDisk::ask(u32 type, u32 bytes) {
  using State = BlockQueue::QuestionState;
  BlockQueue& queue = *queues_[0];
  std::atomic<State>& state = queue.question();
  State idle = State::Idle;
  if (!state.compare_exchange_strong(idle, State::Asked)) {
    return fail(Errc::Busy);
  }
  if (!queue.ask(type, bytes)) {
    state.store(State::Idle);
    return fail(Errc::Busy);
  }
  bool late = false;
  Timer timeout([](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
  timeout.arm(clock::now_ns() + kAnswerTimeoutNs);
  wait_until([&] { return late || state.load() != State::Asked; });
  timeout.cancel();
  State asked = State::Asked;
  if (state.compare_exchange_strong(asked, State::Lost)) {
    log::error("{}: no answer to {}", device_.name(),
               type == block::kTypeGetId ? "GET_ID" : "GET_LIFETIME");
    lost_timer_.arm(clock::now_ns() + disk_->timeout_ns());
    return fail(Errc::Timeout);
  }
  if (state.load() == State::Failed) {
    state.store(State::Idle);
    return fail(Errc::Io);
  }
  const u8 status = queue.answer_status();
  if (status != block::kStatusOk) {
    state.store(State::Idle);
    return fail(status == block::kStatusUnsupported ? Errc::NotSupported : Errc::Io);
  }
  return queue.answer(bytes);
}

// It still has room in the ring, for which requests may be waiting that have no timeout yet.
void BlockDisk::look_after_lost_question() {
  if (queues_[0]->question().load() == BlockQueue::QuestionState::Lost) {
    log::error("{}: the device keeps a question; it is reset", device_.name());
    device_.recover();
  }
}

Result<BlockDriver::DiskId> BlockDisk::read_id() {
  const std::span<const std::byte> answer = TRY(ask(block::kTypeGetId, block::kIdBytes));
  BlockDriver::DiskId id;
  std::memcpy(id.bytes.data(), answer.data(), id.bytes.size());
  queues_[0]->question().store(BlockQueue::QuestionState::Idle);
  return id;
}

Result<BlockDriver::Lifetime> BlockDisk::read_lifetime() {
  if (!device_.has(block::kLifetime)) {
    return fail(Errc::NotSupported);
  }
  block::Lifetime wire;
  const std::span<const std::byte> answer = TRY(ask(block::kTypeGetLifetime, sizeof(wire)));
  std::memcpy(&wire, answer.data(), sizeof(wire));
  queues_[0]->question().store(BlockQueue::QuestionState::Idle);
  return BlockDriver::Lifetime{wire.pre_eol_info, wire.used_a, wire.used_b};
}

// Without a cache a write is stable when it ends (5.2.6.2); what ended before is stable when a
// later flush has, until which the disk says that it has a cache, so that flushes reach the device.
Result<void> BlockDisk::set_write_cache(bool on) {
  if (!device_.has(block::kConfigWce) || !device_.has(block::kFlush)) {
    return fail(Errc::NotSupported);
  }
  disk_->freeze();
  const bool live = device_.live();
  if (live) {
    config_.write_cache = on;
    tell_cache_mode();
    if (on) {
      disk_->set_write_cache(true);
    }
  }
  disk_->unfreeze();
  if (!live) {
    return fail(Errc::Io);
  }
  if (!on) {
    if (const blk::Status flushed = blk::flush(*disk_); flushed != blk::Status::Ok) {
      return fail(blk::to_errc(flushed));
    }
    disk_->set_write_cache(false);
  }
  return {};
}

void BlockDisk::tell_cache_mode() {
  if (device_.has(block::kConfigWce)) {
    device_.transport().config_write8(offsetof(block::Config, writeback),
                                      config_.write_cache ? 1 : 0);
  }
}

}  // namespace sluice::virtio
