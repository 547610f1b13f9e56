// Rules that a single access breaks, by hand: what no mistake of the tiny driver comes to.
#include "bench.hpp"
#include "tests/catch.hpp"
#include "tests/model/split_queue.hpp"
#include "tiny_wire.hpp"

using namespace tiny;

namespace {

// A device of which one feature requires another.
class TwoFeatures final : public referee::Personality {
 public:
  std::uint32_t device_id() const override { return 1; }
  std::uint64_t features() const override { return 3; }
  std::uint64_t required_by(std::uint64_t feature) const override { return feature == 2 ? 1 : 0; }
  std::uint16_t queue_count() const override { return 0; }
  const std::vector<referee::ConfigField>& config_fields() const override { return none_; }
  std::uint64_t config_value(const referee::ConfigField&) const override { return 0; }
  void inspect(const referee::Chain&, const referee::Negotiated&, referee::Memory&,
               referee::Judge&) override {}
  std::uint32_t execute(const referee::Chain&, const referee::Negotiated&,
                        referee::Memory&) override {
    return 0;
  }

 private:
  std::vector<referee::ConfigField> none_;
};

// A started device whose verdicts are collected.
struct Live : Bench {
  Driver driver;

  explicit Live(std::uint32_t version = 2, const referee::BlockOptions& block = {})
      : Bench(block, {.version = version}), driver(world, device) {
    REQUIRE(driver.start());
    device.judge.mode = referee::Judge::Mode::Collect;
  }
  ~Live() { driver.stop(); }

  // What was named since the last call; one rule, or all of them in a row.
  std::string named() {
    std::string ids;
    for (const referee::Verdict& verdict : device.verdicts()) {
      ids += (ids.empty() ? "" : " ") + std::string(verdict.rule->id);
    }
    device.judge.clear();
    return ids;
  }
  std::string read(std::uint64_t offset, unsigned width = 4) {
    device.read(offset, width);
    return named();
  }
  std::string write(std::uint64_t offset, std::uint32_t value, unsigned width = 4) {
    device.write(offset, width, value);
    return named();
  }
};

}  // namespace

TEST_CASE("Registers are judged by width, alignment, layout and direction") {
  Live live;
  CHECK(live.read(0x072, 4) == "mmio.width");
  CHECK(live.write(0x070, 15, 2) == "mmio.width");
  CHECK(live.read(0x0c0) == "queue.reset_unnegotiated");
  CHECK(live.read(0x0c4) == "mmio.undescribed");
  CHECK(live.read(0x200) == "mmio.undescribed");
  CHECK(live.read(0x0b0) == "mmio.shared_memory");
  CHECK(live.read(0x050) == "mmio.write_only");
  CHECK(live.write(0x0fc, 0) == "mmio.read_only");
  CHECK(live.read(0x00c) == "");
}

TEST_CASE("Configuration fields are judged one by one") {
  Live live(2, {.topology = true, .queues = 2});
  CHECK(live.read(0x118, 1) == "");  // physical_block_exp
  CHECK(live.read(0x11a, 2) == "");  // min_io_size
  CHECK(live.read(0x122, 2) == "");  // num_queues
  CHECK(live.read(0x122, 1) == "config.width");
  CHECK(live.read(0x102, 4) == "config.width");
  CHECK(live.read(0x121, 1) == "config.undescribed");  // unused0
  CHECK(live.read(0x1f0, 4) == "config.undescribed");
  CHECK(live.read(0x108, 4) == "config.feature");
  CHECK(live.write(0x118, 1, 1) == "config.read_only");
}

TEST_CASE("A legacy configuration field may be read in bytes") {
  Live live(1);
  CHECK(live.read(0x100, 1) == "");
  CHECK(live.read(0x106, 2) == "");
  CHECK(live.read(0x106, 4) == "config.width");
}

TEST_CASE("A live queue is stopped with 0 and not set up again") {
  Live live;
  CHECK(live.write(0x044, 2) == "queue.ready_value");
  CHECK(live.write(0x044, 0) == "");
  CHECK(live.write(0x038, 8) == "queue.stop_unread queue.late");
  CHECK(live.read(0x044) == "");
  CHECK(live.write(0x038, 8) == "queue.late");
}

TEST_CASE("After FAILED only a reset goes on") {
  Live live;
  live.write(0x070, 0);
  live.read(0x070);
  CHECK(live.write(0x070, 1) == "");
  CHECK(live.write(0x070, 0x81) == "");
  CHECK(live.write(0x070, 0x83) == "status.failed");
}

TEST_CASE("GuestPageSize and QueueAlign are powers of two, set in time") {
  Live live(1);
  CHECK(live.write(0x028, 4096) == "queue.page_size");  // the queue is in use
  live.write(0x040, 0);
  CHECK(live.write(0x028, 4095) == "queue.page_size");
  CHECK(live.write(0x03c, 48) == "queue.align");
}

