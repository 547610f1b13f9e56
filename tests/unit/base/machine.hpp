// A platform bus over a tree made by a test, in a World.
// Used by the tests of the platform bus and of the drivers on it.
#pragma once

#include <utility>

#include <sluice/drivers/base/platform_bus.hpp>

#include "tests/port/world.hpp"
#include "tests/unit/base/tree_builder.hpp"

namespace sluice::test {

struct Machine {
  explicit Machine(TreeBuilder::Blob from, u64 hart_id = 0, u32 harts = 1)
      : world(harts), blob(std::move(from)) {
    world.hart.id = hart_id;
    parsed = tree.parse(blob).has_value();
    dev::add_bus(bus);
  }
  ~Machine() { dev::remove_bus(bus); }

  World world;
  TreeBuilder::Blob blob;
  fdt::Tree tree;
  bool parsed = false;
  dev::PlatformBus bus;
};

// The hart's interrupt controllers, phandles 100 + n, of harts with the given ids.
inline TreeBuilder& add_cpus(TreeBuilder& build, const TreeBuilder::Cells& ids) {
  build.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
  for (std::uint32_t n = 0; n < ids.size(); ++n) {
    build.begin("cpu@" + std::to_string(ids[n]))
        .cells("reg", {ids[n]})
        .begin("interrupt-controller");
    build.cells("#interrupt-cells", {1}).cells("phandle", {100 + n}).end().end();
  }
  return build.end();
}

}  // namespace sluice::test
