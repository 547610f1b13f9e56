// Queue set-up, version 2 (4.2.3.2) and legacy (4.2.4).
#include <bit>
#include <utility>

#include "mmio_device.hpp"
#include "rules.hpp"

namespace referee {
namespace {

constexpr std::uint32_t kAllAddresses = 0b111111;

// Which half of which address a register holds; 6 for none.
std::size_t half_of(std::uint64_t offset) {
  constexpr std::array kHalves = {kQueueDescLow,    kQueueDescHigh,  kQueueDriverLow,
                                  kQueueDriverHigh, kQueueDeviceLow, kQueueDeviceHigh};
  std::size_t half = 0;
  while (half < kHalves.size() && kHalves[half] != offset) {
    ++half;
  }
  return half;
}

std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace

MmioDevice::QueueRegisters* MmioDevice::selected() {
  return queue_sel_ < queues_.size() ? &queues_[queue_sel_] : nullptr;
}

std::uint32_t MmioDevice::read_queue(std::uint64_t offset) {
  QueueRegisters* queue = selected();
  if (queue == nullptr) {
    return 0;
  }
  switch (offset) {
    case kQueueReady:
      queue->stopped.reset();
      return queue->ready ? 1 : 0;
    case kQueuePfn:
      return queue->pfn;
    case kQueueReset:
      return read_queue_reset(*queue);
    default:
      queue->max_read = true;
      if (legacy() && queue->in_use()) {
        judge.broken(rule::queue_in_use, "QueueNumMax of queue " + std::to_string(queue_sel_));
      }
      return setup_.queue_num_max;
  }
}

void MmioDevice::write_queue(std::uint64_t offset, std::uint32_t value) {
  QueueRegisters* queue = selected();
  const std::string name = "queue " + std::to_string(queue_sel_);
  if (queue == nullptr) {
    judge.broken(rule::queue_absent, name);
    return;
  }
  if (std::exchange(queue->stopped, std::nullopt)) {
    judge.broken(rule::queue_stop_unread, name);
  }
  check_queue_reset(*queue);
  if (offset == kQueueReset) {
    write_queue_reset(*queue, value);
    return;
  }
  if (offset == kQueueReady) {
    write_queue_ready(*queue, value);
    return;
  }
  if (offset == kQueuePfn) {
    write_queue_pfn(*queue, value);
    return;
  }
  if (!legacy() && queue->in_use()) {
    judge.broken(rule::queue_in_use, name + ", register " + hex(offset));
    return;
  }
  check_set_up_time();
  if (offset == kQueueNum) {
    write_queue_num(*queue, value);
  } else if (offset == kQueueAlign) {
    if (!std::has_single_bit(value)) {
      judge.broken(rule::queue_align, name + ": " + std::to_string(value));
      return;
    }
    queue->align = value;
  } else {
    const std::size_t half = half_of(offset);
    queue->address[half] = value;
    queue->addresses_written |= 1U << half;
  }
}

void MmioDevice::check_set_up_time() {
  check_features_ok();
  if (!legacy() && live() && !selected()->was_reset) {
    judge.broken(rule::queue_late, "queue " + std::to_string(queue_sel_));
  }
}

void MmioDevice::write_queue_num(QueueRegisters& queue, std::uint32_t value) {
  const std::string detail =
      "queue " + std::to_string(queue_sel_) + ": " + std::to_string(value) + " elements";
  if (value > setup_.queue_num_max) {
    judge.broken(rule::queue_too_large, detail + " of " + std::to_string(setup_.queue_num_max));
  } else if (!std::has_single_bit(value) && !driver().has(kFeatureRingPacked)) {
    judge.broken(rule::queue_power_of_two, detail);
  }
  // A lenient device takes it all the same, as long as it can.
  queue.num = value <= kMaxQueueSize ? value : 0;
}

void MmioDevice::write_queue_ready(QueueRegisters& queue, std::uint32_t value) {
  if (value > 1) {
    judge.broken(rule::queue_ready_value, std::to_string(value));
  }
  if (value == 0) {
    queue.stopped = queue.ring ? std::optional(queue.ring->place()) : std::nullopt;
    stop_queue(queue);
    return;
  }
  if (queue.ready) {
    return;
  }
  check_set_up_time();
  if (queue.num == 0 || queue.addresses_written != kAllAddresses) {
    judge.broken(rule::queue_incomplete, "queue " + std::to_string(queue_sel_));
    break_down();
    return;
  }
  const auto address = [&queue](std::size_t part) {
    return queue.address[2 * part] | (std::uint64_t{queue.address[2 * part + 1]} << 32);
  };
  queue.ready = true;
  start_queue(queue, {.size = queue.num,
                      .desc = address(0),
                      .avail = address(1),
                      .used = address(2),
                      .packed = driver().has(kFeatureRingPacked)});
}

void MmioDevice::write_queue_pfn(QueueRegisters& queue, std::uint32_t value) {
  if (value == 0) {
    stop_queue(queue);
    return;
  }
  check_set_up_time();
  if (!queue.max_read) {
    judge.broken(rule::queue_max_unread, "legacy queue " + std::to_string(queue_sel_));
  }
  if (queue.num == 0 || queue.align == 0 || guest_page_size_ == 0) {
    judge.broken(rule::queue_incomplete, "legacy queue " + std::to_string(queue_sel_));
    break_down();
    return;
  }
  queue.pfn = value;
  const std::uint64_t desc = std::uint64_t{value} * guest_page_size_;
  const std::uint64_t avail = desc + desc_bytes(queue.num);
  // 2.7.2; the tail of the available ring counts whether EVENT_IDX is accepted or not.
  const std::uint64_t used =
      desc + align_up(avail + avail_bytes(queue.num, true) - desc, queue.align);
  start_queue(queue, {.size = queue.num,
                      .desc = desc,
                      .avail = avail,
                      .used = used,
                      .legacy = true,
                      .align = queue.align});
}

void MmioDevice::write_guest_page_size(std::uint32_t value) {
  bool used = false;
  for (const QueueRegisters& queue : queues_) {
    used = used || queue.in_use();
  }
  if (used || !std::has_single_bit(value)) {
    judge.broken(rule::queue_page_size, std::to_string(value) + (used ? ", queues in use" : ""));
    return;
  }
  guest_page_size_ = value;
}

void MmioDevice::start_queue(QueueRegisters& queue, const QueuePlace& place) {
  queue.ring = make_ring(static_cast<std::uint16_t>(queue_sel_), place, memory_, judge);
  queue.ring->negotiated(driver());
  queue.awake = false;
  if (!queue.ring->check_place()) {
    queue.ring.reset();
    break_down();
  }
}

void MmioDevice::stop_queue(QueueRegisters& queue) {
  queue.ready = false;
  queue.pfn = 0;
  queue.awake = false;
  queue.ring.reset();
  const auto index = &queue - queues_.data();
  std::erase_if(in_flight_,
                [index](const InFlight& request) { return request.chain.queue == index; });
}

}  // namespace referee
