// Short names, labels and long names (fs/fat/name.hpp).
#include "tests/catch.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <sluice/fs/fat/name.hpp>
#include "tests/unit/fat/image_builder.hpp"

using namespace sluice;
using namespace sluice::fat;

namespace {

RawShortName raw(std::string_view text) {
  RawShortName name;
  std::memcpy(name.data(), text.data(), name.size());
  return name;
}

std::string short_name(std::string_view text, u8 nt_flags = 0) {
  return std::string(decode_short_name(raw(text), nt_flags).view());
}

std::string long_name(std::u16string_view text) {
  Name name;
  const std::vector<u16> units(text.begin(), text.end());
  return decode_long_name(units, name) ? std::string(name.view()) : "(none)";
}

// The slots that the image builder makes, first on the disk first.
std::vector<LongNameSlot> slots_of(std::u16string_view text, std::string_view for_short_name,
                                   u16 padding = 0xffff) {
  test::ImageBuilder image(test::fat12());
  image.add_slots(image.root, text, for_short_name, -1, padding);
  std::vector<LongNameSlot> slots(image.root.used);
  std::memcpy(slots.data(), &image.bytes[image.entry_at(image.root, 0)], slots.size() * 32);
  return slots;
}

std::string gathered(const std::vector<LongNameSlot>& slots, std::string_view for_short_name) {
  LongNameSlots gathering;
  for (const LongNameSlot& slot : slots) {
    gathering.add(slot);
  }
  Name name;
  return gathering.decode(raw(for_short_name), name) ? std::string(name.view()) : "(none)";
}

}  // namespace

TEST_CASE("a short name is two parts without their padding") {
  CHECK(short_name("README  TXT") == "README.TXT");
  CHECK(short_name("README     ") == "README");
  CHECK(short_name("A B     C  ") == "A B.C");
  CHECK(short_name("LONGNAMEEXT") == "LONGNAME.EXT");
  CHECK(short_name("           ").empty());
}

TEST_CASE("the flags of Windows NT show a part of a short name in lower case") {
  CHECK(short_name("README  TXT", kLowerCaseBase) == "readme.TXT");
  CHECK(short_name("README  TXT", kLowerCaseExtension) == "README.txt");
  CHECK(short_name("\x8e\x99\x9a     T1 ", kLowerCaseBase | kLowerCaseExtension) == "äöü.t1");
}

// F9
TEST_CASE("a short name is read in code page 437, 0x05 in front as 0xe5") {
  CHECK(short_name("\x80\xe1\xff     \xab  ") == "Çß\u00a0.½");
  CHECK(short_name("\x05X      \x05  ") == "σX._");
}

TEST_CASE("what could not be in a path is replaced in a short name") {
  CHECK(short_name("A/B     C\x1b ") == "A_B.C_");
  CHECK(short_name("..A     . .") == "__A._ _");
}

// F9
TEST_CASE("a label has no dot and keeps its blanks within") {
  CHECK(decode_label(raw("MY DISK 1  ")).view() == "MY DISK 1");
  CHECK(decode_label(raw("\x05TIKETT \x01  ")).view() == "σTIKETT _");
}

TEST_CASE("the checksum of a short name is that of the specification") {
  CHECK(short_name_checksum(raw("README  TXT")) == 0x73);
  for (const char* name : {"FILENA~1TXT", "\x05\xff\x80     \xfe  ", "           "}) {
    CHECK(short_name_checksum(raw(name)) == test::checksum_of({name, 11}));
  }
}

TEST_CASE("a long name is UTF-16, a surrogate alone becomes U+FFFD") {
  CHECK(long_name(u"Größe und Ähnliches.txt") == "Größe und Ähnliches.txt");
  CHECK(long_name(u"日本語") == "日本語");
  CHECK(long_name(u"\U0001f600!") == "\U0001f600!");
  const std::u16string lonely{0xd800, u'x', 0xdc00};
  CHECK(long_name(lonely) == "\xef\xbf\xbdx\xef\xbf\xbd");
  const std::u16string at_the_end{u'x', 0xd83d};
  CHECK(long_name(at_the_end) == "x\xef\xbf\xbd");
}

