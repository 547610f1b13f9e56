// RequestBuilder: from waiting bios to a request. Splits a bio at the device's limits, always
// between logical blocks, and merges the bios behind it that continue it on the disk. Used by
// HwQueue, for whoever passes its requests on at the time. Linux: bio_split_rw,
// blk_attempt_bio_merge.
#pragma once

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/request.hpp>

namespace sluice::blk {

class RequestBuilder {
 public:
  // Describes in `request` the first waiting bio, as much of it as a request holds, and with
  // `merges` the whole bios behind it that neighbour it, in front or behind. A bio that is wholly
  // in requests leaves the list; a rest stays at the front. The first bio was admitted by its disk.
  // False: it cannot go on, because one of its logical blocks has more segments than the device
  // takes. Task or work.
  static bool fill(Request& request, List<Bio>& waiting, bool merges);

 private:
  static void merge(Request& request, List<Bio>& waiting);
  static bool take_part(Request& request, Bio& bio);
  static bool take_segments(Request& request, Bio& bio, u64 room);
  static bool append(Request& request, Bio& bio, bool behind);
  static bool fits(Request& request, const Bio& bio);
};

}  // namespace sluice::blk
