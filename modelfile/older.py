"""Which versions of Keras 3 refuse a `.keras` file, and one that an older version reads.

Newer versions write more arguments of a layer, and older ones refuse what they do not know,
also where the value changes nothing. keras_arguments.json has what is new in which version:
tests/keras_arguments.py finds it in the versions themselves.
"""

import functools
import json
import re
import zipfile
from pathlib import Path

from modelfile.keras_config import parts
from modelfile.sentences import say

TABLE = Path(__file__).resolve().parent / "keras_arguments.json"
ENDS = ["input_layers", "output_layers"]  # of a functional model
ENDS_SINCE = 4  # the only input or output: before, it stood in a list
OLD_NAMES = {
    "Orthogonal": (4, "OrthogonalInitializer")
}  # since which version it has its name
# What older versions take and forget without a word: class and argument, the version that
# keeps it, and the value that changes nothing.
FORGOTTEN = {("InputLayer", "optional"): (6, False)}
# An optimizer that keeps other variables since a version: neither side loads them.
STATE_SINCE = {"Nadam": 10}
# What was written before a version, changed nothing, and is refused since then.
DROPPED_IN = {("RandomRotation", "value_range"): 6}


@functools.cache
def table():
    """Return dict with `tested`, minor versions of Keras 3, and `classes`."""
    return json.loads(TABLE.read_text(encoding="utf-8"))


def say_versions(description, config):
    """Say which versions of Keras refuse a file, from its configuration."""
    oldest = needs_version(config)
    writer = minor_version(description.facts.get("keras_version"))
    description.facts["needs_keras"] = oldest
    description.facts["new_settings"] = new_settings(config, writer)
    description.facts["old_settings"] = old_settings(config, writer)
    for text, since in description.facts["old_settings"].items():
        description.needs.append(
            say(
                "A Keras before 3.{}: newer ones refuse {} of that time. The lines below are "
                "for them.",
                since,
                text,
            )
        )
    if oldest:
        older_one = min(12, oldest - 1)
        without = obstacles(description.facts["new_settings"], older_one)
        description.needs.append(
            say("Keras 3.{} or newer. Older ones and Keras 2 refuse the file.", oldest)
            if without
            else say(
                "Keras 3.{} or newer. Older ones and Keras 2 refuse the file as it is. (For an "
                "older one: --for 3.{} --convert NEW.keras.)",
                oldest,
                older_one,
            )
        )
    else:
        description.needs.append(say("Keras 3, any version. Keras 2 refuses the file."))


def needs_version(config):
    """Return the version that a configuration takes: 15 for Keras 3.15; 0 for any."""
    found = [0]
    for part in parts(config):
        inner, news = _of_keras(part)
        found.append(news.get("", 0))
        found += [new[0] for key, new in news.items() if key and key in inner]
        if any(_is_flat(inner.get(name)) for name in ENDS):
            found.append(ENDS_SINCE)
    return max(found)


def newest():
    """Return the newest minor version that is known."""
    return max(table()["tested"])


def minor_version(text):
    """Return 12 for "3.12.1"; that of the newest Keras for anything else."""
    found = re.match(r"3\.(\d{1,3})\b", str(text))
    return int(found[1]) if found else newest()


def new_settings(config, writer):
    """Return a dict from what an older version cannot have to the version that brought it.

    Args:
        config: the configuration.
        writer: int, 12 if Keras 3.12 wrote it.
    """
    found = {}
    for part in parts(config):
        inner, news = _of_keras(part)
        name = part.get("class_name")
        if "" in news:
            found[str(name)] = news[""]
        for key, new in news.items():
            if key and not _is_default(key, inner.get(key, new[1]), new[1]):
                found[f"{name} {key}={inner[key]}"] = new[0]
        for (forgetful, key), (since, default) in FORGOTTEN.items():
            if name == forgetful and inner.get(key, default) != default:
                found[f"{name} {key}={inner[key]}"] = since
        if "learning_rate" in inner and writer >= STATE_SINCE.get(name, 100):
            found[f"{name}'s variables"] = STATE_SINCE[name]
    return found


def old_settings(config, writer):
    """Return a dict from what a newer version refuses to the first of these versions."""
    found = {}
    for part in parts(config):
        inner, _ = _of_keras(part)
        name = part.get("class_name")
        for (old, key), since in DROPPED_IN.items():
            if name == old and key in inner:
                found[f"{name} {key}"] = since
        if "learning_rate" in inner and writer < STATE_SINCE.get(name, 0):
            found[f"{name}'s variables"] = STATE_SINCE[name]
    return found


def _is_default(key, value, default):
    """Return whether a value changes nothing, where an older version does not have it."""
    if default is None and key == "data_format":
        return value in (None, "channels_last")
    return value == default or not (value or default)


def obstacles(settings, version):
    """Return which of the `new_settings` Keras 3.`version` does not know, as a list."""
    return [text for text, since in settings.items() if since > version]


def write(file, new_file, version):
    """Write a copy of a `.keras` file that Keras 3.`version` can load.

    Raises:
        ValueError: it has something that this version does not know; no file is written.
    """
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(contents["config.json"])
    metadata = json.loads(contents.get("metadata.json", "{}"))
    writer = minor_version(metadata.get("keras_version"))
    unknown = obstacles(new_settings(config, writer), version)
    if unknown:
        raise ValueError(
            say("Keras 3.{} does not know {}.", version, ", ".join(unknown))
        )
    for part in parts(config):
        inner, news = _of_keras(part)
        for key, new in news.items():
            if key and new[0] > version:
                inner.pop(key, None)
        since, old_name = OLD_NAMES.get(part.get("class_name"), (0, None))
        if version < since and str(part.get("module")).startswith("keras"):
            part["class_name"] = old_name
        for (name, key), dropped in DROPPED_IN.items():
            if part.get("class_name") == name and version >= dropped:
                inner.pop(key, None)
        for name in ENDS:
            if version < ENDS_SINCE and _is_flat(inner.get(name)):
                inner[name] = [inner[name]]
    contents["config.json"] = json.dumps(config)
    with zipfile.ZipFile(new_file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def _of_keras(part):
    """Return the arguments of a class of Keras, and what is new of them; {} for another."""
    inner = part.get("config")
    if isinstance(inner, dict) and str(part.get("module")).startswith("keras"):
        return inner, table()["classes"].get(part.get("class_name"), {})
    return {}, {}


def _is_flat(ends):
    return isinstance(ends, list) and bool(ends) and isinstance(ends[0], str)
