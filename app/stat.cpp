// stat: what a directory says of a file, and in how many pieces it lies.
#include "commands.hpp"

namespace sluice::app {
namespace {

void put_time(Sink& out, std::string_view key, const fat::DateTime& time) {
  format_to(out, "{}: {}\n", key, time.set ? time.text().view() : std::string_view("-"));
}

}  // namespace

int run_stat(Session& session, Words words) {
  Words paths;
  if (!reject_options("stat", words, paths)) {
    return kUsage;
  }
  if (paths.size() != 1) {
    return usage_error("stat", "one path is needed");
  }
  Place place;
  if (const int status = find_place(session, "stat", paths[0], place); status != kSucceeded) {
    return status;
  }
  const fat::Entry& entry = place.entry;
  console::Writer out(console::Stream::Output);
  const std::array<char, 5> attributes = entry.attributes.text();
  format_to(out, "path: {}\ntype: {}\nsize: {}\nattributes: {}\n", paths[0],
            entry.is_directory() ? "directory" : "file", entry.size_bytes,
            std::string_view(attributes.data(), attributes.size()));
  put_time(out, "modified", entry.modified);
  put_time(out, "created", entry.created);
  put_time(out, "accessed", entry.accessed);
  format_to(out, "first_cluster: {}\n", entry.first_cluster);
  if (entry.is_directory()) {
    return kSucceeded;
  }
  Result<fat::File> file = place.volume->open(entry);
  const Result<u32> extents = file ? file->count_extents() : Result<u32>(fail(file.error()));
  if (!extents) {
    out.flush();
    return failure("stat", paths[0], in_words(extents.error()));
  }
  format_to(out, "extents: {}\n", *extents);
  return kSucceeded;
}

}  // namespace sluice::app
