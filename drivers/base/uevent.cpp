// Uevents: built where somebody listens, and told.
#include <sluice/drivers/base/uevent.hpp>

#include <algorithm>

#include <sluice/drivers/base/bus.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::dev {
namespace {

// Where an event stands in the list of listeners: one that goes is stepped over. Events are told
// one in another only where a listener's own doing sends a change.
struct Teller {
  List<UeventListener>::iterator next;
  Teller* outer;
};

struct Listeners {
  List<UeventListener> list;
  Teller* tellers = nullptr;
  u64 last_number = 0;
};

constinit Listeners listeners;

void put_path(Sink& out, const Device& device) {
  // The platform bus's of buses in buses, a device, its child: shown as far as there is room.
  constexpr u32 kMaxDepth = 10;
  std::array<const Device*, kMaxDepth> path{};
  u32 depth = 0;
  for (const Device* at = &device; at != nullptr && depth < kMaxDepth; at = at->parent()) {
    path[depth++] = at;
  }
  const Bus* const bus = path[depth - 1]->bus();
  format_to(out, "/devices/{}", bus != nullptr ? bus->name() : "none");
  while (depth > 0) {
    format_to(out, "/{}", path[--depth]->name());
  }
}

void tell(const Device& device, Action action, std::string_view key, std::string_view value) {
  if (listeners.list.empty()) {
    return;
  }
  Uevent event;
  std::array<char, 352> text;
  BufferSink path(text);
  put_path(path, device);
  event.add("ACTION", to_string(action));
  event.add("DEVPATH", path.text());
  event.add("SUBSYSTEM", device.bus()->name());
  if (device.driver() != nullptr) {
    event.add("DRIVER", device.driver()->name());
  }
  device.bus()->uevent(device, event);
  if (!key.empty()) {
    event.add(key, value);
  }
  BufferSink number(text);
  format_to(number, "{}", ++listeners.last_number);
  event.add("SEQNUM", number.text());

  Teller teller{listeners.list.begin(), listeners.tellers};
  listeners.tellers = &teller;
  while (teller.next != listeners.list.end()) {
    UeventListener& listener = *teller.next++;
    listener.on_uevent(device, action, event);
  }
  listeners.tellers = teller.outer;
}

// Set with the first listener: what tells them is linked only into an image that has some.
using Tell = void (*)(const Device&, Action, std::string_view, std::string_view);
constinit Tell tell_all = nullptr;

}  // namespace

std::string_view to_string(Action action) {
  switch (action) {
    case Action::Add:
      return "add";
    case Action::Remove:
      return "remove";
    case Action::Change:
      return "change";
    case Action::Bind:
      return "bind";
    case Action::Unbind:
      return "unbind";
  }
  return "unknown";
}

bool Uevent::add(std::string_view key, std::string_view value) {
  if (key.size() + value.size() + 2 > bytes_.size() - used_) {
    complete_ = false;
    return false;
  }
  char* at = bytes_.data() + used_;
  at = std::copy(key.begin(), key.end(), at);
  *at++ = '=';
  at = std::copy(value.begin(), value.end(), at);
  *at++ = '\0';
  used_ = static_cast<usize>(at - bytes_.data());
  return true;
}

std::string_view Uevent::value(std::string_view key) const {
  for (std::string_view rest = text(); !rest.empty();) {
    const std::string_view variable = rest.substr(0, rest.find('\0'));
    if (variable.size() > key.size() && variable.starts_with(key) && variable[key.size()] == '=') {
      return variable.substr(key.size() + 1);
    }
    rest.remove_prefix(variable.size() + 1);
  }
  return {};
}

void add_listener(UeventListener& listener) {
  tell_all = &tell;
  listeners.list.push_back(listener);
}

void remove_listener(UeventListener& listener) {
  for (Teller* teller = listeners.tellers; teller != nullptr; teller = teller->outer) {
    if (teller->next != listeners.list.end() && &*teller->next == &listener) {
      ++teller->next;
    }
  }
  listeners.list.remove(listener);
}

void send_uevent(const Device& device, Action action, std::string_view key,
                 std::string_view value) {
  if (tell_all != nullptr) {
    SLUICE_ASSERT(port::this_hart().index == 0);
    tell_all(device, action, key, value);
  }
}

bool sending_uevent() {
  return listeners.tellers != nullptr;
}

}  // namespace sluice::dev
