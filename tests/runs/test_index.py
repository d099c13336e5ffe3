"""The index of runs: what it remembers is what reading says, whatever happens to a file or to the index."""

import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from xavier_cli.files.caches import run_index
from xavier_cli.runs import file_state, many
from xavier_cli.runs import index as index_room
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.file_state import CLOCK_NS
from xavier_cli.runs.index import FORMAT, Index
from xavier_cli.runs.many import read_runs
from xavier_cli.runs.marking import mark_run
from xavier_cli.runs.reader import Reader
from xavier_cli.runs.store import read_run, write_run

LIST = ("curves/test_error", "final/diverged_at")
TABLE = (*LIST, "curves/valid_error", "search/lr", "search/valid_error")


@pytest.fixture
def clock(monkeypatch):
    """The clock of the index, a minute ahead: to it, files that were just written are old."""
    clock = SimpleNamespace(ahead=60.0, real=index_room.time.time_ns)
    told = SimpleNamespace(time_ns=lambda: clock.real() + int(clock.ahead * 1e9))
    monkeypatch.setattr(index_room, "time", told)
    monkeypatch.setattr(file_state, "time", told)
    return clock


@pytest.fixture
def asked(monkeypatch):
    """The names of the files that a reader process was asked for since this was last cleared."""
    asked, ask = [], Reader.ask

    def recorded(self, question, paths, **given):
        yield from ask(self, question, (asked.append(path.name) or path for path in paths), **given)

    monkeypatch.setattr(Reader, "ask", recorded)
    return asked


