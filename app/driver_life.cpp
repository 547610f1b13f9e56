// bind, unbind, suspend, resume: the life of a device with its driver, by hand.
#include "commands.hpp"

#include <sluice/drivers/base/device.hpp>

namespace sluice::app {
namespace {

dev::Device* find_device(std::string_view name) {
  for (const dev::Bus& bus : dev::buses()) {
    if (dev::Device* const device = bus.find_device(name); device != nullptr) {
      return device;
    }
  }
  return nullptr;
}

// What is odd about an error here, in words.
std::string_view reason_of(const dev::Device& device, Errc error) {
  switch (error) {
    case Errc::Busy:
      return "it has a driver already";
    case Errc::NotFound:
      return device.reason().empty() ? "no driver matches it" : device.reason();
    case Errc::NotSupported:
      return "its driver does not do that by hand";
    case Errc::Invalid:
      return device.state() != dev::State::Bound ? "it has no driver"
             : device.suspended()                ? "it is suspended"
                                                 : "it is not suspended";
    default:
      return device.reason().empty() ? to_string(error) : device.reason();
  }
}

// Does the same to each of the devices named.
int for_each_device(std::string_view command, Words words,
                    Result<void> (dev::Bus::*act)(dev::Device&)) {
  Words operands;
  if (!reject_options(command, words, operands)) {
    return kUsage;
  }
  if (operands.empty()) {
    return usage_error(command, "which device? lsdev names them");
  }
  int status = kSucceeded;
  for (const std::string_view name : operands) {
    dev::Device* const device = find_device(name);
    if (device == nullptr) {
      status = failure(command, name, "no such device; lsdev names them");
    } else if (const Result<void> done = (device->bus()->*act)(*device); !done) {
      status = failure(command, name, reason_of(*device, done.error()));
    }
  }
  return status;
}

}  // namespace

int run_bind(Session&, Words words) {
  return for_each_device("bind", words, &dev::Bus::bind);
}
int run_unbind(Session&, Words words) {
  return for_each_device("unbind", words, &dev::Bus::unbind);
}
int run_suspend(Session&, Words words) {
  return for_each_device("suspend", words, &dev::Bus::suspend);
}
int run_resume(Session&, Words words) {
  return for_each_device("resume", words, &dev::Bus::resume);
}

}  // namespace sluice::app
