"""Writes site/: both languages, the same pages under the same names.

What is there in English only (experiments, what is for who changes something) has no page
in Chinese.
"""

import functools
import re
import shutil
import tomllib
from pathlib import Path
from types import SimpleNamespace

from pages import documents, errors, source
from pages.documents import ROOT

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

HERE = Path(__file__).resolve().parent
WORDS = tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))
LANGUAGES = list(WORDS)
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ERRORS = "errors.html"  # it has a field that finds a row of its tables
# In each language: the scripts that have a page, and the folders that have one.
SCRIPTS = {
    "en": ["*.py", "programs/*.py", "experiments/*.py"],
    "zh": ["zh/*.py", "zh/programs/*.py"],
}
FOLDERS = {
    "en": {"output": "output/*.txt", "experiments": "experiments/*.py"},
    "zh": {"output": "output/zh/*.txt"},
}
COPIED = ["output/*.txt", "output/zh/*.txt", "figures/*"]
IMAGE = re.compile(r"!\[(.+?)\]\((.+?)\)")
MARK = re.compile(r"^   (ok|error|warns|FAIL|--)(?=  )", re.M)
# Characters that take two columns, where another column of a table stands behind them: a
# browser has to be told, or the table loses its columns.
WIDE = re.compile("[\u2e80-\u9fff\uff00-\uffef]+(?=.*  )")


def page_of(script):
    """Return the name of the page of a script, such as "experiments/pairs.py"."""
    name = script.removeprefix("zh/").removesuffix(".py")
    return name.replace("/", "-") + ".html"


def transcript(script):
    """Return what a script prints, as output/ has it, or "" for one that prints nothing."""
    folder = ROOT / "output" / ("zh" if script.startswith("zh/") else "")
    path = folder / f"{Path(script).stem}.txt"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def cut(text, steps):
    """Cut what a lesson prints at the headings of its steps: a list, as long as the steps.

    Raises:
        ValueError: there is no heading of a step.
    """
    pieces = []
    for step in reversed(steps):
        heading = f"\n{step.number}. {step.title}\n" if step.number else ""
        text, found, piece = text.rpartition(heading) if heading else ("", "-", text)
        if not found:
            raise ValueError(
                f"output/ does not have the heading of {heading.strip()!r}"
            )
        pieces.insert(0, piece.strip("\n"))
    return pieces


