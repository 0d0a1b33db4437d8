// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the vectors have in DER and PKCS #11 has not: signatures of two numbers, points in public
//! keys. Strict readers: what is not DER is refused here, as an application would.

/// A TLV with this tag in front: its content and what follows.
pub fn tlv(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => ((usize::from(*rest.first()?) << 8) | usize::from(*rest.get(1)?), &rest[2..]),
        _ => return None,
    };
    let shortest = match first {
        0x81 => len >= 0x80,
        0x82 => len >= 0x100,
        _ => true,
    };
    (found == tag && shortest).then(|| rest.split_at_checked(len)).flatten()
}

/// The two numbers of a signature (SEQUENCE of two INTEGERs) side by side, each of `size` bytes.
pub fn signature(der: &[u8], size: usize) -> Option<Vec<u8>> {
    let (content, rest) = tlv(0x30, der)?;
    let (first, after) = tlv(2, content)?;
    let (second, end) = tlv(2, after)?;
    let both = [unsigned(first, size)?, unsigned(second, size)?];
    (rest.is_empty() && end.is_empty()).then(|| both.concat())
}

/// A non-negative INTEGER's content, in so many bytes.
fn unsigned(content: &[u8], size: usize) -> Option<Vec<u8>> {
    let digits = match content {
        [] => return None,
        [0, next, ..] if *next < 0x80 => return None,
        [0, digits @ ..] => digits,
        [first, ..] if *first >= 0x80 => return None,
        digits => digits,
    };
    padded(digits, size)
}

/// A number in exactly so many bytes.
pub fn padded(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = &number[zeros..];
    let fill = size.checked_sub(digits.len())?;
    Some([vec![0; fill].as_slice(), digits].concat())
}

/// The point of a SubjectPublicKeyInfo of this curve, which `oid` names.
pub fn point<'a>(spki: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    let (content, rest) = tlv(0x30, spki)?;
    let (algorithm, key) = tlv(0x30, content)?;
    let (kind, curve) = tlv(6, algorithm)?;
    let (bits, after) = tlv(3, key)?;
    let (&unused, point) = bits.split_first()?;
    let whole = rest.is_empty() && after.is_empty();
    (whole && unused == 0 && kind == EC_PUBLIC_KEY && curve == oid).then_some(point)
}

/// 1.2.840.10045.2.1.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
