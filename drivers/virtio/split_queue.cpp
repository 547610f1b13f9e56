// The split ring: descriptors out, used elements in.
#include <sluice/drivers/virtio/split_queue.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include <sluice/drivers/virtio/ring_memory.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::virtio {

using split::Descriptor;
using split::Layout;
using split::RingHeader;
using split::UsedElement;

namespace {

constexpr u16 kLastInTable = 1;    // where a table's last piece stands,
constexpr u16 kMiddleInTable = 2;  // and from where on the middle does

constexpr bool device_writes(const dma::Mapping& piece) {
  return piece.direction == dma::Direction::FromDevice;
}
// Of two counts of what was added, not further apart than a ring: counts wrap.
constexpr bool was_before(u32 position, u32 count) {
  return static_cast<i32>(position - count) < 0;
}

void describe(Descriptor& descriptor, const dma::Mapping& piece, u16 flags, u16 next) {
  descriptor.addr = piece.bus.value();
  descriptor.len = piece.bytes;
  descriptor.flags =
      static_cast<u16>(flags | static_cast<u32>(piece.direction) * Descriptor::kWrite);
  descriptor.next = next;
}

}  // namespace

[[gnu::noinline]] void abandon(DmaBuffer&& memory) {
  // A buffer whose destructor never runs.
  alignas(DmaBuffer) std::byte storage[sizeof(DmaBuffer)];
  new (storage) DmaBuffer(std::move(memory));
}

// --- Birth ---------------------------------------------------------------------------------------

Result<std::unique_ptr<SplitQueue>> SplitQueue::create(Transport& transport, u32 index, u32 size,
                                                       Options options, std::string_view name) {
  SLUICE_ASSERT(std::has_single_bit(size) && size <= split::kMaxQueueSize);
  const u32 alignment = transport.used_alignment();
  const Layout layout = Layout::of(size, alignment);
  DmaBuffer memory =
      TRY(DmaBuffer::allocate(layout.bytes, std::max<usize>(alignment, 16), transport.dma_mask()));
  std::unique_ptr<ChainShadow[]> shadow(new (std::nothrow) ChainShadow[size]{});
  if (shadow == nullptr) {
    return fail(Errc::NoMemory);
  }
  std::unique_ptr<SplitQueue> queue(new (std::nothrow) SplitQueue(
      transport, index, size, options, name, std::move(memory), std::move(shadow)));
  if (queue == nullptr) {
    return fail(Errc::NoMemory);
  }
  return queue;
}

SplitQueue::SplitQueue(Transport& transport, u32 index, u32 size, Options options,
                       std::string_view name, DmaBuffer memory,
                       std::unique_ptr<ChainShadow[]> shadow)
    : Virtqueue(transport, index, size, false),
      options_(options),
      mask_(static_cast<u16>(size - 1)),
      shadow_(std::move(shadow)),
      memory_(std::move(memory)),
      name_(name) {
  const Layout layout = Layout::of(size, transport.used_alignment());
  descriptors_ = objects_at<Descriptor>(memory_, 0, size);
  available_ = objects_at<RingHeader>(memory_, layout.available, 1);
  available_ring_ = objects_at<le16>(memory_, layout.available + sizeof(RingHeader), size + 1);
  used_ = objects_at<RingHeader>(memory_, layout.used, 1);
  used_ring_ = objects_at<UsedElement>(memory_, layout.used + sizeof(RingHeader), size);
  const u32 used_end = static_cast<u32>(sizeof(RingHeader) + size * sizeof(UsedElement));
  avail_event_ = objects_at<le16>(memory_, layout.used + used_end, 1);
  link_free_descriptors();
}

void SplitQueue::link_free_descriptors() {
  for (u32 i = 0; i < size(); ++i) {
    shadow_[i] = {};
    shadow_[i].token = static_cast<u16>(i);
    shadow_[i].next = static_cast<u16>(i + 1);
  }
  free_head_ = 0;
  free_count_ = static_cast<u16>(size());
}

