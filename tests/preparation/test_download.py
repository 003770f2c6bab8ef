"""Downloads give the complete, verified file, or no file under its name."""

import errno
import json
import re
import socket
import time

import numpy as np
import pytest

from mmgala.preparation import download as module
from mmgala.preparation.download import ATTEMPTS, download

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)


@pytest.fixture
def fetch(server, tmp_path):
    """Download ``CONTENT``, or the content that is served instead."""
    server.serve('file.bin', CONTENT)
    path = tmp_path / 'new' / 'file.bin'

    def fetch(expected=CONTENT, url=f'{server.url}/file.bin'):
        def verify(found):
            fetch.verified += 1
            if found.read_bytes() != expected:
                raise ValueError(f'{found} is not the published file')

        download(url, path, verify)
        assert path.read_bytes() == expected
        assert [p.name for p in path.parent.iterdir()] == ['file.bin']

    fetch.path, fetch.verified = path, 0
    return fetch


def starts(server):
    """First byte of each request."""
    return [int(r.range[6:-1]) if r.range else 0 for r in server.log]


def test_whole_file_is_downloaded_by_one_request(fetch, server):
    fetch()
    assert starts(server) == [0]


def test_after_a_drop_only_the_rest_is_fetched(fetch, server, capsys):
    server.faults = [('drop', 100_000), ('drop', 50_000)]
    fetch()
    assert starts(server) == [0, 100_000, 150_000]
    assert server.sent() == len(CONTENT)
    assert 'ended after 100,000 of 300,000 bytes; trying' in capsys.readouterr().err


def test_a_hanging_connection_is_closed_and_resumed(fetch, server):
    server.faults = [('hang', 123_456)]
    start = time.monotonic()
    fetch()
    assert time.monotonic() - start < 20
    assert starts(server) == [0, 123_456]


def test_drops_after_progress_do_not_count_as_failures(fetch, server):
    server.faults = [('drop', 10_000)] * (3 * ATTEMPTS)
    fetch()
    assert server.sent() == len(CONTENT)


def test_a_later_run_continues(fetch, server):
    server.faults = [('drop', 100_000)] + [('status', 503)] * (ATTEMPTS - 1)
    with pytest.raises(ConnectionError, match='responded with 503'):
        fetch()
    assert not fetch.path.exists()
    assert fetch.path.with_name('file.bin.part').stat().st_size == 100_000
    server.log.clear()
    fetch()
    assert starts(server) == [100_000]
    assert server.sent() == 200_000


def test_a_later_run_verifies_a_complete_file_without_a_request(fetch, server):
    fetch()
    part = fetch.path.with_name('file.bin.part')
    fetch.path.rename(part)
    note = {'url': f'{server.url}/file.bin', 'validator': None, 'total': 300_000}
    part.with_name('file.bin.part.json').write_text(json.dumps(note))
    fetch()
    assert len(server.log) == 1


def test_without_ranges_the_download_is_restarted(fetch, server):
    server.ranges = False
    server.faults = [('drop', 100_000)]
    fetch()
    assert [r.status for r in server.log] == [200, 200]


def test_a_server_that_never_sends_the_whole_file_is_an_error(fetch, server):
    server.ranges = False
    server.faults = [('drop', 100_000)] * 100
    with pytest.raises(ConnectionError, match='ended after'):
        fetch()
    assert len(server.log) <= ATTEMPTS + 1


@pytest.mark.parametrize('size', [300_000, 400_000, 50_000])
@pytest.mark.parametrize('tells', ['both', 'validators', 'nothing'])
def test_pieces_of_two_versions_are_not_joined(fetch, server, monkeypatch, tells, size):
    changed = (OTHER * 2)[:size]
    server.validators = tells != 'nothing'
    server.if_range = tells == 'both'
    server.faults = [('drop', 100_000)]
    between = lambda wait: server.serve('file.bin', changed)  # noqa: E731
    monkeypatch.setattr(module.time, 'sleep', between)
    fetch(changed)
    # With `If-Range` the new version comes at once; if nothing but the content
    # differs, the checksum reveals it.
    assert len(server.log) == (2 if tells == 'both' else 3)
    assert fetch.verified == (2 if tells == 'nothing' and size == 300_000 else 1)


def test_a_server_that_sends_another_range_is_detected(fetch, server):
    server.shift = 10
    server.faults = [('drop', 100_000)]
    fetch()
    assert fetch.verified == 1


