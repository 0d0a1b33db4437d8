// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every parser: the first byte chooses, the rest is its input. What is read and can be written is
//! written and read again, to the same.

use cryptoki_sys::*;
use std::sync::Arc;
use strongroom::admin::softhsm::Record;
use strongroom::audit::note::{self, Checkpoint};
use strongroom::audit::{self, record};
use strongroom::codec::{Reader, der};
use strongroom::config::Config;
use strongroom::mechanism::{self, Key, Params, pkcs8};
use strongroom::object::{self, Maker, Template};
use strongroom::policy::rules::{Facts, Rules};
use strongroom::seal::Slot;
use strongroom::store::reading;
use strongroom::types::{RawAttribute, RawValue};

/// Runs the parser that these bytes choose.
pub fn run(data: &[u8]) {
    let Some((which, input)) = data.split_first() else { return };
    let parser = PARSERS[usize::from(*which) % PARSERS.len()];
    parser(input);
}

const PARSERS: &[fn(&[u8])] = &[
    der_values,
    private_key,
    public_key,
    attribute_record,
    seal_slot,
    token,
    state,
    configuration,
    template,
    signature,
    integers,
    policy,
    ledger,
    softhsm_object,
    audit_line,
    audit_note,
];

fn der_values(input: &[u8]) {
    let Some((tag, input)) = input.split_first() else { return };
    if let Some((content, rest)) = der::read(*tag, input) {
        let whole = der::wrap(*tag, content);
        assert_eq!([whole.as_slice(), rest].concat(), input, "DER has one encoding");
    }
    assert_eq!(
        der::only(*tag, input).is_some(),
        der::read(*tag, input).is_some_and(|(_, rest)| rest.is_empty())
    );
}

fn private_key(input: &[u8]) {
    let _ = pkcs8::decode_any_private(input, None).map(|parts| Key::new(&parts).is_ok());
    let Ok(parts) = pkcs8::decode(input) else { return };
    let Ok(key) = Key::new(&parts) else { return };
    assert!(key.private_parts().is_ok(), "a private key");
    let encoded = pkcs8::encode(&key).expect("what was read is written");
    let again = pkcs8::decode(encoded.expose()).expect("what was written is read");
    let again = pkcs8::encode(&Key::new(&again).expect("the same key")).expect("written again");
    assert_eq!(encoded.expose(), again.expose(), "one encoding");
}

fn public_key(input: &[u8]) {
    let Ok(parts) = pkcs8::decode_public(input) else { return };
    let Ok(key) = Key::new(&parts) else { return };
    let encoded = key.public_key_info().expect("what was read is written");
    let again = pkcs8::decode_public(&encoded).expect("what was written is read");
    let again = Key::new(&again).expect("the same key").public_key_info().expect("written again");
    assert_eq!(encoded, again, "one encoding");
}

fn attribute_record(input: &[u8]) {
    let Ok(attributes) = object::decode(input) else { return };
    let encoded = object::encode(&attributes).expect("what was read is written");
    let again = object::decode(encoded.expose()).expect("what was written is read");
    let again = object::encode(&again).expect("written again");
    assert_eq!(encoded.expose(), again.expose(), "one encoding");
    let object = object::Object::new(attributes);
    let _ = (object.size(), object.class(), object.key().is_ok());
    let _ = object::tagged(object.attributes()).count();
}

fn seal_slot(input: &[u8]) {
    if let Ok(slot) = Slot::decode(input) {
        let again = Slot::decode(&slot.encode()).expect("what was written is read");
        assert_eq!(slot.encode(), again.encode(), "one encoding");
    }
}

fn token(input: &[u8]) {
    if let Ok(written) = reading::token(input) {
        // An older record is written again as a newer one.
        assert!(written == input || input.first() < written.first(), "one encoding");
        assert_eq!(reading::token(&written).expect("what was written is read"), written);
    }
}

fn state(input: &[u8]) {
    let _ = reading::state(input);
}

fn policy(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Rules::parse(text) {
        Ok(rules) => {
            let _ = rules.about(&Facts::default()).count();
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "a policy that is refused is told why");
            let lines = text.matches('\n').count() + 1;
            assert!(faults.iter().all(|fault| (1..=lines).contains(&fault.line)), "a line of it");
        }
    }
}

