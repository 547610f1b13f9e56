// The packed ring: available descriptors out, used descriptors in, all in the same places.
#include <sluice/drivers/virtio/packed_queue.hpp>

#include <algorithm>
#include <cstring>
#include <new>

#include <sluice/drivers/virtio/ring_memory.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::virtio {

using packed::BufferShadow;
using packed::Descriptor;
using packed::Layout;
namespace event = packed::event;

namespace {

constexpr u32 kPlainPieces = 3;  // of a table with one piece in the middle

static_assert(Descriptor::kWrite == u64{1} << 49);

// A piece's length and direction, without a branch, as it is asked for each.
constexpr u64 half_of(u32 bytes, dma::Direction direction) {
  return bytes | (static_cast<u64>(direction) << 49);
}

}  // namespace

// --- Birth ---------------------------------------------------------------------------------------

Result<std::unique_ptr<PackedQueue>> PackedQueue::create(Transport& transport, u32 index, u32 size,
                                                         Options options, std::string_view name) {
  SLUICE_ASSERT(size > 0 && size <= packed::kMaxQueueSize);
  constexpr usize kAlignment = 64;
  DmaBuffer memory =
      TRY(DmaBuffer::allocate(Layout::of(size).bytes, kAlignment, transport.dma_mask()));
  std::unique_ptr<BufferShadow[]> shadow(new (std::nothrow) BufferShadow[size]{});
  if (shadow == nullptr) {
    return fail(Errc::NoMemory);
  }
  std::unique_ptr<PackedQueue> queue(new (std::nothrow) PackedQueue(
      transport, index, size, options, name, std::move(memory), std::move(shadow)));
  if (queue == nullptr) {
    return fail(Errc::NoMemory);
  }
  return queue;
}

PackedQueue::PackedQueue(Transport& transport, u32 index, u32 size, Options options,
                         std::string_view name, DmaBuffer memory,
                         std::unique_ptr<BufferShadow[]> shadow)
    : Virtqueue(transport, index, size, true),
      options_(options),
      shadow_(std::move(shadow)),
      memory_(std::move(memory)),
      name_(name) {
  const Layout layout = Layout::of(size);
  descriptors_ = objects_at<Descriptor>(memory_, 0, size);
  driver_event_ = objects_at<le32>(memory_, layout.driver, 1);
  device_event_ = objects_at<le32>(memory_, layout.device, 1);
  empty();
}

void PackedQueue::empty() {
  for (u32 i = 0; i < size(); ++i) {
    shadow_[i] = {};
    shadow_[i].next = static_cast<u16>(i + 1);
  }
  free_id_ = 0;
  free_count_ = shortest_ = size();
  avail_ = held_ = {.marks = Descriptor::kAvail};
  used_.store(packed::Position{.marks = Descriptor::kMarks}.word(), std::memory_order_relaxed);
  added_ = 0;
  published_.store(0, std::memory_order_relaxed);
  taken_.store(0, std::memory_order_relaxed);
}

void PackedQueue::restart() {
  std::memset(memory_.bytes().data(), 0, memory_.bytes().size());
  empty();
  mark_whole();
}

QueuePlace PackedQueue::place() const {
  const Layout layout = Layout::of(size());
  return {size(), memory_.bus(), memory_.bus(layout.driver), memory_.bus(layout.device)};
}

// --- Buffers out, 2.8.21 -------------------------------------------------------------------------

// The second half of a buffer's first descriptor. The first buffer that is not published yet keeps
// it to itself: the device reads descriptors in their order, so that it stops there.
inline void PackedQueue::write_first(packed::Position at, u64 rest) {
  if (added_ == published_.load(std::memory_order_relaxed)) {
    held_ = at;
    held_rest_ = rest;
  } else {
    write_shared(descriptors_[at.place].rest, rest);
  }
  ++added_;
}

