// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `docs/security.md`: the safeguards, from the table that is asked, and the attacks, each with the tests
//! that play it.

use crate::attacks::ATTACKS;
use crate::document;
use std::collections::BTreeSet;
use std::path::Path;
use strongroom::safety::{SAFEGUARDS, Safeguard};

#[test]
fn security() {
    document::check("security.md", &page());
}

/// The table and the tests name each other: none is listed that is not there, none is there that is
/// not listed.
#[test]
fn every_attack_is_a_test() {
    let listed: BTreeSet<String> =
        ATTACKS.iter().flat_map(|attack| attack.tests).map(|name| (*name).to_owned()).collect();
    let there = tests();
    let missing: Vec<_> = listed.difference(&there).collect();
    let unlisted: Vec<_> = there.difference(&listed).collect();
    assert!(missing.is_empty(), "listed and not there: {missing:?}");
    assert!(unlisted.is_empty(), "not listed in tests/documents/attacks.rs: {unlisted:?}");
}

/// Each safeguard stops an attack that is played, and no attack waits for a safeguard that is none.
#[test]
fn every_safeguard_is_attacked() {
    let known: BTreeSet<_> = SAFEGUARDS.iter().map(|one| one.name()).collect();
    let attacked: BTreeSet<_> = ATTACKS.iter().flat_map(|one| one.without).copied().collect();
    assert_eq!(known, attacked);
}

/// The functions behind `#[test]` in the files of `tests/attacks`.
fn tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("#[test]\nfn ").skip(1) {
            found.insert(format!("{file}::{}", part.split('(').next().unwrap()));
        }
    }
    assert!(found.len() > 50, "the tests are not written as this one reads them");
    found
}

fn page() -> String {
    let safeguards: Vec<[String; 4]> = SAFEGUARDS.iter().map(|one| safeguard(*one)).collect();
    let attacks: Vec<[String; 5]> = ATTACKS.iter().map(attack).collect();
    let mut page = HEAD.to_owned();
    page += &document::table(["safeguard", "refuses", "code", "without it"], &safeguards);
    page += ATTACKS_HEAD;
    let head = ["attack", "published", "defence", "possible without", "tests"];
    page += &document::table(head, &attacks);
    page += COMPATIBLE;
    for attack in ATTACKS.iter().filter(|attack| !attack.without.is_empty()) {
        page += &format!("- {}\n", attack.name);
    }
    page + COMPARISONS
}

fn safeguard(one: Safeguard) -> [String; 4] {
    let code = format!("`{}`", one.error().name());
    [format!("`{}`", one.name()), one.what().trim().to_owned(), code, one.without().to_owned()]
}

fn attack(one: &crate::attacks::Attack) -> [String; 5] {
    let quoted = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let without = match one.without {
        [] => "never".to_owned(),
        names => quoted(names),
    };
    [one.name.to_owned(), one.source.to_owned(), one.defence.to_owned(), without, quoted(one.tests)]
}

const HEAD: &str = "\
# Attacks and safeguards

Made from the library's table of safeguards (`src/safety.rs`) and the list of attacks in
`tests/documents/attacks.rs`; `UPDATE_DOCS=1 cargo test --test documents` writes it. The test fails when
an attack is listed that no test plays, or played and not listed.

[SECURITY.md](../SECURITY.md) says against whom the token protects. This page is about one of them: a
program that has the user's PIN, calls what it likes, and wants the value of a key that it may only use.

## Safeguards

A `safe` token, the default, refuses more than PKCS #11 asks for. A `compatible` one lifts these refusals,
all or by name (`strongroom init --mode compatible --lift NAME`, `strongroom token mode`). Which are lifted
is kept in the token; no application's configuration lifts anything. Each refusal is a line on the
diagnostic channel.

";

const ATTACKS_HEAD: &str = "
## Attacks

Each is played as published, by the tests named, on a safe token, where it fails at a step whose code the
test names. Where safeguards stop it, the test plays it once more on a token that has lifted them, and
there it succeeds: the test would see a safeguard that does nothing. *Never* means that no token lets it
happen, whatever is lifted.

";

const COMPATIBLE: &str = "
## What becomes possible on a compatible token

With every safeguard lifted:

";

const COMPARISONS: &str = "
## What is not stopped

- A derivation of the one-way kind (HKDF, SP 800-108, ECDH and their like) gives a key as readable as its
  template asks, as clients need it for the keys of a protocol; so who may derive a sensitive key may derive
  it once more in the clear. `CKA_DERIVE_TEMPLATE` of the base key is the means against that.
- A key that was destroyed is not known when it comes back. It comes back sensitive, but its type and
  usages are then those of the template. A key that can leave wraps no sensitive key, so that no other key
  is lost by it.
- Keys that PKCS #1 v1.5 hid, of a type that has few lengths (AES) and of a template that names none: that
  one comes out at all tells that the padding was right and the length one of these. Templates that say
  `CKA_VALUE_LEN` tell nothing; RSA-OAEP needs no such care.
- Whoever can read the memory of the process has the keys in it: [memory.md](memory.md) says where they are,
  and how long.
- Trust is the security officer's: under a trusted public key every extractable key leaves, to whoever has
  the private half.

## Comparisons of secrets

Each takes the same time wherever the two differ (`mechanism::primitive::equal`, which is OpenSSL's
`CRYPTO_memcmp`), or is OpenSSL's own:

| what | where |
| --- | --- |
| MACs: HMAC, CMAC, CBC-MAC, GMAC, Poly1305, those of SSL and TLS | `mechanism/mac.rs`, `mechanism/tls_prf.rs` |
| tags of AES-CCM in messages | `mechanism/ccm_message.rs` |
| tags of AES-GCM and ChaCha20-Poly1305, integrity of AES key wrap, padding of RSA | OpenSSL |
| PINs | not compared: the key that Argon2id makes of a PIN opens an AES-256-GCM wrap, or does not (`store/pin.rs`) |
| MACs and tags of the store's rows | `store/vault.rs`, `store/objects.rs` |
| names of saved states | `session/saved.rs` |
| halves of an AES-XTS key | `mechanism/secret_key.rs` |
";
