// What a job measured, as fio 3.33 prints it: for people, or as JSON with fio's keys.
// The time of an I/O runs from the submission of its batch to the moment the task took it back, for
// clat and lat alike.
#include "bench.hpp"
#include "json.hpp"
#include "quantity.hpp"

#include <sluice/kernel/clock.hpp>

namespace sluice::app::bench {
namespace {

// Of 100 000, fio's own.
constexpr u32 kPercentiles[] = {1000,  5000,  10000, 20000, 30000, 40000, 50000, 60000, 70000,
                                80000, 90000, 95000, 99000, 99500, 99900, 99950, 99990};

using PercentileValues = std::array<u64, std::size(kPercentiles)>;

PercentileValues percentiles_of(const Histogram& latency) {
  PercentileValues values;
  latency.percentiles(kPercentiles, values);
  return values;
}

struct Rates {
  u64 ios = 0;
  u64 bytes = 0;
  u64 bytes_per_second = 0;
  u64 iops_thousandths = 0;

  Rates(const Histogram* latency, u32 block_bytes, u64 elapsed_ns) {
    if (latency != nullptr) {
      ios = latency->count();
      bytes = ios * block_bytes;
      bytes_per_second = elapsed_ns == 0 ? 0 : scale(bytes, 1'000'000'000, elapsed_ns);
      iops_thousandths = elapsed_ns == 0 ? 0 : scale(ios, 1'000'000'000'000, elapsed_ns);
    }
  }
};

// Ticks in thousandths as nanoseconds in thousandths.
u64 to_ns(u64 ticks) {
  return clock::ticks_to_ns(ticks);
}

u64 elapsed_ms(const Outcome& outcome) {
  return (outcome.elapsed_ns + 500'000) / 1'000'000;
}

// EIO, or EILSEQ for what is not as it was written.
u32 error_of(const Outcome& outcome) {
  return !outcome.failed ? 0 : outcome.mismatch.what.empty() ? 5 : 84;
}

// So many per 1 000 I/Os, in thousandths.
u64 thousandths_per_1000(u64 count, u64 ios) {
  return ios == 0 ? 0 : scale(count, 1'000'000, ios);
}

// fio's JSON has decimals with six digits.
QuantityText six_digits(u64 thousandths) {
  return QuantityText::formatted("{}.{:03}000", thousandths / 1000, thousandths % 1000);
}

void put_latency(JsonWriter& json, std::string_view name, const Histogram* latency,
                 bool percentiles) {
  json.begin_object(name);
  json.number("min", latency == nullptr ? 0 : to_ns(latency->minimum()));
  json.number("max", latency == nullptr ? 0 : to_ns(latency->maximum()));
  json.raw("mean", six_digits(latency == nullptr ? 0 : to_ns(latency->mean_thousandths())).view());
  json.raw("stddev",
           six_digits(latency == nullptr ? 0 : to_ns(latency->deviation()) * 1000).view());
  json.number("N", latency == nullptr ? 0 : latency->count());
  if (percentiles && latency != nullptr && latency->count() > 0) {
    json.begin_object("percentile");
    const PercentileValues values = percentiles_of(*latency);
    for (usize i = 0; i < values.size(); ++i) {
      json.number(six_digits(kPercentiles[i]).view(), to_ns(values[i]));
    }
    json.end_object();
  }
  json.end_object();
}

void put_direction(JsonWriter& json, Direction direction, const Options& options,
                   const Outcome& outcome) {
  const Histogram* latency = outcome.latency[static_cast<usize>(direction)].get();
  const Rates rates(latency, options.block_bytes, outcome.elapsed_ns);
  json.begin_object(to_string(direction));
  json.number("io_bytes", rates.bytes);
  json.number("io_kbytes", rates.bytes >> 10);
  json.number("bw_bytes", rates.bytes_per_second);
  json.number("bw", rates.bytes_per_second >> 10);
  json.raw("iops", six_digits(rates.iops_thousandths).view());
  json.number("runtime", rates.ios == 0 ? 0 : elapsed_ms(outcome));
  json.number("total_ios", rates.ios);
  json.number("short_ios", 0);
  json.number("drop_ios", 0);
  put_latency(json, "slat_ns", nullptr, false);
  put_latency(json, "clat_ns", latency, true);
  put_latency(json, "lat_ns", latency, false);
  json.end_object();
}

void put_counters(JsonWriter& json, const Outcome& outcome, const Counters& counters) {
  const u64 ios = outcome.ios();
  json.begin_object("sluice");
  json.raw("notifies_per_1000", decimal(thousandths_per_1000(counters.notifies, ios)).view());
  json.raw("interrupts_per_1000", decimal(thousandths_per_1000(counters.interrupts, ios)).view());
  json.raw("merges_per_1000", decimal(thousandths_per_1000(counters.merges, ios)).view());
  json.number("verified", outcome.verified);
  json.end_object();
}

void report_json(Sink& out, const Options& options, const Outcome& outcome,
                 const Counters& counters) {
  JsonWriter json(out);
  json.begin_object();
  json.text("fio version", "sluice");
  json.begin_array("jobs");
  json.begin_object();
  json.text("jobname", options.name);
  json.number("groupid", 0);
  json.number("error", error_of(outcome));
  json.number("elapsed", (outcome.elapsed_ns + 999'999'999) / 1'000'000'000);
  json.begin_object("job options");
  json.text("filename", options.filename);
  json.text("rw", to_string(options.mode));
  json.text("bs", QuantityText::formatted("{}", options.block_bytes).view());
  json.text("iodepth", QuantityText::formatted("{}", options.depth).view());
  json.text("numjobs", QuantityText::formatted("{}", options.jobs).view());
  json.end_object();
  for (const Direction direction : {Direction::Read, Direction::Write, Direction::Trim}) {
    put_direction(json, direction, options, outcome);
  }
  json.number("job_runtime", elapsed_ms(outcome));
  put_counters(json, outcome, counters);
  json.end_object();
  json.end_array();
  json.end_object();
  out.put("\n");
}

void put_percentiles(Sink& out, const Histogram& latency, u64 unit_ns, std::string_view unit) {
  format_to(out, "    clat percentiles ({}):\n", unit);
  const PercentileValues values = percentiles_of(latency);
  for (usize i = 0; i < values.size(); ++i) {
    const u32 part = kPercentiles[i];
    const QuantityText name = QuantityText::formatted("{}.{:02}th", part / 1000, part / 10 % 100);
    format_to(out, "{}{:>7}=[{:>5}]{}", i % 3 == 0 ? "     | " : " ", name.view(),
              scale(to_ns(values[i]), 1, unit_ns),
              i % 3 == 2 || i + 1 == values.size() ? "\n" : ",");
  }
}

void report_direction(Sink& out, Direction direction, const Histogram& latency,
                      const Options& options, const Outcome& outcome) {
  const Rates rates(&latency, options.block_bytes, outcome.elapsed_ns);
  const u64 iops = (rates.iops_thousandths + 500) / 1000;
  format_to(
      out, "  {}: IOPS={}, BW={}/s ({}/s)({}/{}msec)\n", to_string(direction),
      iops < 10'000 ? QuantityText::formatted("{}", iops).view() : metric_text(iops, "", "").view(),
      binary_text(rates.bytes_per_second, "B", "").view(),
      metric_text(rates.bytes_per_second, "B", "").view(), binary_text(rates.bytes, "B", "").view(),
      elapsed_ms(outcome));
  if (rates.ios == 0) {
    return;
  }
  const bool milliseconds = to_ns(latency.mean_thousandths()) / 1000 >= 100'000'000;
  const u64 unit_ns = milliseconds ? 1'000'000 : 1000;
  const std::string_view unit = milliseconds ? "msec" : "usec";
  format_to(out, "    clat ({}): min={}, max={}, avg={}, stdev={}\n", unit,
            scale(to_ns(latency.minimum()), 1, unit_ns),
            scale(to_ns(latency.maximum()), 1, unit_ns),
            decimal(scale(to_ns(latency.mean_thousandths()), 1, unit_ns), 2).view(),
            decimal(scale(to_ns(latency.deviation()), 1000, unit_ns), 2).view());
  put_percentiles(out, latency, unit_ns, unit);
}

void report_text(Sink& out, const Options& options, const Outcome& outcome,
                 const Counters& counters) {
  format_to(out, "{}: (g=0): rw={}, bs={}B, iodepth={}\n", options.name, to_string(options.mode),
            options.block_bytes, options.depth);
  format_to(out, "{}: (groupid=0, jobs={}): err={}\n", options.name, options.jobs,
            error_of(outcome));
  u64 issued[kDirections] = {};
  for (const Direction direction : {Direction::Read, Direction::Write, Direction::Trim}) {
    const usize index = static_cast<usize>(direction);
    if (const Histogram* latency = outcome.latency[index].get()) {
      report_direction(out, direction, *latency, options, outcome);
      issued[index] = latency->count();
    }
  }
  format_to(out, "     issued rwts: total={},{},{},0\n", issued[0], issued[1], issued[2]);
  if (options.verify) {
    format_to(out, "     verify: {} blocks are as they were written\n", outcome.verified);
  }
  const u64 ios = outcome.ios();
  format_to(out, "     sluice: notifies={}, interrupts={}, merges={} per 1000 I/Os\n",
            decimal(thousandths_per_1000(counters.notifies, ios), 2).view(),
            decimal(thousandths_per_1000(counters.interrupts, ios), 2).view(),
            decimal(thousandths_per_1000(counters.merges, ios), 2).view());
}

}  // namespace

void report(const Options& options, const Outcome& outcome, const Counters& counters) {
  console::Writer out(console::Stream::Output);
  if (options.json) {
    report_json(out, options, outcome, counters);
  } else {
    report_text(out, options, outcome, counters);
  }
}

}  // namespace sluice::app::bench
