// What the compiler's stack protector (-fstack-protector-strong) looks at: a function with an array
// of characters keeps the guard above them, and looks before it returns whether it is still there.
#include <sluice/boot/stack_guard.hpp>

#include <sluice/kernel/panic.hpp>

extern "C" {

// Its lowest byte is 0: text that runs over ends before it.
constinit sluice::u64 __stack_chk_guard = 0x5fca'1137'a90e'c200;

[[noreturn]] void __stack_chk_fail() {
  sluice::panic("stack protector: a function has written beyond its arrays");
}

}  // extern "C"

void sluice::boot::set_stack_guard(u64 random) {
  __stack_chk_guard = random & ~u64{0xff};
}
