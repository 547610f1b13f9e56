// The FAT reader as a program of the host, for comparing it with other tools:
// fat_host IMAGE [--block-bytes N] tree | cat PATH | check. Used by cases.py. `tree` reads every
// file as the command cksum does, asynchronously and in order; `cat` reads one synchronously, in
// pieces whose ends lie anywhere; `check` prints a line for each problem, and on stderr what
// mounting noted, as fsinfo --check prints both. Exit status: 0; 1 something could not be read, or
// is wrong; 2 usage.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sluice/fs/fat/volume.hpp>
#include "app/crc.hpp"
#include "app/tree_walk.hpp"
#include "tests/oracle/file_device.hpp"
#include "tests/port/world.hpp"

namespace sluice::test {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

using Operands = std::span<const std::string_view>;

int failure(std::string_view what, std::string_view reason) {
  std::fprintf(stderr, "fat_host: %.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(reason.size()), reason.data());
  return kFailed;
}

void write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

// The line of a file: CRC SIZE PATH.
Result<void> sum(fat::Volume& volume, fat::Readahead& ahead, const fat::Entry& entry,
                 std::string_view path) {
  fat::File file = TRY(volume.open(entry));
  ahead.begin(0);
  app::PosixCrc crc;
  while (true) {
    const std::span<const std::byte> piece = TRY(ahead.next(file));
    if (piece.empty()) {
      break;
    }
    crc.add(piece);
  }
  write(std::to_string(crc.value()) + " " + std::to_string(crc.bytes()) + " " + std::string(path) +
        "\n");
  return {};
}

// Every file's line, and every directory's: its path with a slash behind it.
int run_tree(fat::Volume& volume, Operands) {
  constexpr usize kBufferBytes = 128 * 1024;
  const auto ahead = volume.make_readahead(kBufferBytes);
  app::TreeWalk walk(volume);
  if (!ahead || !walk.begin(volume.root())) {
    return failure("/", "the root directory cannot be read");
  }
  int status = 0;
  while (true) {
    switch (walk.next()) {
      case app::TreeWalk::Step::End:
        return status;
      case app::TreeWalk::Step::Failed:
        status = failure(walk.path(), walk.reason());
        break;
      case app::TreeWalk::Step::Found:
        if (walk.entry().is_directory()) {
          write(std::string(walk.path()) + "/\n");
        } else if (const Result<void> done = sum(volume, **ahead, walk.entry(), walk.path());
                   !done) {
          status = failure(walk.path(), to_string(done.error()));
        }
        break;
    }
  }
}

int run_cat(fat::Volume& volume, Operands operands) {
  constexpr usize kPieceBytes = 99'991;  // a prime: ends within sectors, clusters and blocks
  const std::string_view path = operands[0];
  const Result<fat::Entry> entry = volume.lookup(path);
  if (!entry) {
    return failure(path, to_string(entry.error()));
  }
  Result<fat::File> file = volume.open(*entry);
  if (!file) {
    return failure(path, to_string(file.error()));
  }
  std::vector<std::byte> piece(kPieceBytes);
  for (u64 offset = 0; offset < file->size_bytes();) {
    const Result<usize> bytes = file->read(offset, piece);
    if (!bytes || *bytes == 0) {
      return failure(path, bytes ? "ends before its size" : to_string(bytes.error()));
    }
    std::fwrite(piece.data(), 1, *bytes, stdout);
    offset += *bytes;
  }
  return 0;
}

int run_check(fat::Volume& volume, Operands) {
  class Printer final : public fat::CheckReport {
   public:
    void problem(std::string_view path, std::string_view what) override {
      write(std::string(path) + (path.empty() ? "" : ": ") + std::string(what) + "\n");
    }
  } printer;
  for (const fat::Line& note : volume.notes()) {
    failure("note", note);
  }
  const Result<u32> problems = volume.check(printer);
  if (!problems) {
    return failure("check", to_string(problems.error()));
  }
  return *problems == 0 ? 0 : kFailed;
}

struct Command {
  std::string_view name;
  usize operands;
  int (*run)(fat::Volume&, Operands);
};
constexpr Command kCommands[] = {
    {"tree", 0, run_tree}, {"cat", 1, run_cat}, {"check", 0, run_check}};

int usage() {
  std::fputs("usage: fat_host IMAGE [--block-bytes N] tree | cat PATH | check\n", stderr);
  return kUsage;
}

// 512 without the option, which is taken off; nothing where it makes no sense.
std::optional<u32> take_block_bytes(std::vector<std::string_view>& words) {
  const auto option = std::ranges::find(words, "--block-bytes");
  if (option == words.end()) {
    return 512;
  }
  u32 value = 0;
  if (option + 1 == words.end() ||
      std::from_chars(option[1].data(), option[1].data() + option[1].size(), value).ec !=
          std::errc() ||
      (value != 512 && value != 4096)) {
    return std::nullopt;
  }
  words.erase(option, option + 2);
  return value;
}

int run(std::vector<std::string_view> words) {
  const std::optional<u32> block_bytes = take_block_bytes(words);
  if (!block_bytes || words.size() < 2) {
    return usage();
  }
  const Operands operands = std::span(words).subspan(2);
  const auto* const command = std::ranges::find(kCommands, words[1], &Command::name);
  if (command == std::end(kCommands) || command->operands != operands.size()) {
    return usage();
  }
  const World world;
  FileDevice device(std::string(words[0]), *block_bytes);
  const fat::Volume::MountResult volume = fat::Volume::mount(device);
  if (!volume) {
    return failure(words[0], volume.error().reason);
  }
  return command->run(**volume, operands);
}

}  // namespace
}  // namespace sluice::test

int main(int argc, char** argv) {
  try {
    return sluice::test::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    return sluice::test::failure("stopped", error.what());
  }
}
