// Bio: one piece of block I/O as its submitter describes it: an operation, a place on the disk, and
// memory in any number of segments. Used by file systems and programs (through BlockDevice), and by
// the request layer, which turns bios into requests. The submitter owns the bio, its segment array
// and the memory until end_io is called, exactly once.
#pragma once

#include <atomic>
#include <span>
#include <string_view>

#include <sluice/kernel/list.hpp>
#include <sluice/kernel/result.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice::blk {

class Disk;
class Request;

// The unit of addresses on every disk, whatever its logical block size.
inline constexpr u32 kSectorBytes = 512;
inline constexpr u32 kSectorShift = 9;
using Sector = Strong<struct SectorTag>;

// A Flush makes durable what had ended before it was submitted; it waits for nothing else, and the
// other operations end in any order (docs/request-layer.md, "What order there is").
enum class Op : u8 { Read, Write, Flush, Discard, WriteZeroes, SecureErase };
inline constexpr u32 kOps = 6;
constexpr bool carries_data(Op op) {
  return op == Op::Read || op == Op::Write;
}
std::string_view to_string(Op op);

// What a bio asks for beside its operation (Linux: REQ_PREFLUSH, REQ_FUA, REQ_POLLED, REQ_NOMERGE,
// REQ_NOUNMAP).
namespace bio_flag {
inline constexpr u8 kPreflush = 1;  // Write: begins once what had ended before is durable
inline constexpr u8 kFua = 2;       // Write: ends once it is durable itself
inline constexpr u8 kPolled = 4;    // its submitter polls for it: no interrupt is asked for
inline constexpr u8 kNoMerge = 8;   // becomes a request of its own
inline constexpr u8 kNoUnmap = 16;  // WriteZeroes: the device keeps the place for what is written
}  // namespace bio_flag

// How an I/O ended.
enum class Status : u8 {
  Ok,
  IoError,      // the device said so, and not why
  MediumError,  // what is stored there cannot be read or written
  OutOfRange,   // beyond the capacity
  Misaligned,   // not whole logical blocks, or more segments per block than the
                // device takes
  ReadOnly,
  Unsupported,  // the device does not do this operation, or a segment has bytes
                // but no memory
  NoSpace,
  TimedOut,
  Removed,    // the disk is gone
  Transient,  // only from driver to request layer: trying again may help; after kRetries it is an
              // IoError
};
std::string_view to_string(Status status);

// The same as an error of set-up, for Result-returning callers; `status` is not Ok.
Errc to_errc(Status status);

// A piece of memory, contiguous for the CPU. Any alignment; one of 0 bytes is passed over.
struct Segment {
  std::byte* data = nullptr;
  u32 bytes = 0;
};

// A place in a bio's memory.
struct SegmentCursor {
  u32 index = 0;  // of the segment
  u32 skip = 0;   // bytes of it that lie before the place
};

class Bio;

// Where a bio stands in a scheduler's order of sectors (sector_tree.hpp).
struct SectorTreeLinks {
  Bio* left = nullptr;
  Bio* right = nullptr;
  u64 priority = 0;
  u64 arrival = 0;
};

class Bio : public ListNode<> {
 public:
  // Called once, in irq, work or task context, perhaps before submit returns.
  // The bio is the owner's again, and may be submitted anew from here, save in irq context.
  using EndIo = void (*)(Bio& bio);

  Bio() = default;
  Bio(Op what, Sector first, std::span<const Segment> memory, EndIo when_ended, void* with)
      : op(what), sector(first), segments(memory), end_io(when_ended), context(with) {}

  Op op = Op::Read;
  u8 flags = 0;                       // of bio_flag
  Sector sector{};                    // the first
  std::span<const Segment> segments;  // Read and Write; for the others empty
  u64 range_bytes = 0;                // of the operations without data: how far
  EndIo end_io = nullptr;
  void* context = nullptr;  // the submitter's

  Status status = Status::Ok;  // valid from end_io on

  // Data bytes for Read and Write, 0 for Flush, the range for the others.
  u64 bytes() const;

