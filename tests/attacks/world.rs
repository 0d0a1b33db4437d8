// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the explorer explores: a session with two sensitive keys, an attacker with the user's login, and
//! what it knows. Values are bytes as the library gives them, each with the term that says what it is, so
//! that states of one meaning are one state.

use crate::SECRET;
use crate::common::*;
use crate::tookan::derivation;
use std::collections::BTreeSet;

/// A step of an attack. Objects and byte strings are named by the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Creates a key of a byte string, by a template.
    Create(usize, usize),
    /// Generates one.
    Generate(usize),
    /// Copies an object with a change.
    Copy(usize, usize),
    /// Changes an object.
    Set(usize, usize),
    /// Wraps: mechanism, wrapping key, key.
    Wrap(usize, usize, usize),
    /// Unwraps: mechanism, unwrapping key, byte string, template.
    Unwrap(usize, usize, usize, usize),
    /// Encrypts: mechanism, key, byte string.
    Encrypt(usize, usize, usize),
    /// Decrypts: mechanism, key, byte string.
    Decrypt(usize, usize, usize),
    /// Derives a key of the same value: base, template.
    Derive(usize, usize),
}

/// A session in some state.
pub struct World {
    session: Session,
    /// The objects, each with the term of its value.
    objects: Vec<(Obj, String)>,
    /// What the attacker knows.
    known: Vec<(Vec<u8>, String)>,
    /// Terms of sensitive keys that came to be known.
    pub revealed: Option<String>,
    /// How many calls were made.
    pub calls: usize,
}

impl World {
    /// The first state: the key under attack, which may leave wrapped; a key as ordinary clients make
    /// it; and a value that the attacker has chosen.
    pub fn new(token: Token) -> World {
        let session = token.public();
        let target = keys::try_secret(session, CKK_AES, SECRET, &crate::guarded().and(&all()));
        let (target, ordinary) = (target.good(), keys::aes_with(session, 32, &all()));
        World {
            session,
            objects: vec![(target, "T".to_owned()), (ordinary, "K".to_owned())],
            known: vec![(MINE.to_vec(), "m".to_owned())],
            revealed: None,
            calls: 2,
        }
    }

    /// Ends it, and all its objects.
    pub fn end(self) -> usize {
        self.session.close().good();
        self.calls
    }

    /// Whether a step did something.
    pub fn take(&mut self, step: Step) -> bool {
        let s = self.session;
        self.calls += 1;
        match step {
            Step::Create(value, template) => {
                let (bytes, term) = self.known[value].clone();
                let made = keys::try_secret(s, CKK_AES, &bytes, &TEMPLATES[template].1());
                self.made(made, term)
            }
            Step::Generate(template) => {
                let sized = template! { CKA_VALUE_LEN => 32 }.and(&TEMPLATES[template].1());
                let made = s.generate(&Mech::plain(CKM_AES_KEY_GEN), &sized);
                let term = format!("g{}", self.objects.len());
                self.made(made, term)
            }
            Step::Copy(object, change) => {
                let (object, term) = self.objects[object].clone();
                let made = s.copy(object, &changed(change));
                self.made(made, term)
            }
            Step::Set(object, change) => {
                let (object, term) = self.objects[object].clone();
                let done = s.set(object, &changed(change)).is_ok();
                self.look(object, term);
                done
            }
            Step::Wrap(..) | Step::Unwrap(..) | Step::Encrypt(..) | Step::Decrypt(..) => {
                self.take_by_key(step)
            }
            Step::Derive(base, template) => {
                let (base, term) = self.objects[base].clone();
                let head = template! {
                    CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32,
                };
                let zeros = derivation(CKM_XOR_BASE_AND_DATA, &[0; 32]);
                let made = s.derive(&zeros, base, &head.and(&TEMPLATES[template].1()));
                self.made(made, term)
            }
        }
    }

