// Random bios on random devices against a plain byte vector: the content is equal, each bio ends
// exactly once, no tag is lost. Fixed seeds: a failure names its own.
#include <random>

#include <sluice/drivers/block/ram_disk.hpp>

#include "test_device.hpp"

namespace sluice::test {
namespace {

class Run {
 public:
  explicit Run(u32 seed)
      : random_(seed),
        options_(make_options()),
        shape_(make_shape()),
        disk_(options_, shape_, 6),
        model_(disk_.device.memory) {
    disk_.device.completes_inline = chance(4);
  }

  void execute() {
    for (int round = 0; round < 60; ++round) {
      switch (below(6)) {
        case 0:
        case 1:
        case 2:
          submit_some();
          break;
        case 3:
          disturb();
          break;
        default:
          complete_some();
          break;
      }
    }
    drain();
    CHECK(bios_.empty());
    CHECK(disk_.tags->in_flight() == 0);
    CHECK(disk_.device.memory == model_);
    check_tags();
  }

 private:
  u32 below(u32 bound) { return static_cast<u32>(random_() % bound); }
  bool chance(u32 one_in) { return below(one_in) == 0; }

  Disk::Options make_options() {
    Disk::Options options{.sectors = 1024};
    blk::Limits& limits = options.limits;
    limits.logical_block_bytes = chance(3) ? 4096 : 512;
    limits.max_segments = 1 + below(8);
    limits.max_segment_bytes =
        chance(2) ? ~0u : limits.logical_block_bytes / limits.max_segments + 1 + below(5000);
    limits.max_bytes = limits.logical_block_bytes * (1 + below(12));
    limits.max_write_zeroes_bytes = limits.logical_block_bytes * below(4);
    options.write_cache = chance(2);
    return options;
  }
  TagSet::Shape make_shape() {
    return {.hw_queues = 1 + below(4), .depth = 1 + below(chance(2) ? 3 : 70), .merge = !chance(4)};
  }

  // A bio over blocks that no other uses at the moment, so that the order of their ends is of no
  // matter.
  TestBio* make_bio() {
    const u32 block = options_.limits.logical_block_bytes;
    const u32 blocks = static_cast<u32>(disk_.disk.sectors() * 512 / block);
    const u32 count = 1 + below(12);
    const u32 first = last_end_ + count <= blocks && chance(2) ? last_end_ : below(blocks - count);
    for (u32 at = first; at < first + count; ++at) {
      if (busy_.contains(at)) {
        return nullptr;
      }
    }
    last_end_ = first + count;
    const Op op = chance(8)   ? Op::Flush
                  : chance(8) ? Op::WriteZeroes
                  : chance(2) ? Op::Read
                              : Op::Write;
    std::vector<u32> lengths;
    u32 left = blk::carries_data(op) ? count * block : 0;
    while (left > 0) {
      const u32 piece = chance(2) ? left : chance(2) ? block : 1 + below(2 * block);
      lengths.push_back(std::min(piece, left));
      left -= lengths.back();
    }
    auto bio = std::make_unique<TestBio>(op, u64{first} * block / 512, lengths);
    bio->fill(below(~0u));
    bio->bio.range_bytes = op == Op::WriteZeroes ? u64{count} * block : 0;
    if (op != Op::Flush) {
      for (u32 at = first; at < first + count; ++at) {
        busy_.insert(at);
      }
    }
    bio->then = [this](TestBio& ended) { judge(ended); };
    bios_.push_back(std::move(bio));
    return bios_.back().get();
  }

  void submit_some() {
    List<Bio> batch;
    for (u32 count = 1 + below(20); count > 0; --count) {
      if (TestBio* bio = make_bio(); bio != nullptr) {
        batch.push_back(bio->bio);
      }
    }
    disk_.world.run_as(below(6), [&] { disk_.disk.submit(batch); });
    forget_ended();
  }

  void disturb() {
    switch (below(3)) {
      case 0:
        disk_.device.busy_next = below(4);
        break;
      case 1:
        disk_.device.fail_next = below(2);
        break;
      default:
        disk_.device.room = chance(2) ? 1 + below(10) : ~0u;
        break;
    }
  }

  void complete_some() {
    for (u32 count = below(10); count > 0 && !disk_.device.started.empty(); --count) {
      const u32 index = below(static_cast<u32>(disk_.device.started.size()));
      disk_.device.complete(index, chance(15) ? Status::IoError : Status::Ok);
    }
    if (chance(2)) {
      disk_.world.settle();
    }
    if (chance(3)) {
      disk_.world.advance_ns(2'000'000);
    }
    forget_ended();
  }

