// SectorTree: bios ordered by their place on the disk, those at the same place by their arrival.
// Used by mq_deadline.hpp. A treap: a search tree by place that is a heap by random priorities,
// which keeps it about 2·log2(n) deep whatever the places are (Seidel and Aragon, 1996). Its links
// lie in the bios, so that nothing is allocated; no step recurses. Not locked: the owner is.
#pragma once

#include <compare>

#include <sluice/drivers/block/bio.hpp>

namespace sluice::blk {

class SectorTree {
 public:
  bool empty() const { return root_ == nullptr; }

  // A bio is in one tree at a time, and its disk_sector() stays while it is. O(log n), as all here.
  void insert(Bio& bio);
  // One that is not in the tree is a checked crash.
  void remove(Bio& bio);
  // Forgets all of them.
  void clear() { root_ = nullptr; }

  // Each null where there is none.
  Bio* first() const { return first_at_or_after(0); }
  Bio* first_at_or_after(u64 sector) const { return lowest_from({sector, 0}); }
  Bio* last_before(u64 sector) const { return highest_before({sector, 0}); }
  // The neighbours of one in the tree.
  Bio* next(const Bio& bio) const { return lowest_from({bio.disk_sector_, bio.tree_.arrival + 1}); }
  Bio* previous(const Bio& bio) const { return highest_before(place_of(bio)); }

 private:
  struct Place {
    u64 sector;
    u64 arrival;
    auto operator<=>(const Place&) const = default;
  };
  static Place place_of(const Bio& bio) { return {bio.disk_sector_, bio.tree_.arrival}; }
  Bio* lowest_from(Place place) const;
  Bio* highest_before(Place place) const;
  u64 next_priority();

  Bio* root_ = nullptr;
  u64 arrivals_ = 0;
  u64 random_ = 0x9e37'79b9'7f4a'7c15;  // any but 0: the same shapes in every run
};

}  // namespace sluice::blk
