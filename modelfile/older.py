"""Which versions of Keras 3 refuse a `.keras` file, and one that an older version reads.

Newer versions write more arguments of a layer, and older ones refuse what they do not know,
also where the value changes nothing. Lesson 7 shows it; experiments/versions.py tries it.
"""

import json
import zipfile

from modelfile.keras_config import parts
from modelfile.sentences import say

# Arguments, their value that means "as before", and the version that brought them.
NEWS = [
    ("quantization_config", None, 13),
    ("optional", False, 13),
    ("renorm", False, 14),
    ("renorm_clipping", None, 14),
    ("renorm_momentum", 0.99, 14),
    ("input_axes", None, 15),
    ("output_axes", None, 15),
]
ENDS = ["input_layers", "output_layers"]  # of a functional model
ENDS_SINCE = 11  # the only input or output: before, it stood in a list


def say_versions(about, config):
    """Say which versions of Keras refuse a file, from its configuration."""
    oldest = needs_version(config)
    about.facts["needs_keras"] = oldest
    about.facts["new_settings"] = new_settings(config)
    if oldest:
        about.needs.append(
            say(
                "Keras 3.{} or newer. Keras 3.{}, older ones and Keras 2 refuse the file as "
                "it is. (--for 3.12 --convert NEW.keras writes one for 3.12.)",
                oldest,
                oldest - 1,
            )
        )
    else:
        about.needs.append(say("Keras 3, any version. Keras 2 refuses the file."))


def needs_version(config):
    """Return the version that a configuration takes: 15 for Keras 3.15; 0 for any."""
    found = [0]
    for part in parts(config):
        inner = _of_keras(part)
        found += [since for name, _, since in NEWS if name in inner]
        if any(_is_flat(inner.get(name)) for name in ENDS):
            found.append(ENDS_SINCE)
    return max(found)


def new_settings(config):
    """Return a dict from "argument=value", where it is not as before, to its version."""
    found = {}
    for part in parts(config):
        inner = _of_keras(part)
        for name, default, since in NEWS:
            if inner.get(name, default) != default:
                found[f"{name}={inner[name]}"] = since
    return found


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
    unknown = obstacles(new_settings(config), version)
    if unknown:
        raise ValueError(
            say("Keras 3.{} does not know {}.", version, ", ".join(unknown))
        )
    for part in parts(config):
        inner = _of_keras(part)
        for name, _, since in NEWS:
            if since > version:
                inner.pop(name, None)
        for name in ENDS:
            if version < ENDS_SINCE and _is_flat(inner.get(name)):
                inner[name] = [inner[name]]
    contents["config.json"] = json.dumps(config)
    with zipfile.ZipFile(new_file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def _of_keras(part):
    """Return the arguments of a layer and the like of Keras; {} for anything else."""
    inner = part.get("config")
    known = isinstance(inner, dict) and "keras." in str(part.get("module"))
    return inner if known else {}


def _is_flat(ends):
    return isinstance(ends, list) and bool(ends) and isinstance(ends[0], str)
