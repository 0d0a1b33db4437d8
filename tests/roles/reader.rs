// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A reader of stores from `docs/store-format.md` alone: what someone has who has the files, the seal,
//! and one PIN.

#[path = "shares.rs"]
pub mod shares;

use argon2::{Algorithm, Argon2, Params, Version};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use rusqlite::Connection;
use shares::{Shares, shares};
use std::collections::BTreeMap;
use std::path::Path;

/// A store with its master key.
pub struct Files {
    pub database: Connection,
    pub id: Vec<u8>,
    pub master: Vec<u8>,
}

/// A token's record.
#[derive(Clone, Debug)]
pub struct Token {
    pub id: i64,
    pub uuid: Vec<u8>,
    /// Everything between identifier and PINs.
    pub middle: Vec<u8>,
    pub generation: u32,
    pub so: Option<Pin>,
    pub user: Option<Pin>,
    pub use_generation: u32,
    pub seed: Vec<u8>,
    /// By name: role and PIN.
    pub users: BTreeMap<String, (u8, Pin)>,
    /// Whether a rotation of its keys is under way.
    pub rotating: bool,
}

/// A PIN's record.
#[derive(Clone, Debug)]
pub struct Pin {
    pub holds: u8,
    pub salt: Vec<u8>,
    /// Memory in KiB, passes, lanes.
    pub cost: [u32; 3],
    pub wrap: Vec<u8>,
    /// The keys, where the PIN opens a pair that they are sealed to.
    pub shares: Option<Shares>,
    /// The pair of who may check the audit log: its encapsulation key, and its seed, sealed.
    pub auditor: Option<(Vec<u8>, Vec<u8>)>,
}

/// Bytes, read from the front.
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    pub fn take(&mut self, n: usize) -> Vec<u8> {
        let rest = self.0.split_off(n);
        std::mem::replace(&mut self.0, rest)
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.take(8).try_into().unwrap())
    }

    pub fn bytes(&mut self) -> Vec<u8> {
        let len = self.u32() as usize;
        self.take(len)
    }
}

/// Bytes behind their length.
pub fn counted(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

/// `seal` of the format; none where it does not open.
pub fn open(key: &[u8], context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = sealed.split_at_checked(12)?;
    let (ciphertext, tag) = rest.split_at_checked(rest.len().checked_sub(16)?)?;
    decrypt_aead(Cipher::aes_256_gcm(), key, Some(nonce), context, ciphertext, tag).ok()
}

/// The other way round, with a nonce that is good for one test.
pub fn seal(key: &[u8], context: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    openssl::rand::rand_bytes(&mut nonce).unwrap();
    let mut tag = [0; 16];
    let cipher = Cipher::aes_256_gcm();
    let sealed = encrypt_aead(cipher, key, Some(&nonce), context, plain, &mut tag).unwrap();
    [&nonce[..], &sealed, &tag].concat()
}

pub fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let key = PKey::hmac(key).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    parts.iter().for_each(|part| signer.update(part).unwrap());
    signer.sign_to_vec().unwrap()
}

impl Files {
    /// The store in a directory, opened by its first seal slot.
    pub fn open(directory: &Path) -> Files {
        let database = Connection::open(directory.join("store.db")).unwrap();
        let secret = std::fs::read(directory.join("seal-1.key")).unwrap();
        let mut files = Files { database, id: Vec::new(), master: Vec::new() };
        files.id = files.value("store id");
        let slot = "SELECT body FROM seal_slot WHERE id = 1";
        let body: Vec<u8> = files.database.query_row(slot, [], |row| row.get(0)).unwrap();
        let mut slot = Bytes(body);
        assert_eq!(slot.u8(), 1);
        let (kind, id) = (slot.take(1), slot.take(4));
        let (label, parameters) = (slot.bytes(), slot.bytes());
        let (generation, wrap) = (slot.take(4), slot.bytes());
        let context = [
            &[1][..],
            b"strongroom master key",
            &counted(&files.id),
            &kind,
            &id,
            &counted(&label),
            &counted(&parameters),
            &generation,
        ];
        files.master = open(&secret, &context.concat(), &wrap).expect("the seal opens");
        files
    }

    pub fn value(&self, name: &str) -> Vec<u8> {
        let query = "SELECT value FROM value WHERE name = ?1";
        self.database.query_row(query, [name], |row| row.get(0)).unwrap()
    }

    /// A store key.
    pub fn key(&self, name: &str) -> Vec<u8> {
        let context = [&[1][..], b"strongroom store key", &self.id, &counted(name.as_bytes())];
        open(&self.master, &context.concat(), &self.value(name)).expect("a store key opens")
    }

    /// The one token.
    pub fn token(&self) -> Token {
        let query = "SELECT id, body FROM token";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (id, body): (i64, Vec<u8>) = self.database.query_row(query, [], row).unwrap();
        let mut record = Bytes(body[..body.len() - 32].to_vec());
        assert_eq!(record.u8(), 4, "the format of today");
        let uuid = record.take(16);
        // Label, time; generation; shortest PIN, most failures.
        let middle = record.take(32 + 8 + 4 + 4 + 4);
        let generation = u32::from_be_bytes(middle[40..44].try_into().unwrap());
        // Lifted safeguards, separation; policy: version, digest, revision of the ledger, latest time.
        record.take(4 + 1);
        record.take(8 + 32 + 8 + 8);
        let (so, user) = (pin(&mut record), pin(&mut record));
        let (mut use_generation, mut seed) = (0, Vec::new());
        if record.u8() == 1 {
            use_generation = record.u32();
            record.bytes();
            seed = record.bytes();
        }
        let users = (0..record.u32()).map(|_| {
            record.take(8);
            let name = String::from_utf8(record.bytes()).unwrap();
            (name, (record.u8(), pin(&mut record).unwrap()))
        });
        let users = users.collect();
        // When the keys were renewed last.
        record.take(8);
        let rotating = record.u8() != 0;
        assert!(rotating || record.0.is_empty());
        Token { id, uuid, middle, generation, so, user, use_generation, seed, users, rotating }
    }

