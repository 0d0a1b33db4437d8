// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bytes to arguments. What a pointer points at is allocated to its exact length, so that one byte
//! too far is seen, and lives until the end of the run.

use super::world::World;
use arbitrary::Unstructured;
use cryptoki_sys::*;
use std::ptr;
use strongroom::object::attribute::{Kind, kind};

/// Makes the arguments of calls.
pub struct Generator<'a> {
    bytes: Unstructured<'a>,
    pub world: &'a mut World,
    arena: Vec<Box<[u8]>>,
    /// The last input, which an output may overlap.
    last: (*mut u8, CK_ULONG),
}

/// An output argument and what must hold of it after the call.
#[derive(Clone, Copy)]
pub struct Output {
    pub buffer: *mut u8,
    pub length: *mut CK_ULONG,
    room: CK_ULONG,
}

impl Output {
    /// What was written fits what was there.
    pub fn check(&self, rv: CK_RV) {
        if self.length.is_null() || self.buffer.is_null() {
            return;
        }
        // SAFETY: the length is a number in the arena.
        let length = unsafe { self.length.read() };
        if rv == CKR_OK {
            assert!(length <= self.room, "{length} bytes said to be in a buffer of {}", self.room);
        }
        if rv == CKR_BUFFER_TOO_SMALL {
            assert!(length > self.room, "too small for {length} bytes, with {}", self.room);
        }
    }
}

