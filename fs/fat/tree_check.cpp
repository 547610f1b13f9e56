// Checking directories; see tree_check.hpp.
#include <sluice/fs/fat/tree_check.hpp>

#include <algorithm>
#include <bit>
#include <new>

namespace sluice::fat {

namespace {

// Characters that no short name holds; what is below 0x20 besides.
constexpr std::string_view kBadCharacters = "\"*+,./:;<=>?[\\]|\x7f";

constexpr std::string_view kNoName = "is marked as having no short name";
constexpr std::string_view kBadName = "its short name holds characters that cannot be in one";

bool is_bad_character(u8 byte) {
  return byte < 0x20 || kBadCharacters.contains(static_cast<char>(byte));
}

// Padding in the midst of a part, or in front of it.
bool has_gap(std::span<const u8> part) {
  const auto blank = std::ranges::find(part, u8{' '});
  return std::any_of(blank, part.end(), [](u8 byte) { return byte != ' '; });
}

// OS/2 has names with gaps for what it keeps beside the files.
bool is_of_os2(const RawShortName& raw) {
  const std::string_view text(reinterpret_cast<const char*>(raw.data()), raw.size());
  return text == "EA DATA  SF" || text == "WP ROOT  SF";
}

// Of a short name or a label.
bool has_bad_character(const RawShortName& raw) {
  const u8 first = raw[0] == 0x05 ? u8{0xe5} : raw[0];
  return is_bad_character(first) || std::any_of(raw.begin() + 1, raw.end(), is_bad_character);
}

bool is_bad_short_name(const RawShortName& raw) {
  const std::span<const u8> all(raw);
  return raw[0] == ' ' || has_bad_character(raw) ||
         ((has_gap(all.first(8)) || has_gap(all.subspan(8))) && !is_of_os2(raw));
}

}  // namespace

struct TreeCheck::Level {
  explicit Level(RawDirectory&& opened) : directory(std::move(opened)) {}

