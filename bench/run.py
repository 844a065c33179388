"""Measure, and print tables in Markdown with the machine, the versions and the date: ./dev bench [WHAT…]

WHAT is a group (sampling, memory, heap, tracing: all of it) or single measurements; without any, what there is is listed.
"""
import argparse
import datetime
import os
import pathlib
import platform
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))
import heap  # noqa: E402
import memory  # noqa: E402
import sampling  # noqa: E402
import traced  # noqa: E402

MODULES = {"sampling": sampling, "memory": memory, "heap": heap, "tracing": traced}
GROUPS = {name: list(module.MEASUREMENTS) for name, module in MODULES.items()}
MEASUREMENTS = {name: (module, measure) for module in MODULES.values() for name, measure in module.MEASUREMENTS.items()}


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def describe(setting):
    yield f"- date: {datetime.date.today().isoformat()}"
    yield f"- machine: {os.cpu_count()} x {processor()}, Linux {platform.release()}"
    yield f"- load when it began: {os.getloadavg()[0]:.2f}"
    yield from setting.describe()


def print_table(rows):
    """As the rows come, so that a long measurement shows where it is."""
    for number, row in enumerate(rows):
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
        if number == 0:
            print("|" + "---|" * len(row), flush=True)


def list_all():
    for name, (_, measure) in MEASUREMENTS.items():
        print(f"{name:12} {measure.__doc__.splitlines()[0]}")
    for name, members in GROUPS.items():
        print(f"{name:12} {', '.join(members)}")


def options():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measures, and prints tables in Markdown.")
    parser.add_argument("what", nargs="*", metavar="WHAT", help="a measurement or a group; none: list them")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--python", metavar="ID", action="append",
                        help="the target's interpreter, such as 3.14; default the newest; memory: may be repeated")
    parser.add_argument("--sampler", action="append", metavar="NAME", help="only this sampler; may be repeated")
    parser.add_argument("--seconds", type=float, default=10, help="length of one profile; default 10")
    parser.add_argument("--pairs", type=int, default=30, help="pairs of runs; default 30")
    parser.add_argument("--scale", type=float, default=1, help="of the workloads of memory; default 1")
    parser.add_argument("--workloads", nargs="+", metavar="NAME")
    return parser.parse_args()


def main():
    chosen = options()
    if chosen.list or not chosen.what:
        return list_all()
    names = [name for word in chosen.what for name in GROUPS.get(word, [word])]
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        sys.exit(f"bench: no measurement {', '.join(unknown)}; there are: {', '.join(MEASUREMENTS)}")
    settings = {}
    for name in names:
        module, measure = MEASUREMENTS[name]
        if module not in settings:
            settings[module] = module.Setting(chosen)
            print("\n".join(describe(settings[module])), flush=True)
        print(f"\n**{name}**: {measure.__doc__.splitlines()[0]}\n", flush=True)
        print_table(measure(settings[module]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
