// Fuzzes the FAT reader by the disk below it: whatever stands there, no rule of C++ is broken, no
// assertion fails, all that is read is bounded by the volume's size, what is listed is found, and
// what is read is what the table's chain leads to.
//
// Input: a good volume's number (fat_bases.hpp), the disk's kind, how files are read; the rest is
// damage to the volume. An input of zeroes is a good FAT12 volume.
#include <sluice/fs/fat/volume.hpp>
#include <sluice/kernel/log.hpp>

#include "fat_bases.hpp"
#include "fat_budget.hpp"
#include "fat_rules.hpp"
#include "fat_tree.hpp"
#include "input.hpp"
#include "tests/port/world.hpp"

namespace sluice::fuzz {
namespace {

constexpr u32 kMostDamage = 64;
constexpr u32 kMostCounted = 40'000;  // clusters; more would take milliseconds

// A disk before it is made.
struct Plan {
  test::ImageBuilder& image;
  u64 zero_bytes;
  u32 stored_clusters;
  std::set<u64> bad_sectors;
};

void put(test::ImageBuilder& image, usize at, usize bytes, Input& input) {
  for (usize i = 0; i < bytes && at + i < image.bytes.size(); ++i) {
    image.put8(at + i, input.take<u8>());
  }
}

// Three bits say what is damaged, five how many bytes of it.
void damage(Plan& plan, Input& input) {
  test::ImageBuilder& image = plan.image;
  const u8 what = input.take<u8>();
  const usize bytes = 1 + what / 8;
  const u32 entries = image.layout().clusters + 2;
  switch (what % 8) {
    case 0:
      put(image, input.take<u8>(), bytes, input);
      break;
    case 1: {
      const u32 cluster = input.take<u16>() % entries;
      image.set_entry(cluster, input.take<u32>());
      break;
    }
    case 2: {  // a piece of a chain
      const u32 first = input.take<u16>() % entries;
      const u32 end = std::min(first + input.take<u8>(), entries);
      for (u32 cluster = first; cluster < end; ++cluster) {
        image.set_entry(cluster, cluster + 1);
      }
      break;
    }
    case 3: {
      const usize entry = image.entry_at(image.root, input.take<u8>() % 16);
      put(image, entry + input.take<u8>() % 32, bytes, input);
      break;
    }
    case 4: {
      const u32 cluster = 2 + input.take<u8>() % plan.stored_clusters;
      put(image, image.cluster_at(cluster) + input.take<u16>() % image.cluster_bytes(), bytes,
          input);
      break;
    }
    case 5: {
      const usize sector = input.take<u16>() * usize{512} % image.bytes.size();
      put(image, sector + input.take<u16>() % 512, bytes, input);
      break;
    }
    case 6:
      plan.bad_sectors.insert(input.take<u16>());
      break;
    default:
      plan.zero_bytes = u64{input.take<u32>()} * 512;
      break;
  }
}

void require_geometry(const fat::Geometry& g, const test::ByteDevice& device) {
  const u64 bits = g.type == fat::Type::Fat12 ? 12 : g.type == fat::Type::Fat16 ? 16 : 32;
  require(g.clusters > 0 && (u64{g.clusters} + 2) * bits <= u64{g.fat_sectors} * g.sector_bytes * 8,
          "clusters have no entry in the table");
  require(g.first_data_sector + u64{g.clusters} * g.sectors_per_cluster <= g.total_sectors,
          "clusters are beyond the volume");
  require(g.cluster_byte(2) <= device.disk_bytes(), "the data begins beyond the disk");
  require(g.active_fat < g.fats, "the table in use is not there");
  require(g.type != fat::Type::Fat32 || g.is_cluster(g.root_cluster), "there is no root");
}

void try_info(fat::Volume& volume, FatBudget& budget) {
  if (volume.geometry().clusters > kMostCounted) {
    return;
  }
  const Result<fat::VolumeInfo> info = volume.info();
  budget.spend(budget.directory() + 2 * budget.walk() + 2);
  if (info) {
    require(info->free_clusters <= info->clusters, "more clusters are free than there are");
    require_text(info->label, 33);
  }
  for (const fat::Line& note : volume.notes()) {
    require_text(note, 200);
  }
}

void try_check(fat::Volume& volume, FatBudget& budget) {
  class Report final : public fat::CheckReport {
   public:
    void problem(std::string_view path, std::string_view what) override {
      require(path.empty() || path.front() == '/', "a problem has a path that is none");
      require_text(what, 200);
      ++count;
    }
    u32 count = 0;
  } report;
  if (volume.geometry().clusters > kMostCounted) {
    return;
  }
  const Result<u32> problems = volume.check(report);
  budget.spend(budget.check());
  require(problems && *problems == report.count, "a check does not come to its end");
}

// All that a program would do with the disk.
void use(test::ByteDevice& device, const ReadPlan& reads) {
  FatBudget budget(device);
  const fat::Volume::MountResult volume = fat::Volume::mount(device);
  budget.spend(1 + 4);  // and the places where a backup of the boot sector may be
  if (!volume) {
    require_text(volume.error().reason, 200);
    return;
  }
  require_geometry((*volume)->geometry(), device);
  budget.set_geometry((*volume)->geometry());
  try_info(**volume, budget);
  try_check(**volume, budget);
  FatTree(**volume, device, budget, reads).walk();
}

void run(Input input) {
  const FatBase& base = fat_bases()[input.take<u8>() % fat_bases().size()];
  const u8 kind = input.take<u8>();
  ReadPlan reads{.offset = input.take<u32>(), .bytes = input.take<u16>()};
  reads.gone_after = input.take<u8>();
  reads.two_at_once = kind / 4 % 2 != 0;
  // Its memory is used again each time: new memory is slow.
  static test::ImageBuilder image = base.image;
  image = base.image;
  Plan plan{image, base.zero_bytes, base.stored_clusters, {}};
  for (u32 i = 0; i < kMostDamage && !input.empty(); ++i) {
    damage(plan, input);
  }
  test::World world;
  test::ByteDevice device(std::move(image.bytes), kind % 2 == 0 ? 512 : 4096);
  device.zero_bytes = plan.zero_bytes;
  device.bad_sectors = std::move(plan.bad_sectors);
  device.newest_first = kind / 2 % 2 != 0;
  world.steps.emplace_back([&] { return device.complete_one(); });
  use(device, reads);
  image.bytes = std::move(device.bytes);
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  using namespace sluice;
  if (std::getenv("SLUICE_FUZZ_LOG") != nullptr) {
    log::set_show([](const log::Line& line) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.text.size()), line.text.data());
    });
  }
  fuzz::run(fuzz::Input({data, bytes}));
  log::set_show(nullptr);
  return 0;
}
