"""Zip archives, such as `.keras` files, as something that somebody else may have made."""

import zipfile
from pathlib import PurePosixPath, PureWindowsPath

from modelfile.sentences import say

MANY = 100_000_000  # bytes


class RefusedError(Exception):
    """The file is not read any further; the message is a sentence that says why."""


def opened(path):
    """Return the archive, after a look at the names and sizes that it states.

    Raises:
        RefusedError: it would write outside of its folder, or is a zip bomb.
        zipfile.BadZipFile: it is damaged.
    """
    archive = zipfile.ZipFile(path)
    for name in archive.namelist():
        parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
        if ".." in parts or PureWindowsPath(name).drive or name[:1] in ("/", "\\"):
            raise RefusedError(
                say(
                    "It has a part named {}, which would be written outside of the folder in "
                    "which it is unpacked. Somebody made it so: do not use it.",
                    f"{name[:80]!r}",
                )
            )
    if any(member.header_offset < 0 for member in archive.infolist()):
        raise RefusedError(
            say("Its beginning is missing: only the end is there. Take another copy.")
        )
    total = sum(member.file_size for member in archive.infolist())
    size = path.stat().st_size
    if total > MANY and total > 50 * size:
        raise RefusedError(
            say(
                "It is a zip bomb: {} bytes that become {}. Do not unpack it.",
                f"{size:,}",
                f"{total:,}",
            )
        )
    return archive


def read(archive, name, limit):
    """Return the content of a part of at most `limit` bytes."""
    if archive.getinfo(name).file_size > limit:
        raise RefusedError(
            say("Its part {} is larger than {} bytes: not read.", name, f"{limit:,}")
        )
    return archive.read(name)


def damaged_part(archive):
    """Return the name of a part that does not have its checksum, or None."""
    try:
        return archive.testzip()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        return say("a part ({})", error)
