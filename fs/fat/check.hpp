// A volume's damage: Volume::check reads tables and directories, changes nothing, and says what is
// wrong. Used by fsinfo --check.
#pragma once

#include <string_view>

#include <sluice/kernel/types.hpp>

namespace sluice::fat {

// Where check() says what it finds.
class CheckReport {
 public:
  // `path` is of the file or directory in question, as far as it fits, or empty where it is the
  // volume; `what` is one line.
  virtual void problem(std::string_view path, std::string_view what) = 0;

 protected:
  ~CheckReport() = default;
};

}  // namespace sluice::fat