TEST_CASE("A legacy queue shorter than the formula's pages is queue.legacy_memory") {
  Live live(1);
  const auto page = live.world.arena.allocate(4096, 4096, ~std::uint64_t{0});
  REQUIRE(page.has_value());
  std::fill_n(page->data, 4096, std::byte{0});
  live.write(0x040, 0);
  CHECK(live.write(0x040, static_cast<std::uint32_t>(page->bus.value() / 4096)) ==
        "queue.legacy_memory");
  live.world.arena.free(*page);
}

TEST_CASE("InterruptACK is judged by what InterruptStatus was read to hold") {
  Live live;
  live.device.raise_spurious();
  CHECK(live.write(0x064, 1) == "irq.ack_unseen");  // not read at all
  live.device.raise_spurious();
  CHECK(live.read(0x060) == "");
  live.device.config_changed();
  CHECK(live.write(0x064, 3) == "irq.ack_unseen");  // came after the read
  CHECK(live.write(0x064, 0) == "");
  CHECK_FALSE(live.device.interrupt_pending());
}

TEST_CASE("A feature accepted without the one that it requires is features.dependency") {
  sluice::test::World world;
  referee::SluiceMemory memory(world);
  TwoFeatures personality;
  for (const std::uint32_t accepted : {3U, 1U, 0U, 2U}) {
    referee::MmioDevice device(personality, memory);
    device.judge.mode = referee::Judge::Mode::Collect;
    for (const std::uint64_t offset : {0x000U, 0x004U, 0x008U}) {
      device.read(offset, 4);
    }
    const std::pair<std::uint64_t, std::uint32_t> writes[] = {{0x70, 0}, {0x14, 0}, {0x24, 0}};
    for (const auto& [offset, value] : writes) {
      device.write(offset, 4, value);
      device.read(offset == 0x14 ? 0x10 : 0x70, 4);
    }
    device.write(0x70, 4, 1);
    device.write(0x70, 4, 3);
    device.write(0x20, 4, accepted);
    device.write(0x14, 4, 1);
    device.read(0x10, 4);
    device.write(0x24, 4, 1);
    device.write(0x20, 4, 1);
    device.write(0x70, 4, 11);
    CHECK((device.read(0x70, 4) & 8) == (accepted == 2 ? 0 : 8));
    CHECK(device.judge.has("features.dependency") == (accepted == 2));
    CHECK(device.verdicts().size() == (accepted == 2 ? 1 : 0));
  }
}

TEST_CASE("A legacy FLUSH_OUT is a flush, and of a sector it is blk.flush_sector") {
  Live live(1);
  const auto flush = live.driver.submit(5, 0, {}, 0);
  CHECK(live.driver.wait(*flush) == std::uint8_t{0});
  CHECK(live.named() == "");
  const auto wrong = live.driver.submit(5, 3, {}, 0);
  live.driver.wait(*wrong);
  CHECK(live.named() == "blk.flush_sector");
}

TEST_CASE("The second queue without MQ is blk.queue") {
  Bench bench({.queues = 2});
  bench.device.judge.mode = referee::Judge::Mode::Collect;
  Driver driver(bench.world, bench.device, {.queue = 1});
  REQUIRE(driver.start());
  CHECK(driver.read(3, 512) == pattern_bytes(3, 512));
  CHECK(bench.device.verdicts().size() == 1);
  CHECK(bench.device.judge.has("blk.queue"));
  driver.stop();
}

TEST_CASE("A chain of more than 2^32 bytes is split.total_bytes") {
  constexpr std::uint16_t kSize = 8192;
  constexpr std::uint16_t kPieces = 4097;  // of 1 MiB, all the same
  sluice::test::World world;
  referee::SluiceMemory memory(world);
  referee::Judge judge;
  judge.mode = referee::Judge::Mode::Collect;
  const auto megabyte = world.arena.allocate(1 << 20, 16, ~std::uint64_t{0});
  const auto rings =
      world.arena.allocate(16 * kSize + 6 + 2 * kSize + 10 + 8 * kSize, 16, ~std::uint64_t{0});
  REQUIRE((megabyte.has_value() && rings.has_value()));
  std::fill_n(rings->data, rings->bytes, std::byte{0});
  for (std::uint16_t i = 0; i < kPieces; ++i) {
    std::byte* entry = rings->data + std::size_t{16} * i;
    poke(entry, megabyte->bus.value());
    poke(entry + 8, std::uint32_t{1 << 20});
    poke(entry + 12, static_cast<std::uint16_t>(i + 1 < kPieces ? kWrite | kNext : kWrite));
    poke(entry + 14, static_cast<std::uint16_t>(i + 1));
  }
  poke(rings->data + 16 * kSize + 2, std::uint16_t{1});
  const std::uint64_t desc = rings->bus.value();
  referee::SplitQueue queue(0,
                            {.size = kSize,
                             .desc = desc,
                             .avail = desc + 16 * kSize,
                             .used = desc + 16 * kSize + 8 + 2 * kSize},
                            memory, judge);
  REQUIRE(queue.check_place());
  CHECK_FALSE(queue.take().has_value());
  CHECK(judge.verdicts().size() == 1);
  CHECK(judge.has("split.total_bytes"));
  world.arena.free(*megabyte);
  world.arena.free(*rings);
}
