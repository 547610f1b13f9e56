// cat: the bytes of files, one after the other.
#include "commands.hpp"
#include "file_stream.hpp"

namespace sluice::app {
namespace {

constexpr usize kBufferBytes = 64 * 1024;

int print_file(const Place& place, std::string_view path) {
  auto stream = FileStream::create(*place.volume, kBufferBytes);
  if (!stream) {
    return failure("cat", path, to_string(stream.error()));
  }
  if (const Result<void> opened = (*stream)->open(place.entry); !opened) {
    return failure("cat", path, to_string(opened.error()));
  }
  while (true) {
    const auto piece = (*stream)->next();
    if (!piece) {
      return failure("cat", path, to_string(piece.error()));
    }
    if (piece->empty()) {
      return kSucceeded;
    }
    console::write(console::Stream::Output,
                   {reinterpret_cast<const char*>(piece->data()), piece->size()});
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
