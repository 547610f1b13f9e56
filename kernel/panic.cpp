// The two ends of a program: both are the world's own.
#include <sluice/kernel/panic.hpp>

#include <sluice/kernel/exit.hpp>
#include <sluice_port.hpp>

namespace sluice {

void exit(u32 status) {
  port::exit(status);
}

void panic(std::string_view message) {
  port::panic(message);
}

void assertion_failed(const char* condition, const char* file, int line) {
  panic_with("assertion failed: {} ({}:{})", condition, file, line);
}

}  // namespace sluice
