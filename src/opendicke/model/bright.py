"""Exact reduction 2: of degenerate modes only as many couple as the spins can tell apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.model.checks import Array


class Modes(NamedTuple):
    """Bright modes b = Qᵀ a; what is left of the original modes is dark and evolves freely."""

    couplings: Array
    """Couplings of the groups to the bright modes, (K, L)."""
    source: Array
    """For each bright mode, an original mode of the same frequency and rates, (L,)."""
    rotation: Array | None
    """Q, (M, L), real with orthonormal columns; None where no mode was rotated."""
    wide: tuple[int, ...] = ()
    """Sizes of the blocks that hold more modes than there are groups."""


def unrotated(rows: Array) -> Modes:
    """All modes as they are."""
    return Modes(rows, np.arange(rows.shape[1]), None)


def bright_modes(rows: Array, alike: Array) -> Modes:
    """Rotate each block of degenerate modes so that as few as possible couple.

    Parameters
    ----------
    rows : array (K, M)
        Couplings of the groups.
    alike : array (M, features)
        Modes with equal features (frequency, loss, gain, occupation) are degenerate.
    """
    modes = rows.shape[1]
    _, block_of = np.unique(alike + 0.0, axis=0, return_inverse=True)
    block_of = np.ravel(block_of)
    blocks = np.split(np.argsort(block_of, kind="stable"), np.cumsum(np.bincount(block_of))[:-1])
    bases = [_row_space(rows[:, block]) for block in blocks]
    if all(basis is None for basis in bases):
        return unrotated(rows)
    couplings, source, columns = [], [], []
    for block, basis in zip(blocks, bases, strict=True):
        local = np.eye(len(block)) if basis is None else basis
        column = np.zeros((modes, local.shape[1]))
        column[block] = local
        couplings.append(rows[:, block] if basis is None else rows[:, block] @ local)
        source.append(block[: local.shape[1]])
        columns.append(column)
    return Modes(
        np.concatenate(couplings, axis=1),
        np.concatenate(source),
        np.concatenate(columns, axis=1),
        tuple(len(block) for block in blocks if len(block) > len(rows)),
    )


def _row_space(block: Array) -> Array | None:
    """Orthonormal basis (m, r) of the rows of `block` (K, m), or None if it saves no mode."""
    groups, modes = block.shape
    if modes == 1:
        return None
    if modes > groups:
        # More modes than groups: min(K, m) columns whatever the numerical rank, so that every
        # draw of the same sizes has the same shapes.
        return np.asarray(np.linalg.qr(block.T, mode="reduced")[0])
    triangle = np.linalg.qr(block, mode="r")
    _, singular, right = np.linalg.svd(triangle)
    rank = int((singular > singular[0] * modes * np.finfo(float).eps * 4).sum()) or 1
    return None if rank == modes else np.asarray(right[:rank].T)
