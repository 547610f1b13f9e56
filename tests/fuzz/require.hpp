// How a harness says that something is wrong. Used by the harnesses of tests/fuzz.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace sluice::fuzz {

// Stops the fuzzer, in a way that it takes for a crash.
inline void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "%s\n", what);
    std::abort();
  }
}

}  // namespace sluice::fuzz