@pytest.fixture
def cache(tmp_path, monkeypatch, clock):
    """The folder of an index of this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return run_index().path


@pytest.fixture
def put(make_run, tmp_path):
    """A function that writes a small run; those with another error have as many bytes."""

    def write(name="run.h5", final_error=0.3, **settings):
        settings = {"depth": 1, "width": 2, "updates": 10, "records": "3", "only": ("curves",), **settings}
        write_run(tmp_path / name, make_run(final_error=final_error, **settings))
        return tmp_path / name

    return write


def answer(path, only=LIST):
    """What is said of one file: its last errors and its tags, or why there are none."""
    (run,) = read_runs([path], only)
    return str(run) if isinstance(run, RunFileError) else (run["curves/test_error"].tolist(), run.tags)


def told(run):
    """All of a run, to be compared."""
    if isinstance(run, RunFileError):
        return type(run), str(run)
    arrays = {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in run.arrays.items()}
    rest = {
        name: value for name, value in vars(run).items() if name not in ("arrays", "provenance", "chosen")
    }
    return rest, dict(run.provenance), list(arrays), arrays, dict(run.chosen), run.config.to_json()


@pytest.fixture
def odd_paths(put, make_run, tmp_path):
    """Files of every kind: with a search, diverged, tagged, with facts of their data, and damaged."""
    paths = [
        put("plain.h5", provenance={"command_id": "x", "π": [1, None, 0.1]}),
        put("search.h5", lr="0.1,0.2", only=("curves", "search")),
        put("diverged.h5", seeds=3, diverged=(1,)),
        put("seeds.h5", data="cifar10", seeds="7:9"),
        put("interrupted.h5", status="interrupted", records_done=2),
        put("layers.h5", depth=3, width="4,3,2", init="normalized,output=zeros"),
        put("cut.h5", init="standard"),
        tmp_path / "absent.h5",
    ]
    run = make_run(depth=1, width=2, updates=10, data="mnist", only=("curves",))
    write_run(tmp_path / "facts.h5", replace(run, data=run.facts))
    mark_run(paths[0], add=("paper", "first"), note="the one")
    paths[6].write_bytes(paths[6].read_bytes()[:3000])
    return [*paths, tmp_path / "facts.h5"]


def test_what_is_remembered_is_what_was_read(odd_paths, cache, asked):
    read = [told(run) for run in read_runs(odd_paths, LIST)]
    assert len(asked) == len(odd_paths)
    asked.clear()
    remembered = list(read_runs(odd_paths, LIST))

    assert [told(run) for run in remembered] == read
    assert sorted(asked) == ["absent.h5", "cut.h5"]
    # As from a file, they can be written to, and so can what comes next.
    remembered[0].arrays["curves/test_error"][:] = 0
    assert told(next(read_runs(odd_paths[:1], LIST))) == read[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [(LIST, TABLE), (TABLE, LIST), ((), LIST), (("update",), TABLE), (LIST, ("curves/train_loss",))],
)
def test_commands_that_ask_for_other_arrays_get_theirs(odd_paths, cache, asked, first, second):
    here = [told(read_run(path, second)) for path in odd_paths[:6]]
    list(read_runs(odd_paths[:6], first))
    for _ in range(2):
        asked.clear()
        assert [told(run) for run in read_runs(odd_paths[:6], second)] == here
    # What was asked for first is not lost, and nothing is read a third time.
    list(read_runs(odd_paths[:6], first))
    assert not asked


def test_what_is_large_is_read_each_time(put, cache, asked, monkeypatch):
    path = put()
    for only in (None, ("activation/std",)):
        asked.clear()
        list(read_runs([path], only))
        list(read_runs([path], only))
        assert asked == ["run.h5"] * 2
    monkeypatch.setattr("xavier_cli.runs.summary.MOST_BYTES", 100)
    asked.clear()
    assert answer(path) == answer(path)
    assert asked == ["run.h5"] * 2


def test_runs_of_one_experiment_share_their_settings_and_nothing_else(put, cache, asked):
    paths = [put(f"{seed}.h5", seeds=f"{seed}:{seed + 1}") for seed in range(5)]
    list(read_runs(paths, LIST))
    runs = list(read_runs(paths, LIST))

    assert len(asked) == 5
    assert [run.config.seeds for run in runs] == [(0,), (1,), (2,), (3,), (4,)]
    assert [run.config.to_json() for run in runs] == [read_run(path).config.to_json() for path in paths]
    with sqlite3.connect(cache / "runs.sqlite") as db:
        assert db.execute("SELECT count(*) FROM common").fetchone() == (1,)


# --- A file changes: each of these leaves what a careless index would look at as it was.


def over(path, other):
    """Write the bytes of `other` into the file at `path`, and set its times as they were."""
    before = path.stat()
    content = other.read_bytes()
    assert len(content) == before.st_size
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def damaged(path, other):
    before = path.stat()
    content = bytearray(path.read_bytes())
    with_error = content.index(read_run(path)["curves/test_error"].tobytes())
    content[with_error + 6] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def renamed_over(path, other):
    before = path.stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, path)


def made_again(path, other):
    before, content = path.stat(), other.read_bytes()
    other.unlink()
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def removed(path, other):
    path.unlink()


def from_the_past(path, other):
    over(path, other)
    os.utime(path, (1, 1))


def from_the_future(path, other):
    over(path, other)
    os.utime(path, (2**32, 2**32))


def through_a_link(path, other):
    os.link(path, path.with_name("second.h5"))
    list(read_runs([path.with_name("second.h5")], LIST))
    over(path.with_name("second.h5"), other)


def a_link_now(path, other):
    path.unlink()
    path.symlink_to(other)


def a_folder_now(path, other):
    path.unlink()
    path.mkdir()


def a_pipe_now(path, other):
    path.unlink()
    os.mkfifo(path)


def tagged(path, other):
    mark_run(path, add=("paper",))


CHANGES = [
    *(over, damaged, renamed_over, made_again, removed, from_the_past, from_the_future, through_a_link),
    *(a_link_now, a_folder_now, a_pipe_now, tagged),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_file_is_read_again(put, cache, change, monkeypatch, tmp_path):
    path, other = put(), put("other.h5", final_error=0.6)
    before = answer(path)
    change(path, other)
    now = answer(path)

    assert now != before
    # The same without an index.
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    assert answer(path) == now


def test_a_link_that_leads_elsewhere_is_read_again(put, cache, tmp_path):
    put("one.h5"), put("two.h5", final_error=0.6)
    link = tmp_path / "link.h5"
    link.symlink_to("one.h5")
    before = answer(link), answer(tmp_path / "one.h5"), answer(tmp_path / "two.h5")
    link.unlink()
    link.symlink_to("two.h5")

    assert answer(link) == before[2] != before[0]


def test_a_file_that_may_no_longer_be_read_is_named(put, cache, monkeypatch):
    path = put()
    answer(path)
    # As for a user who is not root: the folder no longer lets anybody in, which leaves the file as it was.
    monkeypatch.setattr(file_state, "_ASK", os.O_RDONLY | os.O_DIRECTORY)
    path.chmod(0)
    assert Index().find([path]) == [None]


def test_a_young_file_is_read_again(put, cache, clock, asked, monkeypatch):
    """On a file system that counts in steps of 2 s, a file can change without a trace within one."""
    clock.ahead = 0.0
    path, other = put(), put("other.h5", final_error=0.6)
    before = answer(path)
    assert answer(path) == before
    assert asked == ["run.h5"] * 2
    # All of what follows in one step of that clock.
    told = file_state.state_of(path)
    monkeypatch.setattr(file_state, "_state", lambda status: told)
    monkeypatch.setattr(clock, "real", lambda: told.changed_ns + CLOCK_NS - 1)
    assert answer(path) == before
    over(path, other)
    assert answer(path) != before


def test_a_file_that_changes_while_it_is_read_is_not_remembered(put, cache, asked):
    path, other = put(), put("other.h5", final_error=0.6)
    runs = read_runs([path, other], LIST)
    ask = Reader._answer

    def late(self, question, about):
        made = ask(self, question, about)
        if about == path:
            over(path, other)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reader, "_answer", late)
        first = next(runs)["curves/test_error"].tolist()
        runs.close()
    assert not (cache / "runs.sqlite").exists()
    assert answer(path)[0] != first


def test_after_the_clock_was_set_back_nothing_from_the_future_is_believed(put, cache, clock, asked):
    path = put()
    clock.ahead = 3600.0
    answer(path)
    answer(path)
    assert asked == ["run.h5"]
    clock.ahead = 60.0
    answer(path)
    assert asked == ["run.h5"] * 2
    # What is read now is remembered in its place.
    answer(path)
    assert asked == ["run.h5"] * 2


@pytest.mark.parametrize("at", [(1, 1), (2**31, 2**31)], ids=["past", "future"])
def test_times_that_are_set_make_a_file_another(put, cache, asked, at):
    path = put()
    before = answer(path)
    os.utime(path, at)
    assert answer(path) == before
    assert asked == ["run.h5"] * 2
    answer(path)
    # A time to come is no older than the moment of reading, however old the file is.
    assert asked == ["run.h5"] * (3 if at[0] > 1 else 2)


def test_the_same_file_by_other_paths_is_remembered(put, cache, asked, tmp_path, monkeypatch):
    path = put()
    os.link(path, tmp_path / "hard.h5")
    (tmp_path / "soft.h5").symlink_to(path)
    answer(path)
    monkeypatch.chdir(tmp_path)
    for other in ("run.h5", "hard.h5", "soft.h5"):
        (run,) = read_runs([Path(other)], LIST)
        assert run.path == Path(other)
    assert asked == ["run.h5"]


def test_other_code_reads_again(put, cache, asked, monkeypatch):
    path = put()
    answer(path)
    monkeypatch.setattr(index_room, "_code", lambda: b"of tomorrow")
    answer(path)
    answer(path)
    assert asked == ["run.h5"] * 2


# --- The index is damaged, in the way, or cannot be used.


def truncated(file):
    os.truncate(file, file.stat().st_size // 2)


def emptied(file):
    file.write_bytes(b"")


def text(file):
    file.write_text("not a database\n" * 1000)


def of_another_version(file):
    with sqlite3.connect(file) as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")


def without_tables(file):
    with sqlite3.connect(file) as db:
        db.execute("DROP TABLE files")


def other_columns(file):
    with sqlite3.connect(file) as db:
        db.execute("ALTER TABLE files DROP COLUMN own")


def another_database(file):
    file.unlink()
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE files (one, other)")


def a_symlink(file):
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def a_pipe(file):
    file.unlink()
    os.mkfifo(file)


def gone(file):
    shutil.rmtree(file.parent)


def writable_by_others(file):
    file.chmod(0o666)


def a_damaged_journal(file):
    file.with_name("runs.sqlite-journal").write_bytes(os.urandom(5000))


MENDED = [
    *(truncated, emptied, text, of_another_version, without_tables, other_columns, another_database),
    *(a_symlink, a_pipe, gone, writable_by_others, a_damaged_journal),
]


@pytest.mark.parametrize("break_it", MENDED, ids=lambda each: each.__name__)
def test_an_index_that_is_none_is_replaced(put, cache, asked, capfd, break_it):
    paths = [put(f"{number}.h5", width=1 + number) for number in range(4)]
    read = [answer(path) for path in paths]
    break_it(cache / "runs.sqlite")
    list(read_runs(paths, LIST))
    asked.clear()

    assert [answer(path) for path in paths] == read
    assert not asked
    assert (cache / "runs.sqlite").stat().st_mode & 0o777 == 0o600
    assert not (cache / "runs.sqlite").is_symlink()
    assert capfd.readouterr() == ("", "")


def a_folder(file):
    file.unlink()
    (file / "of somebody").mkdir(parents=True)


def a_folder_of_all(file):
    file.parent.chmod(0o777)


def a_file_in_place_of_the_folder(file):
    shutil.rmtree(file.parent)
    file.parent.write_text("")


@pytest.mark.parametrize("break_it", [a_folder, a_folder_of_all, a_file_in_place_of_the_folder])
def test_an_index_that_cannot_be_used_is_passed_over(put, cache, asked, capfd, break_it):
    path = put()
    read = answer(path)
    break_it(cache / "runs.sqlite")
    before = sorted(str(each) for each in cache.parent.rglob("*"))

    assert [answer(path), answer(path)] == [read, read]
    assert len(asked) == 3
    assert sorted(str(each) for each in cache.parent.rglob("*")) == before
    assert capfd.readouterr() == ("", "")


def test_no_flipped_byte_of_the_index_shows(put, cache):
    paths = [put(f"{number}.h5", width=1 + number) for number in range(3)]
    read = [answer(path) for path in paths]
    file = cache / "runs.sqlite"
    whole = file.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 250)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :])
        assert [answer(path) for path in paths] == read, at
    # And of the entries alone, which lie where SQLite notices nothing.
    flipped = 0
    for at in (at for path in paths for at in range(*span(whole, read_run(path)["curves/test_error"]))):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        assert [answer(path) for path in paths] == read, at
        flipped += 1
    assert flipped


def span(content, array):
    first = content.index(array[:, -1].tobytes()[:8])
    return first, first + 8


def test_an_index_that_another_process_holds_is_not_waited_for(put, cache, asked):
    path = put()
    read = answer(path)
    with sqlite3.connect(cache / "runs.sqlite", isolation_level=None) as db:
        db.execute("BEGIN EXCLUSIVE")
        inode = (cache / "runs.sqlite").stat().st_ino
        began = index_room.time.time_ns()
        assert answer(path) == read
        assert index_room.time.time_ns() - began < 20e9
        assert (cache / "runs.sqlite").stat().st_ino == inode
    assert asked == ["run.h5"] * 2
    assert answer(path) == read
    assert asked == ["run.h5"] * 2


def test_an_index_on_a_full_disk_is_passed_over(put, cache, asked, monkeypatch):
    paths = [put(f"{number}.h5", width=1 + number) for number in range(4)]
    read = [answer(paths[0])]
    connect = sqlite3.connect

    def full(*arguments, **settings):
        db = connect(*arguments, **settings)
        db.execute("PRAGMA max_page_count = 1")
        return db

    monkeypatch.setattr(sqlite3, "connect", full)
    read += [answer(path) for path in paths[1:]]
    monkeypatch.setattr(sqlite3, "connect", connect)
    asked.clear()
    assert [answer(path) for path in paths] == read
    assert "0.h5" not in asked


def test_a_read_only_index_serves_and_stays(put, cache, asked, monkeypatch):
    paths = [put(f"{number}.h5", width=1 + number) for number in range(2)]
    read = [answer(paths[0])]
    connect = sqlite3.connect
    # Root may write anywhere, so that SQLite is told.
    monkeypatch.setattr(
        sqlite3, "connect", lambda name, *a, **k: connect(name.replace("=rw", "=ro"), *a, **k)
    )
    read += [answer(paths[1])]
    asked.clear()
    assert [answer(path) for path in paths] == read
    assert asked == ["1.h5"]


_FILL = """
import sys
from pathlib import Path
from xavier_cli.runs import file_state, index
from xavier_cli.runs.many import read_runs
file_state.CLOCK_NS = -(10**12)
index.AT_ONCE = 2
for _ in range(3):
    runs = list(read_runs([Path(name) for name in sys.argv[1:]], ["curves/test_error", "final/diverged_at"]))
