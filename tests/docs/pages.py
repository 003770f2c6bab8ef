"""The pages of the project, and what stands in them."""

import re
import shlex
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in (
        '*.md',
        'docs/*.md',
        'docs/api/*.md',
        'configs/**/*.md',
        'examples/*.md',
        'projects/**/*.md',
    )
    for path in ROOT.glob(pattern)
)
PROGRAM = re.compile(r'(?:tools|benchmarks|projects)/[\w/]+\.py$')


@cache
def tokens(page: str) -> list[Token]:
    """The parsed page, with the children of inline tokens."""
    parsed = MarkdownIt().enable('table').parse((ROOT / page).read_text())
    return [t for token in parsed for t in (token, *(token.children or []))]


def blocks(page: str) -> list[Token]:
    """Fenced code of all languages, without the directives of Sphinx."""
    return [t for t in tokens(page) if t.type == 'fence' and not t.info.startswith('{')]


def code_blocks(page: str, language: str) -> list[str]:
    """Fenced code of one language."""
    return [block.content for block in blocks(page) if block.info == language]


def code_block(page: str, language: str, containing: str) -> str:
    """The only code block of a language that contains a text."""
    (block,) = (b for b in code_blocks(page, language) if containing in b)
    return block


def links(page: str) -> list[str]:
    """Targets of links and images."""
    return [
        str(t.attrs['href' if t.type == 'link_open' else 'src'])
        for t in tokens(page)
        if t.type in ('link_open', 'image')
    ]


def anchors(page: str) -> set[str]:
    """Anchors that GitHub gives to the headings."""
    found = tokens(page)
    titles = [
        ''.join(t.content for t in following.children or [] if t.content)
        for heading, following in zip(found, found[1:], strict=False)
        if heading.type == 'heading_open'
    ]
    return {
        re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles
    }


def commands(page: str) -> list[list[str]]:
    """Command lines of bash blocks, and of inline code that starts with ``python``."""
    lines = [line for block in code_blocks(page, 'bash') for line in shell_lines(block)]
    lines += [
        t.content
        for t in tokens(page)
        if t.type == 'code_inline' and t.content.startswith('python ')
    ]
    return [words for line in lines if (words := split(line))]


def shell_lines(block: str) -> list[str]:
    """Lines of a bash block, those that go on in the next one joined."""
    return block.replace('\\\n', ' ').splitlines()


def split(line: str) -> list[str]:
    """Words of a command line, without comments and without what is set before it."""
    words = shlex.split(line, comments=True)
    while words and re.match(r'[A-Za-z_]+=', words[0]):
        words = words[1:]
    return words