void SplitQueue::restart() {
  std::memset(memory_.bytes().data(), 0, memory_.bytes().size());
  link_free_descriptors();
  added_.store(0, std::memory_order_relaxed);
  published_.store(0, std::memory_order_relaxed);
  last_used_.store(0, std::memory_order_relaxed);
  mark_whole();
}

QueuePlace SplitQueue::place() const {
  const auto offset = [this](const void* part) {
    return static_cast<usize>(static_cast<const std::byte*>(part) - memory_.bytes().data());
  };
  return {size(), memory_.bus(), memory_.bus(offset(available_)), memory_.bus(offset(used_))};
}

// --- Buffers out, 2.7.13 -------------------------------------------------------------------------

bool SplitQueue::add(std::span<const dma::Mapping> pieces, u32 token) {
  SLUICE_ASSERT(!pieces.empty() && !tables_ && token <= kMaxToken);
  if (pieces.size() > free_count_ || broken()) [[unlikely]] {
    return false;
  }
  const u16 head = free_head_;
  u16 here = head;
  u16 last = head;
  u32 writable_bytes = 0;
  for (const dma::Mapping& piece : pieces) {
    last = here;
    here = shadow_[here].next;
    describe(descriptors_[last], piece, Descriptor::kNext, here);
    writable_bytes += writable_part(piece.bytes, piece.direction);
  }
  descriptors_[last].flags = device_writes(pieces.back()) ? Descriptor::kWrite : u16{0};
  const u16 count = static_cast<u16>(pieces.size());
  free_head_ = here;
  free_count_ = static_cast<u16>(free_count_ - count);
  ChainShadow& shadow = shadow_[head];
  shadow.token = static_cast<u16>(token);
  shadow.count = count;
  shadow.last = last;
  make_available(head, writable_bytes);
  return true;
}

void SplitQueue::prepare_table(u32 token, const Table& table, const dma::Mapping& first,
                               const dma::Mapping& last) {
  SLUICE_ASSERT(options_.indirect && token < size());
  auto* const descriptors = reinterpret_cast<Descriptor*>(table.data);
  describe(descriptors[0], first, Descriptor::kNext, kMiddleInTable);
  describe(descriptors[kLastInTable], last, 0, 0);
  Descriptor& outer = descriptors_[token];
  outer.addr = table.bus.value();
  outer.flags = Descriptor::kIndirect;
  tables_ = true;
  table_end_bytes_ = last.bytes;
}

void SplitQueue::add_table(usize token, std::byte* table, std::span<const dma::Mapping> middle) {
  SLUICE_ASSERT(token <= mask_ && shadow_[token].lent == 0);
  auto* const descriptors = reinterpret_cast<Descriptor*>(table);
  u32 writable_bytes = table_end_bytes_;
  usize at = kMiddleInTable;
  for (const dma::Mapping& piece : middle) {
    describe(descriptors[at], piece, Descriptor::kNext, static_cast<u16>(at + 1));
    writable_bytes += writable_part(piece.bytes, piece.direction);
    ++at;
  }
  // The last piece stands in front of the middle, where it need not be written again; where there
  // is no middle, a copy of it is there instead, so that the first piece need not be either.
  if (middle.empty()) {
    descriptors[at++] = descriptors[kLastInTable];
  } else {
    descriptors[at - 1].next = kLastInTable;
  }
  descriptors_[token].len = static_cast<u32>(at * sizeof(Descriptor));
  make_available(token, writable_bytes);
}

SplitTableBatch::SplitTableBatch(Virtqueue& queue)
    : queue_(static_cast<SplitQueue&>(queue)),
      descriptors_(queue_.descriptors_),
      shadows_(queue_.shadow_.get()),
      available_ring_(queue_.available_ring_),
      mask_(queue_.mask_),
      least_lent_(queue_.table_end_bytes_ + 1),
      before_(queue_.added_.load(std::memory_order_relaxed)),
      added_(before_) {}