  // --- For schedulers, while they hold it ---
  u64 disk_sector() const {
    return disk_sector_;
  }  // on the whole disk, wherever the bio's own count
  u64 total_bytes() const { return total_bytes_; }  // bytes(), computed once
  u64 submitted_ticks() const { return submitted_ticks_; }

 private:
  friend class CompletionBatch;
  friend class Disk;
  friend class FlushMachine;
  friend class ExpressLane;
  friend class HwQueue;
  friend class Request;
  friend class RequestBuilder;
  friend class SectorTree;
  friend class SegmentRange;
  friend struct TestAccess;  // the schedulers' tests describe bios and requests of their own

  // What is to become of it; decided by the disk at submission.
  enum class Plan : u8 {
    EndNow,    // with `status`
    OneWhole,  // it has one segment and fits into one request
    Parts,     // anything else
  };

  // One part has ended; with the last one the bio ends. Any context, no lock held.
  void end_part(Status part_status) {
    if (plan_ != Plan::Parts) [[likely]] {
      end(part_status);
    } else {
      end_one_of_several(part_status);
    }
  }
  void end_one_of_several(Status part_status);
  void end(Status final_status) {
    status = final_status;
    end_io(*this);
  }

  // The operation, with the flags above it: no more than Op::Write where none is set.
  u32 op_and_flags() const { return static_cast<u32>(op) | u32{flags} << 8; }
  bool can_be_scheduled() const {
    return plan_ != Plan::EndNow && op != Op::Flush && flush_step_ == FlushStep::None &&
           (flags & bio_flag::kPolled) == 0;
  }

  // How far a bio has come that the flush machine takes through its steps (flush.hpp).
  enum class FlushStep : u8 { None, Before, Data, After };

  alignas(2) Plan plan_ = Plan::EndNow;
  FlushStep flush_step_ = FlushStep::None;
  // The next four are set by the step-by-step way; the express lane leaves them as they were.
  Disk* disk_ = nullptr;            // where it was submitted
  u64 disk_sector_ = 0;             // the first, on the whole disk
  u64 total_bytes_ = 0;             // bytes(), computed once
  u64 submitted_ticks_ = 0;         // when
  Bio* next_in_request_ = nullptr;  // the request's chain
  SectorTreeLinks tree_;
  // Of Parts:
  std::atomic<u32> parts_{
      0};  // what must end before the bio does: its requests, and the waiting rest
  std::atomic<u32> failure_{0};  // the Status of a part that failed
  u64 issued_bytes_ = 0;         // in requests so far
  SegmentCursor issued_to_;      // the same as a place in the memory
};

// `bytes` of a chain of bios, from a place in the first one on, as a range of segments, each at
// most `max_segment_bytes` long: for (Segment segment : request.segments()).
class SegmentRange {
 public:
  struct End {};
  class iterator {
   public:
    Segment operator*() const { return current_; }
    iterator& operator++() {
      advance();
      return *this;
    }
    bool operator==(End) const { return current_.bytes == 0; }

   private:
    friend class SegmentRange;
    explicit iterator(Segment only) : left_(only.bytes), current_(only) {}
    iterator(const Bio* bio, SegmentCursor at, u64 bytes, u32 max_segment_bytes)
        : bio_(bio), at_(at), left_(bytes), max_segment_bytes_(max_segment_bytes) {
      if (bytes > 0) {
        load();
      }
    }
    void advance() {
      left_ -= current_.bytes;
      if (left_ == 0) [[likely]] {
        current_.bytes = 0;
      } else {
        at_.skip += current_.bytes;
        load();
      }
    }
    void load();
    const Bio* bio_ = nullptr;
    SegmentCursor at_;
    u64 left_;  // bytes of the range from the current piece on
    u32 max_segment_bytes_ = 0;
    Segment current_{};
  };

  explicit SegmentRange(Segment only) : begin_(only) {}
  SegmentRange(const Bio* first, SegmentCursor start, u64 bytes, u32 max_segment_bytes)
      : begin_(first, start, bytes, max_segment_bytes) {}
  iterator begin() const { return begin_; }
  End end() const { return {}; }

 private:
  iterator begin_;
};

}  // namespace sluice::blk
