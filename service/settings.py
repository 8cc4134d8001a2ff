"""Settings: one frozen object, read once from `BRANDWARDEN_*` variables and handed to whoever needs it.

Every field `name` is the variable `BRANDWARDEN_NAME`. Nothing else in the project reads the environment.
"""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vision.embedding import Kind

PREFIX = "BRANDWARDEN_"
MIB = 1 << 20
GIB = 1 << 30


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names the variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Sizes are bytes, times are seconds."""

    host: str = "127.0.0.1"
    port: int = 8000
    data_dir: Path = Path("data")
    database_url: str | None = None
    """SQLAlchemy URL; None is SQLite inside `data_dir`."""
    blob_url: str | None = None
    """fsspec URL of the picture store (`file:///…`, `s3://bucket/prefix`); None is a folder inside `data_dir`."""
    model: str = "brandwarden-lite1"
    """A shipped model, `name/pretrained`, `hf-hub:…` or `local-dir:…`."""
    device: str = "auto"
    precision: str = "auto"
    engine: str = "auto"
    """`auto`, `openvino`, `onnxruntime` or `torch`."""
    cache_dir: Path | None = None
    """What is made once for a machine: converted models, and what was found out about engines."""
    operator_key: str | None = field(default=None, repr=False)
    signing_key: Path | None = None
    """PEM file of the Ed25519 key that signs evidence packets; None is one made inside `data_dir`."""
    secret_key: str | None = field(default=None, repr=False)
    """Seals secrets in the database; None is a key file in `data_dir`. The same for all processes on one database."""
    oidc_issuer: str | None = None
    """Where people may sign in by OpenID Connect; None is nowhere."""
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = field(default=None, repr=False)
    fetch_allow: tuple[str, ...] = ()
    """Private hosts or CIDRs that picture URLs and webhooks may reach."""
    fetch_timeout: float = 10.0
    public_url: str | None = None
    """Where people reach the pages, such as `https://brandwarden.example`; None is wherever the request came to."""

    image_max_bytes: int = 20 * MIB
    image_max_pixels: int = 50_000_000
    listing_max_images: int = 20
    listing_max_bytes: int = 64 * MIB
    catalog_max_bytes: int = 2 * GIB
    catalog_max_rows: int = 100_000
    batch_line_max_bytes: int = 32 * MIB
    descriptions_max_bytes: int = 6 * GIB
    """Disk for what verification made of reference pictures, in `data_dir`; 0 for none."""
    spool_max_bytes: int = 8 * GIB
    """Disk that uploads under way may take together."""
    body_timeout: float = 30.0
    """Longest wait for the next bytes of a request body."""

    queue_size: int = 64
    """Pictures that may be inside the pipeline; more are refused with 503."""
    queue_wait: float = 10.0
    """Longest wait that a picture may find, estimated; refused with 503 beyond it."""
    result_cache_bytes: int = 64 * MIB
    """Memory for what became of pictures, used when the same bytes come again; 0 for none."""
    batch_size: int = 8
    batch_wait: float = 0.004
    embed_threads: int = 1
    """Threads of one backbone pass on the CPU. More pay only where nothing else runs: they spin while they wait."""
    read_words: str = "auto"
    """`auto` reads the words in pictures where the extra `ocr` is installed, `off` never."""
    decode_threads: int = 2
    verify_threads: int = 2
    drain_timeout: float = 20.0
    canary_timeout: float = 5.0

    nulls_hours: float = 24.0
    """Hours after which the brands' nulls are learned anew from the traffic; 0 for never."""
    expected_photo_share: float | None = None
    """Share of right answers this marketplace expects among photo matches; None is what the model was fitted for."""
    expected_logo_share: float | None = None

    compare_seconds: float = 1.0
    """How often new references are compared with what was there before them; 0 for never."""
    prior_days: float = 7.0
    """A listing's picture seen so long before a verified brand's reference holds it; any before an unverified one's."""
    prior_pictures: int = 100_000
    """Listing pictures, the newest of those old enough, that new references are compared with; 0 for none."""
    registrations_per_hour: int = 10
    """Brands that one address may register within an hour."""

    lowest_hold: float = 0.50
    """The lowest confidence from which a brand may have listings held by its own policy."""
    lowest_takedown: float = 0.80
    """The same for taking them down; only the operator may go below, for one brand or for all."""

    second_review_share: float = 0.05
    """Share of the reviewers' decisions that another reviewer looks at, too."""
    idempotency_hours: int = 24
    flagged_days: int = 180
    clean_days: int = 30
    webhook_days: int = 30
    """How long deliveries that are over can be looked up and sent again."""
    seller_link_days: int = 180
    """How long a seller's link to a case works."""
    job_lease: float = 15.0
    """After so long without a sign of life a job is taken from its process and gone on with by another."""
    shadow_share: float = 0.1
    """Share of the live listings that a new model judges in shadow, unless the step says otherwise."""
    snapshot_every: int = 2_000
    """Index changes after which a snapshot is written in the background."""
    index_recall: float = 0.99
    """Share of the true ten nearest vectors that a search in an index is to find; 1 compares everything."""
    index_memory_mb: int = 0
    """What an index that compares everything may occupy; 0 is a quarter of the machine's memory."""
    log_format: str = "json"

    standing_days: float = 90.0
    """The rolling window over which a brand's claims are counted."""
    fast_lane_claims: int = 10
    """Decided claims of a reason that the fast lane takes at least."""
    fast_lane_upheld: float = 0.90
    fast_lane_countered: float = 0.05
    fast_lane_settle_days: float = 4.0
    """How long a removal that only the brand wanted stands before it counts as upheld."""
    lockout_days: float = 90.0
    unfounded_warning: int = 5
    """Unfounded claims within the window after which a brand is warned."""
    unfounded_suspension: int = 10
    """Unfounded claims within the window after which a brand that was warned is suspended."""
    unfounded_share: float = 0.20
    notices_per_hour: int = 20
    """Notices that one address may send within an hour without a key."""
    trusted_flaggers: tuple[str, ...] = ()
    """Ids of brands that a Digital Services Coordinator named trusted flaggers."""
    near_identical: float = 0.95
    """Similarity of whole pictures from which two sellers are taken to share one."""
    near_identical_recent: int = 20_000
    """Pictures of sellers held in memory to compare new ones with."""
    stock_sellers: int = 8
    """A picture that more sellers show is stock and says nothing of who sells it."""
    """Below this share of its decided claims a brand is neither warned nor suspended."""

    @property
    def sql_url(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'brandwarden.db').absolute()}"

    @property
    def people_url(self) -> str:
        """Where people reach the pages, for links that no request asks for."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def expected_shares(self) -> dict[Kind, float | None]:
        """The expected shares of right answers by kind."""
        return {"photo": self.expected_photo_share, "logo": self.expected_logo_share}

    @property
    def pictures_url(self) -> str:
        """The blob store URL in force."""
        return self.blob_url or (self.data_dir / "blobs").absolute().as_uri()

    @property
    def descriptions_dir(self) -> Path:
        """Where descriptions of reference pictures are kept; always local."""
        return self.data_dir / "descriptions"

    @property
    def snapshots_dir(self) -> Path:
        """Where index snapshots are kept; always local."""
        return self.data_dir / "snapshots"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
        """Settings from the environment; `overrides` that are not None win."""
        environ = os.environ if environ is None else environ
        hints = typing.get_type_hints(cls)
        values: dict[str, object] = {}
        for entry in dataclasses.fields(cls):
            raw = environ.get(PREFIX + entry.name.upper())
            if raw is not None and raw != "":
                values[entry.name] = _parse(PREFIX + entry.name.upper(), raw, hints[entry.name])
        values.update({name: value for name, value in overrides.items() if value is not None})
        return cls(**values)  # type: ignore[arg-type]  # parsed by the field's own type just above


def _parse(name: str, raw: str, hint: object) -> object:
    if typing.get_origin(hint) is types.UnionType:
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
    if typing.get_origin(hint) is tuple:
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if not isinstance(hint, type):
        raise TypeError(f"settings field {name} has a type that cannot be parsed")
    try:
        value = hint(raw)
    except ValueError as error:
        raise SettingsError(f"{name}={raw!r} is not a valid {hint.__name__}.") from error
    if isinstance(value, int | float) and not value >= 0:  # neither -1 day to keep a listing nor NaN seconds to wait
        raise SettingsError(f"{name}={raw!r} is less than nothing; give 0 or more.")
    return value
