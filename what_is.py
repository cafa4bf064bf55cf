"""What is this model file? Who wrote it, what is in it, and how do I load it?

    python what_is.py old_model.h5
    python what_is.py old_model.h5 --convert new_model.keras
    python what_is.py new_model.keras --for 3.12

FILE is a file, a folder, or the prefix of a TensorFlow checkpoint. Nothing in it is run.
The exit status is 0 if it can be used, 1 if it cannot, 2 if the call is wrong.
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path

try:
    import language
    from model_files import older
    from model_files.description import printable
    from model_files.reader import Reader

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
except ModuleNotFoundError as error:
    sys.exit(
        f"{error.name} is missing. Copy the whole folder of the lessons, and start this with "
        "the Python in .venv, as README.md shows."
    )

SECTIONS = {
    "What it is": "what",
    "Written by": "written_by",
    "In it": "contents",
    "It needs": "needs",
    "Wrong with it": "problems",
    "It can": "can",
}
KERAS_2 = -1


def keras_version(text):
    """Return the second number of a version of Keras 3; KERAS_2 for one of Keras 2."""
    found = re.fullmatch(r"(2|3)\.(\d{1,3})(\.\d{1,3})?", text)
    if not found:
        raise argparse.ArgumentTypeError(
            f"must be a version such as 3.12, not {text!r}"
        )
    return int(found[2]) if found[1] == "3" else KERAS_2


def arguments():
    title, _, rest = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=title, epilog=rest, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", metavar="FILE", help="a file, a folder, a prefix")
    about = "write it as this new .keras file"
    parser.add_argument("--convert", metavar="NEW.keras", type=Path, help=about)
    about = "whether this version of Keras reads it;\nwith --convert, write it so"
    parser.add_argument(
        "--for", metavar="VERSION", type=keras_version, dest="version", help=about
    )
    parser.add_argument("--json", action="store_true", help="the same for programs")
    language.add_argument(parser)
    args = parser.parse_args()
    new = args.convert
    if new is not None:
        if new.suffix != ".keras":
            parser.error(f"the new file must end in .keras, and {new} does not")
        if new.exists():
            parser.error(f"no file is overwritten, and {new} is there already")
        if not new.parent.is_dir():
            parser.error(f"there is no folder {new.parent}")
    return args, parser


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    args, parser = arguments()
    said = Reader().describe(args.file)
    if said is None:
        parser.error(printable(f"there is no file, folder or checkpoint {args.file}"))
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
        return said["usable"], ["It is a file of Keras 2, which reads it as it is."]
    obstacle = obstacle_to(said, args)
    if obstacle:
        return False, [obstacle]
    if not args.convert:
        return say_version(said["facts"], args)
    try:
        return True, write(said, args.convert, args.version)
    except ValueError as error:
        return False, [f"Not converted: {error}"]
    except OSError as error:
        return False, [f"{args.convert} cannot be written: {error.strerror}."]


def write(said, new, version):
    """Write a new file, and return sentences about it. Errors: see convert.py."""
    from model_files import convert  # noqa: PLC0415  it starts TensorFlow

    if said["kind"] == "keras" and said["facts"].get("own_classes"):
        return convert.rewrite(said["path"], new, version)
    return convert.convert(said["path"], said["kind"], new, version)


def obstacle_to(said, args):
    """Return a sentence on why something cannot be done; None if it can be tried."""
    facts = said["facts"]
    kinds = ("keras", "h5", "keras2.h5", "keras2.savedmodel")
    is_kind = said["kind"] in kinds or facts.get("dense")
    # What is in the way of a file of Keras 2, keras2.convert says itself.
    own = ", ".join(facts.get("own_classes", [])) if said["kind"] == "h5" else ""
    reasons = {
        "Keras 2 reads no .keras or .h5 file of Keras 3. Build the model there, and give it "
        "the weights, model.save_weights(...) of Keras 3: without the optimizer's state.": (
            args.version == KERAS_2
        ),
        "Not converted: see what is wrong with it.": not said["usable"],
        "Not converted: this kind of file does not become a .keras file. The lines above "
        "say how to use it.": args.convert and not is_kind,
        "It is a .keras file already. For an older Keras: --for VERSION.": (
            args.convert and said["kind"] == "keras" and args.version is None
        ),
        f"Not converted: it needs your code, {own}. Load it in your program, with the lines "
        "above, and save it there as .keras.": args.convert and own,
        "Not converted: it has code in it, which is not run here.": (
            args.convert and facts.get("code_in_file")
        ),
    }
    return next((sentence for sentence, applies in reasons.items() if applies), None)


def say_version(facts, args):
    """Return whether a version of Keras 3 can have the model, and a sentence about it."""
    name = f"Keras 3.{args.version}"
    if "needs_keras" not in facts:
        return False, [
            f"Whether {name} reads it is not known: it is no file of Keras 3. If it can be "
            "converted, --convert NEW.keras with the same --for writes one."
        ]
    unknown = older.obstacles(facts.get("new_settings", {}), args.version)
    if unknown:
        return False, [
            f"{name} cannot have this model: it does not know {', '.join(unknown)}."
        ]
    if facts["needs_keras"] <= args.version:
        return True, [f"{name} reads the file as it is."]
    return True, [
        f"{name} refuses the file as it is. Write one that it reads: "
        f"what_is.py {args.file} --for 3.{args.version} --convert NEW.keras"
    ]


def show(said, result):
    """Print a description, at most a screenful of it."""
    sys.stdout.reconfigure(
        errors="backslashreplace"
    )  # a console that lacks a character
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(
            markup=False, highlight=False, emoji=False, width=88, height=40
        )
    with console.capture() as capture:
        show_sections(console, said)
        show_layers(console, said["layers"])
        if said["code"]:
            console.print(f"\n{in_language('Type')}\n")
            for line in said["code"]:
                console.print(Text(f"    {line}"), soft_wrap=True)
        for sentence in result:
            console.print()
            console.print(shown(printable(sentence), console.width))
    for line in capture.get().splitlines():
        print(line.rstrip())


def in_language(sentence):
    """Return a sentence in the language that is chosen."""
    return language.translate(sentence) if language.CHOSEN == "zh" else sentence


def shown(sentence, width):
    """Return a sentence as rich shows it, in the language that is chosen.

    Rich breaks lines at spaces, which Chinese hardly has: its lines are broken here.
    """
    if language.CHOSEN != "zh":
        return Text(sentence)
    return Text("\n".join(language.wrap(language.translate(sentence), width=width)))


def show_sections(console, said):
    console.print(Text(said["path"], style="bold"), soft_wrap=True)
    console.print()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    titles = {in_language(title): key for title, key in SECTIONS.items()}
    width = console.width - max(map(language.columns, titles)) - 2
    for title, key in titles.items():
        sentences = [said[key]] if key == "what" else said[key]
        if key == "problems" and not sentences:
            sentences = ["Nothing was found."]
            if said["facts"].get("checksums") is False:
                sentences.append(
                    "It has no checksums: a changed number would not be noticed."
                )
        for number, sentence in enumerate(sentences):
            grid.add_row(Text("" if number else title), shown(sentence, width))
    console.print(grid)


def show_layers(console, layers):
    if not layers:
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    columns = ["name", "kind"] if any(row["kind"] for row in layers) else ["name"]
    for title in [*columns, "shapes of its arrays"]:
        table.add_column(in_language(title), overflow="fold")
    table.add_column(in_language("numbers"), justify="right")
    most = max(6, console.height - 28)
    itself = "(the model itself)"  # in place of a name
    for row in layers[:most]:
        shapes = ", ".join(row["arrays"][:4]) + (
            ", ..." if len(row["arrays"]) > 4 else ""
        )
        name = row["name"][:60].replace(itself, in_language(itself))
        cells = [Text(name), Text(in_language(row["kind"][:60]))][: len(columns)]
        table.add_row(*cells, Text(shapes[:80]), Text(f"{row['parameters']:,}"))
    console.print()
    console.print(table)
    if len(layers) > most:
        more = f"... and {len(layers) - most} more: --json lists all of them."
        console.print(shown(more, console.width))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped by Ctrl-C.")
    except BrokenPipeError:  # whoever read this output is no more
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
