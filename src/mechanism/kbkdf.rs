// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Key derivation with pseudo-random functions (SP 800-108; PKCS #11, section "SP800-108 Key
//! Derivation"): what goes into the function is a sequence that the caller composes, and one
//! derivation may give several keys.

use super::derive::SECRETS;
use super::params::{Integer, Kbkdf, PrfData};
use super::prf::Prf;
use super::{Base, Derive, Derived, Does, Inherit, Made, ParamKind, Params, Product, Row, Spec};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use smallvec::SmallVec;

/// The three modes.
pub const ROWS: &[Row] = &[
    row(CKM_SP800_108_COUNTER_KDF, "CKM_SP800_108_COUNTER_KDF", counter),
    Row {
        params: ParamKind::KbkdfFeedback,
        ..row(CKM_SP800_108_FEEDBACK_KDF, "CKM_SP800_108_FEEDBACK_KDF", feedback)
    },
    row(CKM_SP800_108_DOUBLE_PIPELINE_KDF, "CKM_SP800_108_DOUBLE_PIPELINE_KDF", double_pipeline),
];

const fn row(id: CK_MECHANISM_TYPE, name: &'static str, derive: Derive) -> Row {
    let does = Does { derive: Some(derive), ..Does::NOTHING };
    let (params, inherit) = (ParamKind::Kbkdf, Inherit::Defaults);
    // Here the unit is the bit.
    Row { params, inherit, does, ..Row::new(id, name, SECRETS, (8, 65536)) }
}

/// A part of the function's input.
enum Piece<'a> {
    /// The iteration variable: what it is, the mode says.
    Iteration,
    /// The number of the iteration.
    Number(Integer),
    /// The same each time.
    Fixed(&'a [u8]),
    /// The same each time: the length of what is derived.
    Length(SmallVec<[u8; 8]>),
}

fn counter(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let job = Job::new(base, params, spec, true)?;
    let whole = job.prf.chain(job.key, job.room, |context, _, number| {
        job.pieces.iter().try_for_each(|piece| match piece {
            Piece::Iteration => Err(Error::MechanismParamInvalid),
            Piece::Number(format) => context.update(&format.encode(number as u64)?),
            Piece::Fixed(bytes) => context.update(bytes),
            Piece::Length(bytes) => context.update(bytes),
        })
    });
    job.keys(&whole?)
}

fn feedback(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let job = Job::new(base, params, spec, false)?;
    let whole = job.prf.chain(job.key, job.room, |context, before, number| {
        job.pieces.iter().try_for_each(|piece| match piece {
            Piece::Iteration if number == 1 => context.update(job.iv),
            Piece::Iteration => context.update(before),
            Piece::Number(format) => context.update(&format.encode(number as u64)?),
            Piece::Fixed(bytes) => context.update(bytes),
            Piece::Length(bytes) => context.update(bytes),
        })
    });
    job.keys(&whole?)
}

fn double_pipeline(
    _: &'static Row,
    base: &Base<'_>,
    params: &Params,
    spec: &Spec,
) -> Result<Derived> {
    let job = Job::new(base, params, spec, false)?;
    let fixed: Vec<&[u8]> = job.pieces.iter().filter_map(Piece::fixed).collect();
    // The first pipeline: A(1) is made of the fixed input, A(i) of A(i-1).
    let mut link = job.prf.once(job.key, &fixed)?;
    let whole = job.prf.chain(job.key, job.room, |context, _, number| {
        if number > 1 {
            link = job.prf.once(job.key, &[link.expose()])?;
        }
        job.pieces.iter().try_for_each(|piece| match piece {
            Piece::Iteration => context.update(link.expose()),
            Piece::Number(format) => context.update(&format.encode(number as u64)?),
            Piece::Fixed(bytes) => context.update(bytes),
            Piece::Length(bytes) => context.update(bytes),
        })
    });
    job.keys(&whole?)
}

impl Piece<'_> {
    fn fixed(&self) -> Option<&[u8]> {
        match self {
            Piece::Fixed(bytes) => Some(bytes),
            Piece::Length(bytes) => Some(bytes),
            Piece::Iteration | Piece::Number(_) => None,
        }
    }
}

