// What holds for all that a FAT volume says, whatever stands on the disk. The rules are written
// without the code that they judge. Used by the harnesses fat_*.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sluice/fs/fat/directory.hpp>

namespace sluice::fuzz {

// The code points of UTF-8 as RFC 3629, clause 4, has it. False: it is something else.
bool decode_utf8(std::string_view text, std::u32string& code_points);

// Valid UTF-8 of at most so many bytes, without control characters.
void require_text(std::string_view text, usize most_bytes);
// What is more, it can be a part of a path.
void require_name(std::string_view name, usize most_bytes);
void require_date(const fat::DateTime& date);
// Names and numbers of an entry that a directory gave.
void require_entry(const fat::Entry& entry);

bool has_name(const fat::Entry& entry, std::string_view name);
bool same(const fat::Entry& a, const fat::Entry& b);
// The one that a search for this name gives: the first that has it, or null.
const fat::Entry* first_of_name(const std::vector<fat::Entry>& entries, std::string_view name);

}  // namespace sluice::fuzz
