// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RSA keys that are known to be weak by their public numbers alone.

/// Whether a key of this modulus and public exponent, big-endian, is one that others can break: an
/// exponent that is even or 1, or a modulus whose primes were made as CVE-2017-15361 describes (M.
/// Nemec, M. Sys, P. Svenda, D. Klinec, V. Matyas: "The Return of Coppersmith's Attack", 2017).
pub fn is_weak(modulus: &[u8], exponent: &[u8]) -> bool {
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    let one = exponent.iter().rev().skip(1).all(|byte| *byte == 0) && exponent.last() == Some(&1);
    !odd || one || has_fingerprint(modulus)
}

/// Such primes are powers of 65537 modulo the product of the small primes, and so is the modulus. Of
/// the moduli of others one in 2^27 is as well.
fn has_fingerprint(modulus: &[u8]) -> bool {
    SMALL_PRIMES.iter().all(|prime| is_power(remainder(modulus, *prime), *prime))
}

/// Whether a number is a power of 65537 modulo a prime.
fn is_power(number: u32, prime: u32) -> bool {
    let step = 65537 % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == number {
            return true;
        }
        power = power * step % prime;
    }
    false
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

/// The primes from 3 to 167.
const SMALL_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
