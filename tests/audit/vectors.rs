// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The vectors in `tests/vectors/audit`: a small log with its keys, notes and proofs, for whoever writes
//! another reader. `UPDATE_VECTORS=1` makes them anew.

use super::{Ground, signing};
use crate::proof::includes;
use std::fs;
use std::path::{Path, PathBuf};
use strongroom::audit::note::{self, Checkpoint};
use strongroom::audit::tree::{self, Node};
use strongroom::audit::{Asked, Auditor, Durability, Kind, Place, verify};
use strongroom::config;
use strongroom::files::Access;
use strongroom::mechanism::kem;
use strongroom::secret::Secret;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/audit")
}

fn text(name: &str) -> String {
    let path = directory().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn secret(name: &str) -> Secret {
    Secret::copy_of(&hex::decode(text(name).trim()).unwrap()).unwrap()
}

fn place() -> Place {
    let access = Access::for_group("").unwrap();
    Place { directory: directory().join("log"), access, store: super::STORE }
}

fn leaves() -> Vec<Node> {
    let segments = place().segments().unwrap();
    let lines: String =
        segments.iter().map(|first| fs::read_to_string(place().segment(*first)).unwrap()).collect();
    lines.lines().map(|line| tree::leaf(line.as_bytes()).unwrap()).collect()
}

fn hashes(proof: &[Node]) -> String {
    proof.iter().map(|hash| note::base64(hash) + "\n").collect()
}

fn proof(name: &str) -> Vec<Node> {
    let text = text(name);
    text.lines().map(|line| note::from_base64(line).unwrap().try_into().unwrap()).collect()
}

fn make() {
    let _ = fs::remove_dir_all(directory());
    fs::create_dir_all(directory()).unwrap();
    let ground = Ground::at(directory());
    fs::rename(ground.place().directory, directory().join("log")).unwrap();
    let log = strongroom::audit::Log::open(place(), &super::key(), config::Audit::default());
    let log = log.unwrap();
    let write = |from: u64| {
        for session in from..from + 4 {
            log.append(&signing(session), Durability::Later).unwrap();
        }
    };
    write(0);
    log.checkpoint().unwrap();
    let (public, seed) = kem::generate().unwrap();
    log.renew(&[Auditor { name: "otto".to_owned(), public }]).unwrap();
    write(4);
    log.checkpoint().unwrap();
    fs::write(directory().join("anna.seed"), hex::encode(ground.seed.expose()) + "\n").unwrap();
    fs::write(directory().join("otto.seed"), hex::encode(seed.expose()) + "\n").unwrap();
    fs::write(directory().join("store.key"), hex::encode(super::key().expose()) + "\n").unwrap();
    let (leaves, sizes) = (leaves(), place().all_checkpoints().unwrap());
    let [old, new] = sizes[..] else { panic!("two checkpoints") };
    let (inclusion, consistency) = (
        tree::inclusion(&leaves[..new as usize], 4).unwrap(),
        tree::consistency(&leaves[..new as usize], old as usize).unwrap(),
    );
    fs::write(directory().join("inclusion-5"), hashes(&inclusion)).unwrap();
    fs::write(directory().join("consistency"), hashes(&consistency)).unwrap();
    fs::remove_file(place().reserve()).unwrap();
}

#[test]
fn the_vectors_are_read() {
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        make();
    }
    let key = secret("store.key");
    let check = |seed: &Secret, key: &Secret| {
        let place = place();
        let asked = Asked {
            place: &place,
            verifier: None,
            auditor: Some(seed),
            key: Some(key),
            bound: None,
            former: &[],
            from: None,
        };
        verify(&asked).unwrap()
    };
    let (anna, otto) = (check(&secret("anna.seed"), &key), check(&secret("otto.seed"), &key));
    assert_eq!((anna.faults, otto.faults), (vec![], vec![]));
    assert_eq!((anna.records, anna.chained, otto.chained), (13, 8, 5));
    let wrong = check(&secret("anna.seed"), &Secret::copy_of(&[1; 32]).unwrap());
    let kinds: Vec<_> = wrong.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [Kind::HeadAltered, Kind::VerifierAltered]);
}

#[test]
fn the_proofs_of_the_vectors_prove() {
    let (name, public) = note::read_verifier(&text("log/verifier")).unwrap();
    let read = |size: u64| {
        Checkpoint::open(&text(&format!("log/checkpoints/{size:020}")), &name, &public).unwrap()
    };
    let sizes = place().all_checkpoints().unwrap();
    let (old, new) = (read(sizes[0]), read(sizes[1]));
    let leaves = leaves();
    assert!(includes(leaves[4], (4, new.size), new.root, &proof("inclusion-5")));
    assert!(!includes(leaves[5], (4, new.size), new.root, &proof("inclusion-5")));
    let grew = |old: &Checkpoint, new: &Checkpoint| {
        crate::proof::grew((old.size, old.root), (new.size, new.root), &proof("consistency"))
    };
    assert!(grew(&old, &new));
    assert!(!grew(&new, &old));
}

/// As `openssl genpkey` writes it, the seed alone (RFC 9935).
#[test]
fn an_auditors_key_is_read_from_its_file() {
    let seed = secret("anna.seed");
    let der =
        [&hex::decode("3054020100300b060960864801650304040304428040").unwrap(), seed.expose()];
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        note::base64(&der.concat())
    );
    assert_eq!(kem::read_seed(pem.as_bytes()).unwrap().expose(), seed.expose());
    assert!(kem::read_seed(&pem.as_bytes()[..100]).is_err());
}
