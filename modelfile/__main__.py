"""What is this model file? Who wrote it, what is in it, and how do I load it?

    python -m modelfile old_model.h5
    python -m modelfile old_model.h5 --convert new_model.keras
    python -m modelfile new_model.keras --for 3.12

FILE is a file, a folder, or the prefix of a TensorFlow checkpoint. Nothing in it is run.
The exit status is 0 if it can be used, 1 if it cannot, 2 if the call is wrong.
"""

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path

try:
    from modelfile import older
    from modelfile.description import printable
    from modelfile.reader import Reader
    from modelfile.sentences import (
        LANGUAGES,
        choose_language,
        say,
        translated,
        wrapped,
    )

    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
except ModuleNotFoundError as error:
    sys.exit(
        f"{error.name} is missing. Start this with the Python in which the packages of "
        "requirements.txt are installed."
    )

SECTIONS = [
    (say("What it is"), "what"),
    (say("Written by"), "written_by"),
    (say("In it"), "contents"),
    (say("It needs"), "needs"),
    (say("Wrong with it"), "problems"),
    (say("It can"), "can"),
]
TITLE = say(
    "What is this model file? Who wrote it, what is in it, and how do I load it?"
)
USAGE = say(
    "FILE is a file, a folder, or the prefix of a TensorFlow checkpoint. Nothing in it is "
    "run.\nThe exit status is 0 if it can be used, 1 if it cannot, 2 if the call is wrong."
)
KERAS_2 = -1


def keras_version(text):
    """Return the second number of a version of Keras 3; KERAS_2 for one of Keras 2."""
    found = re.fullmatch(r"(2|3)\.(\d{1,3})(\.\d{1,3})?", text)
    if not found:
        sentence = say("must be a version such as 3.12, not {}", repr(text))
        raise argparse.ArgumentTypeError(translated(sentence))
    if found[1] == "2":
        return KERAS_2
    newest = max(older.table()["tested"])
    if int(found[2]) > newest:
        sentence = say(
            "Keras 3.{} is not known here: the newest is 3.{}", found[2], newest
        )
        raise argparse.ArgumentTypeError(translated(sentence))
    return int(found[2])


def arguments():
    # Its sentences are in the language that one of its arguments chooses.
    first = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    first.add_argument("--language", choices=LANGUAGES)
    with contextlib.suppress(argparse.ArgumentError):
        choose_language(first.parse_known_args()[0].language)
    examples = __doc__.split("\n\n")[1]
    parser = argparse.ArgumentParser(
        prog="python -m modelfile",
        description=translated(TITLE),
        epilog=f"{examples}\n\n{translated(USAGE)}",
        formatter_class=argparse.RawTextHelpFormatter,
    )

    def add(name, help, **settings):
        parser.add_argument(name, help=translated(help), **settings)

    add("file", say("a file, a folder, a prefix"), metavar="FILE")
    help_text = say("write it as this new .keras file")
    add("--convert", help_text, metavar="NEW.keras", type=Path)
    help_text = say(
        "whether this version of Keras reads it;\nwith --convert, write it so"
    )
    add("--for", help_text, metavar="VERSION", type=keras_version, dest="version")
    help_text = say("with --convert, leave out the loss and the optimizer")
    add("--no-training", help_text, action="store_true")
    add("--json", say("the same for programs"), action="store_true")
    help_text = say("of what is printed: English or Chinese (default: the system's)")
    add("--language", help_text, choices=LANGUAGES)
    args = parser.parse_args()
    new = args.convert
    problem = None
    if new is not None:
        if new.suffix != ".keras":
            problem = say("the new file must end in .keras, and {} does not", new)
        elif new.exists():
            problem = say("no file is overwritten, and {} is there already", new)
        elif not new.parent.is_dir():
            problem = say("there is no folder {}", new.parent)
    if problem:
        parser.error(printable(translated(problem)))
    return args, parser


def main():
    """Run the command; the console script `modelfile` calls it."""
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(translated(say("Stopped by Ctrl-C.")))
    except BrokenPipeError:  # the reader of this output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def run():
    # A console that lacks a character gets an escape for it.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    args, parser = arguments()
    said = Reader().describe(args.file)
    if said is None:
        problem = say("there is no file, folder or checkpoint {}", args.file)
        parser.error(printable(translated(problem)))
    result = []
    fine = said["usable"]
    if args.version is not None or args.convert:
        fine, result = answer(said, args)
    if args.json:
        print(json.dumps({**said, "result": result}, indent=1))
    else:
        show(said, result)
    sys.exit(0 if fine else 1)


def answer(said, args):
    """Return whether what was asked for could be done, and sentences about it."""
    if args.version == KERAS_2 and said["kind"].startswith("keras2"):
        return said["usable"], [
            say("It is a file of Keras 2, which reads it as it is.")
        ]
    obstacle = obstacle_to(said, args)
    if obstacle:
        return False, [obstacle]
    if not args.convert:
        return say_version(said["facts"], args)
    try:
        return True, write(said, args.convert, args.version, not args.no_training)
    except ValueError as error:
        return False, [say("Not converted: {}", error.args[0])]
    except OSError as error:
        return False, [say("{} cannot be written: {}.", args.convert, error.strerror)]


