// Panic: hands the message to the world's own ending.
#include <sluice/kernel/panic.hpp>

#include <sluice_port.hpp>

namespace sluice {

void panic(std::string_view message) { port::panic(message); }

void assertion_failed(const char* condition, const char* file, int line) {
  panic_with("assertion failed: {} ({}:{})", condition, file, line);
}

}  // namespace sluice
