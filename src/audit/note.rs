// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Checkpoints as signed notes (C2SP signed-note and tlog-checkpoint): how long the log is and the root
//! over it, signed by the store's audit key, in text that a person can read. It touches no file.

use super::tree::Node;
use crate::error::{Error, Result};
use crate::mechanism::ed25519::{self, PUBLIC, Signer};
use crate::mechanism::primitive::sha256;

/// The tree at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: its name, which is the signer's as well.
    pub origin: String,
    /// How many records it has.
    pub size: u64,
    /// The root over them.
    pub root: Node,
}

/// The name of a store's log.
pub fn origin(store: &[u8; 16]) -> String {
    format!("strongroom-audit/{}", hex::encode(store))
}

/// The store whose log has this name.
pub fn store_of(name: &str) -> Option<[u8; 16]> {
    let mut store = [0; 16];
    hex::decode_to_slice(name.strip_prefix("strongroom-audit/")?, &mut store).ok()?;
    (origin(&store) == name).then_some(store)
}

/// Whose signatures to believe, as one line: name, hash and key.
pub fn verifier(name: &str, public: &[u8; PUBLIC]) -> Result<String> {
    let mut key = vec![ED25519];
    key.extend_from_slice(public);
    Ok(format!("{name}+{}+{}", hex::encode(key_hash(name, public)?), base64(&key)))
}

/// Reads what [`verifier`] wrote.
pub fn read_verifier(line: &str) -> Result<(String, [u8; PUBLIC])> {
    let mut parts = line.trim_end().splitn(3, '+');
    let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Error::DataInvalid);
    };
    let key = from_base64(key).ok_or(Error::DataInvalid)?;
    let public = key.strip_prefix(&[ED25519]).ok_or(Error::DataInvalid)?;
    let public = public.try_into().map_err(|_| Error::DataInvalid)?;
    match hash == hex::encode(key_hash(name, &public)?) {
        true => Ok((name.to_owned(), public)),
        false => Err(Error::DataInvalid),
    }
}

impl Checkpoint {
    /// The signed note.
    pub fn sign(&self, signer: &Signer) -> Result<String> {
        let body = self.body();
        let mut signature = key_hash(&self.origin, &signer.public())?.to_vec();
        signature.extend_from_slice(&signer.sign(body.as_bytes())?);
        Ok(format!("{body}\n{DASH}{} {}\n", self.origin, base64(&signature)))
    }

    /// Reads a note that this key signed; others may have signed it as well.
    pub fn open(note: &str, name: &str, public: &[u8; PUBLIC]) -> Result<Checkpoint> {
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(Error::DataInvalid)?;
        let body = note.get(..text.len() + 1).ok_or(Error::DataInvalid)?;
        if !signatures.ends_with('\n') {
            return Err(Error::DataInvalid);
        }
        let hash = key_hash(name, public)?;
        let mut signed = false;
        for line in signatures.lines() {
            let line = line.strip_prefix(DASH).ok_or(Error::DataInvalid)?;
            let (by, signature) = line.split_once(' ').ok_or(Error::DataInvalid)?;
            let signature = from_base64(signature).ok_or(Error::DataInvalid)?;
            if by != name || !signature.starts_with(&hash) {
                continue;
            }
            let (_, signature) = signature.split_at_checked(4).ok_or(Error::DataInvalid)?;
            if !ed25519::verify(public, body.as_bytes(), signature)? {
                return Err(Error::SignatureInvalid);
            }
            signed = true;
        }
        if signed { Checkpoint::parse(body, name) } else { Err(Error::SignatureInvalid) }
    }

    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, base64(&self.root))
    }

    fn parse(body: &str, name: &str) -> Result<Checkpoint> {
        let mut lines = body.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(Error::DataInvalid);
        };
        let root = from_base64(root).and_then(|root| root.try_into().ok());
        let parsed = Checkpoint {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| Error::DataInvalid)?,
            root: root.ok_or(Error::DataInvalid)?,
        };
        match origin == name && size == parsed.size.to_string() {
            true => Ok(parsed),
            false => Err(Error::DataInvalid),
        }
    }
}

fn key_hash(name: &str, public: &[u8; PUBLIC]) -> Result<[u8; 4]> {
    let mut input = name.as_bytes().to_vec();
    input.extend_from_slice(&[b'\n', ED25519]);
    input.extend_from_slice(public);
    let [a, b, c, d, ..] = sha256(&input)?;
    Ok([a, b, c, d])
}

/// The bytes of a PEM text of a public key.
pub fn from_pem(text: &str) -> Option<Vec<u8>> {
    let inner = text.split_once("-----BEGIN PUBLIC KEY-----")?.1;
    let inner = inner.split_once("-----END PUBLIC KEY-----")?.0;
    from_base64(&inner.split_whitespace().collect::<String>())
}

/// RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for place in 0..4 {
            let digit = (group >> (18 - 6 * place)) as usize & 63;
            let digit = DIGITS.as_bytes().get(digit).filter(|_| place <= chunk.len());
            text.push(digit.map_or('=', |digit| char::from(*digit)));
        }
    }
    text
}

/// Reads base64 in its one spelling.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut bits) = (0u32, 0);
    for digit in text.trim_end_matches('=').chars() {
        group = (group << 6) | DIGITS.find(digit)? as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits) as u8);
            group &= (1 << bits) - 1;
        }
    }
    (base64(&bytes) == text).then_some(bytes)
}

/// The kind of signature, in hashes of keys.
const ED25519: u8 = 1;
/// What a line with a signature begins with.
const DASH: &str = "\u{2014} ";
const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
