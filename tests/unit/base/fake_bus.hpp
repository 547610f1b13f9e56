// A bus on which a driver matches the devices whose names start with the driver's, and drivers that
// a test scripts. Used by the tests of the device model.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sluice/drivers/base/bus.hpp>

#include "tests/port/world.hpp"

namespace sluice::test {

class FakeBus final : public dev::Bus {
 public:
  explicit FakeBus(std::string_view name = "fake") : Bus(name) { dev::add_bus(*this); }
  ~FakeBus() override { dev::remove_bus(*this); }
  bool match(const dev::Device& device, const dev::Driver& driver) const override {
    return device.name().starts_with(driver.name());
  }
};

using Journal = std::vector<std::string>;

// Writes down what is asked of it; `on_probe` and the others say what it answers.
class FakeDriver final : public dev::Driver {
 public:
  FakeDriver(std::string_view name, Journal& journal, std::string_view bus = "fake")
      : Driver(name), journal_(journal), bus_(bus) {}
  std::string_view bus_name() const override { return bus_; }
  Result<void> probe(dev::Device& device) override {
    note("probe", device);
    return on_probe ? on_probe(device) : Result<void>{};
  }
  void remove(dev::Device& device) override { note("remove", device); }
  void shutdown(dev::Device& device) override { note("shutdown", device); }
  Result<void> suspend(dev::Device& device) override {
    note("suspend", device);
    return on_suspend ? on_suspend(device) : Result<void>{};
  }
  Result<void> resume(dev::Device& device) override {
    note("resume", device);
    return on_resume ? on_resume(device) : Result<void>{};
  }
  bool suppress_bind() const override { return suppressed; }
  bool waits_for_suppliers() const override { return waits; }
  dev::ProbeType probe_type() const override { return type; }
  std::string_view class_name() const override { return of_class; }

  using Answer = std::function<Result<void>(dev::Device&)>;
  Answer on_probe;
  Answer on_suspend;
  Answer on_resume;
  bool suppressed = false;
  bool waits = true;
  dev::ProbeType type = dev::ProbeType::Synchronous;
  std::string_view of_class;

 private:
  void note(const char* what, const dev::Device& device) {
    journal_.push_back(std::string(what) + " " + std::string(device.name()));
  }
  Journal& journal_;
  std::string_view bus_;
};

// A device that leaves its bus before it is destroyed.
struct TestDevice : dev::Device {
  explicit TestDevice(std::string_view name, dev::Device* parent = nullptr)
      : Device(name, parent) {}
  ~TestDevice() override {
    if (bus() != nullptr) {
      bus()->remove_device(*this);
    }
  }
};

// A machine with a bus, and a driver that the test gives to it.
struct Setting {
  explicit Setting(u32 harts = 1) : world(harts) {}
  World world;
  Journal journal;
  FakeBus bus;
  FakeDriver driver{"uart", journal};
};

}  // namespace sluice::test