SplitTableBatch::~SplitTableBatch() {
  port::store_relaxed(queue_.added_, static_cast<u32>(added_));
}

void SplitTableBatch::add(usize token, std::byte* table, BusAddr bus, u32 bytes,
                          dma::Direction direction) {
  ChainShadow& shadow = shadows_[token];
  SLUICE_ASSERT(shadow.lent == 0);
  Descriptor& middle = reinterpret_cast<Descriptor*>(table)[kMiddleInTable];
  middle.addr = bus.value();
  middle.len = bytes;
  middle.next = kLastInTable;
  if (direction == dma::Direction::FromDevice) [[likely]] {
    middle.flags = Descriptor::kNext | Descriptor::kWrite;
    shadow.lent = least_lent_ + bytes;
  } else {
    middle.flags = Descriptor::kNext;
    shadow.lent = least_lent_;
  }
  descriptors_[token].len = (kMiddleInTable + 1) * sizeof(Descriptor);
  shadow.position = static_cast<u32>(added_);
  available_ring_[added_ & mask_] = static_cast<u16>(token);
  ++added_;
}

inline void SplitQueue::make_available(usize head, u32 writable_bytes) {
  const u32 position = added_.load(std::memory_order_relaxed);
  ChainShadow& shadow = shadow_[head];
  shadow.lent = writable_bytes + 1;
  shadow.position = position;
  available_ring_[usize{position} & mask_] = static_cast<u16>(head);
  port::store_relaxed(added_, position + 1);
}

bool SplitQueue::publish() {
  const u32 added = added_.load(std::memory_order_relaxed);
  const u32 count = added - published_.load(std::memory_order_relaxed);
  if (count == 0) {
    return false;
  }
  const u16 index = static_cast<u16>(added);
  port::store_release(published_, added);
  order_before_publish();
  write_shared(available_->idx, index);
  if (options_.notification_data) [[unlikely]] {
    tell_place(index);
  }
  order_before_recheck();
  if (options_.event_idx) {
    // Did the index pass the one that the device waits for? In 16 bits, so that it may wrap
    // (2.7.10).
    const u16 event = read_shared(*avail_event_);
    return static_cast<u16>(index - event - 1) < count;
  }
  return (read_shared(used_->flags) & RingHeader::kNoNotify) == 0;
}

// --- Buffers in, 2.7.14 --------------------------------------------------------------------------

bool SplitQueue::has_used() const {
  return read_shared(used_->idx) != static_cast<u16>(last_used_.load(std::memory_order_relaxed));
}

u32 SplitQueue::take_used(std::span<Used> used) {
  const u32 most = std::min(used_count(), static_cast<u32>(used.size()));
  u32 count = 0;
  while (count < most && take_next(used[count])) {
    ++count;
  }
  return count;
}

bool SplitQueue::take_next(Used& used) {
  const u32 taken = last_used_.load(std::memory_order_relaxed);
  const UsedElement& element = used_ring_[usize{taken} & mask_];
  const u32 id = read_shared(element.id);
  used.bytes = read_shared(element.len);
  if (!accept(id, used.bytes)) {
    return false;
  }
  ChainShadow& shadow = shadow_[id];
  used.token = shadow.token;
  shadow.lent = 0;
  if (!tables_) {
    free_chain(static_cast<u16>(id), shadow);
  }
  port::store_relaxed(last_used_, taken + 1);
  return true;
}

SplitTableCursor::SplitTableCursor(Virtqueue& queue, u32 end)
    : queue_(static_cast<SplitQueue&>(queue)),
      ring_(queue_.used_ring_),
      shadows_(queue_.shadow_.get()),
      mask_(queue_.mask_),
      end_(end),
      published_(queue_.published_.load(std::memory_order_acquire)),
      taken_(queue_.last_used_.load(std::memory_order_relaxed)) {
  SLUICE_ASSERT(end <= queue.size());
}

