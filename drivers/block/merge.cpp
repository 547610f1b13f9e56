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

bool RequestBuilder::fill(Request& request, List<Bio>& waiting, bool merge) {
  Bio& bio = waiting.front();
  request.op_ = bio.op;
  request.disk_ = bio.disk_;
  request.first_bio_ = request.last_bio_ = &bio;
  request.max_segment_bytes_ = bio.disk_->limits().max_segment_bytes;
  if (bio.plan_ == Bio::Plan::OneWhole) [[likely]] {
    request.sector_ = bio.sector;
    request.start_ = {};
    request.bytes_ = bio.total_bytes_;
    request.segment_count_ = 1;
  } else if (!take_part(request, bio)) {
    return false;
  } else if (bio.issued_bytes_ < bio.total_bytes_) {
    return true;
  }
  waiting.remove(bio);
  if (merge) {
    merge_neighbours(request, waiting);
  }
  return true;
}

// Takes as much of the rest as a request holds. False: that is not one block.
bool RequestBuilder::take_part(Request& request, Bio& bio) {
  const u64 rest = bio.total_bytes_ - bio.issued_bytes_;
  const u64 room = std::min(rest, bio.disk_->max_bytes(bio.op));
  request.sector_ = bio.sector + (bio.issued_bytes_ >> kSectorShift);
  request.start_ = bio.issued_to_;
  if (!carries_data(bio.op)) {
    request.bytes_ = room;
    request.segment_count_ = 0;
  } else if (!take_segments(request, bio, room)) {
    return false;
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
      request.segment_count_ = pieces;
      bio.issued_to_ = {at.index, at.skip - static_cast<u32>(bytes - blocks_end)};
    }
  }
  return request.bytes_ > 0;
}

void RequestBuilder::merge_neighbours(Request& request, List<Bio>& waiting) {
  while (!waiting.empty()) {
    Bio& bio = waiting.front();
    const bool behind = bio.sector == request.sector_ + (request.bytes_ >> kSectorShift);
    const bool in_front = bio.sector + (bio.total_bytes_ >> kSectorShift) == request.sector_;
    if (!(behind || in_front) || !append(request, bio, behind)) {
      return;
    }
    waiting.remove(bio);
  }
}

// Adds a neighbour, behind or in front, where it is of the same kind and fits.
bool RequestBuilder::append(Request& request, Bio& bio, bool behind) {
  // A request that begins inside its first bio has nothing in front of it that could be new.
  const bool has_a_front = request.sector_ == request.first_bio_->sector;
  if (bio.op != request.op_ || bio.op == Op::Flush || bio.disk_ != request.disk_ ||
      bio.plan_ == Bio::Plan::EndNow || !(behind || has_a_front) || !fits(request, bio)) {
    return false;
  }
  request.bytes_ += bio.total_bytes_;
  if (behind) {
    request.last_bio_->next_in_request_ = &bio;
    request.last_bio_ = &bio;
  } else {
    bio.next_in_request_ = request.first_bio_;
    request.first_bio_ = &bio;
    request.sector_ = bio.sector;  // and start_ stays: the bio that was the first began there
  }
  return true;
}

// Does the whole bio fit into the request too? Counts its segments to the request's if so.
bool RequestBuilder::fits(Request& request, const Bio& bio) {
  if (request.bytes_ + bio.total_bytes_ > bio.disk_->max_bytes(bio.op)) {
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
  request.segment_count_ += pieces;
  return true;
}

}  // namespace sluice::blk