def test_a_weak_validator_is_not_used(fetch, server):
    assert module.Version.of('u', {'ETag': 'W/"1"'}).validator is None
    headers = {'ETag': 'W/"1"', 'Last-Modified': 'yesterday'}
    assert module.Version.of('u', headers).validator == 'yesterday'


def test_another_file_is_refused_and_removed(fetch, server):
    with pytest.raises(ValueError, match='not the published'):
        fetch(OTHER)
    assert list(fetch.path.parent.iterdir()) == []
    assert len(server.log) == 1


def test_another_file_in_pieces_is_refused_after_a_second_try(fetch, server):
    server.faults = [('drop', 100_000)]
    with pytest.raises(ValueError, match='not the published'):
        fetch(OTHER)
    assert list(fetch.path.parent.iterdir()) == []
    assert starts(server) == [0, 100_000, 0]


@pytest.mark.parametrize(
    'note',
    [None, 'no json', '{"url": "http://x", "validator": null, "total": 1000}'],
)
def test_a_part_of_unknown_origin_is_not_continued(fetch, server, note):
    fetch.path.parent.mkdir()
    fetch.path.with_name('file.bin.part').write_bytes(OTHER[:1000])
    if note is not None:
        fetch.path.with_name('file.bin.part.json').write_text(note)
    fetch()
    assert starts(server) == [0]
    assert fetch.verified == 1


def test_a_missing_file_is_requested_once(fetch, server):
    del server.files['/file.bin']
    with pytest.raises(
        ConnectionError, match=r'file\.bin cannot .* responded with 404'
    ):
        fetch()
    assert len(server.log) == 1


@pytest.mark.parametrize('code', [503, 500, 429])
def test_a_busy_server_is_retried(fetch, server, code):
    server.faults = [('status', code)] * 2
    fetch()
    assert len(server.log) == 3


def test_waits_grow_and_attempts_are_limited(fetch, server, monkeypatch):
    waits = []
    monkeypatch.setattr(module, 'FIRST_WAIT', 1.0)
    monkeypatch.setattr(module.time, 'sleep', waits.append)
    server.faults = [('status', 503)] * 100
    with pytest.raises(ConnectionError, match='503'):
        fetch()
    assert waits == [1, 2, 4, 8]


def test_without_a_network_the_error_gives_the_reason(fetch):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        url = f'http://127.0.0.1:{free.getsockname()[1]}/file.bin'
    with pytest.raises(ConnectionError, match=f'{re.escape(url)} cannot .* refused'):
        fetch(url=url)


def test_files_of_unknown_length_are_fetched(fetch, server):
    server.lengths = False
    fetch()


def test_a_full_disk_is_not_retried(fetch, server, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(module, 'open', full, raising=False)
    with pytest.raises(OSError, match='No space left') as caught:
        fetch()
    assert not isinstance(caught.value, ConnectionError)
    assert len(server.log) == 1


@pytest.mark.parametrize('url', ['file:///etc/passwd', 'ftp://127.0.0.1/f', 'f'])
def test_urls_other_than_http_are_refused(fetch, url):
    with pytest.raises(ValueError, match='http or https'):
        fetch(url=url)


def test_redirections_are_followed(fetch, server):
    server.faults = [('redirect', server.serve('moved.bin', CONTENT))]
    fetch()


@pytest.mark.parametrize('url', ['file:///etc/hostname', 'ftp://127.0.0.1:1/file'])
def test_redirections_to_other_protocols_are_not_followed(fetch, server, url):
    server.faults = [('redirect', url)] * ATTEMPTS
    with pytest.raises(ConnectionError, match='unknown url type|is not allowed'):
        fetch()
    assert not fetch.path.exists()


def test_a_link_in_the_place_of_the_unfinished_file_is_not_followed(
    fetch, server, tmp_path, monkeypatch
):
    victim = tmp_path / 'victim'
    victim.touch()
    fetch.path.parent.mkdir()
    start = module.UnfinishedDownload.start

    def start_and_lose_the_race(unfinished, version):
        start(unfinished, version)
        unfinished.path.symlink_to(victim)

    monkeypatch.setattr(module.UnfinishedDownload, 'start', start_and_lose_the_race)
    with pytest.raises(OSError, match=r'file\.bin'):
        fetch()
    assert victim.read_bytes() == b''
