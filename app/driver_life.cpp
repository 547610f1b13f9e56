// bind, unbind, suspend, resume: the life of a device with its driver, by hand; and sleep of all.
#include "commands.hpp"

#include <sluice/drivers/base/bus.hpp>
#include <sluice/drivers/base/pm.hpp>

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

using Reason = std::string_view (*)(const dev::Device& device, Errc error);

// Does the same to each of the devices named.
int for_each_device(std::string_view command, Words words,
                    Result<void> (dev::Bus::*act)(dev::Device&), Reason reason = reason_of) {
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
      status = failure(command, name, reason(*device, done.error()));
    }
  }
  return status;
}

// Busy, of one that sleeps or is to: something about it is awake, or not.
std::string_view sleep_reason_of(const dev::Device& device, Errc error) {
  return error != Errc::Busy  ? reason_of(device, error)
         : device.suspended() ? "what it needs is suspended"
                              : "what needs it is not suspended";
}

// The same of the whole tree, where no device is named, or "all".
int for_all_or_each(std::string_view command, Words words, Result<void> (*all)(dev::Device**),
                    Result<void> (dev::Bus::*each)(dev::Device&)) {
  if (!words.empty() && words[0] != "all") {
    return for_each_device(command, words, each, sleep_reason_of);
  }
  if (words.size() > 1) {
    return usage_error(command, "`all` stands alone", words[1]);
  }
  dev::Device* failed = nullptr;
  if (const Result<void> done = all(&failed); !done) {
    return failure(command, failed->name(), sleep_reason_of(*failed, done.error()));
  }
  return kSucceeded;
}

}  // namespace

int run_bind(Session&, Words words) {
  return for_each_device("bind", words, &dev::Bus::bind);
}
int run_unbind(Session&, Words words) {
  return for_each_device("unbind", words, &dev::Bus::unbind);
}
int run_suspend(Session&, Words words) {
  return for_all_or_each("suspend", words, dev::suspend_all, &dev::Bus::suspend);
}
int run_resume(Session&, Words words) {
  return for_all_or_each("resume", words, dev::resume_all, &dev::Bus::resume);
}

}  // namespace sluice::app
