"""The states and kinds that the engine tells apart; as text they stand in the cache and in JSON."""

from enum import StrEnum


class Route(StrEnum):
    """What is done about a query."""

    RETRIEVE = "retrieve"
    GENERATE = "generate"


class GenerateMode(StrEnum):
    """What is done about a query that nothing passes."""

    ASK = "ask"
    NOW = "now"
    NEVER = "never"


class JobKind(StrEnum):
    """What a job does."""

    INDEX = "index"
    ATTACH = "attach"
    IMPORT = "import"
    EXPORT = "export"
    DOWNLOAD = "download"
    GENERATE = "generate"
    SHEET = "sheet"
    EVALUATE = "evaluate"
    TRAIN = "train"
    MEASURE = "measure"
    """What texts that it lacks reach in a library; nobody asks for it, and none is remembered."""


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    """A person stopped it, and its work has not ended yet; the cache does not know this one."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    """The program that ran it ended before it did."""

    @property
    def is_active(self) -> bool:
        """Whether it waits or works."""
        return self in (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING)


class Unit(StrEnum):
    """What the progress of a job is counted in."""

    NONE = ""
    """In nothing that has a name."""
    FILES = "files"
    PICTURES = "pictures"
    TEXTS = "texts"
    BYTES = "bytes"
    STEPS = "steps"
    LIBRARIES = "libraries"


class ScorerKind(StrEnum):
    """The scorers that the program tells apart; engine/scoring/registry.py has them all."""

    COSINE = "cosine"
    MATCH = "match"
    """The probability that a picture answers: by the matcher in force, else label-free."""
    LABEL_FREE = "label-free"
    MAXSIM = "maxsim"
    """Late interaction: the words of a text against the patches of a picture."""
    HAMMING = "hamming"
    """The bits that a text and a picture share."""
    FUSION = "fusion"
    SHIPPED = "shipped"
    """The matcher that ships, in a report beside another for its encoder."""


def matcher_scorer(matcher_id: int) -> str:
    """The exact scorer that a matcher of the cache is."""
    return f"matcher {matcher_id}"


class HeadKind(StrEnum):
    """The networks that a matcher may be; engine/scoring/heads.py has them all."""

    MLP = "mlp"
    TWO_BRANCH = "two-branch"
    LOCAL_GLOBAL = "local-global"


class LossKind(StrEnum):
    """What a matcher is trained to make small; engine/workers/losses.py has them all."""

    BCE = "bce"
    """Binary cross-entropy over right and wrong pairs."""
    TRIPLET = "triplet"
    """A right pair above the hardest wrong ones of its batch, by a margin."""
    TRIANGLE = "triangle"
    """The same, and the wrong ones see the right pair under no large angle."""


class ZeroState(StrEnum):
    """What a decision knew of texts that the library lacks."""

    CURRENT = "current"
    """They were scored over the library as it is."""
    OLDER = "older"
    """They were scored before it changed, and are being scored again."""
    QUICK = "quick"
    """They were scored over a small sample."""
    LABEL_FREE = "label-free"
    """Not by the matcher yet: the label-free match decided in its place."""


class PatchWay(StrEnum):
    """How patches come into the joint space; engine/workers/local_states.py has each way."""

    PROJECTED = "projected"
    """As the pooled state does: the last norm, then the projection."""
    VALUES = "values"
    """The value path of the last layer (MaskCLIP)."""
    KEYS = "keys"
    """Values gathered from where the keys of the last layer are alike (NACLIP)."""
    POOLED = "pooled"
    """Through the attention pooling head, each patch as if it were attended alone."""


class FitStage(StrEnum):
    """How far the fit of a matcher is."""

    RESUMED = "resumed"
    """It goes on from where another one was stopped."""
    METRIC = "metric"
    """A step of the part that is a metric."""
    STEP = "step"
    """A step within an epoch."""
    EPOCHS = "epochs"
    """The end of an epoch."""


class DataKind(StrEnum):
    """What the texts of a data set are."""

    CAPTIONS = "captions"
    """Each was written for one picture, or some."""
    CLASSES = "classes"
    """Each stands for a folder of pictures."""
    WORDS = "words"
    """Each is a word that the captions of some pictures hold."""
    STORYBOOK = "storybook"
    """Rendered scenes: what each states is known to be true or false of every picture."""


class QuerySet(StrEnum):
    """Which queries a figure of routing is of."""

    ALL = "all"
    UNSEEN = "unseen"
    """Those that nothing was learned from."""


class PairedMeasure(StrEnum):
    """By what two scorers are compared on the same queries."""

    R1 = "r@1"
    MAP = "map"
    ROUTING = "routing"
    """The balanced accuracy at the threshold, the mean over library sizes."""
    UNSEEN_ROUTING = "routing of unseen texts"
    """The same of texts that nothing was learned from."""


class QueryKind(StrEnum):
    """What is known of the answers to a query of a data set."""

    PRESENT = "present"
    """Some pictures answer it."""
    ABSENT = "absent"
    """None does."""
    SATISFIED = "satisfied"
    """Some rendered scenes do."""
    FOREIGN = "foreign"
    """It names what the rendered world does not hold."""


class Direction(StrEnum):
    """What is asked of a data set, and what is to be found."""

    TEXT_TO_PICTURE = "text_to_picture"
    PICTURE_TO_TEXT = "picture_to_text"

    @property
    def words(self) -> str:
        """For people."""
        return self.value.replace("_to_", " -> ")


class Device(StrEnum):
    """Where a model runs."""

    AUTO = "auto"
    """The fastest that is there."""
    CUDA = "cuda"
    MPS = "mps"
    CPU = "cpu"


class NumberFormat(StrEnum):
    """How a model keeps its numbers."""

    AUTO = "auto"
    """The fastest that the device has of its own."""
    BF16 = "bf16"
    FP16 = "fp16"
    FP32 = "fp32"
    INT8 = "int8"
    """Linear layers in whole numbers of 8 bits, on a CPU (engine/models/quantized.py)."""


class VectorLayout(StrEnum):
    """How exported vectors lie on the disk."""

    NPZ = "npz"
    CLIP_RETRIEVAL = "clip-retrieval"


class ProcessState(StrEnum):
    """What a model process is doing."""

    OFF = "off"
    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"


class GenerationPhase(StrEnum):
    """What a generation is at."""

    WAITING = "waiting"
    """Another instance of the program generates on the device; the job goes on once it is free."""
    LOADING = "loading"
    """A generator is on its way into memory."""
    STEP = "step"
    """A denoising step is done."""
    DECODING = "decoding"
    """All steps are done; the latents become a picture."""


class AxisName(StrEnum):
    """What can vary over the columns of a sheet; engine/sheets/request.py says how."""

    MODEL = "model"
    LORA = "lora"
    LORA_WEIGHT = "lora-weight"
    SCHEDULER = "scheduler"
    STEPS = "steps"
    GUIDANCE = "guidance"
    STRENGTH = "strength"
    SEED = "seed"


class CellState(StrEnum):
    """What has become of a cell of a sheet."""

    WAITING = "waiting"
    PAINTED = "painted"
    """Its picture is stored, and scored where an encoder could be asked."""
    REJECTED = "rejected"
    """A picture came out as none."""


class CheckState(StrEnum):
    """How a check of `doctor` came out."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class ModelKind(StrEnum):
    """What a model is for."""

    ENCODER = "encoder"
    GENERATOR = "generator"


