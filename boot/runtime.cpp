// What the compiler expects of a C++ runtime. The program ends by switching the machine off, so
// that static objects are never destroyed.
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

// The standard library's own checks end here.
void __throw_bad_alloc() {
  sluice::panic("std: out of memory");
}
void __throw_length_error(const char* what) {
  sluice::panic(what);
}
void __throw_logic_error(const char* what) {
  sluice::panic(what);
}
void __throw_out_of_range_fmt(const char* what, ...) {
  sluice::panic(what);
}
[[noreturn]] void __glibcxx_assert_fail(const char*, int, const char*,
                                        const char* condition) noexcept {
  sluice::panic(condition);
}

}  // namespace std
