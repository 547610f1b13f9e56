// Reading ahead by one piece; see readahead.hpp.
#include <sluice/fs/fat/readahead.hpp>

#include <algorithm>
#include <new>

#include <sluice/fs/fat/file.hpp>

namespace sluice::fat {

namespace {

constexpr usize kMinBufferBytes = 4 * kPageBytes;
constexpr u32 kWholeReadsToGrow = 16;

}  // namespace

Result<std::unique_ptr<Readahead>> Readahead::create(const BlockReader& reader,
                                                     const Geometry& geometry, usize bytes) {
  std::unique_ptr<Readahead> ahead(new (std::nothrow) Readahead);
  if (ahead == nullptr) {
    return fail(Errc::NoMemory);
  }
  for (Slot& slot : ahead->slots_) {
    slot.job = TRY(ReadJob::create(reader, geometry));
  }
  for (; bytes >= kMinBufferBytes; bytes /= 2) {
    for (Slot& slot : ahead->slots_) {
      slot.memory = allocate_pages(pages_for(bytes));
    }
    if (ahead->slots_[0].memory != nullptr && ahead->slots_[1].memory != nullptr) {
      ahead->buffer_bytes_ = ahead->ask_bytes_ = bytes;
      return ahead;
    }
  }
  return fail(Errc::NoMemory);
}

void Readahead::begin(u64 offset) {
  stop();
  offset_ = offset;
  ask_bytes_ = buffer_bytes_;
  whole_reads_ = 0;
}

Result<void> Readahead::start(Slot& slot, File& file, u64 offset) {
  slot.offset = offset;
  slot.asked_bytes = static_cast<usize>(std::min<u64>(ask_bytes_, file.size_bytes() - offset));
  slot.done.reset();
  const Result<void> started =
      file.read_async(*slot.job, offset, {slot.memory.get(), slot.asked_bytes}, slot.done);
  slot.active = started.has_value();
  return started;
}

void Readahead::wait(Slot& slot) {
  if (slot.active) {
    slot.done.wait();
    slot.active = false;
  }
}

void Readahead::stop() {
  for (Slot& slot : slots_) {
    wait(slot);
  }
}

// A read ends early where the file is in too many pieces. What was read ahead from the wrong place
// is lost then, so ask for about as much as comes.
void Readahead::adapt(const Slot& slot, usize bytes) {
  if (bytes < slot.asked_bytes) {
    ask_bytes_ = std::clamp(bytes & ~(kPageBytes - 1), kPageBytes, buffer_bytes_);
    whole_reads_ = 0;
  } else if (++whole_reads_ == kWholeReadsToGrow) {
    ask_bytes_ = std::min(ask_bytes_ * 2, buffer_bytes_);
    whole_reads_ = 0;
  }
}

Result<std::span<const std::byte>> Readahead::next(File& file) {
  if (offset_ >= file.size_bytes()) {
    return std::span<const std::byte>{};
  }
  Slot& slot = slots_[current_];
  Slot& ahead = slots_[current_ ^ 1];
  if (!slot.active) {
    TRY(start(slot, file, offset_));
  }
  const u64 behind = offset_ + slot.asked_bytes;
  if (!ahead.active && behind < file.size_bytes() && file.knows(behind)) {
    // Where this fails, the piece is asked for again in its turn, and fails then.
    static_cast<void>(start(ahead, file, behind).has_value());
  }
  wait(slot);
  const Result<usize> bytes = slot.job->result();
  if (!bytes || *bytes == 0) {
    stop();
    offset_ = file.size_bytes();
    return fail(bytes ? Errc::Malformed : bytes.error());
  }
  adapt(slot, *bytes);
  offset_ += *bytes;
  if (ahead.active && ahead.offset != offset_) {
    wait(ahead);
  }
  current_ ^= 1;
  return std::span<const std::byte>(slot.memory.get(), *bytes);
}

}  // namespace sluice::fat
