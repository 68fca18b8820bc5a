"""The devices that a model can run on."""

from __future__ import annotations

from typing import Literal

from mp3restore.errors import UsageError

__all__ = ["Device", "device_of", "providers_for"]

Device = Literal["auto", "cpu", "cuda", "coreml", "dml"]

_PROVIDERS: dict[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
}
_HINTS = {
    "cuda": "this needs an NVIDIA GPU, its driver, and the package onnxruntime-gpu instead of onnxruntime",
    "coreml": "this needs a Mac",
    "dml": "this needs Windows, and the package onnxruntime-directml instead of onnxruntime",
}


def providers_for(device: Device) -> list[str]:
    """Return the execution providers to ask ONNX Runtime for, the best first.

    Raises
    ------
    UsageError
        If the device is unknown or not available.
    """
    import onnxruntime as ort  # noqa: PLC0415 - the command line imports the names of the devices from here

    available = ort.get_available_providers()
    if device == "auto":
        wanted = [_PROVIDERS["cuda"], _PROVIDERS["cpu"]]  # the others are less exact
        return [provider for provider in wanted if provider in available]
    if device not in _PROVIDERS:
        raise UsageError(f"unknown device '{device}'", hint=f"use auto, {', '.join(_PROVIDERS)}")
    if _PROVIDERS[device] not in available:
        raise no_device(device)
    return [_PROVIDERS[device]]


def device_of(providers: list[str], wanted: Device) -> str:
    """Return the name of the device that a session actually uses.

    Raises
    ------
    UsageError
        If it is not the one that was asked for.
    """
    names = {provider: name for name, provider in _PROVIDERS.items()}
    got = names.get(providers[0], providers[0])
    if wanted not in ("auto", got):
        raise no_device(wanted)
    return got


def no_device(device: str) -> UsageError:
    """Return the error for a device that is not available."""
    return UsageError(f"the device '{device}' is not available", hint=_HINTS.get(device, "use --device auto"))
