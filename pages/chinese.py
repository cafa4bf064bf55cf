"""What chinese.po says, for the pages: prose, and what a lesson prints."""

try:
    import language
except ModuleNotFoundError:  # it comes with the catalogue
    language = None


def prose(text):
    """Return a comment or a paragraph of a docstring in Chinese, or None if it is not there."""
    return language and language.entries("prose").get(text)


def printed(text):
    """Return what a lesson prints in Chinese; what is not in the catalogue stays as it is."""
    return language.translate_output(text) if language else text
