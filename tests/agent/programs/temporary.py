"""Lines of which it is known what they free at once. #= BLOCKS SIZE: so many blocks of so
many bytes are temporary; TEXT is what a str has beside its characters."""
import os

held = [None] * 100
kept = [None] * 1000


def churn(count):
    for _ in range(count):
        object()  #= 1000 16


def large(count):
    for _ in range(50):
        "x" * count  #= 50 TEXT+5000


def keep():
    for number in range(1000):
        kept[number] = object()  #= 0 0


def before_the_64th(numbers):
    one = object()  #= 1 16
    for number in numbers:
        held[number] = object()
    del one


def with_the_64th(numbers):
    one = object()  #= 0 0
    for number in numbers:
        held[number] = object()
    del one


def moved(count):
    for _ in range(20):
        text = "x" * count  #= 20 TEXT+2000
        text += "y"  #= 20 TEXT+2001


churn(1000)
large(5000)
keep()
before_the_64th(iter(range(63)))
with_the_64th(iter(range(64)))
moved(2000)
child = os.fork()
if child == 0:
    churn(500)
    os._exit(0)
os.waitpid(child, 0)
print("READY", flush=True)
input()
