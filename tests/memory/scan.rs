// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The memory of another process, page by page as the kernel describes it, searched for secrets.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A secret, as the places it may be found by.
pub struct Needle {
    pub name: String,
    pieces: Vec<Vec<u8>>,
}

/// A mapping.
#[derive(Clone, Debug)]
pub struct Region {
    pub start: u64,
    pub end: u64,
    pub writable: bool,
    /// Of a file, or what the kernel calls it.
    pub path: String,
    pub flags: String,
}

/// A secret that was found.
#[derive(Debug)]
pub struct Hit {
    pub name: String,
    pub address: u64,
    pub region: Region,
}

impl Needle {
    /// A secret is found where any 16 bytes of it are that begin at a multiple of 16 (short ones: where
    /// all of it is), in the order given and in reverse, as numbers are kept. Pieces that begin or end
    /// with nothing are left out.
    pub fn new(name: &str, secret: &[u8]) -> Needle {
        assert!(secret.len() >= 12, "{name} would be found by chance");
        let mut pieces = Vec::new();
        let width = secret.len().min(PIECE);
        for piece in secret.chunks_exact(width) {
            let plain = piece.iter().all(|byte| *byte == piece[0]);
            if plain || piece.starts_with(&[0, 0]) || piece.ends_with(&[0, 0]) {
                continue;
            }
            pieces.push(piece.to_vec());
            pieces.push(piece.iter().rev().copied().collect());
        }
        assert!(!pieces.is_empty(), "{name} would be found by chance");
        Needle { name: name.to_string(), pieces }
    }
}

impl Region {
    /// Whether a core dump has it: what is written of it, where the process did not take it out.
    pub fn in_core(&self) -> bool {
        self.writable && !self.has("dd")
    }

    /// Whether the kernel keeps it in memory.
    pub fn locked(&self) -> bool {
        self.has("lo")
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.split(' ').any(|other| other == flag)
    }
}

/// Everything in a process that it could have written to and the needles that are there.
pub fn process(pid: u32, needles: &[Needle]) -> Vec<Hit> {
    some(pid, needles, |_| true)
}

/// The same in some of its mappings.
pub fn some(pid: u32, needles: &[Needle], which: impl Fn(&Region) -> bool) -> Vec<Hit> {
    let memory = File::open(format!("/proc/{pid}/mem")).expect("the memory of a child");
    let mut hits = Vec::new();
    for region in regions(pid).into_iter().filter(|region| region.writable && which(region)) {
        let mut bytes = vec![0; (region.end - region.start) as usize];
        // Guard pages and the like cannot be read, by nobody.
        if memory.read_exact_at(&mut bytes, region.start).is_err() {
            continue;
        }
        for (name, at) in search(&bytes, needles) {
            hits.push(Hit { name, address: region.start + at as u64, region: region.clone() });
        }
    }
    hits
}

/// The needles in the memory that a core file holds. Its notes are left out: they are the registers.
pub fn core(path: &Path, needles: &[Needle]) -> Vec<String> {
    let bytes = std::fs::read(path).expect("a core file");
    assert_eq!(bytes[..5], *b"\x7fELF\x02", "64 bits");
    let number = |at: usize, len: usize| {
        let mut number = [0; 8];
        number[..len].copy_from_slice(&bytes[at..at + len]);
        u64::from_ne_bytes(number) as usize
    };
    // elf(5): e_phoff, e_phentsize, e_phnum; p_type, p_offset, p_filesz.
    let (first, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let headers = (0..count).map(|header| first + header * size);
    let loaded = headers.filter(|header| number(*header, 4) == PT_LOAD);
    let parts = loaded.map(|header| &bytes[number(header + 8, 8)..][..number(header + 32, 8)]);
    parts.flat_map(|part| search(part, needles)).map(|(name, _)| name).collect()
}

/// The mappings of a process.
pub fn regions(pid: u32) -> Vec<Region> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps")).expect("smaps of a child");
    let mut regions: Vec<Region> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(flags) = line.strip_prefix("VmFlags: ") {
            regions.last_mut().expect("a mapping").flags = flags.trim().to_string();
        } else if let Some((start, end)) = words[0].split_once('-') {
            let number = |text| u64::from_str_radix(text, 16).expect("an address");
            regions.push(Region {
                start: number(start),
                end: number(end),
                writable: words[1].contains('w'),
                path: words.get(5).copied().unwrap_or_default().to_string(),
                flags: String::new(),
            });
        }
    }
    regions
}

fn search(bytes: &[u8], needles: &[Needle]) -> Vec<(String, usize)> {
    let mut first = vec![false; 1 << 16];
    let start = |piece: &[u8]| usize::from(u16::from_le_bytes([piece[0], piece[1]]));
    let pieces =
        || needles.iter().flat_map(|needle| needle.pieces.iter().map(move |p| (needle, p)));
    pieces().for_each(|(_, piece)| first[start(piece)] = true);
    let (mut hits, zeros) = (Vec::new(), [0; PAGE]);
    for (page, content) in bytes.chunks(PAGE).enumerate() {
        // Most of memory is nothing, and no needle begins with nothing.
        if zeros.starts_with(content) {
            continue;
        }
        for at in page * PAGE..(page * PAGE + content.len()).min(bytes.len() - 1) {
            if first[start(&bytes[at..])] {
                let here = |(_, piece): &(&Needle, &Vec<u8>)| bytes[at..].starts_with(piece);
                hits.extend(pieces().filter(here).map(|(needle, _)| (needle.name.clone(), at)));
            }
        }
    }
    hits
}

const PIECE: usize = 16;
const PT_LOAD: usize = 1;
const PAGE: usize = 4096;
