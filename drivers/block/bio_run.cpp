// Runs of neighbours, and the order in which a scheduler gives up what it holds.
#include <sluice/drivers/block/bio_run.hpp>

#include <sluice/drivers/block/disk.hpp>

namespace sluice::blk {
namespace {

u64 end_of(const Bio& bio) {
  return bio.disk_sector() + (bio.total_bytes() >> kSectorShift);
}

}  // namespace

BioRun::BioRun(const Disk& disk, Bio& first, List<Bio>& to)
    : to_(to), first_(&first), last_(&first), end_sector_(end_of(first)), room_bytes_(0) {
  const u64 most = disk.max_bytes(first.op);
  const bool merges = disk.tag_set().shape().merge && (first.flags & bio_flag::kNoMerge) == 0;
  if (merges && first.total_bytes() < most) {
    room_bytes_ = most - first.total_bytes();
  }
  first.unlink();
  to.push_back(first);
}

bool BioRun::take(Bio* bio) {
  if (bio == nullptr || bio->op != first_->op || bio->flags != first_->flags ||
      bio->total_bytes() > room_bytes_) {
    return false;
  }
  if (bio->disk_sector() == end_sector_) {
    bio->unlink();
    auto behind = List<Bio>::iterator(last_);
    to_.insert(++behind, *bio);
    last_ = bio;
    end_sector_ = end_of(*bio);
  } else if (end_of(*bio) == first_sector()) {
    bio->unlink();
    to_.insert(List<Bio>::iterator(first_), *bio);
    first_ = bio;
  } else {
    return false;
  }
  room_bytes_ -= bio->total_bytes();
  return true;
}

void move_oldest_first(std::span<List<Bio>> lists, List<Bio>& to) {
  for (;;) {
    Bio* oldest = nullptr;
    for (List<Bio>& list : lists) {
      if (!list.empty() &&
          (oldest == nullptr || list.front().submitted_ticks() < oldest->submitted_ticks())) {
        oldest = &list.front();
      }
    }
    if (oldest == nullptr) {
      return;
    }
    oldest->unlink();
    to.push_back(*oldest);
  }
}

}  // namespace sluice::blk
