// Device links (Linux: device_link): a consumer needs its supplier, which is not its parent.
// A consumer is not probed before its supplier is bound, is unbound before it, and is suspended and
// shut down before it. Made by the platform bus for interrupts (Linux: fw_devlink), and by whoever
// knows better through Device::add_supplier(). A link ends with either device.
#pragma once

#include <string_view>

#include <sluice/kernel/list.hpp>

namespace sluice::dev {

class Device;

struct OfConsumer;  // the list of a consumer's links
struct OfSupplier;  // and that of a supplier's

class Link : public ListNode<OfConsumer>, public ListNode<OfSupplier> {
 public:
  // `what` the supplier is to the consumer, for messages: "its interrupt controller".
  Link(Device& from, Device& to, std::string_view what_it_is)
      : consumer(from), supplier(to), what(what_it_is) {}
  Device& consumer;
  Device& supplier;
  std::string_view what;
};

}  // namespace sluice::dev