class Language:
    """All pages in one language."""

    def __init__(self, name):
        self.name = name
        (self.other,) = (other for other in LANGUAGES if other != name)
        self.words = SimpleNamespace(**WORDS[name])
        self.scripts = sorted(
            path.relative_to(ROOT).as_posix()
            for pattern in SCRIPTS[name]
            for path in ROOT.glob(pattern)
            if path.name != "__init__.py"
        )
        self.documents = documents.documents(name)
        self.readme = self.documents[0]
        self.titles = {
            document.file: re.split("[:\uff1a]", document.title)[0]
            for language in LANGUAGES
            for document in documents.documents(language)
        }
        self.titles[self.readme.file] = self.words.contents
        # `parts`: (title of a part, its lessons)
        _, body = self.readme.body.split("\n\n", 1)  # without the link to the twin
        self.before, self.parts, self.behind = documents.lessons(body)
        self.lessons = [lesson for _, lessons in self.parts for lesson in lessons]
        self.places = self.find_places()

    def find_places(self):
        """Return dict: the address of each file that a text or a comment can name."""
        copied = [path for pattern in COPIED for path in ROOT.glob(pattern)]
        names = [path.relative_to(ROOT).as_posix() for path in copied]
        places = {name: f"../{name}" for name in names}
        places["LICENSE"] = "../LICENSE.txt"
        for path in ROOT.glob("experiments/*.py"):  # its page is in English
            name = path.relative_to(ROOT).as_posix()
            places[name] = f"../en/{page_of(name)}"
        places["experiments"] = "../en/experiments.html"
        for document in documents.documents(self.other):
            page = documents.page_of(document.file)
            places[document.file] = f"../{self.other}/{page}"
        for name in self.scripts:  # a comment in zh/ names the files beside it
            places[name] = places[name.removeprefix("zh/")] = page_of(name)
        for name, pattern in FOLDERS[self.name].items():
            places[name] = places[pattern.rpartition("/")[0]] = f"{name}.html"
        for document in self.documents:
            places[document.file] = documents.page_of(document.file)
        for row in reversed(self.lessons):  # of a lesson with several parts, the first
            places[f"lesson:{row.number}"] = page_of(row.files[0])
        return places

    # What is written

    def address(self, name):
        """Return where the pages have a file, or None."""
        return self.places.get(name)

    def markdown(self, text, document=None, **options):
        """Return Markdown as HTML with the links of the pages: see `documents.html`."""
        return Markup(
            documents.html(text, self.address, self.titles, document, **options)
        )

    def prose(self, text):
        """Return a comment as HTML."""
        return self.markdown(text, inline=True)

    def title(self, text):
        """Return a title without the number of the lesson, which stands beside it."""
        text = re.sub(r"^(Lesson|第) ?\d+.*?[:\uff1a] ?", "", text)
        return text[0].upper() + text[1:].rstrip(".\u3002")

    def title_of(self, name):
        """Return the title of a script."""
        return self.title(read(name).title)

    def printed(self, text):
        """Return what a lesson prints, with its marks in colour."""
        html = MARK.sub(r'   <b class="\1">\1</b>', str(escape(text)))
        return Markup(WIDE.sub(r'<span class="two">\g<0></span>', html))

    def code(self, script):
        """Return a source.Script's lines in HTML, by number."""
        highlighted = documents.highlighted(script.text)
        return {number: Markup(line) for number, line in enumerate(highlighted, 1)}

    def whole(self, script):
        """Return a script as it is in its file, in HTML."""
        return Markup("\n".join(documents.highlighted(script.text)) + "\n")

    # The pages

    def pages(self):
        """Yield (name, template, what the template needs) of each page."""
        for document in self.documents:
            page = documents.page_of(document.file)
            template = "front.html" if document is self.readme else "document.html"
            yield page, template, self.document(document, page)
        for name in self.scripts:
            yield page_of(name), "script.html", self.script(name)
        for name, pattern in FOLDERS[self.name].items():
            yield f"{name}.html", "folder.html", self.folder(name, pattern)

    def document(self, document, page):
        """Return what the page of a text needs."""
        return {
            "title": document.title,
            "document": document,
            "finder": self.finder() if page == ERRORS else None,
            # One that has a table with long cells.
            "wide": re.search(r"^\|.{200}", document.body, re.M),
        }

    def finder(self):
        """Return what the finder looks for: a dict for each row, in the tables' order."""
        names = ("id", "says", "find", "when", "unless", "general")
        return [
            {name: row[name] for name in names if name in row} for row in errors.rows()
        ]

    def folder(self, name, pattern):
        """Return what the page of a folder needs."""
        rows = []
        for path in sorted(ROOT.glob(pattern)):
            link = path.relative_to(ROOT).as_posix()
            if path.suffix == ".txt":
                title = path.read_text(encoding="utf-8").splitlines()[0]
            elif link in self.scripts:
                title = self.title_of(link)
            else:
                continue
            rows.append((self.address(link), path.name, title))
        return {"title": f"{name}/", "rows": rows}

    def script(self, name):
        """Return what the page of a script needs."""
        script = read(name)
        rows = [row for row in self.lessons if name in row.files]
        row = rows[0] if rows and rows[0].files[0] == name else None
        text = transcript(name)
        has_steps = script.steps[-1].number is not None
        return {
            "name": name,
            "script": script,
            "title": self.title(script.title),
            "code": self.code(script),
            "row": row,
            "part": next((part for part, all_ in self.parts if row in all_), ""),
            "belongs": rows[0] if rows and not row else None,
            "command": self.command(name) if text else None,
            "printed": cut(text, script.steps) if has_steps else None,
            "transcript": text if not has_steps else None,
            "figures": self.figures(name),
            "experiments": self.experiments(name) if row else [],
            "before": self.neighbour(row, -1),
            "after": self.neighbour(row, 1),
        }

    def command(self, name):
        """Return how a script is started."""
        if name.startswith("experiments/"):
            return f".venv/bin/python -m experiments.{Path(name).stem}"
        return f".venv/bin/python {name}"

    def neighbour(self, row, distance):
        """Return (address, title) of the lesson before or after one, or None."""
        if row is None:
            return None
        place = self.lessons.index(row) + distance
        if not 0 <= place < len(self.lessons):
            return None
        name = self.lessons[place].files[0]
        number = self.words.part.format(self.lessons[place].number)
        return page_of(name), f"{number} · {self.title_of(name)}"

    def images(self):
        """Return dict: what the texts say of each of their pictures, by its file."""
        return {
            document.resolve(file)[0]: alt
            for document in self.documents
            for alt, file in IMAGE.findall(document.body)
        }

    def figures(self, name):
        """Return (address, text) of the pictures that an experiment draws."""
        if not name.startswith("experiments/"):
            return []
        text = read(name).text
        return [
            (self.address(file), alt)
            for file, alt in self.images().items()
            if Path(file).name in text
        ]

    def experiments(self, name):
        """Return what a lesson's page needs of each experiment that its comments name."""
        text = " ".join(source.sentences(ROOT / name))
        found = []
        for experiment in re.findall(r"python -m experiments\.(\w+)", text):
            file = f"experiments/{experiment}.py"
            found.append(
                {
                    "address": self.address(file),
                    "title": self.title_of(file) if file in self.scripts else file,
                    "figures": self.figures(file),
                    "transcript": transcript(file) if file in self.scripts else "",
                }
            )
        return found


@functools.cache
def read(name):
    """Return the source.Script of a script of this project."""
    return source.read(ROOT / name)


def build(target):
    """Write all pages into a folder; what is in it is replaced.

    Args:
        target: pathlib.Path.

    Raises:
        ValueError: a link leads nowhere, or output/ does not go with a lesson.
    """
    shutil.rmtree(target, ignore_errors=True)
    for pattern in COPIED:
        for path in ROOT.glob(pattern):
            copy = target / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    shutil.copyfile(ROOT / "LICENSE", target / "LICENSE.txt")
    shutil.copytree(HERE / "static", target, dirs_exist_ok=True)
    written = {name: list(Language(name).pages()) for name in LANGUAGES}
    for name in LANGUAGES:
        here = Language(name)
        there = {page for page, _, _ in written[here.other]}
        (target / name).mkdir()
        for page, template, needs in written[name]:
            twin = page if page in there else "index.html"
            html = TEMPLATES.get_template(template).render(
                needs, page=page, twin=twin, here=here, words=here.words
            )
            (target / name / page).write_text(html, encoding="utf-8", newline="\n")
    entry = TEMPLATES.get_template("entry.html").render(languages=WORDS)
    (target / "index.html").write_text(entry, encoding="utf-8", newline="\n")