impl<'a> Generator<'a> {
    pub fn new(data: &'a [u8], world: &'a mut World) -> Generator<'a> {
        let bytes = Unstructured::new(data);
        Generator { bytes, world, arena: Vec::new(), last: (ptr::null_mut(), 0) }
    }

    /// Whether all bytes have been used.
    pub fn is_spent(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.bytes.arbitrary().unwrap_or(0)
    }

    /// A number below `end`, which is at most 65,536.
    pub fn below(&mut self, end: usize) -> usize {
        let number: u16 = match end {
            0..=256 => u16::from(self.byte()),
            _ => self.bytes.arbitrary().unwrap_or(0),
        };
        usize::from(number) % end.max(1)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.below(from.len());
        from[index]
    }

    /// A number: mostly one at an edge.
    pub fn number(&mut self) -> CK_ULONG {
        match self.byte() {
            0 => self.bytes.arbitrary().unwrap_or(0),
            byte @ 1..=127 => CK_ULONG::from(byte),
            _ => self.pick(EDGES),
        }
    }

    /// Memory with this content.
    pub fn keep(&mut self, content: Vec<u8>) -> *mut u8 {
        let mut content = content.into_boxed_slice();
        let pointer = content.as_mut_ptr();
        self.arena.push(content);
        pointer
    }

    /// Memory for a number.
    pub fn keep_number(&mut self, number: CK_ULONG) -> *mut CK_ULONG {
        self.keep(number.to_ne_bytes().to_vec()).cast()
    }

    /// Bytes of a length at an edge.
    pub fn content(&mut self) -> Vec<u8> {
        let len = match self.byte() {
            byte @ 0..=99 => usize::from(byte),
            _ => self.pick(LENGTHS),
        };
        self.content_of(len)
    }

    /// So many bytes: the first from the data, the rest a repetition.
    pub fn content_of(&mut self, len: usize) -> Vec<u8> {
        let given =
            self.bytes.bytes(len.min(64).min(self.bytes.len())).unwrap_or_default().to_vec();
        (0..len).map(|at| given.get(at % given.len().max(1)).copied().unwrap_or(0)).collect()
    }

    /// A pointer to bytes, and their length.
    pub fn input(&mut self) -> (*mut u8, CK_ULONG) {
        let given = match self.byte() {
            0..=7 => (ptr::null_mut(), 0),
            8..=11 => (ptr::null_mut(), self.number()),
            12..=15 => (self.keep(vec![0]), 0),
            _ => {
                let content = self.content();
                let len = content.len() as CK_ULONG;
                (self.keep(content), len)
            }
        };
        self.last = given;
        given
    }

    /// A buffer for output, a question for its length, or neither.
    pub fn output(&mut self) -> Output {
        let (buffer, room) = match self.byte() {
            0..=3 => return Output { buffer: ptr::null_mut(), length: ptr::null_mut(), room: 0 },
            4..=7 => {
                let buffer = self.keep(vec![0; 16]);
                return Output { buffer, length: ptr::null_mut(), room: 16 };
            }
            8..=63 => (ptr::null_mut(), self.number()),
            64..=79 if !self.last.0.is_null() => self.last,
            _ => {
                let room = self.pick(LENGTHS);
                (self.keep(vec![0xA5; room]), room as CK_ULONG)
            }
        };
        Output { buffer, length: self.keep_number(room), room }
    }

    pub fn session(&mut self) -> CK_SESSION_HANDLE {
        match self.byte() {
            0..=7 => self.number(),
            byte => {
                let count = self.world.sessions.len().max(1);
                self.world.sessions.get(usize::from(byte) % count).copied().unwrap_or(0)
            }
        }
    }

    pub fn object(&mut self) -> CK_OBJECT_HANDLE {
        let pool = match self.byte() {
            0..=7 => return self.number(),
            8..=159 => &self.world.keys,
            _ if self.world.objects.is_empty() => &self.world.keys,
            _ => &self.world.objects,
        };
        let pool = pool.clone();
        if pool.is_empty() { 0 } else { self.pick(&pool) }
    }

    pub fn slot(&mut self) -> CK_SLOT_ID {
        if self.byte() < 16 { self.number() } else { self.world.slot }
    }

    /// Where a handle goes.
    pub fn place(&mut self) -> *mut CK_ULONG {
        if self.byte() < 4 { ptr::null_mut() } else { self.keep_number(0) }
    }

    /// An object that a call says it made.
    pub fn made(&mut self, rv: CK_RV, place: *mut CK_ULONG) {
        if rv == CKR_OK && !place.is_null() {
            // SAFETY: the place is a number in the arena.
            let handle = unsafe { place.read() };
            assert_ne!(handle, CK_INVALID_HANDLE, "a made object has a handle");
            self.world.objects.push(handle);
        }
    }

    /// A template: a likely beginning, then whatever comes.
    pub fn template(&mut self) -> (*mut CK_ATTRIBUTE, CK_ULONG) {
        match self.byte() {
            0..=3 => return (ptr::null_mut(), 0),
            4..=7 => return (ptr::null_mut(), self.number()),
            _ => {}
        }
        let mut rows = super::keys::beginning(self);
        for _ in 0..self.below(6) {
            let id = self.attribute_id();
            let row = self.attribute(id, 0);
            rows.push(row);
        }
        self.rows(&rows)
    }

    /// A template for answers: buffers of any size.
    pub fn question(&mut self) -> (*mut CK_ATTRIBUTE, CK_ULONG) {
        let mut rows = Vec::new();
        for _ in 0..self.below(12) {
            let id = self.attribute_id();
            let room = self.pick(LENGTHS);
            // A nested answer begins from the template that is there: of nothing, here.
            let room = if is_template(id) { room / size_of::<CK_ATTRIBUTE>() } else { room };
            let len = if is_template(id) { room * size_of::<CK_ATTRIBUTE>() } else { room };
            let value = if self.byte() < 128 { ptr::null_mut() } else { self.keep(vec![0; len]) };
            rows.push(row(id, value, len as CK_ULONG));
        }
        if rows.is_empty() {
            return (ptr::null_mut(), if self.byte() < 128 { 0 } else { self.number() });
        }
        self.rows(&rows)
    }

    fn rows(&mut self, rows: &[CK_ATTRIBUTE]) -> (*mut CK_ATTRIBUTE, CK_ULONG) {
        let words = rows.iter().flat_map(|row| {
            [row.type_, row.pValue as CK_ULONG, row.ulValueLen].map(CK_ULONG::to_ne_bytes)
        });
        let bytes: Vec<u8> = words.flatten().collect();
        (self.keep(bytes).cast(), rows.len() as CK_ULONG)
    }

    fn attribute_id(&mut self) -> CK_ATTRIBUTE_TYPE {
        match self.byte() {
            0..=7 => self.number() & !CKF_ARRAY_ATTRIBUTE,
            _ => self.pick(super::keys::ATTRIBUTES),
        }
    }

    /// An attribute with a value as its kind has it, or not quite.
    pub fn attribute(&mut self, id: CK_ATTRIBUTE_TYPE, depth: usize) -> CK_ATTRIBUTE {
        if self.byte() < 12 {
            return row(id, ptr::null_mut(), self.number());
        }
        if is_template(id) {
            return self.nested(id, depth);
        }
        let wrong = self.byte() < 12;
        let content = match kind(id) {
            _ if wrong => self.content(),
            Some(Kind::Bool) => vec![self.byte() % 3],
            Some(Kind::Number) => super::keys::number(self, id).to_ne_bytes().to_vec(),
            Some(Kind::Mechanisms) => self.mechanism_type().to_ne_bytes().to_vec(),
            Some(Kind::Date) => b"20300101".to_vec(),
            Some(Kind::Text) => vec![self.byte(); 4],
            _ => super::keys::bytes(self, id),
        };
        let len = content.len() as CK_ULONG;
        row(id, self.keep(content), len)
    }

    fn nested(&mut self, id: CK_ATTRIBUTE_TYPE, depth: usize) -> CK_ATTRIBUTE {
        let mut rows = Vec::new();
        if depth < 3 {
            for _ in 0..self.below(4) {
                let id = self.attribute_id();
                rows.push(self.attribute(id, depth + 1));
            }
        }
        let (pointer, count) = self.rows(&rows);
        let odd = if self.byte() < 8 { 1 } else { 0 };
        let len = count * size_of::<CK_ATTRIBUTE>() as CK_ULONG;
        row(id, pointer.cast(), len.saturating_sub(odd))
    }

    pub fn mechanism_type(&mut self) -> CK_MECHANISM_TYPE {
        match self.byte() {
            0..=7 => self.number(),
            _ => {
                let known = self.world.mechanisms.clone();
                self.pick(&known)
            }
        }
    }

    /// A mechanism with a parameter as it takes it, or not quite.
    pub fn mechanism(&mut self) -> *mut CK_MECHANISM {
        if self.byte() < 6 {
            return ptr::null_mut();
        }
        let mechanism = self.mechanism_type();
        let (parameter, len) = super::parameter::of(self, mechanism);
        let words = [mechanism, parameter as CK_ULONG, len].map(CK_ULONG::to_ne_bytes);
        self.keep(words.concat()).cast()
    }
}

