// A folder of a test's own, below the build folder, which goes with the test.
#pragma once

#include <stdlib.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include "fd.hpp"

namespace qemu {

class Folder {
 public:
  Folder() : path_(std::string(SLUICE_QTEST_FOLDER) + "/run-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) {
      throw Failure("no folder " + path_);
    }
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  void write(const std::string& name, std::span<const std::byte> bytes) const {
    std::ofstream stream(file(name), std::ios::binary);
    stream.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    if (!stream.flush()) {
      throw Failure("cannot write " + file(name));
    }
  }
  // Empty where there is no such file.
  std::string read(const std::string& name) const {
    std::ifstream stream(file(name), std::ios::binary | std::ios::ate);
    std::string text(stream ? static_cast<std::size_t>(stream.tellg()) : 0, '\0');
    stream.seekg(0).read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
  }

 private:
  std::string path_;
};

}  // namespace qemu
