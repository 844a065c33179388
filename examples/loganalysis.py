"""Who knocks at the door: a small analysis of a web server's log, as one would write it on an afternoon.

It writes a log of its own, reads it with regular expressions, groups what it found, asks a (pretended) reputation service
about the busiest addresses from several threads, and prints a report. About five seconds, standard library only.

    pyrometer run examples/loganalysis.py
"""
import collections
import concurrent.futures
import datetime
import pathlib
import random
import re
import sys
import tempfile
import time

LINE = re.compile(r'^(?P<address>\S+) \S+ \S+ \[(?P<when>[^\]]+)\] "(?P<method>\w+) (?P<path>\S+) [^"]*" '
                  r"(?P<status>\d{3}) (?P<size>\d+|-) \"[^\"]*\" \"(?P<agent>[^\"]*)\"$")
SUSPICIOUS = [re.compile(pattern, re.I) for pattern in
              (r"\.\./", r"union.+select", r"/etc/passwd", r"<script", r"wp-login\.php", r"\bcmd=")]
PATHS = ["/", "/index.html", "/api/items?id=%d", "/static/site.css", "/search?q=tea+%d", "/login",
         "/../../etc/passwd", "/wp-login.php", "/api/items?id=1+union+select+%d"]
WEIGHTS = [20, 20, 25, 15, 12, 5, 1, 1, 1]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5.0", "python-requests/2.31", "sqlmap/1.7"]


def write_log(path, count):
    """A log with a few strangers in it."""
    chooser = random.Random(1)
    start = datetime.datetime(2026, 11, 20, tzinfo=datetime.timezone.utc)
    with path.open("w") as log:
        for number in range(count):
            when = start + datetime.timedelta(seconds=number * 0.4)
            target = chooser.choices(PATHS, WEIGHTS)[0]
            target = target % number if "%d" in target else target
            log.write('10.%d.%d.%d - - [%s] "GET %s HTTP/1.1" %d %d "-" "%s"\n' % (
                chooser.randrange(4), chooser.randrange(8), chooser.randrange(250), when.strftime("%d/%b/%Y:%H:%M:%S %z"),
                target, chooser.choice((200, 200, 200, 304, 404, 500)), chooser.randrange(90000), chooser.choice(AGENTS)))


def parse(line):
    match = LINE.match(line)
    if match is None:
        return None
    entry = match.groupdict()
    entry["when"] = datetime.datetime.strptime(entry["when"], "%d/%b/%Y:%H:%M:%S %z")
    entry["size"] = 0 if entry["size"] == "-" else int(entry["size"])
    return entry


def read_log(path):
    with path.open() as log:
        return [entry for entry in map(parse, log) if entry]


def is_suspicious(entry):
    return any(pattern.search(entry["path"]) for pattern in SUSPICIOUS)


def seen_before(entry, addresses):
    return entry["address"] in addresses


def first_visits(entries):
    """The first entry of each address, in order."""
    addresses, visits = [], []
    for entry in entries:
        if not seen_before(entry, addresses):
            addresses.append(entry["address"])
            visits.append(entry)
    return visits


def by_hour(entries):
    hours = collections.defaultdict(collections.Counter)
    for entry in entries:
        hours[entry["when"].replace(minute=0, second=0)][entry["status"]] += 1
    return hours


def ask_reputation(address):
    """A service elsewhere, which takes its time."""
    time.sleep(0.04)
    return sum(map(int, address.split("."))) % 5 == 0


def reputations(addresses):
    with concurrent.futures.ThreadPoolExecutor(4, thread_name_prefix="reputation") as pool:
        return dict(zip(addresses, pool.map(ask_reputation, addresses)))


def report(entries):
    suspicious = [entry for entry in entries if is_suspicious(entry)]
    busiest = collections.Counter(entry["address"] for entry in suspicious).most_common(60)
    bad = reputations([address for address, _ in busiest])
    print(f"{len(entries)} requests from {len(first_visits(entries))} addresses in {len(by_hour(entries))} hours, "
          f"{len(suspicious)} suspicious; {sum(bad.values())} of the busiest {len(bad)} strangers have a bad name")


def main(count=50000):
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "access.log"
        write_log(log, count)
        report(read_log(log))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