    /// A step that a key of the token does.
    fn take_by_key(&mut self, step: Step) -> bool {
        let s = self.session;
        match step {
            Step::Wrap(mech, by, key) => {
                let ((by, with), (key, what)) = (self.objects[by].clone(), &self.objects[key]);
                let term = sealed(mech, &with, what);
                let wrapped = s.wrap(&mechanism(mech), by, *key);
                self.learnt(wrapped, term)
            }
            Step::Unwrap(mech, by, data, template) => {
                let (by, with) = self.objects[by].clone();
                let (bytes, what) = self.known[data].clone();
                let head = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
                let template = head.and(&TEMPLATES[template].1());
                let made = s.unwrap(&mechanism(mech), by, &bytes, &template);
                self.made(made, opened(mech, &with, &what))
            }
            Step::Encrypt(mech, by, data) => {
                let (by, with) = self.objects[by].clone();
                let (bytes, what) = self.known[data].clone();
                let output = s.encrypt(&mechanism(mech), by, &bytes);
                self.learnt(output, sealed(mech, &with, &what))
            }
            Step::Decrypt(mech, by, data) => {
                let (by, with) = self.objects[by].clone();
                let (bytes, what) = self.known[data].clone();
                let output = s.decrypt(&mechanism(mech), by, &bytes);
                self.learnt(output, opened(mech, &with, &what))
            }
            other => panic!("{other:?} is done by no key"),
        }
    }

    fn made(&mut self, made: R<Obj>, term: String) -> bool {
        let Ok(object) = made else { return false };
        self.objects.push((object, term.clone()));
        self.look(object, term);
        true
    }

    fn learnt(&mut self, output: R<Vec<u8>>, term: String) -> bool {
        let Ok(bytes) = output else { return false };
        self.know(bytes, term)
    }

    /// Adds to what is known what follows from it by the attacker's own means.
    fn know(&mut self, bytes: Vec<u8>, term: String) -> bool {
        if self.known.iter().any(|(known, _)| *known == bytes) {
            return true;
        }
        if SECRETS.contains(&term.as_str()) || bytes == SECRET {
            self.revealed = Some(term.clone());
        }
        self.known.push((bytes, term));
        for (bytes, term) in self.consequences() {
            self.know(bytes, term);
        }
        true
    }

    /// What is sealed under a value that is known, and what is masked like something that is known.
    fn consequences(&self) -> Vec<(Vec<u8>, String)> {
        let mut more = Vec::new();
        let values = || self.known.iter().filter(|(value, _)| value.len() == 32);
        let keys: BTreeSet<&str> = self.objects.iter().map(|(_, term)| term.as_str()).collect();
        for (bytes, term) in &self.known {
            for (value, name) in values() {
                for mech in 0..MECHANISMS {
                    let inner = inside(mech, name, term);
                    more.extend(
                        inner.and_then(|inner| Some((at_home(mech, value, bytes)?, inner))),
                    );
                }
                for with in &keys {
                    let masked =
                        self.known.iter().find(|(_, other)| *other == sealed(1, with, name));
                    if let (Some((mask, _)), Some(inner)) = (masked, inside(1, with, term)) {
                        let parts = bytes.iter().zip(mask).zip(value);
                        more.push((parts.map(|((a, b), c)| a ^ b ^ c).collect(), inner));
                    }
                }
            }
        }
        more.retain(|(bytes, _)| !self.known.iter().any(|(known, _)| known == bytes));
        more
    }

    /// Reads the value of an object that is new or changed, if it shows it.
    fn look(&mut self, object: Obj, term: String) {
        if let Ok(value) = self.session.get(object, CKA_VALUE) {
            self.know(value, term);
        }
    }

    /// The state: which keys there are and what they may do, and what is known, whatever the order. A
    /// key that is there twice alike is there once.
    pub fn state(&self) -> String {
        let shown = |(object, term): &(Obj, String)| format!("{term}:{}", self.attributes(*object));
        let objects: BTreeSet<_> = self.objects.iter().map(shown).collect();
        let known: BTreeSet<_> = self.known.iter().map(|(_, term)| term.as_str()).collect();
        format!("{objects:?} {known:?}")
    }

    fn attributes(&self, object: Obj) -> String {
        let mut asked: Vec<_> = SEEN.iter().map(|id| (*id, Some(1))).collect();
        asked.push((strongroom::vendor::CKA_STRONGROOM_USED, Some(size_of::<CK_ULONG>())));
        let (rv, got) = self.session.get_many(object, &asked);
        rv.good();
        got.iter().map(|got| char::from(b'0' + got.value[0])).collect()
    }

