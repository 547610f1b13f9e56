"""Bad input: a clear message on standard error that names the thing, and the status that the contract gives."""

from harness import Scratch, case, check, image, read, run


@case("a disk that is not there is named")
def _no_disk():
    run("--", "ls vda:/").expect(1, out="", in_err=["vda"])


@case("an empty slot does not disturb the disk beside it")
def _empty_slots():
    run("--disk", image("broken.img"), "--", "ls vda:/; lsdev").expect(0, in_out=["good.bin"])
    run("--disk", image("broken.img"), "--", "ls vdb:/").expect(1, in_err=["vdb"])


@case("a disk without a FAT volume is said to have none")
def _no_volume():
    in_err = ["vda is empty, or holds no FAT volume"]
    run("--disk", image("nothing.img"), "--", "ls vda:/").expect(1, out="", in_err=in_err)


@case("a partitioned disk asked as a whole is said to be partitioned")
def _partitioned():
    run("--disk", image("partitioned.img"), "--", "ls vda:/").expect(1, out="", in_err=["vda", "partition"])


@case("a file that is not there is named, and the other is read")
def _no_file():
    good = read(image("fat16.tree/lower.txt"))
    run("--disk", image("fat16.img"), "--", "cat vda:/a/nothing.txt vda:/lower.txt").expect(
        1, out=good, in_err=["vda:/a/nothing.txt"]
    )


@case("a folder where a file is expected is named")
def _folder():
    run("--disk", image("fat16.img"), "--", "cat vda:/many").expect(1, out="", in_err=["vda:/many", "directory"])


@case("a file where a folder is expected is named")
def _file_as_folder():
    run("--disk", image("fat16.img"), "--", "cat vda:/lower.txt/x").expect(1, out="", in_err=["vda:/lower.txt/x"])


@case("an unknown command is named, status 2")
def _unknown_command():
    run("--", "frobnicate now").expect(2, out="", in_err=["frobnicate"])


@case("an unknown option of a command is named, status 2")
def _unknown_guest_option():
    run("--disk", image("fat16.img"), "--", "ls -Q vda:/").expect(2, out="", in_err=["-Q"])


@case("a path without a device is named, status 2")
def _no_device():
    result = run("--", "cat lower.txt").expect(2, out="", in_err=["lower.txt"])
    check(b"panic" not in result.err, "the guest panicked")


@case("a quote that is not closed is a mistake of usage")
def _open_quote():
    run("--", "ls 'vda:/").expect(2, out="", in_err=["quote"])


@case("all commands run and the status is the first failure's")
def _first_failure():
    run("--disk", image("broken.img"), "--", "cat vda:/nothing; frobnicate; cksum vda:/good.bin").expect(
        1, in_out=["5000 vda:/good.bin"], in_err=["vda:/nothing", "frobnicate"]
    )


@case("words of run.sh that are wrong are named, status 2")
def _usage():
    for words, named in (
        (["--frobnicate", "--", "ls"], "--frobnicate"),
        (["frobnicate"], "frobnicate"),
        (["--disk"], "--disk"),
        (["--disk", image("small.img") + ",frobnicate", "--", "ls"], "frobnicate"),
        (["--disk", image("small.img") + ",rw,ro", "--", "ls"], "rw and ro"),
        (["--timeout", "soon", "--", "ls"], "soon"),
        (["--mem", "much", "--", "ls"], "much"),
        (["--append", "a -- b", "--", "ls"], "--append"),
        (["--"], "--"),
        (["test", "a", "b"], "'b'"),
        (["doctor", "now"], "now"),
        (["--smp", "2", "doctor"], "doctor takes no option '--smp'"),
        (["--qemu", "-append loglevel=7", "--", "ls"], "use run.sh's own --append"),
    ):
        run(*words, timeout=None).expect(2, out="", in_err=[named])


@case("an image that does not exist is named, status 125")
def _no_image():
    run("--disk", "no/such.img", "--", "ls vda:/").expect(125, out="", in_err=["no/such.img"])
    run("--ram", "no/such.img", "--", "ls ram0:/").expect(125, out="", in_err=["no/such.img"])


@case("what QEMU refuses is shown, status 125")
def _refused():
    run("--disk", image("small.img") + ",queue-size=3", "--", "ls").expect(125, out="", in_err=["queue-size"])
    run("--machine", "no-such-machine", "--", "ls").expect(125, out="", in_err=["unsupported machine"])


@case("memory that is too small for the RAM image is refused with the size needed")
def _too_small():
    run("--ram", image("fat16.img"), "--mem", "128M", "--", "ls").expect(2, out="", in_err=["--mem 128M", "needs"])


@case("what FAT cannot hold of a folder is named, all of it, status 125")
def _folder_faults():
    with Scratch() as scratch:
        for name in ("Same", "same", "question?.txt", "dot.", "con"):
            scratch.file(name, "x")
        run("--disk", scratch.path, "--", "ls vda:/").expect(
            125, out="", in_err=["only in case", "question?.txt", "dot.", "/con"]
        )


@case("a file beyond 4 GiB in a folder is named, status 125")
def _huge_file():
    with Scratch() as scratch:
        with open(scratch.file("huge.bin"), "wb") as file:
            file.truncate(4 << 30)
        run("--disk", scratch.path, "--", "ls vda:/").expect(125, out="", in_err=["huge.bin", "4 GiB"])


def _broken_disk(errors=""):
    sector = read(image("broken.sector")).decode()
    inject = f"inject-error.0.event=none,inject-error.0.iotype=read,inject-error.0.sector={sector},inject-error.0.errno=5"
    node = f"-blockdev driver=blkdebug,node-name=bad,read-only=on,image.driver=file,image.filename={image('broken.img')},{inject}"
    return ["--qemu", f"{node} -device virtio-blk-device,drive=bad{errors}"]


@case("a sector that cannot be read fails its file only")
def _read_error():
    run(*_broken_disk(), "--", "cksum vda:/bad.bin vda:/good.bin").expect(
        1, in_out=["5000 vda:/good.bin"], in_err=["vda:/bad.bin"]
    )


@case("what stands before a sector that cannot be read comes out")
def _read_error_in_the_middle():
    result = run(*_broken_disk(), "--", "cat vda:/bad.bin").expect(1, in_err=["vda:/bad.bin"])
    check(len(result.out) <= 60 * 512, "more came out than stands before the bad sector")
