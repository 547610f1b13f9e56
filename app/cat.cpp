// cat: the bytes of files, one after the other.
#include "commands.hpp"

namespace sluice::app {
namespace {

constexpr usize kBufferBytes = 64 * 1024;

void print_bytes(std::span<const std::byte> bytes) {
  console::write(console::Stream::Output,
                 {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// Prints from `offset` on, sector by sector, what can be read before the place that cannot.
void print_rest(fat::File& file, u64 offset) {
  std::array<std::byte, blk::kSectorBytes> sector;
  while (true) {
    const Result<usize> bytes = file.read(offset, sector);
    if (!bytes || *bytes == 0) {
      return;
    }
    print_bytes(std::span(sector).first(*bytes));
    offset += *bytes;
  }
}

int print_file(const Place& place, std::string_view path) {
  Result<fat::File> file = place.volume->open(place.entry);
  if (!file) {
    return failure("cat", path, in_words(file.error()));
  }
  const auto ahead = place.volume->make_readahead(kBufferBytes);
  if (!ahead) {
    return failure("cat", path, in_words(ahead.error()));
  }
  while (true) {
    const u64 offset = (*ahead)->offset();
    const auto piece = (*ahead)->next(*file);
    if (!piece) {
      print_rest(*file, offset);
      return failure("cat", path, in_words(piece.error()));
    }
    if (piece->empty()) {
      return kSucceeded;
    }
    print_bytes(*piece);
  }
}

}  // namespace

int run_cat(Session& session, Words words) {
  Words paths;
  if (!reject_options("cat", words, paths)) {
    return kUsage;
  }
  if (paths.empty()) {
    return usage_error("cat", "a path is needed");
  }
  int status = kSucceeded;
  for (const std::string_view path : paths) {
    Place place;
    int done = find_file(session, "cat", path, place);
    if (done == kSucceeded) {
      done = print_file(place, path);
    }
    status = first_failure(status, done);
  }
  return status;
}

}  // namespace sluice::app
