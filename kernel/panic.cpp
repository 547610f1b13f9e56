// The ends of a program: they are the world's own.
#include <sluice/kernel/panic.hpp>

#include <sluice/kernel/exit.hpp>
#include <sluice_port.hpp>

namespace sluice {
namespace {

constinit PanicNote* notes = nullptr;

}  // namespace

void exit(u32 status) {
  port::exit(status);
}

void reboot() {
  port::reboot();
}

void panic(std::string_view message) {
  port::panic(message);
}

void add_panic_note(PanicNote& note) {
  note.next = notes;
  notes = &note;
}

void report_panic_notes(Sink& out) {
  for (const PanicNote* note = notes; note != nullptr; note = note->next) {
    note->report(out);
  }
}

void assertion_failed(const char* condition, const char* file, int line) {
  panic_with("assertion failed: {} ({}:{})", condition, file, line);
}

}  // namespace sluice
