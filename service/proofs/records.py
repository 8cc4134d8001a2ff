"""Proofs in SQL: rows made into values and back, each on the caller's transaction. Decides nothing."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import sqlalchemy as sa

from service.cases.tables import CASES
from service.proofs.tables import PROOF_TWINS, PROOF_VECTORS, PROOFS
from service.proofs.values import Grade, Proof
from vision.embedding import Vectors

_NAMES = tuple(field.name for field in dataclasses.fields(Proof))
_COLUMNS = tuple(PROOFS.c[name] for name in _NAMES)
_BLOCK = 4096
"""Vectors held in memory while all are searched."""


@dataclasses.dataclass(frozen=True, slots=True)
class Other:
    """A proof of another seller: its case, and how it resembles (`file`, `number`, or a `Grade`)."""

    case_id: str
    how: str


def insert(connection: sa.Connection, proof: Proof) -> Proof:
    """Write a new proof; it comes back with its primary key."""
    values = {name: getattr(proof, name) for name in _NAMES if name != "pk"}
    pk = connection.scalar(sa.insert(PROOFS).values(**values).returning(PROOFS.c.pk))
    return dataclasses.replace(proof, pk=int(pk or 0))


def of_cases(connection: sa.Connection, case_pks: Collection[int]) -> dict[int, list[Proof]]:
    """The proofs of each case, oldest first, by the case's primary key."""
    found: dict[int, list[Proof]] = defaultdict(list)
    query = sa.select(*_COLUMNS).where(PROOFS.c.case_pk.in_(case_pks)).order_by(PROOFS.c.pk)
    for row in connection.execute(query):
        found[row.case_pk].append(Proof(**row._mapping))
    return found


def drop_caseless(connection: sa.Connection, limit: int) -> frozenset[str]:
    """Erase proofs whose case is gone; the files they named."""
    columns = (PROOFS.c.pk, PROOFS.c.stored_sha256, PROOFS.c.preview_sha256)
    query = sa.select(*columns).where(PROOFS.c.case_pk.is_(None)).limit(limit).with_for_update(skip_locked=True)
    rows = connection.execute(query).all()
    if rows:
        connection.execute(sa.delete(PROOFS).where(PROOFS.c.pk.in_([row.pk for row in rows])))
    return frozenset(sha256 for row in rows for sha256 in row[1:])


def others(connection: sa.Connection, proofs: Sequence[Proof]) -> Mapping[int, Sequence[Other]]:
    """What other sellers sent that resembles each of `proofs`, by its primary key: three queries for all of them."""
    pks = [proof.pk for proof in proofs]
    one, other = PROOFS.alias("one"), PROOFS.alias("other")
    stranger = sa.or_(one.c.marketplace != other.c.marketplace, one.c.seller != other.c.seller)
    link = {
        "file": one.c.sha256 == other.c.sha256,
        "number": sa.and_(one.c.brand_id == other.c.brand_id, one.c.number_key == other.c.number_key),
    }
    found: dict[int, list[Other]] = defaultdict(list)
    for how, alike in link.items():
        query = sa.select(one.c.pk, CASES.c.id).select_from(one).join(other, sa.and_(alike, stranger))
        query = query.join(CASES, CASES.c.pk == other.c.case_pk).where(one.c.pk.in_(pks)).distinct()
        for pk, case_id in connection.execute(query.order_by(CASES.c.id)):
            found[pk].append(Other(case_id, how))
    twins = sa.select(PROOF_TWINS.c.proof_pk, PROOF_TWINS.c.grade, CASES.c.id)
    twins = twins.join(PROOFS, PROOFS.c.pk == PROOF_TWINS.c.twin_pk).join(CASES, CASES.c.pk == PROOFS.c.case_pk)
    for pk, grade, case_id in connection.execute(twins.where(PROOF_TWINS.c.proof_pk.in_(pks)).order_by(CASES.c.id)):
        found[pk].append(Other(case_id, grade))
    return found


def not_compared(connection: sa.Connection, limit: int) -> Sequence[Proof]:
    """Proofs that were not compared yet, the oldest first."""
    return _some(connection, sa.not_(PROOFS.c.compared), limit)


