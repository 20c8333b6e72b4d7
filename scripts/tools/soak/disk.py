"""A disk of its own for the store: an ext4 file system in a file, which can fail.

Everything here blocks.
"""

from contextlib import suppress
import ctypes
import os
from pathlib import Path
import shutil
import subprocess
from typing import Final, Self

_MEGABYTES: Final = 24
_BALLAST: Final = ".ballast"


def isolate() -> None:
    """Give this process mounts and a host name of its own; they end with it.

    Raises SystemExit without the rights.
    """
    try:
        os.unshare(os.CLONE_NEWNS | os.CLONE_NEWUTS)
    except PermissionError:
        raise SystemExit(
            "This needs the rights to mount disks: run it as root"
            " (sudo --preserve-env=HOME,PATH scripts/soak ...)."
        ) from None
    _run("mount", "--make-rprivate", "/")


class Disk:
    """A file system mounted at a folder; leaving it unmounts it."""

    def __init__(self, image: Path, folder: Path) -> None:
        """Prepare it; the image is the file that it lives in."""
        self._image = image
        self.folder = folder

    def __enter__(self) -> Self:
        """Make the file system and mount it."""
        with self._image.open("wb") as file:
            file.truncate(_MEGABYTES * 2**20)
        _run("mkfs.ext4", "-q", "-m", "0", str(self._image))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._mount()
        return self

    def __exit__(self, *_: object) -> None:
        """Unmount it, whether it is used or not."""
        _run("umount", "-l", str(self.folder))

    def fill(self) -> None:
        """Leave no block free."""
        with suppress(OSError), (self.folder / _BALLAST).open("ab", 0) as file:
            while True:
                file.write(bytes(4096))

    def empty(self) -> None:
        """Free what `fill` took."""
        (self.folder / _BALLAST).unlink(missing_ok=True)

    def fail(self) -> None:
        """Make it read-only as the kernel does after an error, with files open for writing."""
        device = _run("findmnt", "-no", "SOURCE", str(self.folder)).strip()
        trigger = Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error")
        trigger.write_text("1")

    def repair(self) -> None:
        """Unmount, check and mount it again.

        A copy, as Linux would show the broken file system as long as it has open files.
        """
        _run("umount", "-l", str(self.folder))
        copy = self._image.with_name(f"{self._image.name}x")
        shutil.copyfile(self._image, copy)
        self._image.unlink()
        self._image = copy
        # Its exit code is not 0 where errors were corrected.
        subprocess.run(
            ["e2fsck", "-fy", str(self._image)], check=False, capture_output=True
        )
        self._mount()

    def _mount(self) -> None:
        _run(
            "mount",
            "-o",
            "loop,errors=remount-ro",
            str(self._image),
            str(self.folder),
        )


def set_host_name(name: str) -> None:
    """Rename this machine, as this process and its children see it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.sethostname(name.encode(), len(name)):
        raise OSError(ctypes.get_errno(), "the host name cannot be set")


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
