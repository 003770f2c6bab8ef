"""Links, file names and commands of every page."""

import re

import pytest

from tests.docs.pages import PAGES, PROGRAM, ROOT, anchors, commands, links, tokens

NAMED = re.compile(
    r'(?<![\w./-])(?:configs|tools|benchmarks|docs|projects|mmgala|tests)/[\w./-]*\w(?![\w*])'
)
# Placeholders, and what the reader makes or downloads.
MADE = re.compile(r'_$|DIR|NAME|your_|/\.mim|_build/')


@pytest.mark.parametrize('page', PAGES)
def test_links_lead_somewhere(page):
    folder = (ROOT / page).parent
    broken = []
    for link in links(page):
        if link.startswith(('http://', 'https://')):
            continue
        name, _, anchor = link.partition('#')
        target = (folder / name).resolve() if name else ROOT / page
        known = target.exists()
        if known and anchor:
            known = anchor in anchors(target.relative_to(ROOT).as_posix())
        if not known:
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize('page', PAGES)
def test_files_that_a_page_names_exist(page):
    text = ' '.join(t.content for t in tokens(page) if t.type != 'inline')
    named = {name for name in NAMED.findall(text) if not MADE.search(name)}
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize('page', PAGES)
def test_documented_make_targets_exist(page):
    targets = set(re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.M))
    named = {words[1] for words in commands(page) if words[0] == 'make'}
    assert named <= targets


def test_commands_are_found():
    """The tests above would pass on nothing."""
    programs = {words[1] for page in PAGES for words in commands(page) if words[1:]}
    assert {'tools/train.py', 'tools/test.py', 'tools/compare.py'} <= programs
    assert any(PROGRAM.match(program) for program in programs)
