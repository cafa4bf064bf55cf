"""Models without weights: the JSON text of `model.to_json()`."""

from modelfile import keras_config as kc
from modelfile import older, zips
from modelfile.description import quoted, shorten
from modelfile.not_models import head
from modelfile.sentences import say

MOST = 64_000_000  # bytes


def architecture(path, description):
    """A JSON file with the configuration of a Keras model."""
    if not head(path).lstrip().startswith(b"{"):
        return False
    if path.stat().st_size > MOST:
        raise zips.RefusedError(
            say("It is a JSON text, and too large for a model: not read.")
        )
    text = path.read_text(encoding="utf-8")
    if '"class_name"' not in text or '"config"' not in text:
        return False
    description.is_a("json", say("A JSON text."))
    config = kc.parse(text)
    if not isinstance(config, dict) or not kc.layers_of(config):
        raise ValueError(say("no model of Keras is in it"))
    version = str(config.get("keras_version", ""))
    of_keras_3 = "module" in config and not version.startswith("2")
    description.is_a(
        "json" if of_keras_3 else "keras2.json",
        say(
            "The architecture of a model of Keras {}, as model.to_json() writes it: its "
            "layers, without weights.",
            3 if of_keras_3 else shorten(version or "2", 20),
        ),
    )
    description.written_by.append(
        say("Keras {}; it does not say when.", shorten(version, 20) or "3")
    )
    kc.name_layers(description, config)
    own = kc.add_needs(description, config)
    description.needs.append(say("The weights, which are in another file."))
    description.can.append(say("Predict and continue training, with the weights."))
    if of_keras_3:
        older.say_versions(description, config)
        objects = ", custom_objects=own" if own else ""
        description.code = [
            "import keras",
            *kc.own_lines(own),
            f'text = open({quoted(path)}, encoding="utf-8").read()',
            f"model = keras.models.model_from_json(text{objects})",
            say("{}  # your weights", 'model.load_weights("model.weights.h5")'),
            *kc.compile_lines(config),
        ]
    else:
        description.code = [
            "from modelfile import keras2",
            say(
                "{}  # your weights",
                f'model = keras2.convert({quoted(path)}, weights="weights.h5")',
            ),
            *kc.compile_lines(config),
        ]
    return True