fn ledger(input: &[u8]) {
    if let Ok(written) = reading::ledger(input) {
        assert_eq!(written, input, "one encoding");
    }
}

/// A line of the audit log: what its chain is over, what a check of it reads, what its readers see.
fn audit_line(input: &[u8]) {
    if let Some((text, mac)) = record::split(input) {
        let mut again = text.to_vec();
        record::close(&mac, &mut again);
        assert_eq!(again.strip_suffix(b"\n"), Some(input), "one spelling of a code");
        let _ = (record::op(text), record::opening(input));
    }
    if let Some(seq) = audit::number_of(input) {
        let line = audit::Line { segment: 1, number: 1, bytes: input.to_vec() };
        let record = line.record().expect("what is checked can be read");
        assert_eq!(record.seq, seq, "one meaning");
    }
}

/// A verifier key, or a checkpoint that is held against one.
fn audit_note(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok((name, public)) = note::read_verifier(text) {
        let again = note::verifier(&name, &public).expect("what was read is written");
        assert_eq!(again, text.trim_end(), "one encoding");
    }
    let (name, public) = note::read_verifier(VERIFIER).expect("a verifier key");
    if let Ok(read) = Checkpoint::open(text, &name, &public) {
        assert!(read.origin == name, "of the log that was asked for");
    }
    if let Some(bytes) = note::from_base64(text) {
        assert_eq!(note::base64(&bytes), text, "one encoding");
    }
}

fn configuration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(config) = toml::from_str::<Config>(text) {
        let written = toml::to_string(&config).expect("what was read is written");
        let again: Config = toml::from_str(&written).expect("what was written is read");
        assert_eq!(written, toml::to_string(&again).expect("written again"), "one meaning");
    }
}

/// What another product wrote: read, or refused with a reason.
fn softhsm_object(input: &[u8]) {
    assert!(!input.is_empty() || Record::read(input).is_err(), "no bytes are no object");
    let _ = Record::read(input);
}

/// Attributes one after the other: type, length, value; a nested template has a byte 1 before it.
fn template(input: &[u8]) {
    let mut reader = Reader::new(input);
    let raw = attributes(&mut reader, 0);
    if let Ok(template) = Template::parse(&raw) {
        for so in [false, true] {
            let maker = Maker { so, ..Maker::default() };
            let _ = object::create(&template, maker);
        }
    }
    let _ = Template::parse_search(&raw);
}

fn attributes<'a>(reader: &mut Reader<'a>, depth: usize) -> Vec<RawAttribute<'a>> {
    let mut all = Vec::new();
    while all.len() < 64 {
        let Ok(id) = reader.u32() else { break };
        let value = match reader.u8() {
            Ok(1) if depth < 4 => RawValue::Template(attributes(reader, depth + 1)),
            Ok(len) => match reader.raw(usize::from(len)) {
                Ok(bytes) => RawValue::Bytes(bytes),
                Err(_) => break,
            },
            Err(_) => break,
        };
        all.push(RawAttribute { id: CK_ATTRIBUTE_TYPE::from(id), value });
    }
    all
}

/// A signature of two numbers side by side, as ECDSA's verifier takes it.
fn signature(input: &[u8]) {
    let parts = pkcs8::decode_public(P256).expect("a public key");
    let key = Arc::new(Key::new(&parts).expect("a public key"));
    let row = mechanism::find(CKM_ECDSA).expect("ECDSA");
    let begin = row.does.verify.expect("ECDSA verifies");
    let mut verifier = begin(row, &key, &Params::None).expect("a verifier");
    assert!(verifier.whole(&[7; 32], input).is_err(), "nobody signed this");
}

fn integers(input: &[u8]) {
    let mut reader = Reader::new(input);
    while let Ok(bytes) = reader.bytes() {
        assert!(bytes.len() <= input.len(), "within the input");
    }
}

/// The base point of P-256 as a public key.
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";
/// Of the log in `tests/vectors/audit`.
const VERIFIER: &str = include_str!("../../tests/vectors/audit/log/verifier");
