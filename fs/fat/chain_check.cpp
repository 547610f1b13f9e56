// Chains and the clusters that they take; see chain_check.hpp.
#include <sluice/fs/fat/chain_check.hpp>

#include <algorithm>
#include <new>

namespace sluice::fat {

namespace {
constexpr u32 kMostOfRun = 65536;  // clusters walked before they are taken
}

Result<ChainCheck> ChainCheck::create(Table& table) {
  const usize words = (usize{table.geometry().clusters} + 2 + 63) / 64;
  std::unique_ptr<u64[]> taken(new (std::nothrow) u64[words]{});
  if (taken == nullptr) {
    return fail(Errc::NoMemory);
  }
  return ChainCheck(table, std::move(taken));
}

// False: it was taken before.
bool ChainCheck::take_one(u32 cluster) {
  u64& word = taken_[cluster / 64];
  const u64 bit = u64{1} << cluster % 64;
  return (std::exchange(word, word | bit) & bit) == 0;
}

CheckedChain ChainCheck::take(u32 first) {
  CheckedChain chain{.link = interpret(table_->geometry(), first)};
  while (chain.link.kind == Link::Kind::Next) {
    const Result<Run> run = table_->run(chain.link.value, kMostOfRun);
    if (!run) {
      chain.fault = CheckedChain::Fault::Unreadable;
      chain.cluster = chain.link.value;
      return chain;
    }
    for (u32 cluster = run->cluster; cluster < run->cluster + run->count; ++cluster) {
      if (!take_one(cluster)) {
        chain.fault = chain_holds(first, chain.clusters, cluster) ? CheckedChain::Fault::Cycle
                                                                  : CheckedChain::Fault::Shared;
        chain.cluster = cluster;
        return chain;
      }
      ++chain.clusters;
      chain.last_cluster = cluster;
    }
    chain.link = run->link;
  }
  if (chain.link.kind != Link::Kind::End || chain.clusters == 0) {
    chain.fault = CheckedChain::Fault::Broken;
  }
  return chain;
}

// Is it one of the first `clusters` of the chain, which are in order?
bool ChainCheck::chain_holds(u32 first, u32 clusters, u32 wanted) {
  while (clusters > 0) {
    const Result<Run> run = table_->run(first, clusters);
    if (!run) {
      return false;
    }
    if (wanted - run->cluster < run->count) {
      return true;
    }
    clusters -= run->count;
    first = run->link.value;
  }
  return false;
}

Result<ChainCheck::Lost> ChainCheck::find_lost() {
  Lost lost;
  const Geometry& geometry = table_->geometry();
  const u32 end = geometry.clusters + 2;
  std::array<u32, Table::kManyValues> values;
  for (u32 cluster = 2; cluster < end;) {
    const u32 count = TRY(table_->read_values(cluster, values));
    for (const u32 value : std::span(values).first(count)) {
      if (value == 0) {
        ++lost.free;
      } else if (!is_taken(cluster) && interpret(geometry, value).kind != Link::Kind::Bad &&
                 lost.clusters++ == 0) {
        lost.first = cluster;
      }
      ++cluster;
    }
  }
  return lost;
}

Line describe(const CheckedChain& chain) {
  switch (chain.fault) {
    case CheckedChain::Fault::None:
      break;
    case CheckedChain::Fault::Broken:
      return chain.clusters == 0
                 ? Line::formatted("its first cluster is {:#x}, which the volume does not have",
                                   chain.link.value)
                 : Line::formatted(
                       "its chain breaks off after {} clusters: the entry of cluster {} is {} "
                       "({:#x})",
                       chain.clusters, chain.last_cluster, to_string(chain.link.kind),
                       chain.link.value);
    case CheckedChain::Fault::Cycle:
      return Line::formatted("its chain comes back to cluster {} after {} clusters", chain.cluster,
                             chain.clusters);
    case CheckedChain::Fault::Shared:
      return Line::formatted("its chain runs into another one, at cluster {} after {} of its own",
                             chain.cluster, chain.clusters);
    case CheckedChain::Fault::Unreadable:
      return Line::formatted("its chain cannot be read from cluster {} on", chain.cluster);
  }
  return Line("its chain is whole");
}

}  // namespace sluice::fat
