"""Measure, and print tables in Markdown with the machine, the versions and the date: ./dev bench [WHAT…]

WHAT is a group (sampling: all of it) or single measurements; without any, what there is is listed.
"""
import argparse
import datetime
import os
import pathlib
import platform
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]
import sampling  # noqa: E402

GROUPS = {"sampling": list(sampling.MEASUREMENTS)}


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def describe(setting):
    yield f"- date: {datetime.date.today().isoformat()}"
    yield f"- machine: {os.cpu_count()} x {processor()}, Linux {platform.release()}"
    yield f"- load when it began: {os.getloadavg()[0]:.2f}"
    yield f"- target: CPython {setting.python.id}"
    for sampler, version in setting.samplers:
        yield f"- {sampler.name}: {version}"


def print_table(rows):
    """As the rows come, so that a long measurement shows where it is."""
    for number, row in enumerate(rows):
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
        if number == 0:
            print("|" + "---|" * len(row), flush=True)


def list_all():
    for name, measure in sampling.MEASUREMENTS.items():
        print(f"{name:10} {measure.__doc__.splitlines()[0]}")
    for name, members in GROUPS.items():
        print(f"{name:10} {', '.join(members)}")


def options():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measures, and prints tables in Markdown.")
    parser.add_argument("what", nargs="*", metavar="WHAT", help="a measurement or a group; none: list them")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--python", metavar="ID", help="the target's interpreter, such as 3.14; default the newest")
    parser.add_argument("--sampler", action="append", metavar="NAME", help="only this sampler; may be repeated")
    parser.add_argument("--seconds", type=float, default=10, help="length of one profile; default 10")
    parser.add_argument("--pairs", type=int, default=30, help="pairs of slowdown; default 30")
    parser.add_argument("--workloads", nargs="+", default=["json_mix", "objects", "deep", "generators", "threads"])
    return parser.parse_args()


def main():
    chosen = options()
    if chosen.list or not chosen.what:
        return list_all()
    names = [name for word in chosen.what for name in GROUPS.get(word, [word])]
    unknown = [name for name in names if name not in sampling.MEASUREMENTS]
    if unknown:
        sys.exit(f"bench: no measurement {', '.join(unknown)}; there are: {', '.join(sampling.MEASUREMENTS)}")
    setting = sampling.Setting(chosen)
    print("\n".join(describe(setting)), flush=True)
    for name in names:
        print(f"\n**{name}**: {sampling.MEASUREMENTS[name].__doc__.splitlines()[0]}\n", flush=True)
        print_table(sampling.MEASUREMENTS[name](setting))
    return 0


if __name__ == "__main__":
    sys.exit(main())
