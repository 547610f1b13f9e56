// Bios: their words, their end, and the walk over their memory.
#include <sluice/drivers/block/bio.hpp>

#include <sluice/drivers/block/disk.hpp>

namespace sluice::blk {

std::string_view to_string(Op op) {
  switch (op) {
    case Op::Read:
      return "read";
    case Op::Write:
      return "write";
    case Op::Flush:
      return "flush";
    case Op::Discard:
      return "discard";
    case Op::WriteZeroes:
      return "write zeroes";
    case Op::SecureErase:
      return "secure erase";
  }
  return "unknown operation";
}

std::string_view to_string(Status status) {
  switch (status) {
    case Status::Ok:
      return "ok";
    case Status::IoError:
      return "I/O error";
    case Status::MediumError:
      return "unreadable or unwritable medium";
    case Status::OutOfRange:
      return "beyond the end of the disk";
    case Status::Misaligned:
      return "not whole logical blocks";
    case Status::ReadOnly:
      return "the disk is read-only";
    case Status::Unsupported:
      return "operation not supported";
    case Status::NoSpace:
      return "no space";
    case Status::TimedOut:
      return "timed out";
    case Status::Removed:
      return "the disk is gone";
    case Status::Transient:
      return "failed for the moment";
  }
  return "unknown status";
}

Errc to_errc(Status status) {
  switch (status) {
    case Status::Ok:
      break;
    case Status::IoError:
    case Status::Transient:
      return Errc::Io;
    case Status::MediumError:
      return Errc::Medium;
    case Status::OutOfRange:
      return Errc::OutOfRange;
    case Status::Misaligned:
      return Errc::Invalid;
    case Status::ReadOnly:
      return Errc::ReadOnly;
    case Status::Unsupported:
      return Errc::NotSupported;
    case Status::NoSpace:
      return Errc::NoSpace;
    case Status::TimedOut:
      return Errc::Timeout;
    case Status::Removed:
      return Errc::Removed;
  }
  return Errc::Io;
}

u64 Bio::bytes() const {
  if (!carries_data(op)) {
    return op == Op::Flush ? 0 : range_bytes;
  }
  u64 sum = 0;
  for (const Segment& segment : segments) {
    sum += segment.bytes;
  }
  return sum;
}

[[gnu::noinline]] void Bio::end_one_of_several(Status part_status) {
  if (part_status != Status::Ok) {
    failure_.store(static_cast<u32>(part_status), std::memory_order_relaxed);
  }
  if (parts_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    const Status final_status = static_cast<Status>(failure_.load(std::memory_order_relaxed));
    if (flush_step_ == FlushStep::None) {
      end(final_status);
    } else {
      disk_->flush_machine().step_ended(*this, final_status);
    }
  }
}

// Finds the piece at the cursor: passes over what is used up or empty, and on to the next bio of
// the chain. There are bytes left.
void SegmentRange::iterator::load() {
  while (true) {
    if (at_.index == bio_->segments.size()) {
      bio_ = bio_->next_in_request_;
      at_ = {};
      continue;
    }
    const Segment& segment = bio_->segments[at_.index];
    const u32 in_segment = segment.bytes - at_.skip;
    if (in_segment > 0) {
      u32 piece = in_segment < max_segment_bytes_ ? in_segment : max_segment_bytes_;
      if (left_ < piece) {
        piece = static_cast<u32>(left_);
      }
      current_ = {segment.data + at_.skip, piece};
      return;
    }
    at_ = {at_.index + 1, 0};
  }
}

}  // namespace sluice::blk