bool PackedQueue::add(std::span<const dma::Mapping> pieces, u32 token) {
  SLUICE_ASSERT(!pieces.empty() && !tables_ && token <= kMaxToken);
  if (pieces.size() > free_count_ || broken()) [[unlikely]] {
    return false;
  }
  const packed::Position first = avail_;
  const u32 id = free_id_;
  u64 first_rest = 0;
  u32 writable_bytes = 0;
  for (usize i = 0; i < pieces.size(); ++i) {
    const dma::Mapping& piece = pieces[i];
    const u64 rest = half_of(piece.bytes, piece.direction) | Descriptor::with_id(id) |
                     (i + 1 < pieces.size() ? Descriptor::kNext : 0) | avail_.marks;
    Descriptor& descriptor = descriptors_[avail_.place];
    descriptor.addr = piece.bus.value();
    if (i == 0) {
      first_rest = rest;
    } else {
      write_shared(descriptor.rest, rest);
    }
    writable_bytes += writable_part(piece.bytes, piece.direction);
    avail_.advance(1, size());
  }
  BufferShadow& shadow = shadow_[id];
  shadow.lent = writable_bytes + 1;
  shadow.position = added_;
  shadow.token = static_cast<u16>(token);
  shadow.count = static_cast<u16>(pieces.size());
  free_id_ = shadow.next;
  free_count_ -= shadow.count;
  shortest_ = std::min<u32>(shortest_, shadow.count);
  write_first(first, first_rest);
  return true;
}

void PackedQueue::prepare_table(u32 token, const Table& table, const dma::Mapping& first,
                                const dma::Mapping& last) {
  SLUICE_ASSERT(options_.indirect && token < size());
  auto* const entries = reinterpret_cast<Descriptor*>(table.data);
  entries[0] = {first.bus.value(), half_of(first.bytes, first.direction)};
  BufferShadow& shadow = shadow_[token];
  shadow.table = table.bus.value();
  shadow.last = last.bus.value();
  shadow.token = static_cast<u16>(token);
  shadow.count = 1;
  tables_ = true;
  table_end_bytes_ = last.bytes;
  shortest_ = 1;
}

// Behind the middle, which most often is as long as the last time.
[[gnu::noinline]] void PackedQueue::write_last(BufferShadow& shadow, Descriptor* entries,
                                               u32 pieces) const {
  entries[pieces - 1] = {shadow.last, half_of(table_end_bytes_, dma::Direction::FromDevice)};
  shadow.pieces = static_cast<u16>(pieces);
}

void PackedQueue::add_table(usize token, std::byte* table, std::span<const dma::Mapping> middle) {
  SLUICE_ASSERT(token < size() && shadow_[token].lent == 0);
  BufferShadow& shadow = shadow_[token];
  auto* const entries = reinterpret_cast<Descriptor*>(table);
  shadow.lent = table_end_bytes_ + 1;
  u32 pieces = 1;
  for (const dma::Mapping& piece : middle) {
    entries[pieces++] = {piece.bus.value(), half_of(piece.bytes, piece.direction)};
    shadow.lent += writable_part(piece.bytes, piece.direction);
  }
  if (++pieces != shadow.pieces) {
    write_last(shadow, entries, pieces);
  }
  shadow.position = added_;
  descriptors_[avail_.place].addr = shadow.table;
  write_first(avail_, pieces * sizeof(Descriptor) | Descriptor::with_id(token) |
                          Descriptor::kIndirect | avail_.marks);
  avail_.advance(1, size());
}

PackedTableBatch::PackedTableBatch(Virtqueue& queue)
    : queue_(static_cast<PackedQueue&>(queue)),
      shadows_(queue_.shadow_.get()),
      end_(queue_.descriptors_ + queue_.size()),
      at_(queue_.descriptors_ + queue_.avail_.place),
      rest_(queue_.avail_.marks | Descriptor::kIndirect | kPlainPieces * sizeof(Descriptor)),
      least_lent_(queue_.table_end_bytes_ + 1),
      published_(queue_.published_.load(std::memory_order_relaxed)),
      before_(queue_.added_),
      added_(before_) {}

