// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The head, opened and sealed by the letter of `docs/audit-format.md`: so a test makes what a restart,
//! a clock or a kill would.

use super::{Ground, STORE, key};
use std::fs;
use std::os::unix::fs::FileExt;
use strongroom::mechanism::primitive;
use strongroom::secret::Secret;

/// What a head says.
#[derive(Clone)]
pub struct Page {
    segment: u64,
    plain: Vec<u8>,
}

/// Where in it, bytes.
pub const KEY: usize = 0;
pub const PENDING: usize = 32;
pub const BOOT: usize = 96;
pub const SEQ: usize = 112;
pub const BEGUN: usize = SEQ + 3 * 8;
pub const TIME: usize = SEQ + 4 * 8;
/// Behind eleven numbers.
pub const TURNING: usize = SEQ + 11 * 8;
/// Behind three flags: a number and a root.
pub const DURABLE: usize = TURNING + 3;
const ROOTS: usize = DURABLE + 8 + 32;

impl Page {
    pub fn of(ground: &Ground) -> Page {
        Page::under(ground, &key())
    }

    /// Of a log that rests under this key.
    pub fn under(ground: &Ground, key: &Secret) -> Page {
        let page = fs::read(ground.place().head()).unwrap();
        assert_eq!((page.len(), page[0]), (4096, 2));
        let segment = u64::from_be_bytes(page[1..9].try_into().unwrap());
        let length = u32::from_be_bytes(page[9..13].try_into().unwrap()) as usize;
        let plain =
            primitive::open(&sealing(segment, key), &context(segment, 2), &page[13..13 + length]);
        Page { segment, plain: plain.unwrap().expose().to_vec() }
    }

    pub fn put(&self, ground: &Ground) {
        self.put_under(ground, &key());
    }

    pub fn put_under(&self, ground: &Ground, key: &Secret) {
        write(ground, (self.segment, key), (2, &self.plain));
    }

    /// As the first version had it, which knew nothing of what is durable.
    pub fn put_first_version(&self, ground: &Ground) {
        let plain = [&self.plain[..TURNING + 2], &self.plain[ROOTS..]].concat();
        write(ground, (self.segment, &key()), (1, &plain));
    }

    pub fn number(&self, at: usize) -> u64 {
        u64::from_be_bytes(self.plain[at..at + 8].try_into().unwrap())
    }

    pub fn set_number(&mut self, at: usize, number: u64) {
        self.plain[at..at + 8].copy_from_slice(&number.to_be_bytes());
    }

    pub fn bytes(&self, at: usize) -> [u8; 32] {
        self.plain[at..at + 32].try_into().unwrap()
    }

    pub fn set_bytes(&mut self, at: usize, bytes: &[u8]) {
        self.plain[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// As before the first record.
    pub fn empty(&mut self, first_key: &[u8]) {
        self.set_bytes(KEY, first_key);
        self.set_bytes(PENDING, first_key);
        self.set_bytes(64, &[0; 32]);
        [0, 1, 2].iter().for_each(|number| self.set_number(SEQ + number * 8, 0));
        self.plain[TURNING] = 1;
        self.plain.truncate(ROOTS);
        self.plain[TURNING + 1..].fill(0);
    }
}

fn write(ground: &Ground, (segment, key): (u64, &Secret), (version, plain): (u8, &[u8])) {
    let sealed =
        primitive::seal(&sealing(segment, key), &context(segment, version), plain).unwrap();
    let mut page = vec![version];
    page.extend(segment.to_be_bytes());
    page.extend((sealed.len() as u32).to_be_bytes());
    page.extend(sealed);
    page.resize(4096, 0);
    // In place: a writer has it open.
    let file = fs::OpenOptions::new().write(true).open(ground.place().head()).unwrap();
    file.write_all_at(&page, 0).unwrap();
}

fn sealing(segment: u64, key: &Secret) -> Secret {
    let info = [&b"strongroom audit head\0"[..], &segment.to_be_bytes()].concat();
    primitive::hkdf_sha256(key.expose(), &STORE, &info, 32).unwrap()
}

fn context(segment: u64, version: u8) -> Vec<u8> {
    let context = [&b"strongroom audit head"[..], &STORE, &segment.to_be_bytes()].concat();
    if version == 1 { context } else { [context, vec![version]].concat() }
}
