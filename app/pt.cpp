// pt: what the page tables say of an address, level by level.
#include "commands.hpp"

#include <sluice/kernel/page_walk.hpp>

namespace sluice::app {
namespace {

// "RW- GAD", as in the specification's names of the bits; '-' for a clear one.
void put_bits(Sink& out, u64 entry) {
  using namespace page_bits;
  constexpr std::pair<u64, char> kBits[] = {{kRead, 'R'}, {kWrite, 'W'},  {kExecute, 'X'},
                                            {kUser, 'U'}, {kGlobal, 'G'}, {kAccessed, 'A'},
                                            {kDirty, 'D'}};
  for (const auto& [bit, letter] : kBits) {
    out.put((entry & bit) != 0 ? std::string_view(&letter, 1) : "-");
  }
}

void put_walk(Sink& out, u64 address, const PageWalk& walk) {
  format_to(out, "{:#x} by Sv{}\n", address, 12 + 9 * walk.levels);
  for (u32 i = 0; i < walk.count; ++i) {
    const PageWalk::Step& step = walk.steps[i];
    format_to(out, "level {}: table {:#x}, entry {}: {:#x} ", walk.levels - 1 - i, step.table,
              step.index, step.entry);
    if ((step.entry & page_bits::kValid) == 0) {
      out.put("not valid\n");
    } else if (i + 1 < walk.count) {
      format_to(out, "next table {:#x}\n", step.next());
    } else {
      put_bits(out, step.entry);
      out.put("\n");
    }
  }
  const u64 bytes = walk.page_bytes();
  if (walk.count == 0) {
    format_to(out, "no address: bits 63 to {} are not all the same\n", 11 + 9 * walk.levels);
  } else if (walk.mapped()) {
    format_to(out, "physical address {:#x}, in a page of {} KiB\n",
              walk.steps[walk.count - 1].next() + address % bytes, bytes / 1024);
  } else {
    format_to(out, "not mapped, nor is anything in these {} KiB\n", bytes / 1024);
  }
}

}  // namespace

int run_pt(Session&, Words words) {
  Words operands;
  if (!reject_options("pt", words, operands)) {
    return kUsage;
  }
  const std::optional<u64> address =
      operands.size() == 1 ? parse_number(operands[0]) : std::nullopt;
  if (!address) {
    return usage_error("pt", "one address is taken, in decimal or as 0x...",
                       operands.empty() ? std::string_view() : operands[0]);
  }
  const PageWalk walk = port::walk_page_tables(*address);
  if (walk.levels == 0) {
    return failure("pt", operands[0], "translation is off");
  }
  console::Writer out(console::Stream::Output);
  put_walk(out, *address, walk);
  return kSucceeded;
}

}  // namespace sluice::app