  RawDirectory directory;
  u32 first_cluster = 0;  // 0: the root
  bool whole = true;      // its chain is
  u32 entries = 0;        // read so far
  u32 dots = 0;           // of those: "." and "..", where they belong
  LongNameSlots slots;
  u32 slots_seen = 0;  // since the last entry that was none
  std::unique_ptr<RawShortName[]> names;
  u32 name_count = 0;
  usize path_bytes = 0;  // of the path of the directory around it
  std::unique_ptr<Level> around;
};

TreeCheck::TreeCheck(BlockReader& reader, Table& table, ChainCheck& chains, CheckReport& report)
    : reader_(&reader), table_(&table), chains_(&chains), report_(&report) {}

TreeCheck::~TreeCheck() {
  while (level_ != nullptr) {
    level_ = std::move(level_->around);
  }
}

void TreeCheck::complain(std::string_view name, std::string_view what) {
  Text<1000> path = path_;
  path.append(name);
  report_->problem(path, what);
}

template <class... Args>
void TreeCheck::complain_of(std::string_view name, FormatString<Args...> format,
                            const Args&... args) {
  complain(name, Line::formatted<Args...>(format, args...));
}

void TreeCheck::run() {
  const Geometry& geometry = table_->geometry();
  path_ = Text<1000>("/");
  CheckedChain root;
  if (geometry.type == Type::Fat32) {
    root = chains_->take(geometry.root_cluster);
    if (root.fault != CheckedChain::Fault::None) {
      complain("", describe(root));
    }
  }
  enter(geometry.root_cluster, root, "");
  while (level_ != nullptr) {
    const Result<bool> more = level_->directory.more();
    if (more && *more) {
      check(level_->directory.take());
      continue;
    }
    if (!more && (level_->whole || more.error() != Errc::Malformed)) {  // else it was told
      complain_of("", "cannot be read to its end: {}", to_string(more.error()));
    }
    leave();
  }
}

void TreeCheck::enter(u32 first_cluster, const CheckedChain& chain, std::string_view name) {
  if (depth_ == kMaxDepth) {
    complain(name, "is nested too deeply to be looked into");
    return;
  }
  // Of a chain that runs into another one, only its own clusters: no cluster is read twice.
  const u32 most =
      chain.fault == CheckedChain::Fault::Shared ? chain.clusters : RawDirectory::kWhole;
  Result<RawDirectory> opened = RawDirectory::open(*reader_, *table_, first_cluster, name, most);
  std::unique_ptr<Level> level;
  if (opened) {
    level.reset(new (std::nothrow) Level(std::move(*opened)));
  }
  if (level != nullptr) {
    level->names.reset(new (std::nothrow) RawShortName[level->directory.capacity()]);
  }
  if (level == nullptr || level->names == nullptr) {
    complain_of(name, "cannot be read: {}", to_string(opened ? Errc::NoMemory : opened.error()));
    return;
  }
  level->first_cluster = level_ == nullptr ? 0 : first_cluster;
  level->whole = chain.fault == CheckedChain::Fault::None;
  level->path_bytes = path_.view().size();
  if (!name.empty()) {
    path_.append(name);
    path_.append("/");
  }
  level->around = std::move(level_);
  level_ = std::move(level);
  ++depth_;
}

void TreeCheck::leave() {
  check_slots("the end");
  if (level_->around != nullptr && level_->dots != 2) {
    complain("", "does not begin with the entries \".\" and \"..\"");
  }
  check_duplicates();
  path_.truncate(level_->path_bytes);
  level_ = std::move(level_->around);
  --depth_;
}

void TreeCheck::check(const RawEntry& raw) {
  Level& level = *level_;
  const RawEntry::Kind kind = raw.kind();
  if (kind == RawEntry::Kind::LongName) {
    level.slots.add(std::bit_cast<LongNameSlot>(raw));
    ++level.slots_seen;
    if (raw.first_cluster_low != 0u || raw.attributes != Attributes::kLongName) {
      complain("", "a slot of a long name has a cluster, or other attributes");
    }
  } else if (kind == RawEntry::Kind::Named) {
    check_named(raw);  // last: the level may be another then
    return;
  } else {
    check_slots("an entry that has none");
    if (kind == RawEntry::Kind::Dot || kind == RawEntry::Kind::DotDot) {
      check_dot(raw, kind == RawEntry::Kind::DotDot);
    } else if (kind == RawEntry::Kind::VolumeLabel) {
      check_label(raw);
    }
  }
  ++level.entries;
}

// The slots seen last belong to no name, or to none that is whole.
void TreeCheck::check_slots(std::string_view before) {
  if (level_->slots_seen != 0) {
    complain_of("", "{} slots of a long name before {} belong to no name", level_->slots_seen,
                before);
  }
  level_->slots.clear();
  level_->slots_seen = 0;
}

void TreeCheck::check_dot(const RawEntry& raw, bool is_parent) {
  Level& level = *level_;
  if (level.around == nullptr || level.entries != (is_parent ? 1 : 0) ||
      (raw.attributes & Attributes::kDirectory) == 0) {
    complain_of("", "the entry \"{}\" is not where it belongs, or no directory",
                is_parent ? ".." : ".");
    return;
  }
  if ((raw.nt_flags & kNoShortName) != 0) {
    complain(is_parent ? ".." : ".", kNoName);
  }
  ++level.dots;
  const Geometry& geometry = table_->geometry();
  const u32 expected = is_parent ? level.around->first_cluster : level.first_cluster;
  const u32 found = raw.first_cluster(geometry.type);
  const bool names_root = expected == 0 && found == geometry.root_cluster;
  if (found != expected && !names_root) {
    complain_of("", "its entry \"{}\" names cluster {}, not {}", is_parent ? ".." : ".", found,
                expected);
  }
}

void TreeCheck::check_label(const RawEntry& raw) {
  const Geometry& geometry = table_->geometry();
  const ShortName name = decode_short_name(raw.name, 0, geometry.code_page);
  if (raw.name[0] == ' ' || has_bad_character(raw.name)) {
    complain(name, kBadName);
  }
  // A file or a directory whose attributes were damaged.
  if (raw.first_cluster(geometry.type) != 0 || raw.file_bytes != 0u ||
      (raw.attributes & Attributes::kDirectory) != 0) {
    complain(name, "is a label with clusters or bytes, or a directory");
  }
}

void TreeCheck::check_named(const RawEntry& raw) {
  Level& level = *level_;
  ++level.entries;
  level.names[level.name_count++] = raw.name;
  Name name;
  const bool has_long = level.slots.decode(raw.name, name);
  if (has_long && level.slots_seen == level.slots.all().size()) {
    level.slots_seen = 0;
  }
  const ShortName short_name =
      decode_short_name(raw.name, raw.nt_flags, table_->geometry().code_page);
  check_slots(short_name.view());
  if (!has_long) {
    name = Name(short_name.view());
  }
  if (is_bad_short_name(raw.name)) {
    complain(name, kBadName);
  }
  if ((raw.nt_flags & kNoShortName) != 0) {
    complain(name, kNoName);
  }
  if ((raw.attributes & Attributes::kDirectory) != 0) {
    check_directory(raw, name);
  } else {
    check_file(raw, name);
  }
}

void TreeCheck::check_file(const RawEntry& raw, std::string_view name) {
  const Geometry& geometry = table_->geometry();
  const u32 bytes = raw.file_bytes;
  const u32 first = raw.first_cluster(geometry.type);
  CheckedChain chain;
  if (first != 0) {
    chain = chains_->take(first);
    if (chain.fault != CheckedChain::Fault::None) {
      complain(name, describe(chain));
    }
  }
  const u64 needed = (u64{bytes} + geometry.cluster_bytes - 1) / geometry.cluster_bytes;
  const bool may_go_on =
      chain.fault == CheckedChain::Fault::Shared || chain.fault == CheckedChain::Fault::Unreadable;
  if (chain.clusters > needed || (chain.clusters < needed && !may_go_on)) {
    complain_of(name, "its size is {} bytes, and its chain, from cluster {} on, holds {}", bytes,
                first, u64{chain.clusters} * geometry.cluster_bytes);
  }
}

void TreeCheck::check_directory(const RawEntry& raw, std::string_view name) {
  if (raw.file_bytes != 0u) {
    complain_of(name, "is a directory with a size, {} bytes", u32{raw.file_bytes});
  }
  const u32 first = raw.first_cluster(table_->geometry().type);
  const CheckedChain chain = chains_->take(first);
  if (chain.fault != CheckedChain::Fault::None) {
    complain(name, describe(chain));
  }
  if (chain.clusters != 0 && chain.fault != CheckedChain::Fault::Cycle) {
    enter(first, chain, name);
  }
}

void TreeCheck::check_duplicates() {
  const std::span<RawShortName> names(level_->names.get(), level_->name_count);
  std::ranges::make_heap(names);
  std::ranges::sort_heap(names);
  for (auto at = names.begin();
       (at = std::ranges::adjacent_find(at, names.end())) != names.end();) {
    const RawShortName name = *at;
    at = std::find_if(at, names.end(), [&name](const RawShortName& each) { return each != name; });
    complain(decode_short_name(name, 0, table_->geometry().code_page),
             "several entries have this short name");
  }
}

}  // namespace sluice::fat
