// Bio: one piece of block I/O as its submitter describes it: an operation, a place on the disk, and memory in any number
// of segments.
// Used by file systems and programs (through BlockDevice), and by the request layer, which turns bios into requests.
// The submitter owns the bio, its segment array and the memory until end_io is called, exactly once.
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
using Sector = Strong<struct SectorTag>;

enum class Op : u8 { Read, Write, Flush, Discard, WriteZeroes };
constexpr bool carries_data(Op op) { return op == Op::Read || op == Op::Write; }
std::string_view to_string(Op op);

// How an I/O ended.
enum class Status : u8 {
  Ok,
  IoError,      // the device said so
  OutOfRange,   // beyond the capacity
  Misaligned,   // not whole logical blocks, or more segments per block than the device takes
  ReadOnly,
  Unsupported,  // the device does not do this operation
  NoSpace,
  TimedOut,
  Removed,      // the disk is gone
};
std::string_view to_string(Status status);

// The same as an error of set-up, for Result-returning callers; `status` is not Ok.
Errc to_errc(Status status);

// A piece of memory, contiguous for the CPU. Any alignment; `bytes` > 0.
struct Segment {
  std::byte* data = nullptr;
  u32 bytes = 0;
};

class Bio : public ListNode<> {
 public:
  // Called once, in irq, work or task context, perhaps before submit returns. The bio is the owner's again.
  using EndIo = void (*)(Bio& bio);

  Bio() = default;
  Bio(Op op, Sector sector, std::span<const Segment> segments, EndIo end_io, void* context)
      : op(op), sector(sector), segments(segments), end_io(end_io), context(context) {}

  Op op = Op::Read;
  Sector sector{};                    // the first
  std::span<const Segment> segments;  // Read and Write; for the others empty
  u64 range_bytes = 0;                // Discard and WriteZeroes: how far
  EndIo end_io = nullptr;
  void* context = nullptr;            // the submitter's

  Status status = Status::Ok;         // valid from end_io on

  // Data bytes for Read and Write, the range for Discard and WriteZeroes, 0 for Flush.
  u64 bytes() const;

 private:
  friend class Disk;
  friend class HwQueue;
  friend class Request;
  friend class SegmentRange;
  friend class RequestBuilder;

  Disk* disk_ = nullptr;           // where it was submitted
  Bio* next_in_request_ = nullptr; // the request's chain
  u64 total_bytes_ = 0;            // bytes(), computed once at submission
  u64 issued_bytes_ = 0;           // in requests so far: the rest still waits
  std::atomic<u32> parts_{0};      // what must end before the bio does: its requests, and the waiting rest
};

// Bytes [offset, offset + bytes) of a chain of bios as a range of segments, each clipped to the range and to
// `max_segment_bytes`: for (Segment segment : request.segments()).
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
    void advance();
    void load();
    const Bio* bio_ = nullptr;
    usize index_ = 0;          // of the segment in its bio
    u64 skip_ = 0;             // bytes of that segment before the current piece
    u64 left_ = 0;             // bytes of the range from the current piece on
    u32 max_segment_bytes_ = 0;
    Segment current_{};
  };

  SegmentRange(const Bio* first, u64 offset, u64 bytes, u32 max_segment_bytes)
      : first_(first), offset_(offset), bytes_(bytes), max_segment_bytes_(max_segment_bytes) {}
  iterator begin() const;
  End end() const { return {}; }

 private:
  const Bio* first_;
  u64 offset_;
  u64 bytes_;
  u32 max_segment_bytes_;
};

}  // namespace sluice::blk
