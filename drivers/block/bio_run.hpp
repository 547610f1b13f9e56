// BioRun: what a scheduler sends out at once: a bio and its neighbours on the disk that may become
// one request with it. Used by the schedulers' dispatch(). The request layer decides for good: it
// counts segments too, and makes two requests where one does not hold them.
#pragma once

#include <span>

#include <sluice/drivers/block/bio.hpp>

namespace sluice::blk {

class Disk;

class BioRun {
 public:
  // Moves `first` from its list to the end of `to`. No locks are taken; as all here.
  BioRun(const Disk& disk, Bio& first, List<Bio>& to);

  // Moves `bio` from its list to the front or the back of the run. False: it is no neighbour, not
  // of the same kind, or too much for one request; null is none of these either.
  bool take(Bio* bio);

  u64 first_sector() const { return first_->disk_sector(); }
  u64 end_sector() const { return end_sector_; }  // the first behind it

 private:
  List<Bio>& to_;
  Bio* first_;
  Bio* last_;
  u64 end_sector_;
  u64 room_bytes_;  // until the request is full; 0: nothing merges
};

// Moves the bios of `lists`, each in the order of its submission, to the end of `to` in that order.
void move_oldest_first(std::span<List<Bio>> lists, List<Bio>& to);

}  // namespace sluice::blk
