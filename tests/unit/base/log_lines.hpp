// What the code under test has logged.
// Used by tests that want an error to name what it is about.
#pragma once

#include <string>
#include <string_view>

#include <sluice/kernel/log.hpp>

namespace sluice::test {

// The lines in the ring since the last mark() of this object, one after the other.
class LogLines {
 public:
  LogLines() { mark(); }
  void mark() {
    static int marks = 0;
    mark_ = "(mark " + std::to_string(++marks) + ")\n";
    log::debug("{}", std::string_view(mark_).substr(0, mark_.size() - 1));
  }
  std::string text() const {
    std::string lines;
    log::for_each([](const log::Line& line,
                     void* to) { *static_cast<std::string*>(to) += std::string(line.text) + "\n"; },
                  &lines);
    const std::size_t at = lines.find(mark_);
    return at == std::string::npos ? lines : lines.substr(at + mark_.size());
  }
  bool has(std::string_view what) const { return text().find(what) != std::string::npos; }

 private:
  std::string mark_;
};

}  // namespace sluice::test
