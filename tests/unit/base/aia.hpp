// A machine with an APLIC, alone or before an IMSIC, and a handler of one of its sources.
// Used by the tests of the two drivers.
#pragma once

#include "tests/catch.hpp"

#include "tests/unit/base/fake_aia.hpp"
#include "tests/unit/base/log_lines.hpp"
#include "tests/unit/base/machine.hpp"

#include <sluice/drivers/irqchip/aplic.hpp>
#include <sluice/drivers/irqchip/imsic.hpp>

namespace sluice::test {

// The tree: what a test changes of a machine that is in order.
struct Aia {
  static constexpr u32 kAplic = 3, kImsic = 4;  // phandles

  TreeBuilder::Cells harts{0};
  std::string isa = "rv64imac_zicsr_ssaia_sstc";
  u32 running = 1;
  bool msi = false;
  u32 sources = 95;
  u32 bytes = 0x8000;
  TreeBuilder::Cells entries{100, 9};  // of the APLIC, or of the IMSIC before which it is
  u32 msi_parent = kImsic;
  u32 aplics = 1;
  bool parents = true;  // does the APLIC say where its interrupts go?
  u32 identities = 255;
  u32 file_bytes = 0x8000;
  std::vector<std::pair<std::string, u32>> bits{};  // riscv,hart-index-bits, …

  TreeBuilder::Blob blob() const {
    TreeBuilder build;
    build.cells("#address-cells", {2}).cells("#size-cells", {2});
    build.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    for (u32 n = 0; n < harts.size(); ++n) {
      build.begin("cpu@" + std::to_string(harts[n])).cells("reg", {harts[n]});
      build.text("riscv,isa", isa).begin("interrupt-controller");
      build.cells("#interrupt-cells", {1}).cells("phandle", {100 + n}).end().end();
    }
    build.end();
    for (u32 n = 0; n < aplics; ++n) {
      build.begin(n == 0 ? "aplic@d000000" : "aplic@e000000").text("compatible", "riscv,aplic");
      build.cells("reg", {0, n == 0 ? 0xd000000u : 0xe000000u, 0, bytes})
          .cells("phandle", {kAplic + 10 * n})
          .cells("#interrupt-cells", {2});
      build.cells("riscv,num-sources", {sources});
      if (msi && parents) {
        build.cells("msi-parent", {msi_parent});
      } else if (parents) {
        build.cells("interrupts-extended", entries);
      }
      build.end();
    }
    if (msi) {
      build.begin("imsics@28000000").text("compatible", "riscv,imsics");
      build.cells("reg", {0, 0x28000000, 0, file_bytes}).cells("phandle", {kImsic});
      build.cells("interrupts-extended", entries).cells("riscv,num-ids", {identities});
      for (const auto& [name, number] : bits) {
        build.cells(name, {number});
      }
      build.end();
    }
    return build.finish();
  }
};

struct AiaMachine {
  explicit AiaMachine(const Aia& aia)
      : aplic(aia.bytes, aia.sources),
        second(aia.bytes, aia.sources),
        files(kMaxHarts, FakeFile(aia.identities)),
        machine(aia.blob(), aia.harts[0], aia.running) {
    machine.world.add_registers(PhysAddr(0xd000000), aplic);
    machine.world.add_registers(PhysAddr(0xe000000), second);
    for (u32 i = 0; i < aia.running; ++i) {
      machine.world.interrupt_files[i] = aia.msi ? &files[i] : nullptr;
      hart(i).id = aia.harts[i];
    }
    aplic.send = [this](u32 hart_index, u32 identity) {
      sent.emplace_back(hart_index, identity);
      files.at(hart_index).message(identity);
    };
    REQUIRE(machine.bus.populate(machine.tree));
  }
  ~AiaMachine() {
    held = {};
    machine.bus.release_all();
    machine.bus.remove_driver(driver);
    if (imsic_added) {
      machine.bus.remove_driver(imsic_driver);
    }
  }
  AiaMachine& start(bool with_imsic = true) {
    if (with_imsic) {
      add_imsic_driver();
    }
    REQUIRE(dev::add_driver(driver));
    return *this;
  }
  void add_imsic_driver() {
    imsic_added = true;
    REQUIRE(dev::add_driver(imsic_driver));
  }
  dev::Device& device(std::string_view name = "d000000.aplic") {
    dev::Device* const found = machine.bus.find_device(name);
    REQUIRE(found != nullptr);
    return *found;
  }
  bool bound(std::string_view name = "d000000.aplic") {
    return device(name).state() == dev::State::Bound;
  }

  Result<void> request(u32 source, irq::Trigger trigger = irq::Trigger::High) {
    auto result = irq::request(Aia::kAplic, source, &handler, this, "test", hart(0), {trigger});
    if (!result) {
      return fail(result.error());
    }
    last_source = source;
    held = std::move(*result);
    return {};
  }
  static void handler(void* context) {
    auto& self = *static_cast<AiaMachine*>(context);
    ++self.handled;
    self.handled_at = port::this_hart().index;
    if (self.moves_to != nullptr) {
      CHECK(irq::set_affinity(Aia::kAplic, self.last_source, *self.moves_to));
    }
    if (!self.stuck) {
      self.aplic.set_wire(self.last_source, false);
    }
  }
  void take_interrupt() { irq::external_interrupts.serve(irq::external_interrupts.first); }
  u64 count(u32 hart_index) {
    return irq::find_controller(Aia::kAplic)->usage(last_source)->counts[hart_index];
  }

  FakeAplic aplic;
  FakeAplic second;
  std::vector<FakeFile> files;  // by hart index of a target
  Machine machine;
  LogLines lines;
  irqchip::AplicDriver driver;
  irqchip::ImsicDriver imsic_driver;
  bool imsic_added = false;
  std::vector<std::pair<u32, u32>> sent;  // messages: hart index, identity
  irq::Registration held;
  u32 last_source = 0;
  u32 handled = 0;
  u32 handled_at = ~0u;
  Hart* moves_to = nullptr;
  bool stuck = false;
};

}  // namespace sluice::test