class Synthetic(StrEnum):
    """Whether generated pictures take part in a search."""

    SHOW = "show"
    HIDE = "hide"
    ONLY = "only"


class OutputCheck(StrEnum):
    """What was found in a picture that a generator made; only FINE ones are stored."""

    FINE = "fine"
    BLACK = "black"
    """No pixel is lit."""
    NOT_FINITE = "nan"
    """The model computed no numbers."""
    BLOCKED = "blocked"
    """The model's own safety checker blocked it."""

    @property
    def message(self) -> str:
        """What is said of it, to follow a name or a colon."""
        return _FINDINGS[self]


_FINDINGS = {
    OutputCheck.FINE: "it is fine",
    OutputCheck.BLACK: "it came out black",
    OutputCheck.NOT_FINITE: "the model computed no numbers",
    OutputCheck.BLOCKED: "the model's safety checker blocked it",
}


class FailureCause(StrEnum):
    """Who failed where a file gave no picture, and so what must change before it is tried again."""

    FILE = "file"
    """What it holds: tried again when it changes, or when the decoder does."""
    DECODER = "decoder"
    """The process that reads it crashed on it or hung: tried a few times."""
    MODEL = "model"
    """The picture was read, and the encoder's settings make nothing of it: for that encoder."""
    MOMENT = "moment"
    """Want of memory, of rights, a file being written: tried again by every run."""
