"""Text -> the quantity it states: number, unit, and the question words that ask for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.extract_tokens import is_plural
from tasks.extract_verbs import word_list

_ONE = r"(?:[±+\-−]?\d+(?:[.,]\d+)*)"  # noqa: RUF001  # a printed minus
_WORDS = "|".join(sorted(word_list("number_words"), key=len, reverse=True))
NUMBER = rf"(?:{_ONE}|(?:{_WORDS})(?:[- ](?:{_WORDS}))?)"
RANGE = rf"(?:between {NUMBER}(?: ?[^\s\d]+)? and {NUMBER}|{NUMBER}(?: ?(?:to|-|–|±) ?{NUMBER})?)(?: (?:thousand|million|billion|dozen))?"  # noqa: RUF001
QUALIFIER = (
    r"(?:(?:about|approximately|around|roughly|nearly|almost|exactly|only|just|over|under|up to|at least|at most|more than|less than|"
    r"fewer than|no more than|not more than|no less than|a total of|a maximum of|a minimum of|an average of|some|another|close to) )*"
)
# unit as printed -> (what it measures, plural name to count it by)
UNITS: dict[str, tuple[str, str]] = {
    "Nm|N m|N·m": ("torque", "newton metres"),
    "kN": ("force", "kilonewtons"),
    "N": ("force", "newtons"),
    "bar": ("pressure", "bar"),
    "mbar": ("pressure", "millibars"),
    "kPa": ("pressure", "kilopascals"),
    "MPa": ("pressure", "megapascals"),
    "psi": ("pressure", "psi"),
    "Pa": ("pressure", "pascals"),
    "°C|degrees Celsius|degrees C": ("temperature", "degrees Celsius"),
    "°F": ("temperature", "degrees Fahrenheit"),
    "K|kelvin": ("temperature", "kelvin"),
    "kW|kilowatts?": ("power", "kilowatts"),
    "MW": ("power", "megawatts"),
    "W|watts?": ("power", "watts"),
    "kWh": ("energy", "kilowatt hours"),
    "kV": ("voltage", "kilovolts"),
    "mV": ("voltage", "millivolts"),
    "V|volts?": ("voltage", "volts"),
    "mA": ("current", "milliamperes"),
    "A|amperes?|amps?": ("current", "amperes"),
    "GHz": ("frequency", "gigahertz"),
    "MHz": ("frequency", "megahertz"),
    "kHz": ("frequency", "kilohertz"),
    "Hz|hertz": ("frequency", "hertz"),
    "rpm|r/min|revolutions per minute": ("speed", "revolutions per minute"),
    "m/s|metres per second": ("speed", "metres per second"),
    "km/h|kilometres per hour": ("speed", "kilometres per hour"),
    "l/min|L/min|litres per minute": ("flow rate", "litres per minute"),
    "l/h|litres per hour": ("flow rate", "litres per hour"),
    "m³/h|m3/h|cubic metres per hour": ("flow rate", "cubic metres per hour"),
    "ml/min|mL/min": ("flow rate", "millilitres per minute"),
    "dB|decibels?": ("sound level", "decibels"),
    "lux|lx": ("light level", "lux"),
    "ppm": ("concentration", "parts per million"),
    "mg/l|mg/L": ("concentration", "milligrams per litre"),
    "g/l|g/L": ("concentration", "grams per litre"),
    "mM": ("concentration", "millimoles per litre"),
    "%|per ?cent|percent": ("percentage", "per cent"),
    "percentage points?": ("difference", "percentage points"),
    "µm|μm|micrometres?|microns?": ("size", "micrometres"),  # both signs are printed
    "nm": ("wavelength", "nanometres"),
    "mm|millimetres?": ("size", "millimetres"),
    "cm|centimetres?": ("size", "centimetres"),
    "km|kilometres?": ("distance", "kilometres"),
    "m|metres?|meters?": ("distance", "metres"),
    "m²|m2|square metres?": ("area", "square metres"),
    "km²|square kilometres?": ("area", "square kilometres"),
    "ha|hectares?": ("area", "hectares"),
    "m³|m3|cubic metres?": ("volume", "cubic metres"),
    "µl|μl|µL|μL|microlitres?": ("volume", "microlitres"),
    "ml|mL|millilitres?": ("volume", "millilitres"),
    "l|L|litres?|liters?": ("volume", "litres"),
    "mg|milligrams?": ("mass", "milligrams"),
    "kg|kilograms?|kilos?": ("mass", "kilograms"),
    "g|grams?": ("mass", "grams"),
    "t|tonnes?|tons?": ("mass", "tonnes"),
    "ms|milliseconds?": ("time", "milliseconds"),
    "s|sec|seconds?": ("time", "seconds"),
    "min|minutes?": ("time", "minutes"),
    "h|hrs?|hours?": ("time", "hours"),
    "days?": ("time", "days"),
    "working days?": ("time", "working days"),
    "weeks?": ("time", "weeks"),
    "months?": ("time", "months"),
    "years?": ("time", "years"),
    "GPU hours?": ("time", "GPU hours"),
    "KiB|kB|KB": ("size", "kilobytes"),
    "MiB|MB|megabytes?": ("size", "megabytes"),
    "GiB|GB|gigabytes?": ("size", "gigabytes"),
    "TiB|TB|terabytes?": ("size", "terabytes"),
    "bits?": ("number of bits", "bits"),
    "bytes?": ("size", "bytes"),
    "euros?|EUR": ("price", "euros"),
    "dollars?|USD": ("price", "dollars"),
    "pounds?|GBP": ("price", "pounds"),
}
_UNIT = "|".join(sorted((form for forms in UNITS for form in forms.split("|")), key=len, reverse=True))
_MONEY = r"(?:[€$£]|EUR|USD|GBP) ?"
QUANTITY = re.compile(
    rf"^(?P<qualifier>{QUALIFIER})(?P<core>(?P<money>{_MONEY})?(?P<number>{RANGE})"
    rf"(?:[ -]?(?P<unit>{_UNIT})(?![\w°²³/·])|(?=[\s,]|$)))(?P<after>.*)$"
)
_MONEY_NAMES = {"€": "euros", "$": "dollars", "£": "pounds", "EUR": "euros", "USD": "dollars", "GBP": "pounds"}
MAX_COUNTED_WORDS = 4
"""Longest noun that is counted, or substance that is measured, in words."""
_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
DATE = re.compile(
    rf"^(?:(?P<day>\d{{1,2}} {_MONTH}(?: \d{{4}})?|{_MONTH} \d{{1,2}}(?:, \d{{4}})?)|(?P<month>{_MONTH}(?: \d{{4}})?)|"
    r"(?P<year>(?:1[5-9]|20)\d\d)|(?P<clock>\d{1,2}:\d\d))$"
)
PER = re.compile(r"^(?: (?:per|a|an|each|every) [a-z]+(?: (?:of|and) [a-z]+)?)")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with what it counts: ``core`` as printed, the quantity's name, its unit in the plural, and the words after it."""

    core: str
    measure: str
    counted: str
    after: str
    share: str = ""

    @property
    def asked(self) -> tuple[str, ...]:
        """Question words, best first: ``what torque``, ``how many newton metres``."""
        counted = f"how many {self.counted}"
        if self.share:
            return (f"what {self.share}", counted)
        if self.measure in ("", "rate"):
            return (counted, f"what number of {self.counted}")
        if self.measure in ("price", "size"):
            return (counted, f"what {'sum' if self.measure == 'price' else 'size'} in {self.counted}")
        return (f"what {self.measure}", counted)


