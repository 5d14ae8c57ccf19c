"""The sandbox from inside: shuts itself in, runs one program, and says whether it ended well.

Run as a script by `python -I -S`; imports nothing of this package. On stdin JSON: `program`, `seconds`, `bytes` and the
`token` that it writes where the program ended without an exception. The process has namespaces of its own for network
(none), processes, mounts (all read-only, without devices; nothing in `/proc`, which tells of other processes) and
users; a system-call filter refuses new processes and threads, sockets (those of files reach services of this machine),
memory that no limit counts, and what would undo all this. Files that the account may read can be read: nothing but
whether the program passed gets out. The program shares the interpreter with the tests: that it leaves them alone is not
enforced.
Exit code 97: this system does not let it shut itself in, and nothing was run.
"""

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys

NO_SANDBOX = 97
_USER, _MOUNTS, _NETWORK, _PROCESSES, _IPC = 0x10000000, 0x00020000, 0x40000000, 0x20000000, 0x08000000
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _READ_ONLY, _NO_DEVICES = 442, -100, 0x8000, 1, 4
_DIE_WITH_PARENT, _NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 1, 38, 22, 2
_NEWER_CALLS = (425, *range(428, 434), 435, 442)
"""On every machine: io_uring_setup; open_tree, move_mount, fsopen, fsconfig, fsmount, fspick; clone3; mount_setattr."""
_ARCHITECTURES = {
    "x86_64": (0xC000003E, (56, 57, 58, 41, 42, 29, 157, 272, 308, 165, 166, 155, 161, *_NEWER_CALLS)),
    "aarch64": (0xC00000B7, (220, 198, 203, 194, 167, 97, 268, 40, 39, 41, 51, *_NEWER_CALLS)),
}
"""By machine its number in the kernel's audit, and the calls that are refused: clone, fork, vfork; socket, connect;
shmget; prctl; unshare, setns; mount, umount2, pivot_root, chroot."""
_OTHER_NUMBERING = 0x40000000
"""From here on x86-64 has its calls a second time (x32)."""
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000 | 1
_FILE_BYTES, _OPEN_FILES = 1 << 20, 64


def main() -> None:
    """Run the program of stdin."""
    task = json.loads(sys.stdin.read())
    report, nothing = os.dup(1), os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    if not shut_in():
        os._exit(NO_SANDBOX)
    child = os.fork()  # the first process of its namespace: all others end with it
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(0 if status == 0 else 1)
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    limit(int(task["seconds"]), int(task["bytes"]))
    if not filter_calls():
        os._exit(1)
    try:
        exec(compile(task["program"], "answer.py", "exec"), {"__name__": "__main__"})  # noqa: S102  # its purpose
    except BaseException:  # whatever it raises, SystemExit included, it did not pass
        os._exit(1)
    os.write(report, task["token"].encode())
    os._exit(0)


def shut_in() -> bool:
    """Leave the network, the other processes, what is known of them and every writable file system. Whether all of that
    worked."""
    if platform.machine() not in _ARCHITECTURES or sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_USER | _MOUNTS | _NETWORK | _PROCESSES | _IPC) != 0:
        return False
    if libc.mount(b"none", b"/proc", b"tmpfs", _READ_ONLY, None) != 0:
        return False
    wanted = ctypes.create_string_buffer(struct.pack("QQQQ", _READ_ONLY | _NO_DEVICES, 0, 0, 0), 32)
    return bool(libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, b"/", _AT_RECURSIVE, wanted, 32) == 0)


def limit(seconds: int, size: int) -> None:
    """Bound processor seconds, bytes of memory, and size and number of files."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def filter_calls() -> bool:
    """Refuse the calls of this machine's list, to root too. Whether the filter is on."""
    architecture, calls = _ARCHITECTURES[platform.machine()]
    lines = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, len(calls) + 1, 0, _OTHER_NUMBERING),
        *((_EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERROR),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(lines), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    switched_on = libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    return bool(switched_on and libc.prctl(_SECCOMP, _FILTER, program, 0, 0) == 0)


if __name__ == "__main__":
    main()
