// ExpressLane: makes requests of plain bios, one after the other, inside the driver's loop over
// them (Linux: blk_mq_plug_issue_direct with queue_rqs). Used by drivers in queue_rqs():
//
//   ExpressLane lane(bios);
//   PlainRequest plain;
//   while (lane.next(plain)) { … give it to the device … }
//
// With the check of a bio, its request and its descriptor in one loop, what one step finds the next
// has in a register. The lane is a local variable without a call in its fast path for that reason.
#pragma once

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/hw_queue.hpp>

namespace sluice::blk {

// Bios that were just submitted, and the queue that they are for. From one call of
// QueueOps::queue_rqs.
struct FreshBios {
  Disk& disk;
  HwQueue& queue;
  const Admission& admission;
  List<Bio>& bios;  // those that are still to come
};

// A request that began, and what a driver wants to know of it.
struct PlainRequest {
  Request* request;
  usize tag;
  Op op;  // Read or Write
  u64 sector;
  std::byte* data;
  u64 bytes;  // 32 bits of them
};

class ExpressLane {
 public:
  // All requests of the lane are polled for, or none is: as the first bio says.
  explicit ExpressLane(FreshBios& fresh)
      : queue_(fresh.queue),
        disk_(fresh.disk),
        admission_(fresh.admission),
        bios_(fresh.bios),
        flags_(bios_.empty() ? 0 : bios_.front().flags & bio_flag::kPolled),
        first_(bios_.empty() ? Look{} : look(bios_.front())) {}
  ExpressLane(const ExpressLane&) = delete;
  ExpressLane& operator=(const ExpressLane&) = delete;

  bool polled() const { return flags_ != 0; }

  // False: no bio is left, or the first that is left is not plain, is to be merged with its
  // neighbour, or there is no tag for it. Those that are left take the other way.
  [[gnu::always_inline]] bool next(PlainRequest& plain);

  // The driver cannot take the request after all: it goes first when there is room. next() is not
  // called again.
  static void hold_back(Request& request) { request.hw_queue().hold_back(request); }

 private:
  // What there is to know of a bio that is plain.
  struct Look {
    u64 bytes = 0;        // 0: it is not plain
    u64 begin = ~u64{0};  // on the whole disk, in sectors
    std::byte* data = nullptr;
    u64 end() const { return begin + (bytes >> kSectorShift); }
  };

  [[gnu::always_inline]] Look look(const Bio& bio) const;
  [[gnu::always_inline]] void begin(const PlainRequest& plain, Bio& bio);

  HwQueue& queue_;
  Disk& disk_;
  const Admission& admission_;
  List<Bio>::Drain bios_;
  const u32 flags_;
  Look first_;  // of those that are left
};

inline ExpressLane::Look ExpressLane::look(const Bio& bio) const {
  if (!disk_.is_plain(bio, flags_, admission_)) [[unlikely]] {
    return {};
  }
  const Segment& segment = bio.segments[0];
  return {segment.bytes, admission_.first_sector + bio.sector.value(), segment.data};
}

inline bool ExpressLane::next(PlainRequest& plain) {
  const Look here = first_;
  if (here.bytes == 0) {
    return false;
  }
  first_ = bios_.has_second() ? look(bios_.second()) : Look{};
  const bool neighbours = first_.begin == here.end() || first_.end() == here.begin;
  if ((neighbours && queue_.merge_) || queue_.tags_.empty()) [[unlikely]] {
    first_.bytes = 0;
    return false;
  }
  Bio& bio = bios_.front();
  Request& request = queue_.tags_.take_own();
  plain = {&request, request.tag_, bio.op, here.begin, here.data, here.bytes};
  bios_.pop();
  begin(plain, bio);
  return true;
}

inline void ExpressLane::begin(const PlainRequest& plain, Bio& bio) {
  bio.plan_ = Bio::Plan::OneWhole;
  bio.flush_step_ = Bio::FlushStep::None;
  Request& request = *plain.request;
  request.op_and_flags_ = static_cast<u32>(plain.op) | flags_ << 8;
  request.segment_count_ = 1;
  request.retries_ = 0;
  request.status_ = Status::Ok;
  port::store_relaxed(request.disk_, &disk_);
  request.first_bio_ = request.last_bio_ = &bio;
  request.sector_ = plain.sector;
  request.bytes_ = plain.bytes;
  request.data_ = plain.data;
  request.submitted_ticks_ = admission_.now_ticks;
  port::store_relaxed(request.started_ticks_, admission_.now_ticks);
  port::store_release(request.state_, u32{Request::kStarted});
}

}  // namespace sluice::blk
