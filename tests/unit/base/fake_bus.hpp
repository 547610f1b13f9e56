// A bus on which a driver matches the devices whose names start with the driver's, and drivers that
// a test scripts. Used by the tests of the device model.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sluice/drivers/base/device.hpp>

namespace sluice::test {

class FakeBus final : public dev::Bus {
 public:
  explicit FakeBus(std::string_view name = "fake") : Bus(name) { dev::add_bus(*this); }
  ~FakeBus() override { dev::remove_bus(*this); }
  bool match(const dev::Device& device, const dev::Driver& driver) const override {
    return device.name().starts_with(driver.name());
  }
};

// Writes down what is asked of it; `on_probe` says what probe answers.
class FakeDriver final : public dev::Driver {
 public:
  using Journal = std::vector<std::string>;
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
    return {};
  }
  Result<void> resume(dev::Device& device) override {
    note("resume", device);
    return fail(Errc::Io);
  }
  bool suppress_bind() const override { return suppressed; }

  std::function<Result<void>(dev::Device&)> on_probe;
  bool suppressed = false;

 private:
  void note(const char* what, const dev::Device& device) {
    journal_.push_back(std::string(what) + " " + std::string(device.name()));
  }
  Journal& journal_;
  std::string_view bus_;
};

}  // namespace sluice::test