print([run["curves/test_error"].tolist() for run in runs])
"""


def test_two_processes_fill_it_at_once(put, cache, asked):
    paths = [put(f"{number}.h5", width=1 + number) for number in range(12)]
    command = [sys.executable, "-c", _FILL, *map(str, paths)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    ended = [each.communicate() for each in started]

    assert [each.returncode for each in started] == [0] * 3, ended
    assert len({out for out, _ in ended}) == 1
    assert not any(error for _, error in ended)
    assert [answer(path)[0] for path in paths] == eval(ended[0][0])
    assert not asked


# --- What is kept, and what leaves.


def entries(cache):
    with sqlite3.connect(cache / "runs.sqlite") as db:
        return {Path(os.fsdecode(path)).name for (path,) in db.execute("SELECT path FROM files")}


def test_it_forgets_files_that_are_gone_and_those_that_were_replaced(put, cache):
    paths = [put(f"{number}.h5", width=1 + number) for number in range(4)]
    list(read_runs(paths, LIST))
    assert entries(cache) == {"0.h5", "1.h5", "2.h5", "3.h5"}
    paths[0].unlink()
    renamed_over(paths[1], paths[2])
    list(read_runs(paths, LIST))
    with sqlite3.connect(cache / "runs.sqlite") as db:
        assert db.execute("SELECT count(*) FROM files").fetchone() == (2,)
    assert entries(cache) == {"1.h5", "3.h5"}


def test_of_a_path_it_remembers_one_file(put, cache, monkeypatch):
    """Also in an index so large that what is gone is found only by and by."""
    monkeypatch.setattr(index_room, "_forget_gone", lambda db: None)
    path = put()
    for error in (0.4, 0.5):
        answer(path)
        renamed_over(path, put("other.h5", final_error=error))
    answer(path)
    with sqlite3.connect(cache / "runs.sqlite") as db:
        assert db.execute("SELECT count(*) FROM files").fetchone() == (1,)


def test_those_not_used_for_longest_leave_it_once_it_is_too_large(put, cache, clock, monkeypatch):
    paths = [put(f"{number}.h5", width=1 + number, records="200", updates=1000) for number in range(40)]
    list(read_runs(paths[:20], LIST))
    clock.ahead += 3 * 86_400
    list(read_runs(paths[:3], LIST))
    most = (cache / "runs.sqlite").stat().st_size
    monkeypatch.setattr(index_room, "run_index", lambda: replace(run_index(), most_bytes=most))
    list(read_runs(paths[20:35], LIST))

    left = entries(cache)
    assert {"0.h5", "1.h5", "2.h5", "34.h5"} <= left
    assert "3.h5" not in left
    assert (cache / "runs.sqlite").stat().st_size <= most
    with sqlite3.connect(cache / "runs.sqlite") as db:
        assert db.execute("SELECT count(*) FROM common").fetchone()[0] <= len(left)


def test_what_was_read_before_an_interrupt_is_remembered(put, cache, asked):
    paths = [put(f"{number}.h5", width=1 + number) for number in range(3)]
    runs = read_runs(paths, LIST)
    next(runs)
    runs.close()
    asked.clear()
    list(read_runs(paths[:1], LIST))
    assert not asked


def test_it_says_when_it_may_lack_something(put, cache, clock, tmp_path):
    path = put("runs/run.h5")
    assert Index().may_lack([path.parent])
    answer(path)
    later = (cache / "runs.sqlite").stat().st_mtime_ns + 10**9
    os.utime(cache / "runs.sqlite", ns=(later, later))
    assert not Index().may_lack([path.parent])
    os.utime(path.parent, ns=(later + 1, later + 1))
    assert Index().may_lack([path.parent])
    assert Index().may_lack([tmp_path / "absent"])


def test_no_process_starts_where_all_is_remembered(put, cache, monkeypatch):
    path = put()
    answer(path)
    many.shared_reader().close()
    monkeypatch.setattr(Reader, "_start", lambda self: pytest.fail("a process that nobody needs"))
    answer(path)
