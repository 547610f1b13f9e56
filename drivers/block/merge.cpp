// Splitting and merging.
#include <sluice/drivers/block/merge.hpp>

#include <algorithm>

#include <sluice/drivers/block/disk.hpp>

namespace sluice::blk {
namespace {

// How many pieces the memory of `bio` makes, each at most max_segment_bytes; `most` + 1 where there
// are more than that.
u32 count_pieces(std::span<const Segment> segments, u32 max_segment_bytes, u32 most) {
  u32 pieces = 0;
  for (const Segment& segment : segments) {
    for (u32 left = segment.bytes; left > 0; left -= std::min(left, max_segment_bytes)) {
      if (++pieces > most) {
        return pieces;
      }
    }
  }
  return pieces;
}

}  // namespace

bool RequestBuilder::fill(Request& request, List<Bio>& waiting, bool merges) {
  Bio& bio = waiting.front();
  request.set_op_and_flags(bio.op, bio.flags);
  request.retries_ = 0;
  request.status_ = Status::Ok;
  port::store_relaxed(request.disk_, bio.disk_);
  request.first_bio_ = request.last_bio_ = &bio;
  request.submitted_ticks_ = bio.submitted_ticks_;
  if (bio.plan_ == Bio::Plan::OneWhole) [[likely]] {
    request.sector_ = bio.disk_sector_;
    request.bytes_ = bio.total_bytes_;
    request.segment_count_ = 1;
    request.start_ = {};
    request.data_ = bio.segments[0].data;
  } else if (!take_part(request, bio)) {
    return false;
  } else if (bio.issued_bytes_ < bio.total_bytes_) {
    return true;
  }
  waiting.remove(bio);
  if (merges && !waiting.empty()) {
    merge(request, waiting);
  }
  return true;
}

// Takes as much of the rest as a request holds. False: that is not one block.
bool RequestBuilder::take_part(Request& request, Bio& bio) {
  const u64 rest = bio.total_bytes_ - bio.issued_bytes_;
  const u64 first = bio.disk_sector_ + (bio.issued_bytes_ >> kSectorShift);
  u8 flags = bio.flags & bio.disk_->request_flags();
  if (bio.flush_step_ != Bio::FlushStep::None) {
    flags &= u8{0xff ^ bio_flag::kPolled};  // this hart may not be the one that polls
  }
  request.set_op_and_flags(bio.op, flags);
  const u64 room = std::min({rest, bio.disk_->max_bytes(bio.op), bio.disk_->room_at(first)});
  request.sector_ = first;
  request.start_ = bio.issued_to_;
  if (!carries_data(bio.op)) {
    request.bytes_ = room;
    request.segment_count_ = 0;
  } else if (!take_segments(request, bio, room)) {
    return false;
  }
  if (request.segment_count_ == 1) {
    const u32 most = bio.disk_->limits().max_segment_bytes;
    request.data_ = (*SegmentRange(&bio, request.start_, request.bytes_, most).begin()).data;
  }
  if (request.bytes_ < rest) {
    bio.parts_.fetch_add(1, std::memory_order_relaxed);  // the rest goes on waiting, and counts too
  }
  bio.issued_bytes_ += request.bytes_;
  return true;
}

// As many whole logical blocks as `room` and the number of segments allow; `room` is whole blocks,
// and not more than the bio has left.
bool RequestBuilder::take_segments(Request& request, Bio& bio, u64 room) {
  const Limits& limits = bio.disk_->limits();
  SegmentCursor at = bio.issued_to_;
  u64 bytes = 0;
  u32 pieces = 0;
  request.bytes_ = 0;
  while (bytes < room && pieces < limits.max_segments) {
    const u64 in_segment = bio.segments[at.index].bytes - at.skip;
    const u64 piece = std::min({in_segment, u64{limits.max_segment_bytes}, room - bytes});
    if (piece == 0) {
      at = {at.index + 1, 0};
      continue;
    }
    ++pieces;
    bytes += piece;
    at.skip += static_cast<u32>(piece);
    const u64 blocks_end = align_down(bytes, limits.logical_block_bytes);
    if (blocks_end > request.bytes_) {
      request.bytes_ = blocks_end;
      request.segment_count_ = static_cast<u16>(pieces);
      bio.issued_to_ = {at.index, at.skip - static_cast<u32>(bytes - blocks_end)};
    }
  }
  return request.bytes_ > 0;
}

// Takes what neighbours the request out of `waiting`.
void RequestBuilder::merge(Request& request, List<Bio>& waiting) {
  u32 merged = 0;
  while (!waiting.empty()) {
    Bio& bio = waiting.front();
    const u64 first = request.sector_;
    const bool behind = bio.disk_sector_ == first + (request.bytes_ >> kSectorShift);
    const bool in_front = bio.disk_sector_ + (bio.total_bytes_ >> kSectorShift) == first;
    if (!(behind || in_front) || !append(request, bio, behind)) {
      break;
    }
    waiting.remove(bio);
    ++merged;
  }
  if (merged > 0) {
    request.disk().statistics(request.hw_queue_->index()).add_merges(request.op(), merged);
  }
}

// Adds a neighbour, behind or in front, where it is of the same kind and fits.
bool RequestBuilder::append(Request& request, Bio& bio, bool behind) {
  // A request that begins inside its first bio has nothing in front of it that could be new.
  const bool has_a_front = request.sector_ == request.first_bio_->disk_sector_;
  if (bio.op_and_flags() != request.op_and_flags_ || bio.disk_ != &request.disk() ||
      bio.op == Op::Flush || (bio.flags & bio_flag::kNoMerge) != 0 ||
      bio.plan_ == Bio::Plan::EndNow || !(behind || has_a_front) || !fits(request, bio)) {
    return false;
  }
  request.bytes_ = request.bytes_ + bio.total_bytes_;
  if (behind) {
    request.last_bio_->next_in_request_ = &bio;
    request.last_bio_ = &bio;
  } else {
    bio.next_in_request_ = request.first_bio_;
    request.first_bio_ = &bio;
    request.sector_ = bio.disk_sector_;  // and start_ stays: the bio that was the first began there
  }
  return true;
}

// Does the whole bio fit into the request too? Counts its segments to the request's if so.
bool RequestBuilder::fits(Request& request, const Bio& bio) {
  const u64 bytes = request.bytes_ + bio.total_bytes_;
  const u64 first = std::min<u64>(request.sector_, bio.disk_sector_);
  if (bytes > bio.disk_->max_bytes(bio.op) || bytes > bio.disk_->room_at(first)) {
    return false;
  }
  if (!carries_data(bio.op)) {
    return true;
  }
  const Limits& limits = bio.disk_->limits();
  const u32 room = limits.max_segments - request.segment_count_;
  const u32 pieces = count_pieces(bio.segments, limits.max_segment_bytes, room);
  if (pieces > room) {
    return false;
  }
  request.segment_count_ = static_cast<u16>(request.segment_count_ + pieces);
  return true;
}

}  // namespace sluice::blk