    /// What a PIN of the token opens: the keys sealed to its holder's pair, or what it wraps itself.
    pub fn wrapped(
        &self,
        token: &Token,
        (role, name): (u8, &str),
        pin: &Pin,
        text: &str,
    ) -> Vec<u8> {
        if pin.shares.is_some() {
            let seed = self.seed(token, (role, name), pin, text).expect("the PIN opens");
            return self.shared(token, (role, name), pin, &seed).expect("the keys open");
        }
        assert_eq!(pin.holds, 0, "who holds keys has a pair");
        let context = Files::pin_context(&self.id, token, (role, name), pin);
        let inner = open(&self.key("key pin"), &context, &pin.wrap).expect("the outer layer");
        open(&pin.stretched(text), &context, &inner).expect("the PIN opens")
    }

    /// What the wrap of a token's PIN is bound to.
    pub fn pin_context(store: &[u8], token: &Token, who: (u8, &str), pin: &Pin) -> Vec<u8> {
        match pin.shares {
            Some(_) => Files::context(store, &token.uuid, who, pin.holds),
            None => {
                let parts = [&[2][..], b"strongroom token key", store, &token.uuid];
                let name = counted(who.1.as_bytes());
                [&parts.concat()[..], &[who.0, pin.holds], &name, &[0; 8]].concat()
            }
        }
    }

    /// The same of a holder's pair, of its parts.
    pub fn context(store: &[u8], uuid: &[u8], (role, name): (u8, &str), holds: u8) -> Vec<u8> {
        let parts = [&[3][..], b"strongroom holder", store, uuid, &[role, holds]];
        [&parts.concat()[..], &counted(name.as_bytes())].concat()
    }

    /// The attributes of the private object with this label, if the token key opens it.
    pub fn object(
        &self,
        token: &Token,
        token_key: &[u8],
        label: &str,
    ) -> Option<BTreeMap<u64, Vec<u8>>> {
        let query = "SELECT id, private, revision, generation, wrap, body FROM object";
        let mut statement = self.database.prepare(query).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let (id, private): (i64, u8) = (row.get(0).unwrap(), row.get(1).unwrap());
            let (revision, generation): (i64, u32) = (row.get(2).unwrap(), row.get(3).unwrap());
            let (wrap, body): (Vec<u8>, Vec<u8>) = (row.get(4).unwrap(), row.get(5).unwrap());
            let place = [
                &[1][..],
                b"strongroom object",
                &self.id,
                &token.uuid,
                &id.to_be_bytes(),
                &[private],
                &revision.to_be_bytes(),
            ]
            .concat();
            let context = [b"key of ", &place[..], &generation.to_be_bytes()].concat();
            let Some(own) = open(token_key, &context, &wrap) else { continue };
            let record = attributes(open(&own, &place, &body).expect("the object opens"));
            // CKA_LABEL
            if record.get(&3).is_some_and(|found| found == label.as_bytes()) {
                return Some(record);
            }
        }
        None
    }

    /// What sealed material is bound to.
    pub fn material_context(&self, token: &Token, form: u8, ciphertext: &[u8]) -> Vec<u8> {
        let generation = token.use_generation.to_be_bytes();
        let parts = [&[1][..], b"strongroom material", &self.id, &token.uuid, &generation, &[form]];
        [&parts.concat()[..], &counted(ciphertext)].concat()
    }

    /// What the seed of the pair for deposits is bound to.
    pub fn seed_context(&self, token: &Token) -> Vec<u8> {
        let generation = token.use_generation.to_be_bytes();
        [&[1][..], b"strongroom deposit seed", &self.id, &token.uuid, &generation].concat()
    }
}

impl Pin {
    pub fn stretched(&self, text: &str) -> Vec<u8> {
        let [memory, passes, lanes] = self.cost;
        stretched(text, &self.salt, (memory, passes, lanes))
    }
}

/// Argon2id, as PINs go through it.
pub fn stretched(text: &str, salt: &[u8], (memory, passes, lanes): (u32, u32, u32)) -> Vec<u8> {
    let params = Params::new(memory, passes, lanes, Some(32)).unwrap();
    let mut key = vec![0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(text.as_bytes(), salt, &mut key).unwrap();
    key
}

fn pin(record: &mut Bytes) -> Option<Pin> {
    match record.u8() {
        0 => None,
        form @ 2..=5 => {
            let (holds, salt) = (record.u8(), record.take(16));
            let cost = [record.u32(), record.u32(), record.u32()];
            record.u32();
            let wrap = record.bytes();
            let shares = (form % 2 == 1).then(|| shares(record, holds));
            let auditor = (form > 3).then(|| (record.bytes(), record.bytes()));
            Some(Pin { holds, salt, cost, wrap, shares, auditor })
        }
        other => panic!("a PIN of form {other}"),
    }
}

/// The attributes of a record, their values as bytes.
pub fn attributes(record: Vec<u8>) -> BTreeMap<u64, Vec<u8>> {
    let mut record = Bytes(record);
    assert_eq!(record.u8(), 1);
    let list = (0..record.u32()).map(|_| {
        let id = record.u64();
        let value = match record.u8() {
            1 => record.take(1),
            2 => record.take(8),
            3 => record.bytes(),
            form => panic!("a value of form {form}"),
        };
        (id, value)
    });
    list.collect()
}
