"""The commands that wrote a work dir are kept in it."""

import re

from mmgala.utils.command_record import record_command


def test_each_start_adds_a_line_that_a_shell_understands(tmp_path, monkeypatch):
    monkeypatch.setattr('sys.argv', ['mmgala train', 'a b.py', '--work-dir', 'w'])
    record_command(tmp_path / 'new')
    monkeypatch.setattr('sys.argv', ['tools/train.py', 'c.py', '--resume'])
    record_command(tmp_path / 'new')
    first, second = (tmp_path / 'new' / 'commands.txt').read_text().splitlines()
    time = r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  '
    assert re.fullmatch(f"{time}mmgala train 'a b.py' --work-dir w", first)
    assert re.fullmatch(f'{time}python tools/train.py c.py --resume', second)
