"""A file that holds a secret: its owner's only, as is its directory, made once and whole."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A secret's place. `missing` and `unsafe` make the errors to raise, from a path and from a text.

    `bytes_max`: no more than so many bytes are read.
    """

    path: Path
    bytes_max: int
    missing: Callable[[Path], Exception]
    unsafe: Callable[[str], Exception]

    def read(self) -> bytes:
        """The file's content. Raises `missing`, and `unsafe` where others could read or replace it."""
        folder = self._open_directory()
        try:
            return self._read_in(folder)
        finally:
            os.close(folder)

    def write_once(self, content: bytes) -> None:
        """Put the complete file in place unless one is there, which then stands; the directory is made.

        WriteMark aside, then linked, which is exclusive: two processes at once end with one of the two.
        """
        with contextlib.suppress(FileExistsError):  # one that is there is judged like any other
            self.path.parent.mkdir(mode=0o700)

        def place(aside: str, folder: int) -> None:
            with contextlib.suppress(FileExistsError):
                os.link(aside, self.path.name, src_dir_fd=folder, dst_dir_fd=folder)

        self._put(content, place)

    def replace(self, content: bytes) -> None:
        """Put another content in the place of the file, whole or not at all. To be called inside `locked`."""

        def place(aside: str, folder: int) -> None:
            os.rename(aside, self.path.name, src_dir_fd=folder, dst_dir_fd=folder)

        self._put(content, place)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the file's directory among all processes that ask so; waits its turn."""
        folder = self._open_directory()
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)  # gives the lock up too

    def _put(self, content: bytes, place: Callable[[str, int], None]) -> None:
        """Write the content safely to disk under another name and `place` it from there; that name goes.

        Not a context manager: a signal that raises between its two halves would leave the second half to
        the collector of garbage, which runs it when the directory is closed.
        """
        aside = f".{self.path.name}.{os.urandom(8).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        folder = self._open_directory()
        try:
            with os.fdopen(os.open(aside, flags, 0o600, dir_fd=folder), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            place(aside, folder)
        finally:
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(aside, dir_fd=folder)
                os.fsync(folder)
            finally:
                os.close(folder)

    def _open_directory(self) -> int:
        directory = self.path.parent
        try:
            folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise self.missing(self.path) from None
        except OSError as error:
            raise self.unsafe(f"{directory} cannot be opened as a directory: {error.strerror}.") from None
        try:
            demand_private(os.fstat(folder), directory, "0700", self.unsafe)
        except BaseException:
            os.close(folder)
            raise
        return folder

    def _read_in(self, folder: int) -> bytes:
        try:
            # non-blocking, or a pipe put in the file's place would hang the start
            handle = os.open(self.path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except FileNotFoundError:
            raise self.missing(self.path) from None
        except OSError as error:
            raise self.unsafe(f"{self.path} cannot be opened as a file: {error.strerror}.") from None
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise self.unsafe(f"{self.path} must be a plain file.")
            demand_private(found, self.path, "0600", self.unsafe)
            return file.read(self.bytes_max)


def demand_private(
    found: os.stat_result, path: Path, wanted: str, unsafe: Callable[[str], Exception]
) -> None:
    """Raises `unsafe` of a text unless what was found at `path` is its owner's alone, and that is this user.

    `wanted`: the permissions it should have.
    """
    if found.st_mode & 0o077:
        raise unsafe(
            f"{path} has permissions {stat.S_IMODE(found.st_mode):04o} and must have {wanted}: others "
            f"could read or replace what it holds. If nobody did, run `chmod {wanted} {path}`; else "
            "treat it as stolen."
        )
    if found.st_uid != os.geteuid():
        raise unsafe(f"{path} belongs to another user ({found.st_uid}, not {os.geteuid()}).")


def demand_unchangeable(found: os.stat_result, path: Path, unsafe: Callable[[str], Exception]) -> None:
    """Raises `unsafe` of a text if others than this user and root could change what was found at `path`."""
    if found.st_mode & 0o022:
        raise unsafe(
            f"{path} has permissions {stat.S_IMODE(found.st_mode):04o}: others could change what it says. "
            f"Look it through, then run `chmod go-w {path}`."
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise unsafe(f"{path} belongs to another user ({found.st_uid}, not {os.geteuid()}).")
