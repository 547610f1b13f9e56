// The virtio entropy driver: a buffer goes out empty and comes back with some random bytes in it.
#include <sluice/drivers/virtio/rng.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/entropy.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::virtio {
namespace {

constexpr u32 kQueueSize = 8;  // more than is used
constexpr u32 kBufferBytes = 64;

// One entropy device.
class RngSource {
 public:
  explicit RngSource(Device& device) : device_(device) {}
  RngSource(const RngSource&) = delete;
  RngSource& operator=(const RngSource&) = delete;
  ~RngSource();

  Result<void> set_up();
  Result<usize> read(std::span<std::byte> to);
  Result<void> freeze();
  void restore();
  // The device was reset, or cannot be: who waits, waits in vain.
  void give_up();

 private:
  enum class State : u8 { Ours, Lent, Answered };
  Result<void> lend(usize bytes);
  Result<u32> answer(usize wanted_bytes, u64 deadline_ns);
  void interrupted();

  Device& device_;
  Virtqueue* queue_ = nullptr;
  DmaBuffer buffer_;  // zeroes while it is ours
  SpinLock lock_;     // protects the queue and the rest
  State state_ = State::Ours;
  bool frozen_ = false;
  u32 answer_bytes_ = 0;
  Completion changed_;  // it is no longer lent, or the time is over
};

Result<void> RngSource::set_up() {
  buffer_ = TRY(DmaBuffer::allocate(kBufferBytes, kBufferBytes, device_.transport().dma_mask()));
  queue_ = TRY(device_.create_queue(
      0, kQueueSize, [](void* source) { static_cast<RngSource*>(source)->interrupted(); }, this));
  return {};
}

RngSource::~RngSource() {
  if (device_.holds_memory()) {
    log::error("{}: its buffer is never freed: the device may still write to it", device_.name());
    abandon(std::move(buffer_));
  }
}

// Nothing happens where it is lent already, or has come back.
Result<void> RngSource::lend(usize bytes) {
  const LockGuard guard(lock_);
  if (frozen_ || !device_.live()) {
    return fail(frozen_ ? Errc::Busy : Errc::Io);
  }
  if (state_ == State::Answered) {
    return {};
  }
  changed_.reset();
  if (state_ == State::Lent) {
    return {};
  }
  const dma::Mapping piece{buffer_.bus(), nullptr, static_cast<u32>(bytes),
                           dma::Direction::FromDevice};
  if (!queue_->add({&piece, 1}, 0)) {
    return fail(Errc::Io);
  }
  state_ = State::Lent;
  if (queue_->publish()) {
    queue_->notify();
  }
  return {};
}

// How many random bytes there are in the buffer, which is ours then.
Result<u32> RngSource::answer(usize wanted_bytes, u64 deadline_ns) {
  TRY(lend(std::min<usize>(wanted_bytes, kBufferBytes)));
  Timer timeout([](void* changed) { static_cast<Completion*>(changed)->complete(); }, &changed_);
  timeout.arm(deadline_ns);
  changed_.wait();
  timeout.cancel_and_wait();
  const LockGuard guard(lock_);
  if (state_ != State::Answered) {
    return fail(device_.live() ? Errc::Timeout : Errc::Io);
  }
  state_ = State::Ours;
  return answer_bytes_ > 0 ? Result<u32>(answer_bytes_) : fail(Errc::Io);  // 5.4.6.2
}

Result<usize> RngSource::read(std::span<std::byte> to) {
  SLUICE_ASSERT(port::this_hart().index == 0);
  const u64 deadline_ns = clock::now_ns() + RngDriver::kTimeoutNs;
  usize done = 0;
  while (done < to.size()) {
    const Result<u32> bytes = answer(to.size() - done, deadline_ns);
    if (!bytes) {
      return done > 0 ? Result<usize>(done) : fail(bytes.error());
    }
    const std::span<std::byte> random = buffer_.bytes().first(*bytes);
    const usize used_bytes = std::min(random.size(), to.size() - done);
    std::memcpy(to.data() + done, random.data(), used_bytes);
    entropy::wipe(random);
    done += used_bytes;
  }
  return done;
}

// Irq. That no more bytes were written than lent, the queue has made sure of; which buffer it was,
// nobody needs to be told. More than one is never out, so that the second look is the last.
void RngSource::interrupted() {
  const LockGuard guard(lock_);
  do {
    Used used{};
    if (queue_->take_used({&used, 1}) == 1) {
      answer_bytes_ = used.bytes;
      state_ = State::Answered;
      changed_.complete();
    }
  } while (!queue_->broken() && !queue_->enable_interrupts(0));
  if (queue_->broken()) {
    device_.break_down();
  }
}

Result<void> RngSource::freeze() {
  const LockGuard guard(lock_);
  if (!device_.live()) {
    return fail(Errc::Io);
  }
  frozen_ = true;
  return {};
}

// The device was reset meanwhile: a buffer that it had is ours again.
void RngSource::restore() {
  const LockGuard guard(lock_);
  state_ = state_ == State::Lent ? State::Ours : state_;
  frozen_ = false;
}

void RngSource::give_up() {
  const LockGuard guard(lock_);  // not between a look at the device and the wait
  frozen_ = false;               // what fails from now on says Io
  changed_.complete();
}

RngSource& source_of(const dev::Device& device) {
  return *static_cast<RngSource*>(device.driver_data);
}

}  // namespace

Result<usize> RngDriver::read(dev::Device& device, std::span<std::byte> to) {
  return source_of(device).read(to);
}

std::span<const u32> RngDriver::ids() const {
  static constexpr std::array<u32, 1> kIds{kEntropyDeviceId};
  return kIds;
}

// Of its own it has none (5.4.3).
u64 RngDriver::features() const {
  return feature::kOfRings & ~feature::kIndirectDesc;
}
u64 RngDriver::legacy_features() const {
  return features() | feature::kAnyLayout;
}

Result<void> RngDriver::probe(Device& device) {
  RngSource* const source = TRY(device.make<RngSource>(device));
  TRY(source->set_up());
  device.driver_data = source;
  return {};
}

void RngDriver::scan(Device& device) {
  std::array<std::byte, kPoolBytes> bytes;
  const Result<usize> count = read(device, bytes);
  if (!count) {
    log::error("{}: no entropy from it: {}", device.name(), to_string(count.error()));
    return;
  }
  entropy::add(std::span(bytes).first(*count));
  entropy::wipe(bytes);
  log::info("{}: {} bytes of entropy, {} in all", device.name(), *count, entropy::bytes_added());
}

// Nobody waits, and nothing else has to end: the bus resets the device.
void RngDriver::remove(Device&) {}

void RngDriver::failed(Device& device) {
  log::error("{}: out of service; no more entropy from it", device.name());
  source_of(device).give_up();
}

Result<void> RngDriver::freeze(Device& device) {
  return source_of(device).freeze();
}
Result<void> RngDriver::restore(Device& device) {
  source_of(device).restore();
  return {};
}

}  // namespace sluice::virtio
