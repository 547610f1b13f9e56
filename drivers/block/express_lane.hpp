// ExpressLane: makes requests of plain bios, one after the other, inside the driver's loop over
// them (Linux: blk_mq_plug_issue_direct with queue_rqs). Used by drivers in queue_rqs():
//
//   ExpressLane lane(bios);
//   PlainRequest plain;
//   while (lane.next(plain)) { … give it to the device … }
//
// First it is seen how many bios there are for it; then each becomes a request and a descriptor in
// one loop. The lane is a local variable without a call in its fast path, so that what one step
// finds the next has in a register.
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
  [[gnu::always_inline]] explicit ExpressLane(FreshBios& fresh)
      : queue_(fresh.queue),
        disk_(fresh.disk),
        admission_(fresh.admission),
        polled_(fresh.bios.empty() ? 0
                                   : fresh.bios.front().op_and_flags() & bio_flag::kPolled << 8),
        left_(plain_in_front(fresh.bios)),
        bios_(fresh.bios) {}
  ExpressLane(const ExpressLane&) = delete;
  ExpressLane& operator=(const ExpressLane&) = delete;

  bool polled() const { return polled_ != 0; }

  // False: no bio is left, or the first that is left is not plain, is to be merged with the next,
  // or there is no tag for it. Those that are left take the other way.
  [[gnu::always_inline]] bool next(PlainRequest& plain);

  // The driver cannot take the request after all: it goes first when there is room. next() is not
  // called again.
  static void hold_back(Request& request) { request.hw_queue().hold_back(request); }

 private:
  [[gnu::always_inline]] usize plain_in_front(const List<Bio>& bios) const;
  [[gnu::always_inline]] void begin(const PlainRequest& plain, Bio& bio);

  HwQueue& queue_;
  Disk& disk_;
  const Admission& admission_;
  const u32 polled_;  // the flag, where op_and_flags() has it, or 0
  usize left_;        // of them are for this lane
  List<Bio>::Drain bios_;
};

// How many there are before one that is not plain, or that would be merged with the next.
inline usize ExpressLane::plain_in_front(const List<Bio>& bios) const {
  constexpr u64 kNowhere = ~u64{0};
  const Admission admission = admission_;
  usize plain = 0;
  u64 begin = kNowhere;  // of the one before, in sectors of the window
  u64 end = kNowhere;
  for (const Bio& bio : bios) {
    if (!disk_.is_plain(bio, polled_, admission)) [[unlikely]] {
      break;
    }
    const u64 first = bio.sector.value();
    const u64 bytes = bio.segments[0].bytes;
    const u64 behind = first + (bytes >> kSectorShift);
    if ((first == end || behind == begin) && queue_.merge_) [[unlikely]] {
      return plain - 1;
    }
    ++plain;
    begin = first;
    end = behind;
  }
  return plain;
}

inline bool ExpressLane::next(PlainRequest& plain) {
  if (left_ == 0 || queue_.tags_.empty()) {
    return false;
  }
  --left_;
  Bio& bio = bios_.front();
  const Segment& segment = bio.segments[0];
  Request& request = queue_.tags_.take_own();
  plain = {&request,     request.tag_, bio.op, admission_.first_sector + bio.sector.value(),
           segment.data, segment.bytes};
  begin(plain, bio);
  bios_.pop();
  return true;
}

inline void ExpressLane::begin(const PlainRequest& plain, Bio& bio) {
  bio.plan_ = Bio::Plan::OneWhole;
  bio.flush_step_ = Bio::FlushStep::None;
  Request& request = *plain.request;
  request.op_and_flags_ = static_cast<u32>(plain.op) | polled_;
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
