"""What a model file is: one function for each kind, in a list.

A function gets the path and a Description. It looks whether the file is of its kind, returns
False if not, else fills the Description and returns True. To add a kind, write such a
function, put it into the list, and write a test. Its sentences are whole ones: locale/ has
each of them in Chinese.
"""

from pathlib import Path

from modelfile import (
    architectures,
    checkpoints,
    folders,
    graphs,
    h5_files,
    keras_files,
    litert,
    not_models,
    other_files,
    tensorflow1,
    tensorflow_js,
    zips,
)
from modelfile.description import Description, reason_of
from modelfile.sentences import say

# The first that takes a file describes it.
KINDS_OF_FILES = [
    not_models.empty_file,
    not_models.web_page,
    not_models.git_lfs_pointer,
    not_models.copied_as_text,
    keras_files.keras_file,
    keras_files.sharded_weights,
    keras_files.weights_file,
    h5_files.h5_model,
    h5_files.h5_weights,
    h5_files.other_hdf5,
    graphs.saved_model,
    checkpoints.checkpoint,
    tensorflow1.checkpoint_in_one_file,
    tensorflow1.graph_beside_checkpoint,
    tensorflow1.graph_as_text,
    graphs.frozen_graph,
    litert.litert,
    tensorflow_js.tensorflow_js,
    architectures.architecture,
    other_files.safetensors,
    other_files.onnx_file,
    other_files.numpy_arrays,
    other_files.numpy_array,
    not_models.pytorch_file,
    not_models.pickle_file,
    not_models.zip_archive,
    not_models.tar_archive,
    not_models.unknown_file,
]
KINDS_OF_FOLDERS = [
    folders.orbax_checkpoint,
    folders.keras_hub_preset,
    folders.unpacked_keras,
    graphs.saved_model,
    checkpoints.checkpoint,
    tensorflow_js.tensorflow_js,
    not_models.folder_of_files,
]


def describe(path):
    """Return the Description of a file, a folder, or the prefix of a checkpoint.

    It reads in this process: a damaged HDF5 file may end it. See reader.py.

    Raises:
        FileNotFoundError: there is no such file.
    """
    description = Description(str(path))
    found = True
    try:
        found = fill(Path(path), description)
    except zips.RefusedError as error:
        description.refuse(error.args[0])
    except PermissionError as error:
        description.refuse(say("It cannot be read: {}.", error.strerror))
    # Anything can come out of a library that reads a damaged file.
    except Exception as error:
        description.what = description.what or say("It looks like a model file.")
        reason = reason_of(error)
        description.refuse(
            say("It is damaged or not complete: {}. Take another copy.", reason)
        )
    if not found:
        raise FileNotFoundError(description.path)
    if not description.usable:
        description.can, description.code = [], []
    return description


def fill(path, description):
    """Return whether one of the kinds, which fills the Description, takes a path."""
    if path.is_dir():
        kinds = KINDS_OF_FOLDERS
    elif path.is_file():
        kinds = KINDS_OF_FILES
    elif path.exists():
        raise zips.RefusedError(say("It is neither a file nor a folder."))
    else:
        kinds = [checkpoints.checkpoint]  # its prefix is the name of no file
    return any(kind(path, description) for kind in kinds)
