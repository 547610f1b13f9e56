"""The request layer under load: several harts, verified; polling; schedulers; what iostat and lsblk say of it."""

import json
import re

from harness import Scratch, case, check, image, run


def _empty_disk(scratch, options, megabytes=16):
    path = scratch.file("target.img")
    with open(path, "wb") as file:
        file.truncate(megabytes << 20)
    return ["--disk", f"{path},rw{options}"]


def _verified(result):
    match = re.search(rb"verify: ([0-9]+) blocks are as they were written", result.out)
    return int(match[1]) if match else 0


def _job(result):
    return json.loads(result.out)["jobs"][0]


@case("two harts write, read and verify through one queue and through one each")
def _numjobs():
    job = "bench --filename=vda --rw=randrw --bs=4k --iodepth=16 --numjobs=2 --verify=crc32c --time_based --runtime=60"
    with Scratch() as scratch:
        for queues in (1, 2):
            disk = _empty_disk(scratch, f",num-queues={queues}")
            result = run("--smp", "2", *disk, "--", f"{job} --number_ios=3000").expect(0, in_out=["jobs=2): err=0"])
            check(_verified(result) > 2500, f"few blocks were verified: {_verified(result)}")


@case("a block that somebody else wrote between two runs is found by verify")
def _corruption():
    with Scratch() as scratch:
        disk = _empty_disk(scratch, "", megabytes=4)
        write = "bench --filename=vda --rw=write --bs=4k --iodepth=8 --verify=crc32c"
        check(_verified(run(*disk, "--", write).expect(0)) == 1024, "not every block was verified")
        read = "bench --filename=vda --rw=read --bs=4k --iodepth=8 --verify=crc32c"
        check(_verified(run(*disk, "--", read).expect(0)) == 1024, "not every block was found again")
        with open(scratch.file("target.img"), "r+b") as file:
            file.seek(100 * 4096 + 1234)
            file.write(b"\x00\x01")
        run(*disk, "--", read).expect(1, in_out=["err=84"], in_err=["verify failed at byte 409600 (sector 800): crc32c"])


@case("jobs need a hart each")
def _too_many():
    run("--smp", "2", "--", "bench --filename=ram0 --numjobs=3").expect(2, out="", in_err=["there are 2", "--smp"])


@case("a polled job takes next to no interrupts")
def _hipri():
    words = "bench --filename=vda --rw=randread --bs=4k --number_ios=2000 --output-format=json"
    for depth in (1, 16):
        polled = _job(run("--disk", image("small.img"), "--", f"{words} --iodepth={depth} --hipri").expect(0))
        check(polled["read"]["total_ios"] == 2000, f"{polled['read']['total_ios']} I/Os")
        check(polled["sluice"]["interrupts_per_1000"] < 100, f"interrupts: {polled['sluice']}")
    asleep = _job(run("--disk", image("small.img"), "--", words).expect(0))
    check(asleep["sluice"]["interrupts_per_1000"] > 500, f"without --hipri: {asleep['sluice']}")


@case("each scheduler passes on everything, and lsblk names it")
def _schedulers():
    with Scratch() as scratch:
        disk = _empty_disk(scratch, "")
        for name in ("mq-deadline", "kyber", "none"):
            job = f"bench --filename=vda --rw=randrw --bs=4k --iodepth=32 --ioscheduler={name} --verify=crc32c"
            result = run(*disk, "--", f"{job} --number_ios=3000; lsblk").expect(0)
            check(re.search(rb"\nvda .*x[0-9]+ %s " % name.encode(), result.out), f"lsblk: {result.out[-400:]!r}")
    run("--", "bench --filename=ram0 --ioscheduler=bfq").expect(2, in_err=["--ioscheduler=bfq"])


@case("the device is told once per request, and once per batch")
def _notifies():
    words = ["--disk", image("small.img"), "--"]
    large = _job(run(*words, "bench --filename=vda --rw=read --bs=1m --output-format=json").expect(0))
    check(large["sluice"]["notifies_per_1000"] == 1000, f"1 MiB reads: {large['sluice']}")
    batch = "bench --filename=vda --rw=randread --bs=4k --iodepth=16 --iodepth_batch_submit=16 --number_ios=1600"
    sixteen = _job(run(*words, f"{batch} --output-format=json").expect(0))
    check(sixteen["sluice"]["notifies_per_1000"] == 62.5, f"batches of 16: {sixteen['sluice']}")
    merging = _job(run(*words, f"{batch} --rw=read --output-format=json").expect(0))
    check(merging["sluice"]["merges_per_1000"] == 937.5, f"sequential batches of 16: {merging['sluice']}")


@case("iostat and lsblk -v say what was done")
def _iostat():
    job = "bench --filename=vda --rw=read --bs=4k --iodepth=4 --iodepth_batch_submit=4 --number_ios=64"
    result = run("--smp", "2", "--disk", image("small.img") + ",num-queues=2", "--", f"{job}; iostat -v vda; lsblk -v")
    text = result.expect(0).out.decode()
    row = re.search(r"\nvda +read +([0-9]+) +([0-9.]+[BKM]) +([0-9]+) +0 +[0-9.]+ +[0-9.]+ +0\n", text)
    check(row and int(row[1]) >= 16 and int(row[3]) >= 48, f"iostat: {text}")
    check(re.search(r"\n    < +[0-9.]+ us +[0-9]+ #", text), f"no histogram: {text}")
    queues = re.search(r"\n    queue 0: default, harts ([01])\n    queue 1: default, harts ([01])\n", text)
    check(queues and queues[1] != queues[2], f"lsblk -v: {text}")
    check(re.search(r"\n    read: [0-9]+ requests, [0-9]+ bytes, [0-9]+ merges, 0 errors\n", text), f"lsblk -v: {text}")
