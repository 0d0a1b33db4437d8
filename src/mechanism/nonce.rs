// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Nonces made here (PKCS #11, `CK_GENERATOR_FUNCTION`; SP 800-38D, section 8.2). The first bits may
//! be fixed by the caller; the others are a counter or random. The counter belongs to the key, not to
//! a session, so that two sessions that use one key at once never make the same nonce.

use super::envelope::{Generator, Head};
use super::ossl::random;
use super::params::Iv;
use crate::error::{Error, Result};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The nonces that were made with a key.
#[derive(Default)]
pub struct Count {
    next: AtomicU64,
    /// Where a counter begins that nobody said should begin at 0.
    start: OnceLock<u64>,
}

impl Count {
    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn start(&self) -> Result<u64> {
        if let Some(start) = self.start.get() {
            return Ok(*start);
        }
        let mut bytes = [0; 8];
        random(&mut bytes)?;
        Ok(*self.start.get_or_init(|| u64::from_ne_bytes(bytes)))
    }
}

/// The nonces of messages that follow each other.
#[derive(Default)]
pub struct Nonces {
    /// For [`Generator::CounterXor`]: the bits given first, and the nonce made last. The caller gives
    /// the first again, or leaves what was written over it.
    given: Option<(Iv, Iv)>,
}

impl Nonces {
    /// Whether a nonce can be made so; `MechanismParamInvalid` if not.
    pub fn check(&self, head: &Head) -> Result<()> {
        let free = (8 * head.nonce.len()).checked_sub(head.fixed_bits);
        let (free, given) = match (head.generator, free) {
            (Generator::None, _) => return Ok(()),
            (_, Some(free)) => (free, &self.given),
            (_, None) => return Err(Error::MechanismParamInvalid),
        };
        let enough = match head.generator {
            Generator::Any => free >= FEWEST_ANY,
            Generator::Random => free >= FEWEST_RANDOM,
            _ => free >= 1,
        };
        let same = head.generator != Generator::CounterXor
            || given.as_ref().is_none_or(|(first, last)| [first, last].contains(&&head.nonce));
        if enough && same { Ok(()) } else { Err(Error::MechanismParamInvalid) }
    }

    /// The next nonce of a key: the given one, or one made as the head says.
    pub fn next(&mut self, count: &Count, head: &Head) -> Result<Iv> {
        self.check(head)?;
        let free = (8 * head.nonce.len()).saturating_sub(head.fixed_bits);
        let len = head.nonce.len();
        let nonce = match head.generator {
            Generator::None => return Ok(head.nonce.clone()),
            Generator::Random => merged(head, &fresh(len)?),
            Generator::Any if free >= ENOUGH => merged(head, &fresh(len)?),
            Generator::Any => {
                let (from, count) = (count.start()?, counted(count.next(), free)?);
                merged(head, &numbered(len, low(from.wrapping_add(count), free)))
            }
            Generator::Counter => merged(head, &numbered(len, counted(count.next(), free)?)),
            Generator::CounterXor => {
                let first = self.given.take().map_or_else(|| head.nonce.clone(), |given| given.0);
                let made = numbered(len, counted(count.next(), free)?);
                let nonce: Iv = first.iter().zip(&made).map(|(given, made)| given ^ made).collect();
                self.given = Some((first, nonce.clone()));
                nonce
            }
        };
        Ok(nonce)
    }
}

/// The fixed bits of the head's nonce, and the other bits of another.
fn merged(head: &Head, other: &[u8]) -> Iv {
    let byte = |(index, (given, made)): (usize, (&u8, &u8))| {
        let fixed = head.fixed_bits.saturating_sub(8 * index).min(8);
        // The fixed bits come first, which are the high ones of a byte.
        let mask = u8::try_from((0xFF00_u16 >> fixed) & 0xFF).unwrap_or(0);
        (given & mask) | (made & !mask)
    };
    head.nonce.iter().zip(other).enumerate().map(byte).collect()
}

fn fresh(len: usize) -> Result<Iv> {
    let mut bytes = Iv::from_elem(0, len);
    random(&mut bytes)?;
    Ok(bytes)
}

/// A number in the last bytes.
fn numbered(len: usize, number: u64) -> Iv {
    let mut bytes = Iv::from_elem(0, len);
    for (place, byte) in bytes.iter_mut().rev().zip(number.to_be_bytes().iter().rev()) {
        *place = *byte;
    }
    bytes
}

/// A count, if it fits: a nonce must not come back.
fn counted(count: u64, bits: usize) -> Result<u64> {
    if low(count, bits) == count { Ok(count) } else { Err(Error::FunctionFailed) }
}

fn low(number: u64, bits: usize) -> u64 {
    if bits >= 64 { number } else { number & ((1 << bits) - 1) }
}

/// Random bits that suffice for as many nonces as a key has messages (SP 800-38D, section 8.2.2).
const ENOUGH: usize = 96;
/// With fewer free bits than this there is nothing to choose from.
const FEWEST_ANY: usize = 32;
const FEWEST_RANDOM: usize = 64;
