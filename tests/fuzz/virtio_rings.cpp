// The rings of the device that a fuzzer plays, split and packed: buffers taken and given back as
// they should be, and lies.
#include <cstring>

#include "virtio_device.hpp"

namespace sluice::fuzz {
namespace {

constexpr u16 kNext = 1, kWrite = 2, kIndirect = 4, kAvail = 1 << 7, kUsed = 1 << 15;
constexpr u32 kDescriptorBytes = 16;
constexpr u32 kMostPieces = 64;

}  // namespace

// Memory that is not lent reads as zeroes, and takes nothing.
template <class T>
T VirtioDevice::load(u64 bus) const {
  T value = 0;
  if (const std::span<std::byte> memory = world_.arena.at(bus, sizeof(T)); !memory.empty()) {
    std::memcpy(&value, memory.data(), sizeof(T));
  }
  return value;
}

template <class T>
void VirtioDevice::store(u64 bus, T value) {
  if (const std::span<std::byte> memory = world_.arena.at(bus, sizeof(T)); !memory.empty()) {
    std::memcpy(memory.data(), &value, sizeof(T));
  }
}

VirtioDevice::Parts VirtioDevice::parts(const Queue& queue) const {
  if (version_ == 1) {
    const u64 table = u64{queue.pfn} * 4096;
    const u64 available = table + kDescriptorBytes * queue.size;
    return {table, available, align_up(available + 6 + 2 * queue.size, u64{4096})};
  }
  const auto whole = [&](u32 part) {
    return queue.address[2 * part] | u64{queue.address[2 * part + 1]} << 32;
  };
  return {whole(0), whole(1), whole(2)};
}

// --- Out of the ring -----------------------------------------------------------------------------

void VirtioDevice::piece(u64 descriptor, Buffer& buffer) const {
  const u32 bytes = load<u32>(descriptor + 8);
  // The flags of a split descriptor, and of a packed one.
  const u16 flags = load<u16>(descriptor + (packed() ? 14 : 12));
  if ((flags & kWrite) != 0 && bytes > 0) {
    buffer.writable += bytes;
    buffer.status_at = load<u64>(descriptor) + bytes - 1;
  }
}

// A list of descriptors: each tells of the next one, or they stand in their order.
void VirtioDevice::follow(u64 table, u32 entries, u32 first, bool in_order, Buffer& buffer) {
  u32 at = first;
  for (u32 count = 0; count < kMostPieces && at < entries; ++count) {
    const u64 descriptor = table + kDescriptorBytes * at;
    piece(descriptor, buffer);
    const u16 flags = load<u16>(descriptor + (packed() ? 14 : 12));
    if (!in_order && (flags & kNext) == 0) {
      return;
    }
    at = in_order ? at + 1 : load<u16>(descriptor + 14);
  }
}

bool VirtioDevice::take_split(Queue& queue, const Parts& at, Buffer& buffer) {
  if (load<u16>(at.driver + 2) == queue.seen) {
    return false;
  }
  buffer.id = load<u16>(at.driver + 4 + 2 * (queue.seen % queue.size));
  ++queue.seen;
  const u64 head = at.descriptors + kDescriptorBytes * buffer.id;
  if ((load<u16>(head + 12) & kIndirect) != 0) {
    follow(load<u64>(head), load<u32>(head + 8) / kDescriptorBytes, 0, false, buffer);
  } else {
    follow(at.descriptors, queue.size, buffer.id, false, buffer);
  }
  return true;
}

bool VirtioDevice::take_packed(Queue& queue, const Parts& at, Buffer& buffer) {
  const auto available = [&](u16 flags) {
    return ((flags & kAvail) != 0) == queue.lap && ((flags & kUsed) != 0) != queue.lap;
  };
  u16 flags = load<u16>(at.descriptors + kDescriptorBytes * queue.seen + 14);
  if (!available(flags)) {
    return false;
  }
  buffer.places = 0;
  do {
    const u64 descriptor = at.descriptors + kDescriptorBytes * queue.seen;
    flags = load<u16>(descriptor + 14);
    buffer.id = load<u16>(descriptor + 12);
    if ((flags & kIndirect) != 0) {
      follow(load<u64>(descriptor), load<u32>(descriptor + 8) / kDescriptorBytes, 0, true, buffer);
    } else {
      piece(descriptor, buffer);
    }
    ++buffer.places;
    if (++queue.seen >= queue.size) {
      queue.seen = 0;
      queue.lap = !queue.lap;
    }
  } while ((flags & kNext) != 0 && buffer.places < queue.size);
  return true;
}

bool VirtioDevice::take(Queue& queue, Buffer& buffer) {
  if (!queue.ready || queue.size == 0 || queue.size > 0x8000) {
    return false;
  }
  const Parts at = parts(queue);
  return packed() ? take_packed(queue, at, buffer) : take_split(queue, at, buffer);
}

// --- Into the ring -------------------------------------------------------------------------------

void VirtioDevice::give_back(Queue& queue, u16 id, u16 places, u32 bytes) {
  if (queue.size == 0) {
    return;
  }
  const Parts at = parts(queue);
  if (!packed()) {
    const u64 element = at.device + 4 + 8 * (queue.used % queue.size);
    store<u32>(element, id);
    store<u32>(element + 4, bytes);
    store<u16>(at.device + 2, ++queue.used);
    return;
  }
  const u64 descriptor = at.descriptors + kDescriptorBytes * queue.used;
  store<u32>(descriptor + 8, bytes);
  store<u16>(descriptor + 12, id);
  store<u16>(descriptor + 14, static_cast<u16>(kWrite | (queue.used_lap ? kAvail | kUsed : 0)));
  queue.used = static_cast<u16>(queue.used + places);
  if (queue.used >= queue.size) {
    queue.used = static_cast<u16>(queue.used - queue.size);
    queue.used_lap = !queue.used_lap;
  }
}

// The next buffer of any queue. False: there is none.
bool VirtioDevice::complete(u8 status, bool interrupts) {
  for (Queue& queue : queues_) {
    Buffer buffer;
    if ((status_ & 4) != 0 && take(queue, buffer)) {
      store<u8>(buffer.status_at, status);
      give_back(queue, buffer.id, buffer.places, buffer.writable);
      interrupt(interrupts ? 1 : 0);
      return true;
    }
  }
  return false;
}

void VirtioDevice::lie_in_ring(u8 what) {
  Queue& queue = queues_[script_.take<u8>() % kQueues];
  const Parts at = parts(queue);
  switch (what) {
    case 0:
      give_back(queue, script_.take<u8>(), 1, script_.take<u8>());
      break;
    case 1:
      give_back(queue, script_.take<u16>(), script_.take<u8>() % 4, script_.take<u32>());
      break;
    case 2:
      store<u16>(at.device + 2, script_.take<u16>());  // used index, or event flags
      break;
    default: {
      const u64 part = std::array{at.descriptors, at.driver, at.device}[script_.take<u8>() % 3];
      store<u64>(part + script_.take<u16>(), script_.take<u64>());
      break;
    }
  }
  interrupt(1);
}

}  // namespace sluice::fuzz