PackedTableBatch::~PackedTableBatch() {
  queue_.added_ = static_cast<u32>(added_);
  queue_.avail_ = {static_cast<u32>(at_ - queue_.descriptors_), rest_ & Descriptor::kMarks};
}

void PackedTableBatch::add(usize token, std::byte* table, BusAddr bus, u32 bytes,
                           dma::Direction direction) {
  BufferShadow& shadow = shadows_[token];
  SLUICE_ASSERT(shadow.lent == 0);
  auto* const entries = reinterpret_cast<Descriptor*>(table);
  entries[1].addr = bus.value();
  if (direction == dma::Direction::FromDevice) {
    entries[1].rest = bytes | Descriptor::kWrite;
    shadow.lent = static_cast<u32>(least_lent_ + bytes);
  } else {
    entries[1].rest = bytes;
    shadow.lent = static_cast<u32>(least_lent_);
  }
  if (shadow.pieces != kPlainPieces) [[unlikely]] {
    queue_.write_last(shadow, entries, kPlainPieces);
  }
  shadow.position = static_cast<u32>(added_);
  at_->addr = shadow.table;
  const u64 rest = rest_ | Descriptor::with_id(token);
  if (added_ == published_) {
    queue_.held_ = {static_cast<u32>(at_ - queue_.descriptors_), rest & Descriptor::kMarks};
    queue_.held_rest_ = rest;
  } else {
    write_shared(at_->rest, rest);
  }
  ++added_;
  if (++at_ == end_) {
    at_ = queue_.descriptors_;
    rest_ ^= Descriptor::kMarks;
  }
}

bool PackedQueue::publish() {
  if (added_ == published_.load(std::memory_order_relaxed)) {
    return false;
  }
  port::store_release(published_, added_);
  order_before_publish();
  write_shared(descriptors_[held_.place].rest, held_rest_);
  if (options_.notification_data) [[unlikely]] {
    tell_place(avail_.place |
               ((avail_.marks & Descriptor::kAvail) != 0 ? packed::event::kWrap : 0));
  }
  order_before_recheck();
  return wants_notification();
}

// Does the device want to hear of what was published from held_ on?
inline bool PackedQueue::wants_notification() const {
  const u32 wanted = read_shared(*device_event_);
  if ((wanted & event::kFlags) != event::kAtDescriptor || !options_.event_idx) {
    return (wanted & event::kFlags) != event::kDisable;
  }
  // How far behind held_ is the descriptor that it waits for, in which lap, and was it published?
  packed::Position asked = held_;
  const u32 place = wanted & event::kPlace;
  const u32 ahead = place - held_.place + (place < held_.place ? size() : 0);
  asked.advance(ahead, size());
  const u32 count = avail_.place - held_.place + (avail_.place <= held_.place ? size() : 0);
  return ahead < count &&
         ((wanted & event::kWrap) != 0) == ((asked.marks & Descriptor::kAvail) != 0);
}

// --- Buffers in, 2.8.22 --------------------------------------------------------------------------

bool PackedQueue::has_used() const {
  const packed::Position next = used();
  return (read_shared(descriptors_[next.place].rest) & Descriptor::kMarks) == next.marks;
}

u32 PackedQueue::take_used(std::span<Used> used) {
  u32 count = 0;
  while (count < used.size() && take_next(used[count])) {
    ++count;
  }
  return count;
}

bool PackedQueue::take_next(Used& used) {
  packed::Position at = this->used();
  const u64 rest = read_shared(descriptors_[at.place].rest);
  if ((rest & Descriptor::kMarks) != at.marks || broken()) {
    return false;
  }
  order_after_index();
  const u32 id = Descriptor::id(rest);
  if (!accept(id, rest, used.bytes)) {
    return false;
  }
  BufferShadow& shadow = shadow_[id];
  used.token = shadow.token;
  shadow.lent = 0;
  at.advance(shadow.count, size());
  port::store_relaxed(used_, at.word());
  if (!tables_) {
    shadow.next = free_id_;
    free_id_ = static_cast<u16>(id);
    free_count_ += shadow.count;
  }
  port::store_relaxed(taken_, taken_.load(std::memory_order_relaxed) + 1);
  return true;
}

