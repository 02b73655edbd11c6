"""The ways firmware gets into a board, one row each: a tool and its command line, or a file that is copied.

The tools are other projects' programs; they are started as processes, never imported (several are GPL).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Parameters = Mapping[str, str | int]


@dataclass(frozen=True)
class Job:
    """What a command is made of. file: the image in the route's format; address: where it begins."""

    file: Path
    address: int
    port: str
    parameters: Parameters


@dataclass(frozen=True)
class Route:
    """tool: name of the program, "" when the file is copied to a drive. install: how to get it. format: a key of
    images.FORMATS. parameters: name -> type, of the board file's row; all are needed but those in `optional`.
    commands: arguments of the tool, call by call. check: arguments of a call that names the chip, to be made first.
    """

    summary: str
    tool: str
    install: str
    format: str
    needs_port: bool
    parameters: Mapping[str, type]
    commands: Callable[[Job], list[list[str]]]
    optional: frozenset[str] = frozenset()
    check: Callable[[Job], list[str]] | None = None


def _stm32(job: Job) -> list[str]:
    return ["--port", job.port, "--family", str(job.parameters["family"])]


def _stm32_uart(job: Job) -> list[list[str]]:
    at = f"{job.address:#x}"
    return [[*_stm32(job), "--erase", "--write", "--verify", "--address", at, "--go-address", at, str(job.file)]]


def _esptool(job: Job) -> list[list[str]]:
    chip = ["--chip", str(job.parameters["chip"]), "--port", job.port]
    return [[*chip, "write-flash", f"{int(job.parameters['offset']):#x}", str(job.file)]]


def _nrf_dfu(job: Job) -> list[list[str]]:
    package = job.file.with_suffix(".zip")
    softdevice = f"{int(job.parameters['softdevice']):#06x}"
    make = ["dfu", "genpkg", "--dev-type", "0x0052", "--sd-req", softdevice, "--application", str(job.file)]
    send = ["dfu", "serial", "--package", str(package), "-p", job.port, "-b", "115200", "--singlebank"]
    return [[*make, str(package)], [*send, "--touch", "1200"]]


def _pyocd(job: Job) -> list[list[str]]:
    return [["flash", "--target", str(job.parameters["target"]), str(job.file)]]


def _openocd(job: Job) -> list[list[str]]:
    arguments: list[str] = []
    for script in str(job.parameters["scripts"]).split():
        arguments += ["-f", script]
        if "transport" in job.parameters and len(arguments) == 2:
            arguments += ["-c", f"transport select {job.parameters['transport']}"]
    return [[*arguments, "-c", f"program {{{job.file}}} verify reset exit"]]


def _picotool(job: Job) -> list[list[str]]:
    return [["load", "--verify", "--execute", str(job.file)]]


def _dfu_util(job: Job) -> list[list[str]]:
    device = str(job.parameters["device"])
    return [["-d", device, "-a", "0", "-s", f"{job.address:#x}:leave", "-D", str(job.file)]]


def _bossac(job: Job) -> list[list[str]]:
    return [["-U", "-i", "-e", "-w", "-R", f"--port={job.port}", str(job.file)]]


def _minichlink(job: Job) -> list[list[str]]:
    return [["-w", str(job.file), "flash", "-b"]]


def _wlink(job: Job) -> list[list[str]]:
    return [["flash", "--chip", str(job.parameters["chip"]), str(job.file)]]


def _wchisp(job: Job) -> list[list[str]]:
    return [["flash", str(job.file)]]


def _copied(_: Job) -> list[list[str]]:
    return []


ROUTES: Mapping[str, Route] = {
    "stm32_uart": Route(
        "the boot loader in an STM32's ROM, on a UART (AN3155)",
        "stm32loader",
        "pip install 'edgeq[flash]'",
        "bin",
        True,
        {"family": str, "chip_id": int},
        _stm32_uart,
        check=_stm32,
    ),
    "esptool": Route(
        "the boot loader in an ESP32's ROM",
        "esptool",
        "pip install 'edgeq[flash]'",
        "esp",
        True,
        {"chip": str, "offset": int},
        _esptool,
    ),
    "nrf_dfu": Route(
        "serial DFU of Adafruit's boot loader for nRF52",
        "adafruit-nrfutil",
        "pip install 'edgeq[flash]'",
        "hex",
        True,
        {"softdevice": int},
        _nrf_dfu,
    ),
    "pyocd": Route(
        "a CMSIS-DAP, ST-LINK or J-Link probe",
        "pyocd",
        "pip install 'edgeq[flash]'",
        "elf",
        False,
        {"target": str, "pack": str},
        _pyocd,
        optional=frozenset({"pack"}),
    ),
    "openocd": Route(
        "any probe that OpenOCD knows",
        "openocd",
        "apt install openocd",
        "elf",
        False,
        {"scripts": str, "transport": str},
        _openocd,
        optional=frozenset({"transport"}),
    ),
    "uf2_drive": Route(
        "a UF2 file copied to the boot loader's drive",
        "",
        "",
        "uf2",
        False,
        {"volume": str, "family": int},
        _copied,
    ),
    "hex_drive": Route(
        "a HEX file copied to the drive of a DAPLink",
        "",
        "",
        "hex",
        False,
        {"volume": str},
        _copied,
    ),
    "picotool": Route(
        "the USB boot loader of RP2040 and RP2350",
        "picotool",
        "https://github.com/raspberrypi/picotool",
        "uf2",
        False,
        {"family": int},
        _picotool,
    ),
    "dfu_util": Route(
        "USB DFU",
        "dfu-util",
        "apt install dfu-util",
        "bin",
        False,
        {"device": str},
        _dfu_util,
    ),
    "bossac": Route(
        "the boot loader of Arduino's nRF52 boards",
        "bossac",
        "Arduino's own build: arduino-cli core install arduino:mbed_nano",
        "bin",
        True,
        {},
        _bossac,
    ),
    "minichlink": Route(
        "a WCH-LinkE and one wire",
        "minichlink",
        "https://github.com/cnlohr/ch32fun",
        "bin",
        False,
        {},
        _minichlink,
    ),
    "wlink": Route(
        "a WCH-Link probe",
        "wlink",
        "cargo install wlink",
        "bin",
        False,
        {"chip": str},
        _wlink,
    ),
    "wchisp": Route(
        "the USB boot loader in a WCH chip's ROM",
        "wchisp",
        "cargo install wchisp",
        "bin",
        False,
        {},
        _wchisp,
    ),
}
"""Name in board files -> route."""
