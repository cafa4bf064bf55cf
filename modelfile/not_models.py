"""What is no model, though it is called one."""

import os
import tarfile
import zipfile
from pathlib import Path

from modelfile import zips
from modelfile.description import shorten, some
from modelfile.sentences import say

MODEL_NAMES = (
    ".keras",
    ".h5",
    ".hdf5",
    ".tflite",
    ".onnx",
    ".pb",
    ".npz",
    "model.json",
    ".zip",
    ".safetensors",
    ".weights.json",
)
MEMBERS = 10_000


def empty_file(path, description):
    if path.stat().st_size:
        return False
    description.is_not_a_model(
        "empty",
        say("An empty file."),
        say("Nothing is in it. Copy or download it again."),
    )
    return True


def web_page(path, description):
    """An HTML page: what a link to a download often gives."""
    start = head(path).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        return False
    description.is_not_a_model(
        "html",
        say("A web page (HTML), not a model."),
        say(
            "The address leads to a page about the file: on that page, look for a link "
            "named Download or Raw."
        ),
    )
    return True


def copied_as_text(path, description):
    """An HDF5 file in which a program for texts has changed the ends of lines."""
    start = head(path)[:8]
    if not start.startswith(b"\x89HDF") or start == b"\x89HDF\r\n\x1a\n":
        return False
    description.is_not_a_model(
        "text_transfer",
        say("An HDF5 file, .h5 say, that was copied as a text."),
        say(
            "Damaged: the ends of lines, which it does not have, were changed on the way. Copy "
            "it again as a binary file (FTP: binary; Git: *.h5 binary in .gitattributes)."
        ),
    )
    return True


def git_lfs_pointer(path, description):
    start = head(path)
    if not start.startswith(b"version https://git-lfs.github.com/spec/"):
        return False
    size = start.partition(b"\nsize ")[2].split(b"\n")[0].decode("ascii", "replace")
    description.is_not_a_model(
        "lfs",
        say("A pointer of Git LFS: three lines of text that stand for a large file."),
        say(
            "The file itself ({} bytes) was not downloaded: install git-lfs, then git "
            "lfs pull in the repository.",
            shorten(size, 20),
        ),
    )
    return True


def pytorch_file(path, description):
    """What torch.save or torch.jit.save wrote: a zip archive with pickles."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not any(name.endswith("data.pkl") for name in names):
        return False
    if any("/code/" in name for name in names):
        description.is_not_a_model(
            "torchscript",
            say("A program of PyTorch (TorchScript), not of TensorFlow or Keras."),
            say(
                "Load it with PyTorch: torch.jit.load(path), only from somebody you trust: the "
                "program in it is run when it is called. It was not opened here."
            ),
        )
        return True
    description.is_not_a_model(
        "pytorch",
        say("A file of PyTorch, not of TensorFlow or Keras."),
        say(
            "Load it with PyTorch: torch.load(path, weights_only=True). Without "
            "weights_only it can run code that is in the file. It was not opened here."
        ),
    )
    return True


def pickle_file(path, description):
    """A pickle, known by its first bytes. It is never opened: that would run it."""
    start = head(path)
    if not (
        start[:1] == b"\x80" and start[1:2] in b"\x01\x02\x03\x04\x05" and start[1:2]
    ):
        return False
    torch = b"torch" in start or start[2:5] == b"\x8a\nl"
    description.is_not_a_model(
        "pickle",
        say("A pickle, Python's way to store any object (perhaps of an old PyTorch).")
        if torch
        else say("A pickle, Python's way to store any object."),
        say(
            "To open a pickle runs the program that is in it. It was not opened here. "
            "Ask for the model in another format, .keras say."
        ),
    )
    return True


def zip_archive(path, description):
    """Any other zip archive, and one that was cut."""
    if not head(path).startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return False
    description.is_a("zip", say("A zip archive."))
    if not zipfile.is_zipfile(path):
        description.what = say(
            "The beginning of a zip archive, of a .keras file perhaps."
        )
        description.refuse(
            say("It was cut: its end is missing. Copy or download it again.")
        )
        return True
    with zips.opened(path) as archive:
        _say_what_is_inside(description, archive.namelist())
    return True


def tar_archive(path, description):
    """A tar archive, also a compressed one. Nothing is unpacked."""
    start = head(path)
    packed = start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ"))
    if not packed and start[257:262] != b"ustar":
        return False
    description.is_a(
        "tar", say("A compressed file or archive.") if packed else say("A tar archive.")
    )
    names = []
    read = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                names.append(member.name)
                read += member.size
                if len(names) > MEMBERS or read > zips.MANY * 20:
                    break
    except tarfile.ReadError:
        description.refuse(
            say("Unpack it (with gunzip, say), and ask about what comes out of it.")
        )
        return True
    description.what = say("A tar archive, compressed.") if packed else description.what
    _say_what_is_inside(description, names)
    return True


def _say_what_is_inside(description, names):
    # macOS puts such files beside those that were packed.
    names = [n for n in names if not n.startswith("__MACOSX/") and ".DS_Store" not in n]
    inner = [name for name in names if name.endswith("config.json")]
    folder = inner[0].removesuffix("config.json") if inner else None
    if folder and f"{folder}model.weights.h5" in names:
        description.refuse(
            say(
                "A .keras file was unpacked, and packed again with its folder: unpack it, then "
                "ask about the folder {}.",
                shorten(folder, 60),
            )
        )
        return
    models = [name for name in names if name.lower().endswith(MODEL_NAMES)]
    if models:
        description.refuse(
            say("Unpack it first, then ask about what is in it: {}.", some(models, 4))
        )
    elif names:
        description.refuse(say("No model is in it. It has: {}.", some(names, 4)))
    else:
        description.refuse(say("Nothing is in it."))


def folder_of_files(path, description):
    """Any other folder."""
    description.is_a("folder", say("A folder."))
    models = []
    for number, entry in enumerate(os.scandir(path)):
        marks = "saved_model.pb", "checkpoint", ".index", "model.json"
        if entry.name.lower().endswith(MODEL_NAMES) or (
            entry.is_dir() and any(Path(entry, mark).is_file() for mark in marks)
        ):
            models.append(entry.name)
        if number > MEMBERS:
            break
    if models:
        description.refuse(
            say("Ask about one of the models in it: {}.", some(sorted(models), 6))
        )
    else:
        description.refuse(
            say("No model is directly in it: ask about a folder or a file in it.")
        )
    return True


def unknown_file(path, description):
    """The last of the list."""
    start = head(path)
    try:
        text = start[:2000].decode("utf-8")
    except UnicodeDecodeError as error:
        text = (
            "" if error.start < len(start[:2000]) - 3 else start[: error.start].decode()
        )
    if text and all(c.isprintable() or c.isspace() for c in text):
        description.is_a("text", say("A text file."))
        description.refuse(say("It is no model. It begins with: {}", shorten(text, 60)))
    else:
        description.is_a("unknown", say("No file of a kind that is known here."))
        description.refuse(
            say(
                "It begins with the bytes {}. Was it cut, encrypted, or written by another "
                "program?",
                start[:8].hex(" "),
            )
        )
    return True


def head(path, size=16_384):
    """Return the first bytes of a file, none of a folder."""
    if Path(path).is_dir():
        return b""
    with open(path, "rb") as file:
        return file.read(size)
