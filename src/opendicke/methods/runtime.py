"""JAX as a guest: double precision and a disk cache without touching the user's settings.

Double precision is a switch of the whole process in JAX. Here it is on only inside
`double_precision()`, in this thread. Programs are compiled ahead of time and kept, in memory by
shapes and on disk in the user's cache folder, unless the user has set a cache of their own or
`OPENDICKE_CACHE` says "off" or names another folder.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

_lock = threading.RLock()


@contextmanager
def double_precision() -> Iterator[None]:
    """Double precision for the enclosed JAX code of this thread only.

    Other settings that change the meaning of a program are put to their defaults as well.
    """
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        jax.disable_jit(False),
        jax.threefry_partitionable(True),
        # Accelerators may shorten factors of products; a CPU has slower products for "highest".
        jax.default_matmul_precision(None if jax.default_backend() == "cpu" else "highest"),
    ):
        yield


def device_name() -> str:
    """The device that programs run on, for provenance."""
    device = _device()
    return f"{device.platform}: {device.device_kind} ({os.cpu_count()} cores, {platform.machine()})"


def device_kind() -> str:
    """Which platform programs run on: "cpu", "gpu" or another."""
    kind: str = _device().platform
    return kind


def _device() -> Any:
    """JAX's default device of this thread."""
    return next(iter(jax.numpy.zeros(()).devices()))


@lru_cache(maxsize=1)
def cache_folder() -> Path | None:
    """Folder for compiled programs, or None if there is to be none."""
    import platformdirs

    wish = os.environ.get("OPENDICKE_CACHE", "")
    if wish.lower() in ("off", "0", "no"):
        return None
    root = Path(wish) if wish else Path(platformdirs.user_cache_dir("opendicke"))
    # Programs hold machine code: one folder per kind of machine.
    folder = root / f"programs-{platform.machine()}-jax{jax.__version__}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


@contextmanager
def _disk_cache() -> Iterator[None]:
    """Switch the disk cache on for one compilation, and leave no trace in JAX's settings."""
    folder = cache_folder()
    if folder is None or _setting("jax_compilation_cache_dir") is not None:
        yield
        return
    settings: dict[str, Any] = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: _setting(name) for name in settings}
    _set(settings)
    try:
        yield
    finally:
        _set(before)


def _setting(name: str) -> Any:
    return getattr(jax.config, name)


def _set(settings: dict[str, Any]) -> None:
    update: Callable[[str, Any], None] = jax.config.update
    for name, value in settings.items():
        update(name, value)
    compilation_cache.reset_cache()


class Program:
    """A function compiled once for each set of argument shapes.

    Attributes
    ----------
    compilations : int
        How many programs were made so far: another draw of the same ensemble adds none.
    compile_seconds : float
        Time spent on them.
    """

    def __init__(self, function: Callable[..., Any], static: tuple[str, ...] = ()) -> None:
        self._jitted = jax.jit(function, static_argnames=static)
        self._compiled: dict[Any, Any] = {}
        self.compilations = 0
        self.compile_seconds = 0.0

    def __call__(self, *args: Any, **static: Any) -> Any:
        """Run on arrays; must be called inside `double_precision()` for double precision."""
        leaves, structure = jax.tree.flatten(args)
        key = (
            _device(),
            structure,
            tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves),
            tuple(sorted(static.items())),
        )
        program = self._compiled.get(key)
        if program is None:
            with _lock:
                program = self._compiled.get(key)  # another thread may have been faster
                if program is None:
                    program = self._compiled[key] = self._compile(args, static)
        return program(*args)

    def _compile(self, args: Any, static: dict[str, Any]) -> Any:
        start = time.perf_counter()
        with _disk_cache():
            program = self._jitted.lower(*args, **static).compile()
        self.compilations += 1
        self.compile_seconds += time.perf_counter() - start
        return program