    /// Takes back what a step added: an object, or something known. What it changed in others it
    /// cannot take back; the state tells.
    pub fn undo(&mut self, (objects, known): (usize, usize)) {
        for (object, _) in self.objects.split_off(objects) {
            self.session.destroy(object).good();
        }
        self.known.truncate(known);
    }

    /// How much there is, for [`World::undo`].
    pub fn mark(&self) -> (usize, usize) {
        (self.objects.len(), self.known.len())
    }

    /// All steps there are from here.
    pub fn steps(&self) -> Vec<Step> {
        let (objects, known) = (self.objects.len(), self.known.len());
        let mut steps = Vec::new();
        let templates = || 0..TEMPLATES.len();
        for object in 0..objects {
            steps.extend(COPIED.iter().map(|change| Step::Copy(object, *change)));
            steps.extend((0..CHANGES.len() - 1).map(|change| Step::Set(object, change)));
            steps.extend(templates().map(|template| Step::Derive(object, template)));
            for mech in 0..MECHANISMS {
                steps.extend((0..objects).map(|key| Step::Wrap(mech, object, key)));
                for data in 0..known {
                    if self.fits(mech, data, false) {
                        steps.push(Step::Encrypt(mech, object, data));
                    }
                    if self.fits(mech, data, true) {
                        steps.push(Step::Decrypt(mech, object, data));
                        let unwrap = |template| Step::Unwrap(mech, object, data, template);
                        steps.extend(templates().map(unwrap));
                    }
                }
            }
        }
        let values = (0..known).filter(|at| self.known[*at].0.len() == 32);
        steps.extend(values.flat_map(|at| templates().map(move |one| Step::Create(at, one))));
        if objects < MOST_OBJECTS {
            steps.extend(templates().map(Step::Generate));
        }
        steps
    }

    /// The steps that may tell the attacker a secret at once: the last ones of an attack. The others
    /// give it no byte string, or one that says nothing more than it knows.
    pub fn last_steps(&self) -> Vec<Step> {
        let known = |term: &str| self.known.iter().any(|(_, one)| one == term);
        // A secret that waits for its mask, or a mask for its secret.
        let masked = |with: &str| SECRETS.iter().any(|one| known(&sealed(1, with, one)));
        let masks = |with: &str| self.known.iter().any(|(_, one)| known(&sealed(1, with, one)));
        let holds = |data: usize| SECRETS.iter().any(|one| self.known[data].1.contains(one));
        let tells = |step: &Step| match *step {
            Step::Create(..) | Step::Generate(_) => false,
            Step::Copy(key, change) | Step::Set(key, change) => {
                self.secret(key) && change == usize::from(!self.flag(key, CKA_SENSITIVE))
            }
            Step::Derive(base, template) => self.secret(base) && TEMPLATES[template].2,
            Step::Wrap(mech, by, key) => {
                let with = &self.objects[by].1;
                self.secret(key) && (known(with) || (mech == 1 && masks(with)))
            }
            Step::Encrypt(mech, by, _) => mech == 1 && masked(&self.objects[by].1),
            Step::Decrypt(_, _, data) => holds(data),
            Step::Unwrap(_, _, data, template) => holds(data) && TEMPLATES[template].2,
        };
        self.steps().into_iter().filter(tells).collect()
    }

    fn secret(&self, object: usize) -> bool {
        SECRETS.contains(&self.objects[object].1.as_str())
    }

    fn flag(&self, object: usize, id: CK_ATTRIBUTE_TYPE) -> bool {
        self.session.flag(self.objects[object].0, id).good()
    }

    /// Whether a byte string can be the input of a mechanism: what is sealed once is not sealed again,
    /// and what was never sealed by it is not opened.
    fn fits(&self, mech: usize, data: usize, open: bool) -> bool {
        let (_, term) = &self.known[data];
        match open {
            true => term.starts_with(NAMES[mech]),
            false => NAMES.iter().all(|name| !term.starts_with(name)),
        }
    }
}

