// The tree that a script tells of.
#include "fdt_script.hpp"

#include <array>
#include <string>
#include <string_view>

#include "tests/unit/base/tree_builder.hpp"

namespace sluice::fuzz {
namespace {

using test::TreeBuilder;
using std::operator""sv;

constexpr std::uint32_t kMostSteps = 600;
constexpr std::uint32_t kMostDepth = 70;  // a few more than the reader allows

constexpr std::array kNodes{"soc"sv,
                            "cpus"sv,
                            "cpu@0"sv,
                            "cpu@1"sv,
                            "cpu"sv,
                            "aliases"sv,
                            "chosen"sv,
                            "memory@80"sv,
                            "interrupt-controller"sv,
                            "plic@c000000"sv,
                            "serial@10000000"sv,
                            "test@100000"sv,
                            "virtio_mmio@10001000"sv,
                            "reserved-memory"sv,
                            "x"sv,
                            "x@"sv,
                            "@"sv,
                            "a-name-that-is-longer-than-a-device-has-room-for@1"sv};

constexpr std::array kProperties{"compatible"sv,
                                 "reg"sv,
                                 "ranges"sv,
                                 "#address-cells"sv,
                                 "#size-cells"sv,
                                 "interrupts"sv,
                                 "interrupts-extended"sv,
                                 "interrupt-parent"sv,
                                 "#interrupt-cells"sv,
                                 "phandle"sv,
                                 "status"sv,
                                 "device_type"sv,
                                 "interrupt-controller"sv,
                                 "riscv,ndev"sv,
                                 "clock-frequency"sv,
                                 "reg-shift"sv,
                                 "reg-io-width"sv,
                                 "serial0"sv,
                                 "linux,phandle"sv,
                                 "msi-parent"sv,
                                 "riscv,num-sources"sv,
                                 "riscv,num-ids"sv,
                                 "riscv,guest-index-bits"sv,
                                 "riscv,hart-index-bits"sv,
                                 "riscv,group-index-bits"sv,
                                 "riscv,group-index-shift"sv,
                                 ""sv};

constexpr std::array kTexts{"simple-bus\0"sv,
                            "ns16550a\0"sv,
                            "sifive,plic-1.0.0\0riscv,plic0\0"sv,
                            "sifive,test1\0sifive,test0\0syscon\0"sv,
                            "virtio,mmio\0"sv,
                            "okay\0"sv,
                            "disabled\0"sv,
                            "cpu\0"sv,
                            "/soc/serial@10000000\0"sv,
                            "riscv,cpu-intc\0"sv,
                            "riscv,aplic\0"sv,
                            "riscv,imsics\0"sv,
                            ""sv,
                            "without end"sv};

void put_property(TreeBuilder& build, Input& script) {
  const std::string_view name = kProperties[script.take<std::uint8_t>() % kProperties.size()];
  const std::uint8_t kind = script.take<std::uint8_t>();
  if (kind < 64) {  // cells, small ones: phandles, counts, addresses that meet
    TreeBuilder::Cells cells(kind % 17);
    for (std::uint32_t& cell : cells) {
      const std::uint8_t small = script.take<std::uint8_t>();
      cell = small == 0xff ? ~std::uint32_t{0} : small;
    }
    build.cells(name, cells);
  } else if (kind < 128) {
    TreeBuilder::Cells cells(kind % 9);
    for (std::uint32_t& cell : cells) {
      cell = script.take<std::uint32_t>();
    }
    build.cells(name, cells);
  } else if (kind < 240) {
    build.raw(name, kTexts[kind % kTexts.size()]);
  } else {
    std::string value;
    for (std::uint8_t left = script.take<std::uint8_t>() % 32; left > 0; --left) {
      value.push_back(static_cast<char>(script.take<std::uint8_t>()));
    }
    build.raw(name, value);
  }
}

}  // namespace

std::vector<std::byte> tree_of_script(Input script) {
  TreeBuilder build;
  std::uint32_t depth = 1;
  bool properties_allowed = true;
  for (std::uint32_t step = 0; step < kMostSteps && !script.empty(); ++step) {
    const std::uint8_t what = script.take<std::uint8_t>() % 16;
    if (what < 4 && depth < kMostDepth) {
      build.begin(kNodes[script.take<std::uint8_t>() % kNodes.size()]);
      ++depth;
      properties_allowed = true;
    } else if (what < 7 && depth > 1) {
      build.end();
      --depth;
      properties_allowed = false;
    } else if (what == 7) {
      build.nop();
    } else if (what == 8) {
      build.reserve(script.take<std::uint64_t>(), script.take<std::uint32_t>());
    } else if (properties_allowed) {
      put_property(build, script);
    }
  }
  for (; depth > 1; --depth) {
    build.end();
  }
  return build.finish();
}

}  // namespace sluice::fuzz
