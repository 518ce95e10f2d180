"""A label config as text with the places of its tags: for changes that leave every other character as it is.

Comments, indentation, entities and the order of attributes are the project lead's; an XML library would write them
anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.parsers import expat
from xml.sax.saxutils import escape

from backend.adapters.labelstudio.config.label_config import parse_config
from backend.domain.errors import LabelConfigError

START_TAG = re.compile(r"""<[^\s/>]+(?:\s+[^\s=/>]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*(/?)>""")


@dataclass(slots=True)
class TagText:
    """A tag of a config text. Places are character offsets: start to start_end is its start tag, start to end the tag.

    close: where its end tag begins; start_end for a tag without content ("<View/>").
    """

    name: str
    attributes: dict[str, str]
    parent: TagText | None
    start: int
    start_end: int
    is_closed: bool
    close: int = 0
    end: int = 0


def tags_of(label_config: str) -> list[TagText]:
    """All tags in document order, the root first. Raises LabelConfigError for what `parse_config` refuses."""
    parse_config(label_config)
    reader = _Reader(label_config)
    parser = expat.ParserCreate(encoding="utf-8")
    parser.StartElementHandler = lambda name, attributes: reader.start(name, attributes, parser.CurrentByteIndex)
    parser.EndElementHandler = lambda name: reader.end(parser.CurrentByteIndex)
    parser.Parse(reader.encoded, True)
    return reader.tags


class _Reader:
    """Collects tags; turns expat's byte offsets into character offsets."""

    def __init__(self, text: str) -> None:
        self.text, self.encoded = text, text.encode()
        self.tags: list[TagText] = []
        self._open: list[TagText] = []

    def start(self, name: str, attributes: dict[str, str], byte: int) -> None:
        start = self._place(byte)
        found = START_TAG.match(self.text, start)
        if found is None:
            raise LabelConfigError(f"the start of the label config's tag <{name}> cannot be read")
        parent = self._open[-1] if self._open else None
        tag = TagText(name, attributes, parent, start, found.end(), is_closed=bool(found[1]))
        self.tags.append(tag)
        self._open.append(tag)

    def end(self, byte: int) -> None:
        tag = self._open.pop()
        if tag.is_closed:
            tag.close = tag.end = tag.start_end
        else:
            tag.close = self._place(byte)
            tag.end = self.text.index(">", tag.close) + 1

    def _place(self, byte: int) -> int:
        return len(self.encoded[:byte].decode())


def with_attribute(text: str, tag: TagText, name: str, value: str) -> str:
    """The config text with an attribute of a tag replaced. Raises LabelConfigError if the tag lacks it."""
    head = text[tag.start : tag.start_end]
    pattern = re.compile(rf"""(\s{re.escape(name)}\s*=\s*)("[^"]*"|'[^']*')""")
    quoted = '"' + escape(value, {'"': "&quot;"}) + '"'
    changed, count = pattern.subn(lambda found: found[1] + quoted, head, count=1)
    if not count:
        raise LabelConfigError(f"the label config's tag <{tag.name}> has no {name}")
    return text[: tag.start] + changed + text[tag.start_end :]


def inserted_first(text: str, root: TagText, block: str) -> str:
    """The config text with a block as the first content of its root, which is not of the form <View/>."""
    return text[: root.start_end] + "\n" + block + text[root.start_end :]


def inserted_last(text: str, root: TagText, block: str) -> str:
    """The config text with a block as the last content of its root, which is not of the form <View/>."""
    before = text[: root.close].rstrip()
    return before + "\n" + block + "\n" + text[root.close :]
