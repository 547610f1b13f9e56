// The treap's four movements: two searches, a split to insert, a join to remove.
#include <sluice/drivers/block/sector_tree.hpp>

#include <sluice/kernel/panic.hpp>

namespace sluice::blk {

// xorshift64 (Marsaglia, 2003).
u64 SectorTree::next_priority() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return random_;
}

// Goes down as far as priorities allow, and splits what is below into what is before and behind.
void SectorTree::insert(Bio& bio) {
  bio.tree_ = {nullptr, nullptr, next_priority(), arrivals_++};
  const Place place = place_of(bio);
  Bio** link = &root_;
  while (*link != nullptr && (*link)->tree_.priority >= bio.tree_.priority) {
    Bio& at = **link;
    link = place < place_of(at) ? &at.tree_.left : &at.tree_.right;
  }
  Bio* below = *link;
  *link = &bio;
  Bio** before = &bio.tree_.left;
  Bio** behind = &bio.tree_.right;
  while (below != nullptr) {
    if (place_of(*below) < place) {
      *before = below;
      before = &below->tree_.right;
      below = *before;
    } else {
      *behind = below;
      behind = &below->tree_.left;
      below = *behind;
    }
  }
  *before = *behind = nullptr;
}

// Joins the two subtrees of `bio` in its stead, the higher priority always on top.
void SectorTree::remove(Bio& bio) {
  const Place place = place_of(bio);
  Bio** link = &root_;
  while (*link != &bio) {
    SLUICE_ASSERT(*link != nullptr);
    Bio& at = **link;
    link = place < place_of(at) ? &at.tree_.left : &at.tree_.right;
  }
  Bio* before = bio.tree_.left;
  Bio* behind = bio.tree_.right;
  while (before != nullptr && behind != nullptr) {
    if (before->tree_.priority >= behind->tree_.priority) {
      *link = before;
      link = &before->tree_.right;
      before = *link;
    } else {
      *link = behind;
      link = &behind->tree_.left;
      behind = *link;
    }
  }
  *link = before != nullptr ? before : behind;
}

Bio* SectorTree::lowest_from(Place place) const {
  Bio* found = nullptr;
  for (Bio* at = root_; at != nullptr;) {
    if (place_of(*at) < place) {
      at = at->tree_.right;
    } else {
      found = at;
      at = at->tree_.left;
    }
  }
  return found;
}

Bio* SectorTree::highest_before(Place place) const {
  Bio* found = nullptr;
  for (Bio* at = root_; at != nullptr;) {
    if (place_of(*at) < place) {
      found = at;
      at = at->tree_.right;
    } else {
      at = at->tree_.left;
    }
  }
  return found;
}

}  // namespace sluice::blk
