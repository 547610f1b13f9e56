// The fences between a driver's accesses: all are there, and each that is left out is missed.
#include <set>

#include "tests/unit/model/text_files.hpp"
#include "two_requests.hpp"

using namespace sluice;
using namespace sluice::test;
using port::Fence;

namespace {

// A few requests in a row and together, waited for and polled for, with `judge` looking on.
void run_some(Machine& machine, OrderJudge& judge) {
  Choices none;
  Interleaving between(machine, none, &judge);
  between.on = false;
  for (u64 i = 0; i < 6; ++i) {
    Ios ios;
    for (u64 k = 0; k < 2; ++k) {
      ios.push_back(make_io(k == 0 ? blk::Op::Read : blk::Op::Write, 8 * i + 4 * k,
                            i % 3 == 2 ? Kind::Polled : Kind::Plain));
    }
    machine.submit(ios);
    for (const auto& io : ios) {
      await(machine, between, *io);
      REQUIRE(io->ok());
    }
    machine.world.settle();
  }
}

std::set<std::string> ids(const OrderJudge& judge) {
  std::set<std::string> ids;
  for (const referee::Verdict& verdict : judge.judge.verdicts()) {
    ids.emplace(verdict.rule->id);
  }
  return ids;
}

struct Omission {
  OrderJudge::LeftOut fence;
  const referee::Rule& rule;
};
using After = OrderJudge::After;
const std::vector<Omission>& omissions() {
  static const std::vector<Omission> all{
      {{Fence::RwW}, order::kPublish},
      {{Fence::RwRw, After::Publishing}, order::kWanted},
      {{Fence::RwO}, order::kNotify},
      {{Fence::RRw}, order::kIndex},
      {{Fence::RwRw, After::AskingForInterrupts}, order::kRecheck},
      {{Fence::IRw}, order::kStatus},
  };
  return all;
}

}  // namespace

TEST_CASE("The driver has a fence wherever the specification asks for one") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.sectors = 256}, variant.setup(8));
  machine.plug();
  OrderJudge judge(machine.world, {machine.world, machine.virtio_device()->queues()});
  run_some(machine, judge);
  CHECK(judge.judge.report() == "");
  for (const u64 count : judge.fences) {
    CHECK(count > 5);
  }
}

TEST_CASE("Each fence that is left out is missed, by its rule alone") {
  const Variant variant = any_variant();
  const usize which = GENERATE(range(0, 6));
  const Omission& omission = omissions()[which];
  INFO(name_of(variant) << ", " << omission.rule.id);
  Machine machine({.sectors = 256}, variant.setup(8));
  machine.plug();
  OrderJudge judge(machine.world, {machine.world, machine.virtio_device()->queues()});
  judge.left_out = omission.fence;
  run_some(machine, judge);
  INFO(judge.judge.report());
  CHECK(ids(judge) == std::set<std::string>{std::string(omission.rule.id)});
}

TEST_CASE("A buffer that is described behind the fence is order.publish") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.sectors = 256}, variant.setup(8));
  machine.plug();
  OrderJudge judge(machine.world, {machine.world, machine.virtio_device()->queues()});
  // Plays a driver that writes to its buffer too late: this byte is neither ring nor request.
  DmaBuffer late = *DmaBuffer::allocate(16, 16, ~u64{0});
  struct TooLate final : port::Watcher {
    TooLate(OrderJudge& to, std::byte& where) : judge(to), byte(where) { port::watcher = this; }
    ~TooLate() override { port::watcher = nullptr; }
    void before_access(const void* at, usize bytes, bool is_write) override {
      judge.before_access(at, bytes, is_write);
    }
    void before_take_back() override { judge.before_take_back(); }
    void fence(Fence kind) override {
      judge.fence(kind);
      byte = static_cast<std::byte>(std::to_integer<u32>(byte) + 1);
    }
    OrderJudge& judge;
    std::byte& byte;
  };
  Io io(blk::Op::Read, 8, 512);
  {
    const TooLate watcher(judge, late.bytes()[0]);
    machine.run(io);
  }
  CHECK(ids(judge) == std::set<std::string>{"order.publish"});
}

TEST_CASE("The referee's README lists the rules of order") {
  const std::string readme = tiny::text_of("/tests/model/README.md");
  for (const Omission& omission : omissions()) {
    const referee::Rule& rule = omission.rule;
    const std::string row = "| `" + std::string(rule.id) + "` | " + std::string(rule.clause) +
                            " | " + std::string(rule.sentence) + " |";
    INFO(row);
    CHECK(readme.find(row) != std::string::npos);
  }
}

// Registers in memory, as the target's are.
namespace {

struct Registers final : MmioRegion {
  Registers() : MmioRegion(memory.data()) {}
  u64 bytes() const override { return memory.size(); }
  u8 read8(u64) override { return 0; }
  u16 read16(u64) override { return 0; }
  u32 read32(u64) override { return 0; }
  void write8(u64, u8) override {}
  void write16(u64, u16) override {}
  void write32(u64, u32) override {}
  alignas(8) std::array<std::byte, 16> memory{};
};

// What stood in the first register at each fence.
struct AtFences final : port::Watcher {
  explicit AtFences(Registers& of) : registers(of) { port::watcher = this; }
  ~AtFences() override { port::watcher = nullptr; }
  void before_access(const void*, usize, bool) override {}
  void before_take_back() override {}
  void fence(Fence kind) override {
    seen.emplace_back(kind, std::to_integer<u32>(registers.memory[0]));
    registers.memory[0] = std::byte{9};
  }
  Registers& registers;
  std::vector<std::pair<Fence, u32>> seen;
};

}  // namespace

TEST_CASE("A register in memory is written behind a fence rw,o and read in front of a fence i,rw") {
  Registers registers;
  AtFences fences(registers);
  registers.write(Reg<u32, ReadWrite>{0}, 5);
  REQUIRE(fences.seen == std::vector<std::pair<Fence, u32>>{{Fence::RwO, 0}});
  CHECK(registers.memory[0] == std::byte{5});
  fences.seen.clear();
  CHECK(registers.read(Reg<u32, ReadWrite>{0}) == 5);  // not what came at the fence
  CHECK(fences.seen == std::vector<std::pair<Fence, u32>>{{Fence::IRw, 5}});
}
