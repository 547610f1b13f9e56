// Reading ahead by one piece.
#include "file_stream.hpp"

#include <algorithm>
#include <new>

namespace sluice::app {
namespace {

constexpr usize kMinBufferBytes = 4 * kPageBytes;
constexpr u32 kWholeReadsToGrow = 16;

}  // namespace

Result<std::unique_ptr<FileStream>> FileStream::create(fat::Volume& volume, usize bytes) {
  std::unique_ptr<FileStream> stream(new (std::nothrow) FileStream(volume));
  if (stream == nullptr) {
    return fail(Errc::NoMemory);
  }
  for (Slot& slot : stream->slots_) {
    auto job = volume.make_read_job();
    if (!job) {
      return fail(job.error());
    }
    slot.job = std::move(*job);
  }
  for (; bytes >= kMinBufferBytes; bytes /= 2) {
    for (Slot& slot : stream->slots_) {
      slot.memory = allocate_pages(pages_for(bytes));
    }
    if (stream->slots_[0].memory != nullptr && stream->slots_[1].memory != nullptr) {
      stream->buffer_bytes_ = stream->ask_bytes_ = bytes;
      return stream;
    }
  }
  return fail(Errc::NoMemory);
}

Result<void> FileStream::open(const fat::Entry& entry, u64 offset) {
  stop();
  file_.reset();
  Result<fat::File> opened = volume_->open(entry);
  if (!opened) {
    return fail(opened.error());
  }
  file_.emplace(std::move(*opened));
  offset_ = offset;
  ask_bytes_ = buffer_bytes_;
  whole_reads_ = 0;
  return {};
}

Result<void> FileStream::start(Slot& slot, u64 offset) {
  slot.offset = offset;
  slot.asked_bytes = static_cast<usize>(std::min<u64>(ask_bytes_, file_->size_bytes() - offset));
  slot.done.reset();
  const Result<void> started =
      file_->read_async(*slot.job, offset, {slot.memory.get(), slot.asked_bytes}, slot.done);
  slot.active = started.has_value();
  return started;
}

void FileStream::wait(Slot& slot) {
  if (slot.active) {
    slot.done.wait();
    slot.active = false;
  }
}

void FileStream::stop() {
  for (Slot& slot : slots_) {
    wait(slot);
  }
}

// A read ends early where the file is in too many pieces. What was read ahead from the wrong place
// is lost then, so ask for about as much as comes.
void FileStream::adapt(const Slot& slot, usize bytes) {
  if (bytes < slot.asked_bytes) {
    ask_bytes_ = std::clamp(bytes & ~(kPageBytes - 1), kPageBytes, buffer_bytes_);
    whole_reads_ = 0;
  } else if (++whole_reads_ == kWholeReadsToGrow) {
    ask_bytes_ = std::min(ask_bytes_ * 2, buffer_bytes_);
    whole_reads_ = 0;
  }
}

Result<std::span<const std::byte>> FileStream::next() {
  if (offset_ >= file_->size_bytes()) {
    return std::span<const std::byte>{};
  }
  Slot& slot = slots_[current_];
  Slot& ahead = slots_[current_ ^ 1];
  if (!slot.active) {
    TRY(start(slot, offset_));
  }
  const u64 behind = offset_ + slot.asked_bytes;
  if (!ahead.active && behind < file_->size_bytes()) {
    // Where this fails, the piece is asked for again in its turn, and fails then.
    static_cast<void>(start(ahead, behind).has_value());
  }
  wait(slot);
  const Result<usize> bytes = slot.job->result();
  if (!bytes || *bytes == 0) {
    stop();
    offset_ = file_->size_bytes();
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

}  // namespace sluice::app
