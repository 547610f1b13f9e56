// The project's own files as text. Used by the tests that compare documents with sources.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "tests/catch.hpp"

namespace tiny {

// `path` from the project's folder, with a slash before it.
inline std::string text_of(const std::string& path) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + path);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace tiny