/// The mechanisms: one that authenticates, one that masks.
fn mechanism(number: usize) -> Mech {
    match number {
        0 => crate::kw(),
        _ => Mech::ctr(128, [9; 16]),
    }
}

fn sealed(mech: usize, with: &str, what: &str) -> String {
    format!("{}({with},{what})", NAMES[mech])
}

/// What is inside a term, if it was sealed so.
fn inside(mech: usize, with: &str, what: &str) -> Option<String> {
    let inner = what.strip_prefix(&format!("{}({with},", NAMES[mech]))?;
    inner.strip_suffix(')').map(str::to_owned)
}

/// What comes out where a term is opened.
fn opened(mech: usize, with: &str, what: &str) -> String {
    inside(mech, with, what).unwrap_or_else(|| format!("opened({with},{what})"))
}

/// What the attacker makes of sealed bytes with a key of its own.
fn at_home(mech: usize, key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    if mech == 1 {
        let ctr = openssl::symm::Cipher::aes_256_ctr();
        return openssl::symm::decrypt(ctr, key, Some(&[9; 16]), sealed).ok();
    }
    let key = openssl::aes::AesKey::new_decrypt(key).ok()?;
    let mut out = vec![0; sealed.len().checked_sub(8)?];
    openssl::aes::unwrap_key(&key, None, &mut out, sealed).ok().map(|_| out)
}

/// Every usage, as ordinary clients ask for it; no signatures, whose use is that of encryption.
fn all() -> Template {
    usages(&USAGES)
}

fn usages(wanted: &[CK_ATTRIBUTE_TYPE]) -> Template {
    let none = template! { CKA_SIGN => false, CKA_VERIFY => false };
    USAGES.iter().fold(none, |template, id| template.with(*id, wanted.contains(id)))
}

fn changed(change: usize) -> Template {
    let (id, value) = CHANGES[change];
    if id == 0 { Template::default() } else { Template::default().with(id, value) }
}

/// A template: its name, what it says, and whether the key it makes can be read.
pub type Made = (&'static str, fn() -> Template, bool);

/// The templates of new keys.
pub const TEMPLATES: &[Made] = &[
    ("readable", || keys::open().and(&all()), true),
    ("sensitive", || crate::guarded().and(&all()), false),
    ("to wrap", || crate::guarded().and(&usages(&[CKA_WRAP, CKA_UNWRAP])), false),
    ("to decrypt", || crate::guarded().and(&usages(&[CKA_ENCRYPT, CKA_DECRYPT])), false),
    ("trusted", || crate::guarded().and(&all()).with(CKA_TRUSTED, true), false),
];

/// The changes of an object, those first that would show it.
pub const CHANGES: &[(CK_ATTRIBUTE_TYPE, bool)] = &[
    (CKA_SENSITIVE, false),
    (CKA_EXTRACTABLE, true),
    (CKA_TRUSTED, true),
    (CKA_WRAP, true),
    (CKA_UNWRAP, true),
    (CKA_ENCRYPT, true),
    (CKA_DECRYPT, true),
    (CKA_DERIVE, true),
    (CKA_WRAP, false),
    (CKA_DECRYPT, false),
    (0, false),
];
const COPIED: &[usize] = &[0, 1, 2, 3, 6, 10];

const NAMES: [&str; MECHANISMS] = ["kw", "ctr"];
const MECHANISMS: usize = 2;
const USAGES: [CK_ATTRIBUTE_TYPE; 5] = [CKA_WRAP, CKA_UNWRAP, CKA_ENCRYPT, CKA_DECRYPT, CKA_DERIVE];
const SEEN: [CK_ATTRIBUTE_TYPE; 11] = [
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_DERIVE,
    CKA_TRUSTED,
    CKA_LOCAL,
    CKA_ALWAYS_SENSITIVE,
    CKA_NEVER_EXTRACTABLE,
];
/// The terms of the two keys.
const SECRETS: [&str; 2] = ["T", "K"];
/// What the attacker brings along.
const MINE: [u8; 32] = [0x77; 32];
/// Keys are generated while there are fewer objects than these: two of the attacker's own are like one.
const MOST_OBJECTS: usize = 3;
