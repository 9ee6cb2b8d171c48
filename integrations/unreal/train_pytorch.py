"""Training with Pitwall, started by the racing plugin as its own script was: EXPORT_DIR MODEL_DIR EPOCHS.

Put this file where the plugin's train_pytorch.py lies; the interpreter that runs it is the one that Pitwall is
installed in. Lines on standard output; exit code 0: best_model_path.txt names the newest policy. See docs/unreal.md.
"""

import sys
from pathlib import Path

WANTED = (3, 11)
"""Oldest Python that Pitwall runs on; this file itself is read by older ones too, to say so."""


def main() -> int:
    """Hand over to Pitwall; returns the exit code."""
    if sys.version_info < WANTED:
        return complain("its version is {}.{}, wanted {}.{} or newer".format(*sys.version_info[:2], *WANTED))
    # Python looks for modules beside a script first, and a plugin's folder may hold some of the same names.
    here = Path(__file__).resolve().parent
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]
    try:
        from pitwall.unreal import main as train
    except ImportError as error:
        return complain(f"Pitwall cannot be loaded there: {error}")
    return train(sys.argv[1:])


def complain(what: str) -> int:
    """Say what is wrong with the interpreter, and what to do."""
    print(f"error: the plugin started {sys.executable!a}, and {what}.")
    print("Let the plugin start the Python that Pitwall is installed in (PITWALL/.venv/Scripts/python.exe),")
    print(f'or install Pitwall in this one: "{ascii(sys.executable)[1:-1]}" -m pip install PITWALL', flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
