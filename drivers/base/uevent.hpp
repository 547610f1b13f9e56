// Uevents: what happens to devices, told to whoever listens (Linux: kobject_uevent, and the bus
// notifiers). An event is a set of variables, built on the stack, and only where somebody listens.
#pragma once

#include <array>
#include <string_view>

#include <sluice/kernel/list.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice::dev {

class Device;

enum class Action : u8 { Add, Remove, Change, Bind, Unbind };
std::string_view to_string(Action action);

// The variables, as Linux names them: ACTION; DEVPATH, of the parents' names; SUBSYSTEM, the bus;
// DRIVER, while bound; MODALIAS and others of the bus (Bus::uevent); what the sender adds; and
// SEQNUM, which grows by one with each event.
class Uevent {
 public:
  static constexpr usize kMaxBytes = 1024;

  // Any context. A variable that has no room is left out whole: false, and complete() is from then
  // on. Keys hold no '=' and neither holds a NUL.
  bool add(std::string_view key, std::string_view value);
  bool complete() const { return complete_; }

  // The value of the first variable of that name; null data: there is none.
  std::string_view value(std::string_view key) const;
  // "KEY=value", each with a NUL behind it, in the order in which they came.
  std::string_view text() const { return {bytes_.data(), used_}; }

 private:
  std::array<char, kMaxBytes> bytes_;
  usize used_ = 0;
  bool complete_ = true;
};

// Who wants to know: derive from it, and keep it for as long as it is registered.
class UeventListener : public ListNode<> {
 public:
  virtual ~UeventListener() = default;
  // Task or work, on the hart that booted, in the middle of what it is told of: it may add and
  // remove listeners, itself among them, and look at devices, but not change them (a checked
  // crash): post work for that.
  virtual void on_uevent(const Device& device, Action action, const Uevent& event) = 0;
};

// A listener arrives, and is told from the next event on at the latest; or goes. On the hart that
// booted, task or work.
void add_listener(UeventListener& listener);
void remove_listener(UeventListener& listener);

// Tells of `device`, with one variable more where `key` is not empty: of a change, for drivers;
// the rest is told by the model. On the hart that booted, task or work.
void send_uevent(const Device& device, Action action, std::string_view key = {},
                 std::string_view value = {});

// Is an event being told right now?
bool sending_uevent();

}  // namespace sluice::dev