def not_embedded(connection: sa.Connection, space: str, limit: int) -> Sequence[Proof]:
    """Proofs without a vector in `space`, the oldest first."""
    here = PROOF_VECTORS.c.proof_pk == PROOFS.c.pk, PROOF_VECTORS.c.space == space
    return _some(connection, ~sa.select(PROOF_VECTORS.c.proof_pk).where(*here).exists(), limit)


def _some(connection: sa.Connection, condition: sa.ColumnElement[bool], limit: int) -> Sequence[Proof]:
    query = sa.select(*_COLUMNS).where(condition, PROOFS.c.case_pk.is_not(None)).order_by(PROOFS.c.pk).limit(limit)
    return [Proof(**row._mapping) for row in connection.execute(query)]


def write_vector(connection: sa.Connection, proof: Proof, space: str, vector: Vectors) -> None:
    """Keep the vector `[d]` of a first page; nothing where another process was quicker, or the proof is gone."""
    here = PROOF_VECTORS.c.proof_pk == proof.pk, PROOF_VECTORS.c.space == space
    held = sa.select(PROOFS.c.pk).where(PROOFS.c.pk == proof.pk).with_for_update()
    if connection.scalar(held) is None or connection.scalar(sa.select(PROOF_VECTORS.c.space).where(*here)) is not None:
        return
    values = {"proof_pk": proof.pk, "space": space, "vector": vector.astype(np.float16).tobytes()}
    connection.execute(sa.insert(PROOF_VECTORS).values(**values))


def blocks(connection: sa.Connection, proof: Proof, space: str) -> Iterator[tuple[list[int], Vectors]]:
    """Primary keys and vectors `[n, d]` of every first page that another seller sent, a few thousand at a time."""
    stranger = sa.or_(PROOFS.c.marketplace != proof.marketplace, PROOFS.c.seller != proof.seller)
    query = (
        sa.select(PROOF_VECTORS.c.proof_pk, PROOF_VECTORS.c.vector)
        .join(PROOFS, PROOFS.c.pk == PROOF_VECTORS.c.proof_pk)
        .where(PROOF_VECTORS.c.space == space, stranger, PROOFS.c.case_pk.is_not(None))
        .order_by(PROOF_VECTORS.c.proof_pk)
        .limit(_BLOCK)
    )
    last = 0
    while rows := connection.execute(query.where(PROOF_VECTORS.c.proof_pk > last)).all():
        vectors = np.frombuffer(b"".join(row.vector for row in rows), np.float16).reshape(len(rows), -1)
        yield [row.proof_pk for row in rows], vectors.astype(np.float32)
        last = rows[-1].proof_pk


def previews(connection: sa.Connection, pks: Collection[int]) -> dict[int, str]:
    """The SHA-256 of each proof's preview."""
    query = sa.select(PROOFS.c.pk, PROOFS.c.preview_sha256).where(PROOFS.c.pk.in_(pks))
    return {row.pk: row.preview_sha256 for row in connection.execute(query)}


def write_twins(connection: sa.Connection, proof: Proof, grades: Mapping[int, Grade]) -> None:
    """Say of a proof that it was compared, and write down both ways what it resembles and is still there."""
    pks = sorted({proof.pk, *grades})
    there = set(connection.scalars(sa.select(PROOFS.c.pk).where(PROOFS.c.pk.in_(pks)).with_for_update()))
    if proof.pk not in there:
        return
    of_proof = sa.select(PROOF_TWINS.c.twin_pk).where(PROOF_TWINS.c.proof_pk == proof.pk)
    known = set(connection.scalars(of_proof))  # another process may have compared the same two the other way round
    pairs = [(proof.pk, pk, grade) for pk, grade in grades.items() if pk in there - known]
    pairs += [(two, one, grade) for one, two, grade in pairs]
    if pairs:
        rows = [dict(zip(("proof_pk", "twin_pk", "grade"), pair, strict=True)) for pair in pairs]
        connection.execute(sa.insert(PROOF_TWINS), rows)
    connection.execute(sa.update(PROOFS).where(PROOFS.c.pk == proof.pk).values(compared=True))