// F14
TEST_CASE("what could be no name is no long name") {
  CHECK(long_name(u"") == "(none)");
  CHECK(long_name(u".") == "(none)");
  CHECK(long_name(u"..") == "(none)");
  CHECK(long_name(u"a/b") == "(none)");
  CHECK(long_name(u"a\nb") == "(none)");
  CHECK(long_name(u"a\x1f"
                  u"b") == "(none)");
  CHECK(long_name(u"a\x7f"
                  u"b") ==
        "a\x7f"
        "b");  // as Linux and mtools write it
  CHECK(long_name(u"...") == "...");
  CHECK(long_name(std::u16string(255, u'x')) == std::string(255, 'x'));
  CHECK(long_name(std::u16string(256, u'x')) == "(none)");
}

// F8
TEST_CASE("a unit that padding is made of can be part of a name") {
  CHECK(gathered(slots_of(u"a\uffffb", "A~1        "), "A~1        ") == "a\uffffb");
  // Padding without a terminator before it.
  std::vector<LongNameSlot> slots = slots_of(u"abc", "A~1        ");
  REQUIRE(slots.size() == 1);
  slots[0].name1[3] = 0xffff;
  CHECK(gathered(slots, "A~1        ") == "abc");
}

TEST_CASE("slots make a name, whatever the padding behind the terminator is") {
  const std::string_view name = "AFILEW~1TXT";
  CHECK(gathered(slots_of(u"a file with a long name.txt", name), name) ==
        "a file with a long name.txt");
  CHECK(gathered(slots_of(u"a file with a long name.txt", name, 0), name) ==
        "a file with a long name.txt");
  CHECK(gathered(slots_of(u"a file with a long name.txt", name, 'Z'), name) ==
        "a file with a long name.txt");
}

// F8
TEST_CASE("a name of 13, 26 or 255 units is not cut") {
  for (const usize units : {1u, 12u, 13u, 14u, 26u, 254u, 255u}) {
    const std::u16string name(units, u'é');
    std::string expected;
    for (usize i = 0; i < units; ++i) {
      expected += "é";
    }
    CHECK(gathered(slots_of(name, "E~1        "), "E~1        ") == expected);
  }
}

// F6
TEST_CASE("slots of another short name, out of order or not all there make no name") {
  const std::string_view name = "AFILEW~1TXT";
  const std::vector<LongNameSlot> good = slots_of(u"a file with a long name, so long.txt", name);
  REQUIRE(good.size() == 3);
  CHECK(gathered(good, "AFILEW~2TXT") == "(none)");
  CHECK(gathered({good[1], good[2]}, name) == "(none)");
  CHECK(gathered({good[0], good[2]}, name) == "(none)");
  CHECK(gathered({good[0], good[1]}, name) == "(none)");
  CHECK(gathered({good[1], good[0], good[2]}, name) == "(none)");
  CHECK(gathered({good[0], good[1], good[1], good[2]}, name) == "(none)");
  CHECK(gathered({good[0], good[1], good[2], good[2]}, name) == "(none)");
  CHECK(gathered({good[0], good[2], good[1]}, name) == "(none)");
  CHECK(gathered({good[0], good[1], good[1]}, name) == "(none)");
  CHECK(gathered({good[0], good[0], good[1], good[2]}, name) ==
        "a file with a long name, so long.txt");
  std::vector<LongNameSlot> bad = good;
  bad[1].checksum ^= 1;
  CHECK(gathered(bad, name) == "(none)");
  bad = good;
  bad[0].order = 0x40;
  CHECK(gathered(bad, name) == "(none)");
  bad[0].order = 0x40 | 21;
  CHECK(gathered(bad, name) == "(none)");
  bad[0].order = 0x40 | 63;
  CHECK(gathered(bad, name) == "(none)");
  bad = good;
  bad[2].type = 1;
  CHECK(gathered(bad, name) == "(none)");
}
