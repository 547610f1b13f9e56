// The end of the line for our own bugs: panic and the assertion. Never for what a device, a device
// tree, a disk or a user says: that is an error (result.hpp).
#pragma once

#include <array>
#include <string_view>

#include <sluice/kernel/format.hpp>

namespace sluice {

// Prints the message with what the world knows of the place, and ends the program (on the target
// with status 101). Any context.
[[noreturn]] void panic(std::string_view message);

template <class... Args>
[[noreturn]] void panic_with(FormatString<Args...> format, const Args&... args) {
  std::array<char, 200> text;
  BufferSink sink(text);
  format_to(sink, format, args...);
  panic(sink.text());
}

// What a panic tells besides: whoever knows something, what is in flight in the disks say, adds a
// note that lives as long as the program. It is asked on the hart that panics, the others stopped
// wherever they were, interrupts off: it takes no lock and waits for nothing. Task.
struct PanicNote {
  void (*report)(Sink& out);
  PanicNote* next = nullptr;
};
void add_panic_note(PanicNote& note);
// Asks all of them.
void report_panic_notes(Sink& out);

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace sluice

#define SLUICE_ASSERT(condition) \
  ((condition) ? void() : ::sluice::assertion_failed(#condition, __FILE_NAME__, __LINE__))
