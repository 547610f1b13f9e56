// What holds for all that a FAT volume says; see fat_rules.hpp.
#include "fat_rules.hpp"

#include <algorithm>

#include <sluice/fs/fat/unicode.hpp>

#include "require.hpp"

namespace sluice::fuzz {
namespace {

// A line of the grammar: the first bytes of a sequence, the second, and how many follow that.
struct Utf8Sequence {
  u8 first, last;
  u8 second_first, second_last;
  u32 tails;
};
constexpr Utf8Sequence kSequences[] = {{0xc2, 0xdf, 0x80, 0xbf, 0}, {0xe0, 0xe0, 0xa0, 0xbf, 1},
                                       {0xe1, 0xec, 0x80, 0xbf, 1}, {0xed, 0xed, 0x80, 0x9f, 1},
                                       {0xee, 0xef, 0x80, 0xbf, 1}, {0xf0, 0xf0, 0x90, 0xbf, 2},
                                       {0xf1, 0xf3, 0x80, 0xbf, 2}, {0xf4, 0xf4, 0x80, 0x8f, 2}};

bool is_control(char32_t code_point) {
  return code_point < 0x20;  // DEL can be in a long name
}

bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f;
}

}  // namespace

bool decode_utf8(std::string_view text, std::u32string& code_points) {
  code_points.clear();
  for (usize at = 0; at < text.size();) {
    const u8 first = static_cast<u8>(text[at++]);
    if (first < 0x80) {
      code_points.push_back(first);
      continue;
    }
    const auto* const sequence = std::ranges::find_if(
        kSequences, [first](const Utf8Sequence& s) { return first >= s.first && first <= s.last; });
    if (sequence == std::end(kSequences) || text.size() - at < sequence->tails + 1) {
      return false;
    }
    const u8 second = static_cast<u8>(text[at++]);
    if (second < sequence->second_first || second > sequence->second_last) {
      return false;
    }
    u32 code_point = (first & (0x1fu >> sequence->tails)) << 6 | (second & 0x3fu);
    for (u32 i = 0; i < sequence->tails; ++i) {
      const u8 tail = static_cast<u8>(text[at++]);
      if (tail < 0x80 || tail > 0xbf) {
        return false;
      }
      code_point = code_point << 6 | (tail & 0x3fu);
    }
    code_points.push_back(code_point);
  }
  return true;
}

void require_text(std::string_view text, usize most_bytes) {
  require(text.size() <= most_bytes, "a text is too long");
  if (std::ranges::all_of(text, is_plain)) {
    return;  // as most are, which then cost little
  }
  std::u32string code_points;
  require(decode_utf8(text, code_points), "a text is not UTF-8");
  require(std::ranges::none_of(code_points, is_control), "a text has a control character");
}

void require_name(std::string_view name, usize most_bytes) {
  require_text(name, most_bytes);
  require(!name.empty(), "a name is empty");
  require(name.find('/') == std::string_view::npos, "a name has a slash");
  require(name != "." && name != "..", "a name is that of a directory's own entries");
}

void require_date(const fat::DateTime& date) {
  constexpr std::string_view kForm = "dddd-dd-dd dd:dd:dd";
  const auto text = date.text();
  require(text.view().size() == kForm.size(), "a date's text has not its length");
  for (usize i = 0; i < kForm.size(); ++i) {
    const char c = text.view()[i];
    const bool digit = date.valid ? c >= '0' && c <= '9' : c == '-';
    require(kForm[i] == 'd' ? digit : c == kForm[i], "a date's text has not its form");
  }
  if (date.valid) {
    require(date.year >= 1980 && date.year <= 2107 && date.month >= 1 && date.month <= 12 &&
                date.day >= 1 && date.day <= 31,
            "there is no such day");
    require(date.hour < 24 && date.minute < 60 && date.second < 60 && date.centisecond < 100,
            "there is no such time");
  }
}

void require_entry(const fat::Entry& entry) {
  require_name(entry.name.view(), 765);
  if (!entry.short_name.empty()) {
    require_name(entry.short_name.view(), 36);
  }
  require(!entry.is_root, "an entry is the root");
  require(!entry.is_directory() || entry.size_bytes == 0, "a directory has a size");
}

bool has_name(const fat::Entry& entry, std::string_view name) {
  return fat::equal_ignoring_case(name, entry.name) ||
         fat::equal_ignoring_case(name, entry.short_name);
}

bool same(const fat::Entry& a, const fat::Entry& b) {
  return a.name.view() == b.name.view() && a.short_name.view() == b.short_name.view() &&
         a.attributes.bits == b.attributes.bits && a.size_bytes == b.size_bytes &&
         a.first_cluster == b.first_cluster;
}

const fat::Entry* first_of_name(const std::vector<fat::Entry>& entries, std::string_view name) {
  const auto found =
      std::ranges::find_if(entries, [name](const auto& entry) { return has_name(entry, name); });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace sluice::fuzz