/// A derivation that was found possible.
struct Job<'a> {
    prf: Prf,
    key: &'a [u8],
    pieces: Vec<Piece<'a>>,
    iv: &'a [u8],
    /// The length of each key, bytes, the key of the call first.
    lengths: Vec<usize>,
    /// The length of all output: each key begins with a segment of its own.
    room: usize,
}

impl<'a> Job<'a> {
    fn new(base: &'a Base<'_>, params: &'a Params, spec: &Spec, counts: bool) -> Result<Job<'a>> {
        let Params::Kbkdf(kbkdf) = params else { return Err(Error::MechanismParamInvalid) };
        let prf = Prf::of(kbkdf.prf)?;
        let key = prf.key(base.key)?;
        let lengths = [spec].into_iter().chain(&spec.further).map(|spec| spec.length(None));
        let lengths = lengths.collect::<Result<Vec<_>>>()?;
        let rooms = lengths.iter().map(|len| len.checked_next_multiple_of(prf.len()));
        let room = rooms.reduce(|sum, room| sum?.checked_add(room?)).flatten();
        let room = room.filter(|room| *room <= MOST).ok_or(Error::KeySizeRange)?;
        let bits =
            Sums { keys: 8 * lengths.iter().sum::<usize>() as u64, segments: 8 * room as u64 };
        let segments = (room / prf.len()) as u64;
        let pieces = pieces(kbkdf, base, &bits, segments, counts)?;
        Ok(Job { prf, key, pieces, iv: &kbkdf.iv, lengths, room })
    }

    /// The keys, cut from the output from left to right.
    fn keys(&self, whole: &Secret) -> Result<Derived> {
        let (mut products, mut rest) = (Vec::new(), whole.expose());
        for (template, len) in self.lengths.iter().enumerate() {
            let room = len.next_multiple_of(self.prf.len());
            let (own, after) = rest.split_at_checked(room).ok_or(Error::GeneralError)?;
            let value = Secret::copy_of(own.get(..*len).ok_or(Error::GeneralError)?)?;
            products.push(Product { template, ..Product::from(Made::Value(value)) });
            rest = after;
        }
        Ok(Derived { products, public: Vec::new() })
    }
}

/// What the length field may say, bits.
struct Sums {
    keys: u64,
    segments: u64,
}

/// The input, piece by piece, where it is composed as the section of the mode says. `counts` says
/// that the iteration variable is the counter.
fn pieces<'a>(
    kbkdf: &'a Kbkdf,
    base: &'a Base<'_>,
    bits: &Sums,
    segments: u64,
    counts: bool,
) -> Result<Vec<Piece<'a>>> {
    let (mut pieces, mut named) = (Vec::new(), 0);
    let (mut variables, mut counters, mut lengths) = (0, 0, 0);
    for data in &kbkdf.data {
        pieces.push(match data {
            PrfData::Iteration(format) => {
                variables += 1;
                match format {
                    Some(format) if counts => Piece::Number(*format),
                    None if !counts => Piece::Iteration,
                    _ => return Err(Error::MechanismParamInvalid),
                }
            }
            PrfData::Counter(format) => {
                counters += 1;
                Piece::Number(*format)
            }
            PrfData::Length { of_keys, format } => {
                lengths += 1;
                let bits = if *of_keys { bits.keys } else { bits.segments };
                Piece::Length(format.encode(bits)?)
            }
            PrfData::Bytes(bytes) => Piece::Fixed(bytes),
            PrfData::Key(_) => {
                named += 1;
                Piece::Fixed(base.other(named - 1)?)
            }
        });
    }
    let counters_allowed = if counts { 0 } else { 1 };
    if variables != 1 || counters > counters_allowed || lengths > 1 {
        return Err(Error::MechanismParamInvalid);
    }
    let too_narrow = |piece: &Piece<'_>| match piece {
        Piece::Number(format) => format.encode(segments).is_err(),
        Piece::Iteration | Piece::Fixed(_) | Piece::Length(_) => false,
    };
    // The counter may not run over: that bounds what can be derived.
    if pieces.iter().any(too_narrow) { Err(Error::KeySizeRange) } else { Ok(pieces) }
}

/// The most output of one derivation, bytes.
const MOST: usize = 1 << 20;