  void drain() {
    for (int round = 0; round < 2000 && !bios_.empty(); ++round) {
      disk_.device.complete_all();
      disk_.world.settle();
      disk_.world.advance_ns(2'000'000);
      disk_.world.settle();
      forget_ended();
    }
  }

  // Each queue still has all its tags.
  void check_tags() {
    disk_.device.completes_inline = false;
    disk_.device.busy_next = disk_.device.fail_next = 0;
    disk_.device.room = ~0u;
    for (u32 hart = 0; hart < shape_.hw_queues; ++hart) {
      std::vector<std::unique_ptr<TestBio>> bios;
      for (u32 bio = 0; bio <= shape_.depth; ++bio) {
        bios.push_back(std::make_unique<TestBio>(Op::Read, 0, std::vector<u32>{4096}));
        disk_.world.run_as(hart, [&] { disk_.disk.submit(bios.back()->bio); });
      }
      CHECK(disk_.device.started.size() == shape_.depth);
      while (bios.back()->ends == 0) {
        disk_.device.complete_all();
        disk_.world.settle();
      }
    }
  }

  void judge(TestBio& ended) {
    REQUIRE(ended.ends == 1);
    const Bio& bio = ended.bio;
    const auto start = static_cast<std::ptrdiff_t>(bio.sector.value() * 512);
    const auto bytes = static_cast<std::ptrdiff_t>(bio.bytes());
    const auto on_disk = disk_.device.memory.begin() + start;
    const auto in_model = model_.begin() + start;
    const std::vector<std::byte> content = ended.content();
    if (bio.status == Status::Ok && bio.op == Op::Read) {
      REQUIRE(std::equal(content.begin(), content.end(), in_model));
    } else if (bio.status == Status::Ok && bio.op == Op::Write) {
      std::copy(content.begin(), content.end(), in_model);
    } else if (bio.status == Status::Ok && bio.op == Op::WriteZeroes) {
      std::fill_n(in_model, bytes, std::byte{0});
    } else if (bio.op != Op::Read) {
      std::copy_n(on_disk, bytes, in_model);  // whatever part of it was written
    }
    if (bio.status != Status::Ok) {
      const bool explained = bio.status == Status::IoError ||
                             (bio.status == Status::Misaligned && bio.segments.size() > 1) ||
                             (bio.status == Status::Unsupported && bio.op == Op::WriteZeroes);
      REQUIRE(explained);
    }
    for (std::ptrdiff_t at = start; bio.op != Op::Flush && at < start + bytes;
         at += options_.limits.logical_block_bytes) {
      busy_.erase(static_cast<u32>(at / options_.limits.logical_block_bytes));
    }
  }

  void forget_ended() {
    std::erase_if(bios_, [](const auto& bio) { return bio->ends > 0; });
  }

  std::mt19937 random_;
  Disk::Options options_;
  TagSet::Shape shape_;
  TestDisk disk_;
  std::vector<std::byte> model_;
  std::vector<std::unique_ptr<TestBio>> bios_;
  std::set<u32> busy_;
  u32 last_end_ = 0;
};

TEST_CASE("random bios on random devices keep the content and end exactly once") {
  for (u32 seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    Run(seed).execute();
  }
}

TEST_CASE("random operations on a RAM disk agree with a byte vector") {
  World world;
  const auto ram = std::move(*blk::RamDisk::create({.capacity_bytes = 64 * 4096 + 512}));
  std::vector<std::byte> model(64 * 4096 + 512);
  std::mt19937 random(20);
  for (int step = 0; step < 2000; ++step) {
    const u64 sector = random() % ram->disk().sectors();
    const u64 most = std::min<u64>(ram->disk().sectors() - sector, 40);
    const usize bytes = (1 + random() % most) * 512;
    const auto at = model.begin() + static_cast<std::ptrdiff_t>(sector * 512);
    std::vector<std::byte> data(bytes, static_cast<std::byte>(step));
    switch (random() % 4) {
      case 0:
      case 1:
        REQUIRE(blk::write(ram->disk(), Sector(sector), data) == Status::Ok);
        std::copy(data.begin(), data.end(), at);
        break;
      case 2:
        REQUIRE(blk::write_zeroes(ram->disk(), Sector(sector), bytes) == Status::Ok);
        std::fill_n(at, bytes, std::byte{0});
        break;
      default:
        REQUIRE(blk::read(ram->disk(), Sector(sector), data) == Status::Ok);
        REQUIRE(std::equal(data.begin(), data.end(), at));
        break;
    }
  }
  CHECK(ram->store().pages_present() <= 65);
}

}  // namespace
}  // namespace sluice::test