def read_quantity(text: str) -> Quantity | None:
    """The quantity that ``text`` begins with, qualifiers such as ``up to`` left out of ``core``; None where there is none.

    A bare number followed by a plural noun counts that noun: ``12 sensors`` -> counted ``sensors``.
    """
    match = QUANTITY.match(text)
    if match is None:
        return None
    core, after = match["core"].strip(), match["after"]
    if match["money"]:
        return Quantity(core, "price", _MONEY_NAMES[match["money"].strip()], after)
    return _measured(core, match["unit"], after) if match["unit"] else _counted(core, after)


def _measured(core: str, unit: str, after: str) -> Quantity | None:
    """A number with a unit: a rate, a share, an amount of something, or a plain measure."""
    measure, counted = next(named for forms, named in UNITS.items() if re.fullmatch(forms, unit))
    if per := PER.match(after):
        measure = measure if measure in ("flow rate", "speed") else "rate"
        return Quantity(core + per.group(), measure, counted + per.group(), after[per.end() :])
    if not after.startswith(" of "):
        return Quantity(core, measure, counted, after)
    if measure == "percentage":
        return Quantity(core, "", f"per cent{after}", "", f"percentage{after}")
    return Quantity(core, "", counted + after, "") if len(after.split()) <= MAX_COUNTED_WORDS else None


def _counted(core: str, after: str) -> Quantity | None:
    """A number before a plural noun: ``12 pressure sensors per site``."""
    words = after.split()
    for n in range(1, min(len(words), MAX_COUNTED_WORDS) + 1):
        word = words[n - 1].rstrip(",")
        if not word[:1].isalpha() or word in word_list("no_noun"):
            return None
        if is_plural(word):
            noun = " ".join([*words[: n - 1], word])
            behind = after.partition(noun)[2]
            per = PER.match(behind)
            rate = per.group() if per else ""
            return Quantity(f"{core} {noun}{rate}", "", f"{noun}{rate}", behind.removeprefix(rate))
    return None


def read_date(text: str) -> tuple[str, ...]:
    """Question words for a date, month, year or clock time that ``text`` consists of; empty for anything else."""
    match = DATE.match(text)
    if match is None:
        return ()
    if match["day"]:
        return ("when", "on what date", "on which day")
    if match["month"]:
        return ("when", "in what month", "in which month")
    return ("when", "in what year", "in which year") if match["year"] else ("when", "at what time")
