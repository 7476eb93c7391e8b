"""Sums over weights, to choose one in proportion to its size and to change single ones.

Weights (single precision) come in G groups, weight i in group i mod G; a binary tree of double
precision holds the sums over groups: level by level, the root at 1, the groups in its second half.
Node p of n has the children p and p + n, so that all sums run over neighbours in memory, many at
once. Every sum is made from its parts, never by differences: it does not drift, and a tree built
anew is the same to the last bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from opendicke.model.checks import Array

_WIDE = 16
# Below this number, groups of one are faster.
_MANY = 512


def empty(count: int) -> tuple[Array, Array, Array]:
    """Weights (padded), sums over groups (G,), and the tree, for `count` weights."""
    lanes = 1 if count <= _MANY else _WIDE
    groups = -(-count // lanes)
    leaves = 1 << max(1, (groups - 1).bit_length())
    weights = np.zeros(lanes * groups, dtype=np.float32)
    return weights, np.zeros(groups), np.zeros(2 * leaves)


@njit(cache=True, nogil=True)
def sum_up(weights: Array, sums: Array, tree: Array) -> None:
    """All sums."""
    groups = len(sums)
    for g in range(groups):
        sums[g] = weights[g]
    for start in range(groups, len(weights), groups):
        lane = weights[start : start + groups]
        for g in range(groups):
            sums[g] += lane[g]
    size = len(tree) >> 1
    leaf = tree[size : size + groups]
    for g in range(groups):
        leaf[g] = sums[g]
    size >>= 1
    while size > 0:
        upper = tree[size : 2 * size]
        lower = tree[2 * size : 3 * size]
        higher = tree[3 * size : 4 * size]
        for p in range(size):
            upper[p] = lower[p] + higher[p]
        size >>= 1


@njit(inline="always")
def replace(weights, groups, tree, item, value):  # type: ignore[no-untyped-def]
    """Another value of one weight, in all sums."""
    weights[item] = value
    node = item % groups
    total = np.float64(weights[node])
    for place in range(node + groups, len(weights), groups):
        total += weights[place]
    size = len(tree) >> 1
    tree[size + node] = total
    while size > 1:
        size >>= 1
        node &= size - 1
        tree[size + node] = tree[2 * size + node] + tree[3 * size + node]


@njit(inline="always")
def select(weights, groups, tree, rest):  # type: ignore[no-untyped-def]
    """The weight in which `rest`, below the sum of all, falls."""
    size, node = 1, 0
    leaves = len(tree) >> 1
    while size < leaves:
        left = tree[2 * size + node]
        beyond = rest >= left
        rest -= left if beyond else 0.0
        node += size if beyond else 0
        size *= 2
    # Round-off may end in an empty leaf beyond the last group.
    item = min(node, groups - 1)
    last = len(weights) - groups
    while item < last and rest >= weights[item]:
        rest -= weights[item]
        item += groups
    return item
