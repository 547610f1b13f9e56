// What the compiler expects of a C++ runtime. The program ends by switching the machine off, so
// that static objects are never destroyed.
#include <exception>
#include <new>

#include <sluice/kernel/panic.hpp>

extern "C" {

void* __dso_handle = nullptr;

int __cxa_atexit(void (*)(void*), void*, void*) {
  return 0;
}

[[noreturn]] void __cxa_pure_virtual() {
  sluice::panic("a pure virtual function was called");
}

}  // extern "C"

namespace std {

const nothrow_t nothrow{};

// Where the checks of a freestanding standard library end.
void terminate() noexcept {
  sluice::panic("std::terminate: a check of the standard library failed");
}

}  // namespace std

// The same of libraries that call it instead; by its name for the linker, because the others
// define it themselves.
extern "C" {

[[noreturn]] void std_out_of_range(const char* what, ...) asm("_ZSt24__throw_out_of_range_fmtPKcz");
void std_out_of_range(const char* what, ...) {
  sluice::panic(what);
}

}  // extern "C"
