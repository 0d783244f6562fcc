def net():
    raise RuntimeError("boom\nline2")


def exits():
    raise SystemExit("bye")


def ki():
    raise KeyboardInterrupt


net2 = 5


def none():
    return None


def obj(a):
    raise ValueError("no")


def objexit(a):
    raise SystemExit(4)
