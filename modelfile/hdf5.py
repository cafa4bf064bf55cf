"""HDF5 files: what is in them, without following links and without reading too much."""

import math

from modelfile.arrays import PIECE, Array, slices
from modelfile.description import shorten
from modelfile.sentences import say
from modelfile.zips import RefusedError

import h5py

OBJECTS = 100_000  # groups and arrays in one file
TEXT = 64_000_000  # bytes of one attribute


def is_hdf5(path):
    with open(path, "rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


def arrays_in(file, description):
    """Return a dict from names to Array, for all that is in a file or group.

    Call it before anything else: it finds the links, which h5py would follow. A shape
    without values is a problem of `description`, the Description.

    Raises:
        RefusedError: something leads to another file, and is not opened.
    """
    found = {}
    seen = set()
    waiting = [("", file)]
    while waiting:
        start, group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            continue
        seen.add(address)
        for name in sorted(group):
            path = f"{start}/{name}".lstrip("/")
            if len(found) + len(waiting) > OBJECTS:
                raise ValueError(say("it has more than {} parts", f"{OBJECTS:,}"))
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise RefusedError(
                    say(
                        "{} is a link to another place or file, which is not followed. Keras "
                        "writes no links: do not use it.",
                        shorten(path, 80),
                    )
                )
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((path, item))
            elif isinstance(item, h5py.Dataset):
                found[path] = _array(path, item, description)
    return found


def _array(path, dataset, description):
    # First of all: to ask for the shape of a virtual one opens the other file.
    if dataset.is_virtual or dataset.external:
        raise RefusedError(
            say(
                "The values of {} are in another file, which is not opened. Keras writes no "
                "such files: do not use it.",
                shorten(path, 80),
            )
        )
    array = Array(path, dataset.shape or (), str(dataset.dtype))
    size = array.size * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    chunk = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
    if size > 1000 * stored:
        description.refuse(
            say(
                "{} has the shape {}, and only {} bytes of values are there.",
                shorten(path, 80),
                array,
                f"{stored:,}",
            )
        )
    elif chunk <= PIECE:  # a chunk is read as a whole
        array.values = lambda: _pieces(dataset)
    return array


def _pieces(dataset):
    for piece in slices(dataset.shape, dataset.dtype.itemsize):
        yield dataset[piece]


def text(item, name):
    """Return an attribute of a file or group as str, or None."""
    found = texts(item, name)
    return found[0] if found else None


def texts(item, name):
    """Return an attribute as a list of str; Keras cuts long lists in pieces."""
    names = [name] if name in item.attrs else []
    while f"{name}{len(names)}" in item.attrs and name not in names:
        names.append(f"{name}{len(names)}")
    found = []
    for piece in names:
        attribute = item.attrs.get_id(piece)
        count = math.prod(attribute.shape)
        if count > OBJECTS or count * attribute.dtype.itemsize > TEXT:
            raise ValueError(say("its attribute {} is too large", name))
        value = item.attrs[piece]
        for one in [value] if isinstance(value, bytes | str) else list(value):
            found.append(one.decode() if isinstance(one, bytes) else str(one))
    return found
