"""Dependencies of lm-eval's tasks: nltk's data, and a language detector that draws at random.

Contract: nltk looks for its data where the user keeps it and in this program's own folder, and downloads only into the
latter; the detector has one seed, so that equal answers always score the same.
"""

import os
import re
import sys

from bench import places

_DETECTOR_SEED = 0
_LOST_DATA = re.compile(r"Resource\s+'?([\w.-]+)'?\s+not found")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def house_nltk_data() -> None:
    """Puts this program's folder first on nltk's path. Call it before a task imports nltk, which downloads into the
    first folder of that path that exists."""
    folder = places.home() / "nltk_data"
    folder.mkdir(parents=True, exist_ok=True)
    folders = [part for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    if str(folder) not in folders:
        os.environ["NLTK_DATA"] = os.pathsep.join([str(folder), *folders])


def seed_detector() -> None:
    """Seeds the language detector. Call it after the tasks are loaded: that imports the detector where one needs it."""
    detector = sys.modules.get("langdetect")
    if detector is not None:
        detector.DetectorFactory.seed = _DETECTOR_SEED


def reason_of(error: Exception) -> str:
    """Why an example could not be scored, in one line."""
    text = _COLOUR.sub("", str(error))
    lost = _LOST_DATA.search(text) if isinstance(error, LookupError) else None
    if lost is not None:
        return f"nltk's {lost[1]} is not on this machine (python -m nltk.downloader {lost[1]})"
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}"[:200].rstrip(": ")