def write(said, new, version, training):
    """Write a new file, and return sentences about it. Errors: see convert.py."""
    start_tensorflow_quietly()
    from modelfile import convert  # noqa: PLC0415  it imports TensorFlow

    if said["kind"] == "keras" and said["facts"].get("own_classes"):
        return convert.rewrite(said["path"], new, version)
    return convert.convert(said["path"], said["kind"], new, version, training)


def start_tensorflow_quietly():
    """Import TensorFlow without the lines that its C++ code writes to standard error."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            import tensorflow  # noqa: F401, PLC0415  only to convert
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def obstacle_to(said, args):  # noqa: PLR0911  one for each obstacle
    """Return a sentence on why something cannot be done; None if it can be tried."""
    facts = said["facts"]
    kinds = ("keras", "h5", "keras2.h5", "keras2.keras", "keras2.savedmodel")
    is_kind = said["kind"] in kinds or facts.get("dense")
    # What is in the way of a file of Keras 2, keras2.convert says itself.
    own = ", ".join(facts.get("own_classes", [])) if said["kind"] == "h5" else ""
    if args.version == KERAS_2:
        return say(
            "Keras 2 reads no .keras or .h5 file of Keras 3. Build the model there, and give "
            "it the weights, model.save_weights(...) of Keras 3: without the optimizer's "
            "state."
        )
    if not said["usable"]:
        return say("Not converted: see what is wrong with it.")
    if not args.convert:
        return None
    if not is_kind:
        return say(
            "Not converted: this kind of file does not become a .keras file. The lines above "
            "say how to use it."
        )
    if said["kind"] == "keras" and args.version is None:
        return say("It is a .keras file already. For an older Keras: --for VERSION.")
    if own:
        return say(
            "Not converted: it needs your code, {}. Load it in your program, with the lines "
            "above, and save it there as .keras.",
            own,
        )
    if facts.get("code_in_file"):
        return say("Not converted: it has code in it, which is not run here.")
    return None


def say_version(facts, args):
    """Return whether a version of Keras 3 can have the model, and a sentence about it."""
    name = f"Keras 3.{args.version}"
    if "needs_keras" not in facts:
        return False, [
            say(
                "Whether {} reads it is not known: it is no file of Keras 3. If it can be "
                "converted, --convert NEW.keras with the same --for writes one.",
                name,
            )
        ]
    unknown = older.obstacles(facts.get("new_settings", {}), args.version)
    if unknown:
        return False, [
            say(
                "{} cannot have this model: it does not know {}.",
                name,
                ", ".join(unknown),
            )
        ]
    refused = [t for t, since in facts["old_settings"].items() if args.version >= since]
    if refused:
        return False, [
            say(
                "{} refuses the file as it is: {} of an older version. The lines above are "
                "for it.",
                name,
                ", ".join(refused),
            )
        ]
    if facts["needs_keras"] <= args.version:
        return True, [say("{} reads the file as it is.", name)]
    return True, [
        say(
            "{} refuses the file as it is. This command again, with --convert NEW.keras, "
            "writes one that it reads.",
            name,
        )
    ]


def show(said, result):
    """Print a description, at most a screenful of it."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(
            markup=False, highlight=False, emoji=False, width=88, height=40
        )
    with console.capture() as capture:
        show_sections(console, said)
        show_layers(console, said["layers"])
        if said["code"]:
            console.print(f"\n{translated(say('Type'))}\n")
            for line in said["code"]:
                console.print(Text(f"    {translated(line)}"), soft_wrap=True)
        for sentence in result:
            console.print()
            console.print(shown(sentence, console.width))
    for line in capture.get().splitlines():
        print(line.rstrip())


def shown(sentence, width):
    """Return a sentence, in the language that is chosen, as lines of a terminal."""
    return Text(wrapped(printable(translated(sentence)), width))


def show_sections(console, said):
    console.print(Text(said["path"], style="bold"), soft_wrap=True)
    console.print()
    titles = [translated(title) for title, _ in SECTIONS]
    width = console.width - max(map(cell_len, titles)) - 2
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for title, (_, key) in zip(titles, SECTIONS, strict=True):
        sentences = [said[key]] if key == "what" else said[key]
        if key == "problems" and not sentences:
            sentences = [say("Nothing was found.")]
            if said["facts"].get("checksums") is False:
                sentences.append(
                    say("It has no checksums: a changed number would not be noticed.")
                )
        for number, sentence in enumerate(sentences):
            grid.add_row(Text("" if number else title), shown(sentence, width))
    console.print(grid)


def show_layers(console, layers):
    if not layers:
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    with_kinds = any(row["kind"] for row in layers)
    for title in [say("name"), *([say("kind")] if with_kinds else [])]:
        table.add_column(translated(title), overflow="fold")
    table.add_column(translated(say("shapes of its arrays")), overflow="fold")
    table.add_column(translated(say("numbers")), justify="right")
    most = max(6, console.height - 28)
    for row in layers[:most]:
        shapes = ", ".join(row["arrays"][:4]) + (
            ", ..." if len(row["arrays"]) > 4 else ""
        )
        name, kind = translated(row["name"])[:60], translated(row["kind"])[:60]
        cells = [Text(name), Text(kind)] if with_kinds else [Text(name)]
        table.add_row(*cells, Text(shapes[:80]), Text(f"{row['parameters']:,}"))
    console.print()
    console.print(table)
    if len(layers) > most:
        more = say("... and {} more: --json lists all of them.", len(layers) - most)
        console.print(shown(more, console.width))


if __name__ == "__main__":
    main()