SplitTableCursor::~SplitTableCursor() {
  port::store_relaxed(queue_.last_used_, static_cast<u32>(taken_));
}

bool SplitTableCursor::look(usize& token) {
  const UsedElement& element = ring_[taken_ & mask_];
  const u64 id = read_shared(element.id);
  const u64 bytes = read_shared(element.len);
  if (id >= end_) [[unlikely]] {
    return false;
  }
  token = id;
  found_ = &shadows_[id];
  return bytes + 1 == found_->lent && was_before(found_->position, published_);
}

void SplitTableCursor::take() {
  found_->lent = 0;
  ++taken_;
}

u32 SplitQueue::used_count() {
  const u16 index = read_shared(used_->idx);
  const u32 taken = last_used_.load(std::memory_order_relaxed);
  const u16 waiting = static_cast<u16>(index - taken);
  if (waiting == 0 || broken()) {
    return 0;
  }
  order_after_index();
  if (waiting > published_.load(std::memory_order_relaxed) - taken) [[unlikely]] {
    report_index(index, waiting);
    return 0;
  }
  return waiting;
}

[[gnu::cold, gnu::noinline]] void SplitQueue::report_index(u16 used_index, u16 waiting) {
  mark_broken();
  log::error(
      "{}: queue {} is broken: the used index is {}, {} beyond what was taken, with {} in flight",
      name_, index(), used_index, waiting, in_flight());
}

// The chain goes in front of the free ones.
[[gnu::noinline]] void SplitQueue::free_chain(u16 head, const ChainShadow& shadow) {
  shadow_[shadow.last].next = free_head_;
  free_head_ = head;
  free_count_ = static_cast<u16>(free_count_ + shadow.count);
}

// False: the element makes no sense, and the queue is broken. Of a legacy device the length alone
// may be wrong; then it is made right.
[[gnu::noinline]] bool SplitQueue::accept(u32 id, u32& bytes) {
  if (id > mask_) {
    return report_element(id, bytes, "is beyond the ring");
  }
  const ChainShadow& shadow = shadow_[id];
  if (shadow.lent == 0 ||
      !was_before(shadow.position, published_.load(std::memory_order_relaxed))) {
    return report_element(id, bytes, "starts no buffer in flight");
  }
  if (bytes >= shadow.lent) {
    if (options_.check_length) {
      return report_element(id, bytes, "starts a buffer of less to write");
    }
    bytes = shadow.lent - 1;
  }
  return true;
}

[[gnu::cold, gnu::noinline]] bool SplitQueue::report_element(u32 id, u32 bytes,
                                                             const char* complaint) {
  mark_broken();
  log::error("{}: queue {} is broken: a used element tells of {} bytes in descriptor {}, which {}",
             name_, index(), bytes, id, complaint);
  return false;
}

// --- Interrupts, 2.7.7 ---------------------------------------------------------------------------

void SplitQueue::disable_interrupts() {
  if (options_.event_idx) {
    // The place that the used index reaches last.
    const u32 taken = last_used_.load(std::memory_order_relaxed);
    write_shared(available_ring_[size()], static_cast<u16>(taken - 1));
  } else {
    write_shared(available_->flags, RingHeader::kNoInterrupt);
  }
}

bool SplitQueue::enable_interrupts(u32 skip) {
  const u32 taken = last_used_.load(std::memory_order_relaxed);
  if (options_.event_idx) {
    if (skip != 0) {
      skip = std::min(skip, std::max(in_flight(), 1U) - 1);
    }
    write_shared(available_ring_[size()], static_cast<u16>(taken + skip));
  } else {
    skip = 0;
    write_shared(available_->flags, u16{0});
  }
  order_before_recheck();
  return static_cast<u16>(read_shared(used_->idx) - taken) <= skip;
}

}  // namespace sluice::virtio
