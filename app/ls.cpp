// ls: names in a directory, or everything below it.
#include "commands.hpp"
#include "tree_walk.hpp"

namespace sluice::app {
namespace {

struct Options {
  bool long_lines = false;
  bool recursive = false;
};

void put_line(Sink& out, const Options& options, const fat::Entry& entry, std::string_view shown) {
  if (options.long_lines) {
    const std::array<char, 5> attributes = entry.attributes.text();
    format_to(out, "{} {:>10} {} ", std::string_view(attributes.data(), attributes.size()),
              entry.size_bytes, entry.modified.text().view());
  }
  format_to(out, "{}{}\n", shown, entry.is_directory() ? "/" : "");
}

int list_directory(const Place& place, std::string_view path, const Options& options) {
  Result<fat::Directory> directory = place.volume->open_directory(place.entry);
  if (!directory) {
    return failure("ls", path, in_words(directory.error()));
  }
  console::Writer out(console::Stream::Output);
  fat::Entry entry;
  while (true) {
    const Result<bool> more = directory->next(entry);
    if (!more) {
      out.flush();
      return failure("ls", path, in_words(more.error()));
    }
    if (!*more) {
      return kSucceeded;
    }
    put_line(out, options, entry, entry.name.view());
  }
}

int list_tree(const Place& place, std::string_view path, const Options& options) {
  TreeWalk walk(*place.volume);
  if (const Result<void> begun = walk.begin(place.entry); !begun) {
    return failure("ls", path, in_words(begun.error()));
  }
  console::Writer out(console::Stream::Output);
  int status = kSucceeded;
  while (true) {
    switch (walk.next()) {
      case TreeWalk::Step::Found:
        put_line(out, options, walk.entry(), walk.path());
        break;
      case TreeWalk::Step::Failed:
        out.flush();
        status = failure_below("ls", path, walk.path(), walk.reason());
        break;
      case TreeWalk::Step::End:
        return status;
    }
  }
}

}  // namespace

int run_ls(Session& session, Words words) {
  Options options;
  OptionReader reader(words);
  while (reader.next()) {
    if (reader.is("l")) {
      options.long_lines = true;
    } else if (reader.is("R")) {
      options.recursive = true;
    } else {
      return unknown_option("ls", reader);
    }
  }
  if (reader.operands().size() != 1) {
    return usage_error("ls", "one path is needed");
  }
  const std::string_view path = reader.operands()[0];
  Place place;
  if (const int status = find_place(session, "ls", path, place); status != kSucceeded) {
    return status;
  }
  if (!place.entry.is_directory()) {
    console::Writer out(console::Stream::Output);
    put_line(out, options, place.entry, path);
    return kSucceeded;
  }
  return options.recursive ? list_tree(place, path, options) : list_directory(place, path, options);
}

}  // namespace sluice::app
