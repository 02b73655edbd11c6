"""What is in an object file: symbols, writable data, and the fields of a struct from the debug information."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

WRITABLE, LOADED = 1, 2


@dataclass(frozen=True)
class ObjectFile:
    """Global functions and data that it defines, what it wants, and bytes of .data and .bss."""

    functions: frozenset[str]
    undefined: frozenset[str]
    writable_bytes: int


def read_object(path: Path) -> ObjectFile:
    """Reads an ELF object."""
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        elf = ELFFile(stream)
        named = [s for s in elf.get_section_by_name(".symtab").iter_symbols() if s.name]
        outside = [s for s in named if s["st_info"]["bind"] != "STB_LOCAL"]
        return ObjectFile(
            frozenset(s.name for s in outside if s["st_shndx"] != "SHN_UNDEF"),
            frozenset(s.name for s in outside if s["st_shndx"] == "SHN_UNDEF"),
            sum(
                section["sh_size"]
                for section in elf.iter_sections()
                if section["sh_flags"] & WRITABLE and section["sh_flags"] & LOADED
            ),
        )


def struct_fields(path: Path, typedef: str) -> list[str]:
    """Names of the fields of a typedef'd struct."""
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        for unit in ELFFile(stream).get_dwarf_info().iter_CUs():
            for entry in unit.iter_DIEs():
                name = entry.attributes.get("DW_AT_name")
                if entry.tag == "DW_TAG_typedef" and name is not None and name.value.decode() == typedef:
                    struct = entry.get_DIE_from_attribute("DW_AT_type")
                    while struct.tag == "DW_TAG_typedef":  # one operator may share another's struct
                        struct = struct.get_DIE_from_attribute("DW_AT_type")
                    fields = (child for child in struct.iter_children() if child.tag == "DW_TAG_member")
                    return [field.attributes["DW_AT_name"].value.decode() for field in fields]
    raise LookupError(f"{path.name} has no type {typedef}")
