"""A random generator -> invented names, parts, numbers: everything that our made-up documents speak of."""

# ruff: noqa: PLR2004, SIM905  # shares of a mixture are plain numbers; word lists read better as running text

import random

ONSETS = "b br c ch cl d dr f fl g gl gr h j k kl kr l m n p pl pr qu r s sk sl sp st t th tr v w y z".split()
VOWELS = "a e i o u ai au ea ee ia io oa or ar er el an en in on".split()
CODAS = ["", "", "n", "r", "l", "s", "t", "x", "ck", "m", "nd", "rt", "lt", "st", "th", "sk", "rn", "v"]
FIRST_NAMES = """Ada Aldo Amara Anton Asha Bela Bruno Carla Cleo Dario Dora Edda Elif Emil Esra Fay Felix Gita Greta Hana Hugo Ida
Igor Ines Ivo Jana Joel Kaya Kemal Lars Lea Lena Leo Lina Luca Mara Marek Mina Nadia Nils Nora Olga Omar Oscar Petra Priya Rafa
Rosa Sami Sara Simon Tara Theo Tomas Uma Vera Viktor Wanda Yara Yusuf Zeno Zoe""".split()
COLOURS = "red blue green yellow white black grey orange brown violet silver amber turquoise cream pink".split()
MATERIALS = """steel brass copper aluminium bronze nickel zinc titanium glass rubber nylon cork oak ash graphite ceramic resin
felt leather silicone carbon teflon granite chalk tin lead cobalt ethanol acetone water vinegar ammonia glycerine paraffin
platinum palladium""".split()
MATERIAL_MODIFIERS = "hardened pure soft cast forged rolled sintered diluted clear coated recycled stainless pressed purified".split()
MODIFIERS = """upper lower front rear main left right inner outer inlet outlet clutch fuel oil water air brake drive gear pump
valve cover motor feed return safety pressure cooling heating control guide lock spare central side steering transfer supply drain
relief vacuum spindle signal power data reserve pilot primary secondary auxiliary hydraulic thermal optical magnetic rotary
sliding hinged floating fixed""".split()
PART_NOUNS = """bolt nut screw valve bearing filter sensor gasket shaft gear belt pump hose clamp spring piston seal housing
bracket lever switch relay fuse cable connector plate flange ring rod pin wheel roller nozzle pipe tank lid hinge panel display
battery fan heater cooler motor magnet coil lens mirror probe gauge dial knob handle lock latch drum disc blade cutter chain
sprocket pulley axle frame rail socket board antenna amplifier cylinder bushing washer manifold injector rotor stator thermostat
regulator chamber tray hopper conveyor arm joint cap plug""".split()
DEVICE_NOUNS = """pump drill lathe press compressor turbine engine robot printer scanner telescope microscope loom crane tractor
boat glider rover drone oven kiln mill mixer separator generator furnace freezer recorder spectrometer centrifuge lift tram
balance clock projector camera lamp harvester excavator sorter welder boiler charger inverter""".split()
SOFTWARE_NOUNS = """server scheduler compiler editor parser database library service queue gateway browser archive crawler planner
cache loader tool program router daemon toolkit engine simulator tracker index""".split()
METHOD_NOUNS = """method procedure test protocol algorithm technique scheme estimator filter transform index assay scale rule
search procedure""".split()
DATASET_NOUNS = ["dataset", "corpus", "collection", "benchmark", "survey", "archive", "test set"]
MODEL_NOUNS = ["model", "network", "classifier", "encoder", "tagger", "detector", "ranker", "translator"]
PROCESS_NOUNS = """annealing rinsing drying etching coating curing hardening distillation filtration fermentation extraction
polishing tempering casting grinding sintering bleaching bonding washing milling plating""".split()
GROUP_NOUNS = (
    """Institute Society Laboratory Foundation Company Works Council Agency Group Workshop University Office Union Committee""".split()
)
SITE_NOUNS = "dam bridge tower harbour quarry observatory museum tunnel mine lake reservoir station garden canal lighthouse park".split()
PREPOSITIONS = ["behind", "beside", "under", "above", "below", "inside", "next to", "in front of", "on top of", "opposite"]
PURPOSE_VERBS = """protect cool heat measure hold clean move filter store count align lift separate mix guide record test compress
release support detect mark sort rank select compare join cut seal drain reduce limit drive lock warn inspect""".split()
CODE_LETTERS = "ABCDEFGHKLMNPQRSTUVWXZ"


def word(rng: random.Random, n_syllables: int | None = None) -> str:
    """An invented word, capitalised: Varnolt, Kesra, Drummond by chance."""
    n_syllables = n_syllables or rng.choice((1, 2, 2, 2, 3))
    parts = [rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS[:6]) for _ in range(n_syllables - 1)]
    return ("".join(parts) + rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS)).capitalize()


def person(rng: random.Random) -> str:
    """A first name and an invented family name; sometimes with a title."""
    return rng.choice(("", "", "", "", "Dr. ", "Professor ")) + f"{rng.choice(FIRST_NAMES)} {word(rng, 2)}"


def place(rng: random.Random) -> str:
    """An invented town."""
    return word(rng, 1) + rng.choice("burg ford ham ton stad field mouth bridge holm wick dale a o ia".split())


def code(rng: random.Random) -> str:
    """A code such as KX-410, B7, QRT-52-M."""
    letters = "".join(rng.choices(CODE_LETTERS, k=rng.randint(1, 3)))
    digits = "".join(rng.choices("0123456789", k=rng.randint(1, 4)))
    tail = rng.choice(("", "", "", "", f"-{rng.choice(CODE_LETTERS)}", f"/{rng.randint(1, 99)}"))
    return letters + rng.choice(("-", "-", "", " ")) + digits + tail


def number(rng: random.Random, low: int, high: int) -> str:
    """A number in the range, spread over its orders of magnitude; at times with decimals or thousands separated."""
    value = min(high, max(low, round(low * (high / low) ** rng.random())))
    if value < 100 and rng.random() < 0.3:
        return f"{value}.{rng.randint(1, 9)}" if rng.random() < 0.7 else f"{value}.{rng.randint(11, 99)}"
    if value > 50 and rng.random() < 0.5:
        value = round(value, -1)
    return f"{value:,}" if value >= 1000 and rng.random() < 0.6 else str(value)