fn is_template(id: CK_ATTRIBUTE_TYPE) -> bool {
    kind(id) == Some(Kind::Template)
        || (id & CKF_ARRAY_ATTRIBUTE != 0 && id != CKA_ALLOWED_MECHANISMS)
}

pub fn row(id: CK_ATTRIBUTE_TYPE, value: *mut u8, len: CK_ULONG) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_: id, pValue: value.cast(), ulValueLen: len }
}

const LENGTHS: &[usize] = &[
    0, 1, 7, 8, 12, 13, 15, 16, 17, 20, 24, 28, 31, 32, 33, 40, 48, 57, 64, 65, 66, 97, 114, 128,
    132, 255, 256, 257, 512, 800, 1088, 1184, 1952, 2420, 3309, 4096, 4627, 8192,
];
const EDGES: &[CK_ULONG] = &[
    0,
    1,
    2,
    128,
    255,
    256,
    257,
    1023,
    1024,
    2048,
    4096,
    65535,
    65536,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x1_0000_0000,
    CK_ULONG::MAX / 24,
    CK_ULONG::MAX / 24 + 1,
    CK_ULONG::MAX / 8,
    CK_ULONG::MAX / 2,
    CK_ULONG::MAX / 2 + 1,
    CK_ULONG::MAX - 23,
    CK_ULONG::MAX - 7,
    CK_ULONG::MAX - 1,
    CK_ULONG::MAX,
];