PackedTableCursor::PackedTableCursor(Virtqueue& queue, u32 end)
    : queue_(static_cast<PackedQueue&>(queue)),
      shadows_(queue_.shadow_.get()),
      end_(queue_.descriptors_ + queue_.size()),
      at_(queue_.descriptors_ + queue_.used().place),
      marks_(queue_.used().marks),
      size_(queue_.size()),
      token_end_(queue_.broken() ? 0 : end),
      published_(queue_.published_.load(std::memory_order_acquire)),
      taken_(queue_.taken_.load(std::memory_order_relaxed)) {
  SLUICE_ASSERT(end <= queue.size());
}

PackedTableCursor::~PackedTableCursor() {
  port::store_relaxed(queue_.taken_, static_cast<u32>(taken_));
  const packed::Position next{static_cast<u32>(at_ - queue_.descriptors_), marks_};
  port::store_relaxed(queue_.used_, next.word());
}

bool PackedTableCursor::look(usize& token) {
  const u64 rest = read_shared(at_->rest);
  const usize id = Descriptor::id(rest);
  if ((rest & Descriptor::kMarks) != marks_ || id >= token_end_) {
    return false;
  }
  order_after_index();
  token = id;
  found_ = &shadows_[id];
  return u64{Descriptor::bytes(rest)} + 1 == found_->lent && found_->position - published_ >= size_;
}

void PackedTableCursor::take() {
  found_->lent = 0;
  ++taken_;
  if (++at_ == end_) {
    at_ = queue_.descriptors_;
    marks_ ^= Descriptor::kMarks;
  }
}

// False: the used descriptor makes no sense, and the queue is broken.
[[gnu::noinline]] bool PackedQueue::accept(u32 id, u64 rest, u32& bytes) {
  bytes = Descriptor::bytes(rest);
  if (id >= size()) {
    return report(id, bytes, "is beyond the ring");
  }
  const BufferShadow& shadow = shadow_[id];
  // What is not published has a position from there on, of which there are no more than the ring
  // holds; all others in flight are before it, however many came in between.
  if (shadow.lent == 0 || shadow.position - published_.load(std::memory_order_relaxed) < size()) {
    return report(id, bytes, "is not in flight");
  }
  if (bytes >= shadow.lent) {
    if ((rest & Descriptor::kWrite) != 0) {
      return report(id, bytes, "has less to write");
    }
    bytes = 0;  // reserved where the device does not say that it wrote (2.8.4)
  }
  return true;
}

[[gnu::cold, gnu::noinline]] bool PackedQueue::report(u32 id, u32 bytes, const char* complaint) {
  mark_broken();
  log::error("{}: queue {} is broken: descriptor {} tells of {} bytes in buffer {}, which {}",
             name_, index(), used().place, bytes, id, complaint);
  return false;
}

// --- Interrupts, 2.8.10 --------------------------------------------------------------------------

void PackedQueue::disable_interrupts() {
  write_shared(*driver_event_, event::kDisable);
}

bool PackedQueue::enable_interrupts(u32 skip) {
  const packed::Position next = used();
  packed::Position asked = next;
  u32 wanted = event::kEnable;
  if (options_.event_idx) {
    if (skip != 0) {
      asked.advance(std::min(skip, std::max(in_flight(), 1U) - 1) * shortest_, size());
    }
    wanted = asked.place | event::kAtDescriptor |
             ((asked.marks & Descriptor::kAvail) != 0 ? event::kWrap : 0);
  }
  write_shared(*driver_event_, wanted);
  order_before_recheck();
  // With tables each used buffer has one descriptor, so that it shows whether this one passed; a
  // list's others stay as they were.
  const packed::Position& last = tables_ ? asked : next;
  if ((read_shared(descriptors_[last.place].rest) & Descriptor::kMarks) != last.marks) {
    return true;
  }
  // A device may mark the first of a batch last: then it has yet to look whether we wait.
  order_after_index();
  return !has_used();
}

}  // namespace sluice::virtio
