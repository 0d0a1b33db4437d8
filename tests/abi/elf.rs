// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The dynamic symbols that an ELF file defines: a reader of 64-bit little-endian files, no more.

/// The names of all defined dynamic symbols.
pub fn defined_symbols(file: &[u8]) -> Vec<String> {
    assert_eq!(file[..6], [0x7f, b'E', b'L', b'F', 2, 1], "ELF, 64 bit, little-endian");
    let sections = sections(file);
    let table = sections.iter().find(|section| section.kind == SHT_DYNSYM).expect(".dynsym");
    let strings = &sections[table.link];
    let names = &file[strings.offset..strings.offset + strings.size];
    let entries = file[table.offset..table.offset + table.size].chunks_exact(SYMBOL);
    entries
        .filter(|entry| number(entry, 6, 2) != SHN_UNDEF)
        .map(|entry| {
            let rest = &names[number(entry, 0, 4)..];
            let end = rest.iter().position(|byte| *byte == 0).expect("end of name");
            String::from_utf8(rest[..end].to_vec()).expect("name")
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// The entries of the dynamic section: tag and value.
pub fn dynamic(file: &[u8]) -> Vec<(usize, usize)> {
    let sections = sections(file);
    let table = sections.iter().find(|section| section.kind == SHT_DYNAMIC).expect(".dynamic");
    let entries = file[table.offset..table.offset + table.size].chunks_exact(16);
    entries.map(|entry| (number(entry, 0, 8), number(entry, 8, 8))).collect()
}

/// The names of the libraries that the file needs.
pub fn needed(file: &[u8]) -> Vec<String> {
    let sections = sections(file);
    let table = sections.iter().find(|section| section.kind == SHT_DYNAMIC).expect(".dynamic");
    let strings = &sections[table.link];
    let name = |at: usize| {
        let rest = &file[strings.offset + at..];
        let end = rest.iter().position(|byte| *byte == 0).expect("end of name");
        String::from_utf8(rest[..end].to_vec()).expect("name")
    };
    dynamic(file).into_iter().filter(|(tag, _)| *tag == DT_NEEDED).map(|(_, at)| name(at)).collect()
}

struct Section {
    kind: usize,
    offset: usize,
    size: usize,
    link: usize,
}

fn sections(file: &[u8]) -> Vec<Section> {
    let (start, size, count) =
        (number(file, 0x28, 8), number(file, 0x3a, 2), number(file, 0x3c, 2));
    let headers = file[start..start + size * count].chunks_exact(size);
    headers
        .map(|header| Section {
            kind: number(header, 4, 4),
            offset: number(header, 0x18, 8),
            size: number(header, 0x20, 8),
            link: number(header, 0x28, 4),
        })
        .collect()
}

fn number(bytes: &[u8], at: usize, width: usize) -> usize {
    let bytes = bytes[at..at + width].iter().rev();
    bytes.fold(0, |value, byte| (value << 8) | usize::from(*byte))
}

const SHT_DYNSYM: usize = 11;
const SHT_DYNAMIC: usize = 6;
const SHN_UNDEF: usize = 0;
const DT_NEEDED: usize = 1;
const SYMBOL: usize = 24;
