// SectorTree against std::multimap.
#include <sluice/drivers/block/sector_tree.hpp>

#include <algorithm>
#include <map>
#include <random>

#include "scheduler_fixture.hpp"

namespace sluice::test {
namespace {

using blk::SectorTree;

std::vector<Bio*> in_order(const SectorTree& tree) {
  std::vector<Bio*> bios;
  for (Bio* bio = tree.first(); bio != nullptr; bio = tree.next(*bio)) {
    bios.push_back(bio);
  }
  return bios;
}

struct Bios {
  explicit Bios(const Sectors& sectors) : all(sectors.size()) {
    for (usize i = 0; i < sectors.size(); ++i) {
      blk::TestAccess::describe(all[i], sectors[i], 512, 0);
    }
  }
  void insert_all(SectorTree& tree) {
    for (Bio& bio : all) {
      tree.insert(bio);
    }
  }
  std::vector<Bio> all;
};

// The tree and a multimap, which keeps equal keys in the order of their insertion too.
class Pair {
 public:
  explicit Pair(u32 seed, u32 places) : random_(seed), places_(places), bios_(Sectors(400)) {}

  void execute() {
    for (int step = 0; step < 4000; ++step) {
      Bio& bio = bios_.all[random_() % bios_.all.size()];
      const auto at = where_.find(&bio);
      if (at == where_.end()) {
        const u64 sector = random_() % places_;
        blk::TestAccess::describe(bio, sector, 512, 0);
        tree_.insert(bio);
        where_[&bio] = model_.emplace(sector, &bio);
      } else {
        tree_.remove(bio);
        model_.erase(at->second);
        where_.erase(at);
      }
      compare(random_() % (places_ + 2));
    }
    compare_all();
  }

 private:
  using Model = std::multimap<u64, Bio*>;

  Bio* at(Model::const_iterator place) const {
    return place == model_.end() ? nullptr : place->second;
  }
  Bio* before(Model::const_iterator place) const {
    return place == model_.begin() ? nullptr : std::prev(place)->second;
  }
  void compare(u64 sector) {
    REQUIRE(tree_.empty() == model_.empty());
    const auto place = model_.lower_bound(sector);
    REQUIRE(tree_.first_at_or_after(sector) == at(place));
    REQUIRE(tree_.last_before(sector) == before(place));
  }
  void compare_all() {
    REQUIRE(in_order(tree_).size() == model_.size());
    for (auto place = model_.begin(); place != model_.end(); ++place) {
      REQUIRE(tree_.next(*place->second) == at(std::next(place)));
      REQUIRE(tree_.previous(*place->second) == before(place));
      check_heap(*place->second);
    }
  }

  // What keeps it shallow: nobody is above a higher priority.
  static void check_heap(const Bio& bio) {
    const blk::SectorTreeLinks& links = blk::TestAccess::links(bio);
    for (const Bio* below : {links.left, links.right}) {
      REQUIRE((below == nullptr || blk::TestAccess::links(*below).priority <= links.priority));
    }
  }

  std::mt19937 random_;
  u32 places_;
  SectorTree tree_;
  Model model_;
  Bios bios_;
  std::map<Bio*, Model::iterator> where_;
};

TEST_CASE("An empty sector tree has no bio anywhere") {
  const SectorTree tree;
  CHECK(tree.empty());
  CHECK(tree.first() == nullptr);
  CHECK(tree.first_at_or_after(0) == nullptr);
  CHECK(tree.last_before(~u64{0}) == nullptr);
}

TEST_CASE("A sector tree finds the bio at a sector, the one after it and the one before") {
  Bios bios({30, 10, 20});
  SectorTree tree;
  bios.insert_all(tree);
  CHECK(tree.first_at_or_after(10) == &bios.all[1]);
  CHECK(tree.first_at_or_after(11) == &bios.all[2]);
  CHECK(tree.first_at_or_after(31) == nullptr);
  CHECK(tree.last_before(10) == nullptr);
  CHECK(tree.last_before(11) == &bios.all[1]);
  CHECK(tree.last_before(~u64{0}) == &bios.all[0]);
}

TEST_CASE("A sector tree keeps bios of the same sector in the order of their arrival") {
  Bios bios({5, 5, 5, 5, 5, 5, 5, 5});
  SectorTree tree;
  bios.insert_all(tree);
  const std::vector<Bio*> order = in_order(tree);
  REQUIRE(order.size() == bios.all.size());
  for (usize i = 0; i < order.size(); ++i) {
    CHECK(order[i] == &bios.all[i]);
  }
}

TEST_CASE("A sector tree takes the greatest sectors there are") {
  Bios bios({~u64{0}, ~u64{0} - 1, 0});
  SectorTree tree;
  bios.insert_all(tree);
  CHECK(in_order(tree) == std::vector<Bio*>{&bios.all[2], &bios.all[1], &bios.all[0]});
  CHECK(tree.first_at_or_after(~u64{0}) == &bios.all[0]);
}

TEST_CASE("A bio that is not in the sector tree cannot be removed") {
  World world;
  Bios bios({1, 2, 3});
  SectorTree tree;
  tree.insert(bios.all[0]);
  tree.insert(bios.all[2]);
  CHECK_THROWS_AS(tree.remove(bios.all[1]), Panic);
}

TEST_CASE("A cleared sector tree is as good as new") {
  Bios bios({3, 1, 2});
  SectorTree tree;
  bios.insert_all(tree);
  tree.clear();
  CHECK(tree.empty());
  bios.insert_all(tree);
  CHECK(in_order(tree) == std::vector<Bio*>{&bios.all[1], &bios.all[2], &bios.all[0]});
}

// Of the subtree under `bio`.
u32 depth(const Bio* bio) {
  if (bio == nullptr) {
    return 0;
  }
  const blk::SectorTreeLinks& links = blk::TestAccess::links(*bio);
  return 1 + std::max(depth(links.left), depth(links.right));
}

TEST_CASE("A sector tree stays shallow where bios come in ascending order") {
  Bios bios(Sectors(10000));
  SectorTree tree;
  u64 sector = 0;
  for (Bio& bio : bios.all) {
    blk::TestAccess::describe(bio, sector += 8, 4096, 0);
    tree.insert(bio);
  }
  u32 deepest = 0;
  for (const Bio& bio : bios.all) {
    deepest = std::max(deepest, depth(&bio));
  }
  CHECK(deepest >= 14);
  CHECK(deepest <= 45);  // a random tree of 10 000 is about 30 deep
}

TEST_CASE("A sector tree and a multimap agree after every random step") {
  for (const u32 places : {1u, 20u, 100000u}) {
    for (u32 seed = 1; seed <= 5; ++seed) {
      INFO("seed " << seed << ", " << places << " places");
      Pair(seed, places).execute();
    }
  }
}

}  // namespace
}  // namespace sluice::test
