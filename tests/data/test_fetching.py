"""Downloads from a server of our own: whole, resumed, damaged."""

from __future__ import annotations

import hashlib
import http.server
import threading

import pytest

from archcast.data import fetching
from archcast.data.fetching import ADDRESSES, download, fetch
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError, UnknownNameError

CONTENT = bytes(range(256)) * 20_000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT under any name but /missing; knows ranges; stops early if told to."""

    ranges = True
    stop_after: int | None = None
    asked: list[str | None]

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        type(self).asked.append(asked)
        if "missing" in self.path:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        body = CONTENT[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.stop_after])

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server():
    handler = type("ThisHandler", (Handler,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", handler
        running.shutdown()
        thread.join()


def test_whole_file_with_progress(server, tmp_path) -> None:
    address, _ = server
    told = []
    file = download(f"{address}/a.bin", tmp_path / "a.bin", report=lambda done, total: told.append((done, total)))
    assert file.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT),) * 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_goes_on(server, tmp_path, ranges) -> None:
    address, handler = server
    handler.stop_after = 1_500_000
    with pytest.raises(DataNotFoundError, match="to go on"):
        download(f"{address}/a.bin", tmp_path / "a.bin")
    have = (tmp_path / "a.bin.part").stat().st_size
    assert 0 < have < len(CONTENT)
    assert not (tmp_path / "a.bin").exists()
    handler.stop_after, handler.ranges = None, ranges
    assert download(f"{address}/a.bin", tmp_path / "a.bin").read_bytes() == CONTENT
    assert handler.asked == [None, f"bytes={have}-"]


def test_a_part_that_is_whole_already(server, tmp_path) -> None:
    address, _ = server
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    assert (
        download(f"{address}/a.bin", tmp_path / "a.bin", sha256=hashlib.sha256(CONTENT).hexdigest()).read_bytes()
        == CONTENT
    )


def test_a_wrong_checksum_and_one_that_is_right(server, tmp_path) -> None:
    address, handler = server
    with pytest.raises(InvalidFileError, match="published is 00"):
        download(f"{address}/a.bin", tmp_path / "a.bin", sha256="0" * 64)
    assert not list(tmp_path.iterdir())
    right = hashlib.sha256(CONTENT).hexdigest()
    download(f"{address}/a.bin", tmp_path / "a.bin", sha256=right)
    count = len(handler.asked)
    download(f"{address}/a.bin", tmp_path / "a.bin", sha256=right)
    assert len(handler.asked) == count, "what is there is not downloaded again"


def test_files_of_a_benchmark_from_a_mirror(server, tmp_path, monkeypatch) -> None:
    address, _ = server
    monkeypatch.setattr(fetching, "SHA256", {})
    files = fetch("ofa-mobilenetv3", tmp_path / "new", mirror=address)
    assert [file.name for file in files] == ["mbnv3w10_evoga_acc.csv", "mbnv3w10_evonsga2_acc_macs.csv"]


def test_what_cannot_be_fetched(server, tmp_path) -> None:
    address, _ = server
    with pytest.raises(DataNotFoundError, match="404"):
        download(f"{address}/missing", tmp_path / "x")
    with pytest.raises(DataNotFoundError, match="could not be downloaded"):
        download("http://127.0.0.1:1/x", tmp_path / "x")
    with pytest.raises(InvalidInputError, match="is not an address"):
        download("file:///etc/hostname", tmp_path / "x")
    for mirror in ("http://[", "http://a:b", "http://\u00b2\u00b2:99999999"):
        with pytest.raises(InvalidInputError, match="is no address that can be asked"):
            fetch("nds", tmp_path, mirror=mirror)
    with pytest.raises(InvalidInputError, match=r"^mirror .* is not an address"):
        fetch("nds", tmp_path, mirror="ftp://here")
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match="cannot be a folder"):
        fetch("nds", tmp_path / "file", mirror=address)
    with pytest.raises(DataNotFoundError, match="have no address that can be fetched"):
        fetch("nats-tss", tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'nasbench101'"):
        fetch("nasbench10", tmp_path)
    assert all(address.startswith("https://") for some in ADDRESSES.values() for address in some)
