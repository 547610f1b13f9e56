// Asynchronous probes on harts that run at the same time, under ThreadSanitizer.
#include "tests/catch.hpp"

#include "tests/port_threads/harts.hpp"

#include <array>
#include <memory>
#include <string>

#include <sluice/drivers/base/bus.hpp>
#include <sluice/drivers/base/pm.hpp>
#include <sluice/drivers/base/probe.hpp>

using namespace sluice;
using test::Harts;

namespace {

struct AnyBus final : dev::Bus {
  AnyBus() : Bus("any") { dev::add_bus(*this); }
  ~AnyBus() override { dev::remove_bus(*this); }
  bool match(const dev::Device&, const dev::Driver&) const override { return true; }
};

// Takes memory in each probe. Of three devices the last fails, and the one before it waits until
// some device was bound.
struct SlowDriver final : dev::Driver {
  SlowDriver() : Driver("slow") {}
  std::string_view bus_name() const override { return "any"; }
  dev::ProbeType probe_type() const override { return dev::ProbeType::PreferAsynchronous; }
  Result<void> probe(dev::Device& device) override {
    auto* const text = TRY(device.make<std::string>(device.name()));
    for (u32 turn = 0; turn < 50; ++turn) {
      text->append("x");
      port::relax();
    }
    const u32 number = static_cast<u32>(device.name().back() - '0');
    if (number % 3 == 2) {
      return device.reject(Errc::Io, "it does not answer");
    }
    if (number % 3 == 1 && some_bound.load(std::memory_order_relaxed) == 0) {
      return device.defer("another");
    }
    device.driver_data = text;
    some_bound.store(1, std::memory_order_relaxed);
    return {};
  }
  std::atomic<u32> some_bound{0};
};

}  // namespace

TEST_CASE("probes on all harts end as if they had come one after the other") {
  constexpr u32 kDevices = 9;
  const Harts harts(4);
  AnyBus bus;
  for (u32 round = 0; round < 100; ++round) {
    SlowDriver driver;
    bus.add_driver(driver);
    std::array<std::unique_ptr<dev::Device>, kDevices> devices;
    for (u32 i = 0; i < kDevices; ++i) {
      devices[i] = std::make_unique<dev::Device>("device" + std::to_string(i), nullptr);
      REQUIRE(bus.add_device(*devices[i]));
    }
    if (round % 2 == 0) {
      dev::wait_for_device_probe();
    } else {
      REQUIRE(dev::suspend_all());  // in the middle of it
    }
    for (u32 i = 0; i < kDevices; ++i) {
      CHECK(devices[i]->state() == (i % 3 == 2 ? dev::State::Failed : dev::State::Bound));
    }
    for (const auto& device : devices) {
      bus.remove_device(*device);
    }
    bus.remove_driver(driver);
  }
}
