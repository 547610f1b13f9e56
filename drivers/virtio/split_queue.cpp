// The split ring: descriptors out, used elements in.
#include <sluice/drivers/virtio/split_queue.hpp>

#include <algorithm>
#include <bit>
#include <new>

#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::virtio {

using split::Descriptor;
using split::Layout;
using split::RingHeader;
using split::UsedElement;

namespace {

// Le<T> is a T in memory: what the other side reads or writes meanwhile is accessed once, whole,
// where it stands here.
template <class T>
T read_shared(const Le<T>& field) {
  static_assert(std::endian::native == std::endian::little && sizeof(field) == sizeof(T));
  return *reinterpret_cast<const volatile T*>(&field);
}
template <class T>
void write_shared(Le<T>& field, T value) {
  static_assert(std::endian::native == std::endian::little && sizeof(field) == sizeof(T));
  *reinterpret_cast<volatile T*>(&field) = value;
}

// Objects of type T in DMA memory, zero as they were allocated.
template <class T>
T* objects_at(const DmaBuffer& memory, u32 offset, u32 count) {
  SLUICE_ASSERT(offset + count * sizeof(T) <= memory.bytes().size());
  return std::launder(reinterpret_cast<T*>(memory.bytes().data() + offset));
}

constexpr u16 kLastInTable = 1;    // where a table's last piece stands,
constexpr u16 kMiddleInTable = 2;  // and from where on the middle does

static_assert(static_cast<u32>(dma::Direction::ToDevice) == 0 &&
              static_cast<u32>(dma::Direction::FromDevice) == 1);

constexpr bool device_writes(const dma::Mapping& piece) {
  return piece.direction == dma::Direction::FromDevice;
}
// How much of it the device writes; without a branch, as it is asked for each piece.
constexpr u32 writable_part(const dma::Mapping& piece) {
  return piece.bytes & -static_cast<u32>(piece.direction);
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
  std::unique_ptr<Shadow[]> shadow(new (std::nothrow) Shadow[size]{});
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
                       std::string_view name, DmaBuffer memory, std::unique_ptr<Shadow[]> shadow)
    : Virtqueue(transport, index, size),
      options_(options),
      mask_(static_cast<u16>(size - 1)),
      free_count_(static_cast<u16>(size)),
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
  for (u32 i = 0; i < size; ++i) {
    shadow_[i].next = static_cast<u16>(i + 1);
  }
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
    writable_bytes += writable_part(piece);
  }
  descriptors_[last].flags = device_writes(pieces.back()) ? Descriptor::kWrite : u16{0};
  const u16 count = static_cast<u16>(pieces.size());
  free_head_ = here;
  free_count_ = static_cast<u16>(free_count_ - count);
  Shadow& shadow = shadow_[head];
  shadow.token = static_cast<u16>(token);
  shadow.last = last;
  make_available(head, count, writable_bytes);
  return true;
}

void SplitQueue::prepare_table(u32 token, const Table& table, const dma::Mapping& first,
                               const dma::Mapping& last) {
  SLUICE_ASSERT(options_.indirect && token < size());
  auto* const descriptors = reinterpret_cast<Descriptor*>(table.data);
  describe(descriptors[0], first, Descriptor::kNext, kLastInTable);
  describe(descriptors[kLastInTable], last, 0, 0);
  Descriptor& outer = descriptors_[token];
  outer.addr = table.bus.value();
  outer.flags = Descriptor::kIndirect;
  shadow_[token].token = static_cast<u16>(token);
  tables_ = true;
  table_end_bytes_ = last.bytes;
}

void SplitQueue::add_table(u32 token, std::byte* table, std::span<const dma::Mapping> middle) {
  const usize head = token;
  SLUICE_ASSERT(head <= mask_ && shadow_[head].count == 0);
  auto* const descriptors = reinterpret_cast<Descriptor*>(table);
  u32 writable_bytes = table_end_bytes_;
  usize at = kMiddleInTable;
  for (const dma::Mapping& piece : middle) {
    describe(descriptors[at], piece, Descriptor::kNext, static_cast<u16>(at + 1));
    writable_bytes += writable_part(piece);
    ++at;
  }
  // The last piece stands in front of the middle, where it need not be written again.
  const usize pieces = kMiddleInTable + middle.size();
  descriptors[0].next = middle.empty() ? kLastInTable : kMiddleInTable;
  descriptors[middle.empty() ? 0 : pieces - 1].next = kLastInTable;
  descriptors_[head].len = static_cast<u32>(pieces * sizeof(Descriptor));
  make_available(head, 1, writable_bytes);
}

