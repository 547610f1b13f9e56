// All orders of two requests before each kind of ring (a legacy device's are the split ones). Half
// of the devices are told where to look and half look by themselves; of one plain and one polled
// request, which have the most orders, all do. It takes a while.
#include "two_requests.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

void check_every_ring(const Script& script) {
  const bool mixed = script.first != script.second;
  for (const Variant& variant : all_variants()) {
    if (variant.version == 2) {
      check_all(variant, script, mixed || variant.indirect != variant.event_idx);
    }
  }
}

}  // namespace

TEST_CASE("Two requests in all orders") {
  check_every_ring(kScripts[0]);
}
TEST_CASE("Two requests that are submitted together, in all orders") {
  check_every_ring(kScripts[1]);
}
TEST_CASE("Two polled requests in all orders") {
  check_every_ring(kScripts[2]);
}
TEST_CASE("A polled request and then a plain one, in all orders") {
  check_every_ring(kScripts[3]);
}
TEST_CASE("A plain request and then a polled one, in all orders") {
  check_every_ring(kScripts[4]);
}
