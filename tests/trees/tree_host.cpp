// The device tree's reader and the platform bus over trees from files, whatever machine they are
// of. Usage: tree_host FILE…. Each has to be taken, to read as libfdt reads it, and to make devices
// that the bus can tell apart; prints a line for each. Status 1: one did not.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <sluice/drivers/base/platform_bus.hpp>
#include <sluice/kernel/log.hpp>

#include "tests/port/world.hpp"
#include "tests/unit/kernel/libfdt_oracle.hpp"

namespace {

using namespace sluice;

std::vector<std::byte> read_file(const char* path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::vector<std::byte> blob(text.size());
  std::memcpy(blob.data(), text.data(), text.size());
  return blob;
}

bool complain(const char* path, const std::string& what) {
  std::printf("%s: %s\n", path, what.c_str());
  return false;
}

bool try_tree(const char* path) {
  const std::vector<std::byte> blob = read_file(path);
  fdt::Tree tree;
  if (!test::libfdt_takes(blob)) {
    return complain(path, "libfdt does not take it");
  }
  if (!tree.parse(blob)) {
    return complain(path, "it is not taken");
  }
  const test::Comparison whole = test::compare(tree, blob);
  const test::Comparison searches = test::compare_searches(tree, blob);
  for (const test::Comparison* result : {&whole, &searches}) {
    if (result->differences != 0) {
      return complain(path, "not as libfdt says: " + result->first);
    }
  }
  const test::World world;
  dev::PlatformBus bus;
  dev::add_bus(bus);
  const bool all = bus.populate(tree).has_value();
  u32 devices = 0;
  bool twins = false;
  for (const dev::Device& device : bus.devices()) {
    ++devices;
    if (bus.find_device(device.name()) != &device) {
      twins = true;
    }
  }
  dev::remove_bus(bus);
  if (twins) {
    return complain(path, "two devices have one name");
  }
  if (devices == 0) {
    return complain(path, "it makes no device");
  }
  std::printf("%s: %u nodes, %u properties, %u devices%s\n", path, whole.nodes, whole.properties,
              devices, all ? "" : ", and more than there is room for");
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  log::set_level(log::Level::Error);
  log::set_show([](const log::Line& line) {
    std::printf("%.*s\n", static_cast<int>(line.text.size()), line.text.data());
  });
  bool all = argc > 1;
  for (int i = 1; i < argc; ++i) {
    all = try_tree(argv[i]) && all;
  }
  return all ? 0 : 1;
}