inline void SplitQueue::make_available(usize head, u16 count, u32 writable_bytes) {
  const u32 position = added_.load(std::memory_order_relaxed);
  Shadow& shadow = shadow_[head];
  shadow.writable_bytes = writable_bytes;
  shadow.position = position;
  shadow.count = count;
  available_ring_[usize{position} & mask_] = static_cast<u16>(head);
  added_.store(position + 1, std::memory_order_relaxed);
}

bool SplitQueue::publish() {
  const u32 added = added_.load(std::memory_order_relaxed);
  const u32 count = added - published_.load(std::memory_order_relaxed);
  if (count == 0) {
    return false;
  }
  const u16 index = static_cast<u16>(added);
  published_.store(added, std::memory_order_release);
  order_before_publish();
  write_shared(available_->idx, index);
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

u32 SplitQueue::take_used(std::span<Used> used) {
  const u16 index = read_shared(used_->idx);
  const u16 waiting = static_cast<u16>(index - last_used_);
  if (waiting == 0 || broken()) {
    return 0;
  }
  if (waiting > in_flight()) [[unlikely]] {
    mark_broken();
    log::error(
        "{}: queue {} is broken: the used index is {}, {} beyond what was taken, with {} in flight",
        name_, Virtqueue::index(), index, waiting, in_flight());
    return 0;
  }
  order_after_index();
  const u32 count = std::min<u32>(waiting, static_cast<u32>(used.size()));
  for (Used& out : used.first(count)) {
    const UsedElement& element = used_ring_[usize{last_used_} & mask_];
    out = {read_shared(element.id), read_shared(element.len)};
    if (!take_one(out)) [[unlikely]] {
      return static_cast<u32>(&out - used.data());
    }
    ++last_used_;
  }
  return count;
}

// `element` as the device wrote it, and then with the buffer's token.
inline bool SplitQueue::take_one(Used& element) {
  const usize id = element.token;
  if (id > mask_) [[unlikely]] {
    return report_element(element, "is beyond the ring");
  }
  Shadow& shadow = shadow_[id];
  const u32 published = published_.load(std::memory_order_relaxed);
  const u32 hidden = added_.load(std::memory_order_relaxed) - published;
  if (shadow.count == 0 || shadow.position - published < hidden) [[unlikely]] {
    return report_element(element, "starts no buffer in flight");
  }
  if (element.bytes > shadow.writable_bytes) [[unlikely]] {
    if (options_.check_length) {
      return report_element(element, "starts a buffer of less to write");
    }
    element.bytes = shadow.writable_bytes;
  }
  element.token = shadow.token;
  if (!tables_) {
    // The chain goes in front of the free ones.
    shadow_[shadow.last].next = free_head_;
    free_head_ = static_cast<u16>(id);
    free_count_ = static_cast<u16>(free_count_ + shadow.count);
  }
  shadow.count = 0;
  return true;
}

[[gnu::cold]] bool SplitQueue::report_element(const Used& element, const char* complaint) {
  mark_broken();
  log::error("{}: queue {} is broken: a used element tells of {} bytes in descriptor {}, which {}",
             name_, index(), element.bytes, element.token, complaint);
  return false;
}

// --- Interrupts, 2.7.7 ---------------------------------------------------------------------------

void SplitQueue::disable_interrupts() {
  // With EVENT_IDX the event lies behind the used index from the moment the interrupt came: nothing
  // more to say.
  if (!options_.event_idx) {
    write_shared(available_->flags, RingHeader::kNoInterrupt);
  }
}

bool SplitQueue::enable_interrupts(u32 skip) {
  if (options_.event_idx) {
    const u32 waited_for = in_flight();
    skip = waited_for == 0 ? 0 : std::min(skip, waited_for - 1);
    write_shared(available_ring_[size()], static_cast<u16>(last_used_ + skip));
  } else {
    skip = 0;
    write_shared(available_->flags, u16{0});
  }
  order_before_recheck();
  return static_cast<u16>(read_shared(used_->idx) - last_used_) <= skip;
}

}  // namespace sluice::virtio
